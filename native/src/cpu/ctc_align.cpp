// The best alignment of each sequence with its labels (Viterbi), frame by frame and label by label.
//
// A maximum and an addition for each arc, in double. The way back takes 2 bits for each state and
// frame; of a long sequence it is kept for some frames at a time: going back, each block of frames
// runs again from the states before it.
//
// Of equally good ways into a state it takes the one that moves least: stay, then the state before,
// then the skip. Of equally good ends, the blank.
#include <algorithm>
#include <limits>
#include <vector>

#include "ctc_measure.hpp"
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
          block_(ctc_block(p, (p.most_labels + 1) * static_cast<int64_t>(sizeof(L) + 1))),
          skip_(static_cast<size_t>(p.most_labels)),
          states_(allocate<double>((p.frames / block_ + 2) * (2 * p.most_labels + 1))),
          scores_(allocate<L>(block_ * (p.most_labels + 1))),
          back_(allocate<uint8_t>(block_ * (p.most_labels / 2 + 1))) {}

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
        start();
        const int64_t last = s.frames == 0 ? 0 : (s.frames - 1) / block_;
        for (int64_t i = 0; i <= last; ++i) {
            if (i < last) std::copy_n(state(i), count(), state(i + 1));
            run(s, i, i < last ? state(i + 1) : ending());
        }
        const double* const end = ending();
        in_label_ = s.labels > 0 && end[2 * s.labels - 1] > end[2 * s.labels];
        at_ = in_label_ ? s.labels - 1 : s.labels;
        const double score = end[2 * at_ + in_label_];
        *to.score = static_cast<L>(score);
        if (score == kImpossible) return;
        std::fill_n(to.label_scores, s.labels, L{0});
        for (int64_t i = last; i >= 0; --i) {
            if (i < last) run(s, i, state(i));
            trace(s, i, to);
        }
    }

  private:
    int64_t count() const { return 2 * labels_ + 1; }
    int64_t row_bytes() const { return labels_ / 2 + 1; }

    // The scores of all states before block i: blank_0, label_0, blank_1, ...
    double* state(int64_t i) const { return states_.get() + i * count(); }
    double* ending() const { return state(p_.frames / block_ + 1); }

    void start() {
        std::fill_n(state(0), count(), kImpossible);
        state(0)[0] = 0;
    }

    // Runs block i; `states` come as those before it and go as those after it. (The last block does
    // not copy its own, for it runs only once.)
    void run(const CtcSequence& s, int64_t i, double* states) {
        const int64_t begin = i * block_, size = std::min(block_, s.frames - begin);
        if (states == ending()) std::copy_n(state(i), count(), states);
        measure_.scores(s, begin, size, scores_.get());
        for (int64_t t = 0; t < size; ++t) {
            step(scores_.get() + t * s.pitch(), states, back_.get() + t * row_bytes());
        }
    }

    // One frame, in place: descending, so that the scores of earlier states are still the old ones.
    void step(const L* row, double* states, uint8_t* back) const {
        for (int64_t i = labels_ / 2; i >= 0; --i) {
            const int64_t k = 2 * i;
            const unsigned high = k + 1 <= labels_ ? step_pair(row, states, k + 1) : 0;
            back[i] = static_cast<uint8_t>(high << 4 | step_pair(row, states, k));
        }
    }

    // Label k and blank k: how many states each came from below, in bits 0 - 1 and 2.
    unsigned step_pair(const L* row, double* states, int64_t k) const {
        double* const blank = states + 2 * k;
        const double before = k > 0 ? blank[-1] : kImpossible;
        unsigned moves = 0;
        if (k < labels_) {
            double best = p_.label_loop ? blank[1] : kImpossible;
            const double skipped = before + skip_[static_cast<size_t>(k)];
            moves = *blank > best;
            best = std::max(best, *blank);
            moves = skipped > best ? 2 : moves;
            best = std::max(best, skipped);
            blank[1] = best + static_cast<double>(row[1 + k]);
        }
        const bool moved = before > *blank;
        *blank = (moved ? before : *blank) + static_cast<double>(row[0]);
        return moves | static_cast<unsigned>(moved) << 2;
    }

    // Goes back through block i, which has just run.
    void trace(const CtcSequence& s, int64_t i, const CtcPath<L>& to) {
        const int64_t begin = i * block_;
        for (int64_t t = std::min(block_, s.frames - begin) - 1; t >= 0; --t) {
            const int64_t frame = begin + t;
            const L score = scores_[t * s.pitch() + (in_label_ ? 1 + at_ : 0)];
            to.frame_scores[frame] = score;
            if (in_label_) enter_label(s, frame, score, to);
            const unsigned moves = back_[t * row_bytes() + at_ / 2] >> at_ % 2 * 4;
            go_back(in_label_ ? moves & 3 : moves >> 2 & 1);
        }
    }

    void enter_label(const CtcSequence& s, int64_t frame, L score, const CtcPath<L>& to) const {
        to.positions[frame] = static_cast<int32_t>(at_);
        to.frame_labels[frame] = s.targets[at_];
        if (to.ends[at_] == 0) to.ends[at_] = static_cast<int32_t>(frame + 1);
        to.starts[at_] = static_cast<int32_t>(frame);
        to.label_scores[at_] += score;
    }

    // To the state before: label k comes from blank k or label k - 1, blank k from label k - 1.
    void go_back(unsigned states) {
        if (states == 0) return;
        if (!in_label_ || states == 2) --at_;
        in_label_ = !in_label_ || states == 2;
    }

    const CtcProblem& p_;
    const CtcMeasure<T>& measure_;
    int64_t block_, labels_ = 0;
    std::vector<double> skip_;
    Buffer<double> states_;
    Buffer<L> scores_;
    Buffer<uint8_t> back_;
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
