// The best alignment of each sequence with its labels (Viterbi), frame by frame and label by label.
//
// A maximum and an addition for each arc, in double (see simd_ctc_best.hpp). The way back asks the
// scores again which arc it was. They are kept for a block of frames at a time: going back, each
// block but the last runs again from the states before it.
//
// Of equally good ways into a state it takes the one that moves least: stay, then the state before,
// then the skip. Of equally good ends, the blank.
#include <algorithm>
#include <limits>
#include <vector>

#include "ctc/ctc_measure.hpp"
#include "op.hpp"

namespace seqfront {
namespace {

enum Output { kScore, kFrameLabels, kPositions, kFrameScores, kStarts, kEnds, kLabelScores };

constexpr int32_t kNone = -1;
constexpr double kImpossible = -std::numeric_limits<double>::infinity();

// Where the results of one sequence go.
template <class L>
struct CtcPath {
    L* score;
    int32_t *frame_labels, *positions;
    L* frame_scores;
    int32_t *starts, *ends;
    L* label_scores;
};

template <class T>
class CtcAligner {
    using L = typename RowKernelsOf<T>::Lattice;

  public:
    // Memory for sequences of the problem, one after another.
    CtcAligner(const CtcProblem& p, const CtcMeasure<T>& measure)
        : p_(p),
          measure_(measure),
          kernels_(lattice_kernels<L>(kernels())),
          size_(ctc_best_states(p.most_labels)),
          block_(ctc_block(p, size_ * static_cast<int64_t>(sizeof(double)))),
          skip_(static_cast<size_t>(p.most_labels)),
          starts_(allocate<double>((p.frames / block_ + 1) * size_)),
          states_(allocate<double>((block_ + 1) * size_)),
          scores_(allocate<L>(block_ * (p.most_labels + 1))) {}

    // The results of a sequence without alignment are there already.
    void align(const CtcSequence& s, const CtcPath<L>& to) {
        if (!measure_.valid(s)) {
            *to.score = std::numeric_limits<L>::quiet_NaN();
            std::fill_n(to.label_scores, s.labels, *to.score);
            return;
        }
        labels_ = s.labels;
        for (int64_t k = 0; k < s.labels; ++k) {
            const bool may = k > 0 && (!p_.label_loop || s.targets[k] != s.targets[k - 1]);
            skip_[static_cast<size_t>(k)] = may ? 0 : kImpossible;
        }
        std::fill_n(starts_.get(), ctc_best_states(s.labels), kImpossible);
        starts_[0] = 0;
        const int64_t last = s.frames == 0 ? 0 : (s.frames - 1) / block_;
        for (int64_t i = 0; i < last; ++i) {
            std::copy_n(run(s, i, false), size_, starts_.get() + (i + 1) * size_);
        }
        const double* const end = run(s, last, true);
        in_label_ = s.labels > 0 && label(end, s.labels - 1) > end[s.labels];
        at_ = in_label_ ? s.labels - 1 : s.labels;
        const double score = in_label_ ? label(end, at_) : end[at_];
        *to.score = static_cast<L>(score);
        if (score == kImpossible) return;
        std::fill_n(to.label_scores, s.labels, L{0});
        for (int64_t i = last; i >= 0; --i) {
            if (i < last) run(s, i, true);
            trace(s, i, to);
        }
    }

  private:
    const double& label(const double* states, int64_t k) const { return states[labels_ + 2 + k]; }
    double* state(int64_t t) const { return states_.get() + t * size_; }

    // Runs block i from the states before it, which are then state 0, and returns those after it;
    // `keep`: state t + 1 is that after its frame t.
    const double* run(const CtcSequence& s, int64_t i, bool keep) {
        const int64_t begin = i * block_, count = std::min(block_, s.frames - begin);
        std::copy_n(starts_.get() + i * size_, size_, state(0));
        measure_.scores(s, begin, count, scores_.get());
        int64_t at = 0;
        for (int64_t t = 0; t < count; ++t) {
            const CtcBestFrame<L> frame = {labels_, scores_.get() + t * s.pitch(), skip_.data(),
                                           p_.label_loop ? 0 : kImpossible};
            const int64_t next = keep ? t + 1 : 1 - at;
            kernels_.ctc_best_advance(frame, state(at), state(next));
            at = next;
        }
        return state(at);
    }

