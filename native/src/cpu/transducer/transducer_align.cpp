// The best alignment of each sequence under a transducer (Viterbi): where each label is emitted.
//
// A maximum and an addition for each arc, in double, cell after cell; one byte for each cell says
// by which arc the best path comes to it. Of equally good arcs it is the first: blank, label, big
// blanks; for TDT by duration, the blank of a duration before its label.
#include <algorithm>
#include <limits>

#include "transducer/transducer_path.hpp"

namespace seqfront {
namespace {

enum Output { kScore, kLabelFrames, kLabelDurations, kLabelScores };

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

// Where the results of one sequence go.
template <class L>
struct TransducerPath {
    L* score;
    int32_t *label_frames, *label_durations;
    L* label_scores;
};

// The cells of one sequence after another, and the end behind the last frame.
template <class L>
class TransducerAligner {
  public:
    explicit TransducerAligner(const TransducerProblem& p)
        : p_(p),
          scores_(allocate<double>(p.most_cells + p.labels + 1)),
          back_(allocate<uint8_t>(p.most_cells + p.labels + 1)) {}

    // `arcs` are the weights. What a sequence without path gets is there already.
    void align(const TransducerSequence& s, const L* arcs, const TransducerPath<L>& to) {
        arcs_ = arcs;
        width_ = s.positions();
        cells_ = s.frames * width_;
        scores_[0] = 0;
        for (int64_t i = 1; i < cells_; ++i) enter(i / width_, i % width_);
        enter(s.frames, s.labels);
        const double score = scores_[cells_ + s.labels];
        *to.score = static_cast<L>(score);
        if (score > kImpossible) trace(s, to);
    }

  private:
    double from(const TransducerArc& arc, size_t a, int64_t t, int64_t u) const {
        if (t < arc.frames || u < arc.labels) return kImpossible;
        const int64_t cell = (t - arc.frames) * width_ + u - arc.labels;
        // Arcs within a frame do not lead to the end.
        if (cell >= cells_) return kImpossible;
        return scores_[cell] + static_cast<double>(arcs_[static_cast<int64_t>(a) * cells_ + cell]);
    }

    void enter(int64_t t, int64_t u) {
        double best = kImpossible;
        uint8_t by = 0;
        for (size_t a = 0; a < p_.arcs.size(); ++a) {
            const double score = from(p_.arcs[a], a, t, u);
            if (score > best) {
                best = score;
                by = static_cast<uint8_t>(a);
            }
        }
        scores_[t * width_ + u] = best;
        back_[t * width_ + u] = by;
    }

    void trace(const TransducerSequence& s, const TransducerPath<L>& to) const {
        int64_t t = s.frames, u = s.labels;
        while (t > 0 || u > 0) {
            const uint8_t a = back_[t * width_ + u];
            const TransducerArc& arc = p_.arcs[a];
            t -= arc.frames;
            u -= arc.labels;
            if (arc.labels == 0) continue;
            to.label_frames[u] = static_cast<int32_t>(t);
            to.label_durations[u] = static_cast<int32_t>(arc.frames);
            to.label_scores[u] = arcs_[a * cells_ + t * width_ + u];
        }
    }

    const TransducerProblem& p_;
    const L* arcs_ = nullptr;
    int64_t width_ = 0, cells_ = 0;
    Buffer<double> scores_;
    Buffer<uint8_t> back_;
};

template <class T>
void align_all(const Call& call, const TransducerProblem& p) {
    using L = typename RowKernelsOf<T>::Lattice;
    constexpr L impossible = -std::numeric_limits<L>::infinity();
    std::fill_n(call.out<int32_t>(kLabelFrames), p.batch * p.labels, -1);
    std::fill_n(call.out<int32_t>(kLabelDurations), p.batch * p.labels, 0);
    std::fill_n(call.out<L>(kLabelScores), p.batch * p.labels, L{0});
    const TransducerArcTables<T> tables(call, p);
    std::vector<TransducerAligner<L>> aligners;
    for (int32_t i = 0; i < tables.threads(); ++i) aligners.emplace_back(p);
    tables.for_each([&](int32_t slot, const TransducerSequence& s) {
        const int64_t label = s.index * p.labels;
        const TransducerPath<L> to = {
            call.out<L>(kScore) + s.index, call.out<int32_t>(kLabelFrames) + label,
            call.out<int32_t>(kLabelDurations) + label, call.out<L>(kLabelScores) + label};
        std::fill_n(to.label_scores, s.labels, impossible);
        if (s.frames == 0) {
            *to.score = s.labels == 0 ? 0 : impossible;
        } else if (tables.weights(slot, s)) {
            aligners[static_cast<size_t>(slot)].align(s, tables.arcs(slot), to);
        } else {
            *to.score = std::numeric_limits<L>::quiet_NaN();
            std::fill_n(to.label_scores, s.labels, *to.score);
        }
    });
}

void run(const Call& call, const TransducerProblem& p) {
    check_arc_count(call.name(), static_cast<int64_t>(p.arcs.size()));
    with_element_type(call.input(0).dtype,
                      [&](auto element) { align_all<decltype(element)>(call, p); });
}

std::vector<sf_array_spec> outputs() {
    return {{"score", "L", "batch", 0},  // -inf: no alignment; NaN: NaN or +inf in the logits
            {"label_frames", "int32", "batch labels", 0},     // where each is emitted, or -1
            {"label_durations", "int32", "batch labels", 0},  // frames that it takes
            {"label_scores", "L", "batch labels", 0}};
}

}  // namespace

const Op& rnnt_align_op() {
    static const Op op = {"rnnt_align",
                          rnnt_path_inputs(),
                          outputs(),
                          rnnt_path_attributes(),
                          [](const Call& call) { run(call, rnnt_path_problem(call)); },
                          nullptr};
    return op;
}

const Op& tdt_align_op() {
    static const Op op = {"tdt_align",
                          tdt_path_inputs(),
                          outputs(),
                          tdt_path_attributes(),
                          [](const Call& call) { run(call, tdt_path_problem(call)); },
                          nullptr};
    return op;
}

}  // namespace seqfront