    // Goes back through block i, which has just run.
    void trace(const CtcSequence& s, int64_t i, const CtcPath<L>& to) {
        const int64_t begin = i * block_;
        for (int64_t t = std::min(block_, s.frames - begin) - 1; t >= 0; --t) {
            const L score = scores_[t * s.pitch() + (in_label_ ? 1 + at_ : 0)];
            to.frame_scores[begin + t] = score;
            if (in_label_) enter_label(s, begin + t, score, to);
            go_back(state(t));
        }
    }

    void enter_label(const CtcSequence& s, int64_t frame, L score, const CtcPath<L>& to) const {
        to.positions[frame] = static_cast<int32_t>(at_);
        to.frame_labels[frame] = s.targets[at_];
        if (to.ends[at_] == 0) to.ends[at_] = static_cast<int32_t>(frame + 1);
        to.starts[at_] = static_cast<int32_t>(frame);
        to.label_scores[at_] += score;
    }

    // To the best state before, of those after the frame before.
    void go_back(const double* before) {
        const double below = at_ > 0 ? label(before, at_ - 1) : kImpossible;
        if (!in_label_) {
            in_label_ = below > before[at_];
            at_ -= in_label_;
            return;
        }
        const double stay = p_.label_loop ? label(before, at_) : kImpossible;
        in_label_ = !(before[at_] > stay);
        if (below + skip_[static_cast<size_t>(at_)] > std::max(stay, before[at_])) {
            in_label_ = true;
            --at_;
        }
    }

    const CtcProblem& p_;
    const CtcMeasure<T>& measure_;
    const LatticeKernels<L>& kernels_;
    int64_t size_, block_, labels_ = 0;
    std::vector<double> skip_;
    Buffer<double> starts_;  // the states before each block
    Buffer<double> states_;
    Buffer<L> scores_;
    bool in_label_ = false;  // where the way back is: in label or blank at_
    int64_t at_ = 0;
};

template <class T>
void align_all(const Call& call, const CtcProblem& p) {
    using L = typename RowKernelsOf<T>::Lattice;
    constexpr L impossible = -std::numeric_limits<L>::infinity();
    const int64_t cells = p.batch * p.frames, all_labels = p.target_rows * p.target_columns;
    std::fill_n(call.out<int32_t>(kFrameLabels), cells, static_cast<int32_t>(p.blank));
    std::fill_n(call.out<int32_t>(kPositions), cells, kNone);
    std::fill_n(call.out<L>(kFrameScores), cells, L{0});
    std::fill_n(call.out<int32_t>(kStarts), all_labels, 0);
    std::fill_n(call.out<int32_t>(kEnds), all_labels, 0);
    std::fill_n(call.out<L>(kLabelScores), all_labels, L{0});
    const CtcMeasure<T> measure(p, call.in<T>(ctc::kLogits));
    const int64_t work = ctc_lattice_work(p, p.frames);
    const int32_t threads = useful_threads(p.batch, work, usable_threads(p.threads));
    std::vector<CtcAligner<T>> aligners;
    for (int32_t i = 0; i < threads; ++i) aligners.emplace_back(p, measure);
    parallel_for(p.batch, work, threads, [&](int32_t slot, int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; ++b) {
            const CtcSequence s(p, b);
            const int64_t frame = b * p.frames, label = p.starts[static_cast<size_t>(b)];
            std::fill_n(call.out<L>(kLabelScores) + label, s.labels, impossible);
            aligners[static_cast<size_t>(slot)].align(
                s, {call.out<L>(kScore) + b, call.out<int32_t>(kFrameLabels) + frame,
                    call.out<int32_t>(kPositions) + frame, call.out<L>(kFrameScores) + frame,
                    call.out<int32_t>(kStarts) + label, call.out<int32_t>(kEnds) + label,
                    call.out<L>(kLabelScores) + label});
        }
    });
}

void run(const Call& call) {
    const CtcProblem p(call);
    with_element_type(call.input(ctc::kLogits).dtype,
                      [&](auto element) { align_all<decltype(element)>(call, p); });
}

}  // namespace

const Op& ctc_align_op() {
    static const Op op = {
        "ctc_align",
        ctc_inputs(),
        {{"score", "L", "batch", 0},  // -inf: no alignment; NaN: NaN or +inf in the logits
         {"frame_labels", "int32", "batch frames", 0},
         {"positions", "int32", "batch frames", 0},  // of the label, -1 for a blank
         {"frame_scores", "L", "batch frames", 0},
         {"starts", "int32", "rows labels", 0},  // first frame of each label
         {"ends", "int32", "rows labels", 0},    // the frame after its last
         {"label_scores", "L", "rows labels", 0}},
        ctc_attributes(),
        run,
        nullptr,
    };
    return op;
}

}  // namespace seqfront
