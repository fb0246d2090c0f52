// RNN-T on a GPU: what a call asks for, as plain data that kernels take by value.
//
// The host never looks at lengths and targets, for that would be a wait for the device. So a kernel
// reads nothing outside of the arrays whatever they are, and a sequence whose lengths or targets
// are out of range gets a loss and a gradient of NaN.
//
// Cells lie along anti-diagonals, as on the CPU (TransducerSequence::cell): cell (t, u) of a
// sequence of T frames is element (t + u) % T * positions + u of each column, so that what one step
// of the lattice reads is contiguous.
#ifndef SEQFRONT_CUDA_TRANSDUCER_RNNT_PROBLEM_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_RNNT_PROBLEM_HPP_

#include "cpu/transducer/transducer_options.hpp"
#include "cuda/probability.hpp"

namespace seqfront {
namespace cuda {

struct RnntSequence {
    int64_t index, frames, labels;  // lengths within the arrays
    bool in_range;                  // whether they were before

    SF_DEVICE int64_t positions() const { return labels + 1; }
    SF_DEVICE int64_t cells() const { return frames * positions(); }
    // Where diagonal n begins, so that its cell (n - u, u) is element diagonal(n) + u.
    SF_DEVICE int64_t diagonal(int64_t n) const {
        return (n - divided(n, frames) * frames) * positions();
    }
};

struct RnntProblem {
    int64_t batch, frames, labels, classes, blank;
    const int32_t* targets;        // [batch, labels]
    const int32_t* frame_lengths;  // [batch]
    const int32_t* label_lengths;  // [batch]
    const int32_t* windows;        // [batch, labels, 2] or null
    bool normalized, hat;
    double fastemit, clamp, delay_penalty, sigma;
    double loss_factor;

    SF_EVERYWHERE int64_t rows() const { return batch * frames * (labels + 1); }
    // Of the tables of a sequence, among those of all.
    SF_DEVICE int64_t first_cell(const RnntSequence& s) const {
        return s.index * frames * (labels + 1);
    }

    SF_DEVICE RnntSequence sequence(int64_t b) const {
        const int64_t t = frame_lengths[b], u = label_lengths[b];
        return {b, within(t, frames), within(u, labels),
                t == within(t, frames) && u == within(u, labels)};
    }

    // The label that leaves position u.
    SF_DEVICE int64_t target(const RnntSequence& s, int64_t u) const {
        return targets[s.index * labels + u];
    }
    SF_DEVICE bool is_label(int64_t target) const {
        return target >= 0 && target < classes && target != blank;
    }

    static SF_DEVICE int64_t within(int64_t value, int64_t limit) {
        return value < 0 ? 0 : value > limit ? limit : value;
    }
};

// A row of logits: position u of frame t.
struct RnntRow {
    RnntSequence sequence;
    int64_t t, u;

    SF_DEVICE bool inside() const { return t < sequence.frames && u <= sequence.labels; }
    SF_DEVICE int64_t cell() const { return sequence.diagonal(t + u) + u; }
};

// The row that is number i of all, those of padding too.
SF_DEVICE RnntRow row_of(const RnntProblem& p, int64_t i) {
    const int64_t width = p.labels + 1;
    const int64_t frame = divided(i, width), b = divided(frame, p.frames);
    return {p.sequence(b), frame - b * p.frames, i - frame * width};
}

// Log-probs of the blank and of the next label, or of all that weighs their arcs.
template <class L>
struct RnntArcs {
    L blank, label;
};

template <class L>
SF_DEVICE RnntArcs<L> saved_arcs(const RnntProblem& p, const RnntSequence& s, const L* saved,
                                 int64_t cell) {
    const L* const columns = saved + p.first_cell(s) * kFirstExtra;
    return {columns[kBlankColumn * s.cells() + cell], columns[kLabelColumn * s.cells() + cell]};
}

// What the arcs of cell (t, u) weigh, of their saved log-probs. HAT saves the logit of the blank,
// which a sigmoid makes a probability; the labels have what that leaves.
template <class L>
SF_DEVICE RnntArcs<L> weighed(const RnntProblem& p, const RnntSequence& s, int64_t t, int64_t u,
                              RnntArcs<L> arcs) {
    if (p.hat) {
        const L softplus = log1p(exp(-absolute(arcs.blank)));
        arcs.label = arcs.label + minimum(-arcs.blank, L{0}) - softplus;
        arcs.blank = minimum(arcs.blank, L{0}) - softplus;
    }
    arcs.blank -= static_cast<L>(p.sigma);
    arcs.label -= static_cast<L>(p.sigma);
    if (u == s.labels) return arcs;
    // The difference of frames to the middle is exact, the product rounded once.
    arcs.label += static_cast<L>(p.delay_penalty) * (static_cast<L>(s.frames - 1 - 2 * t) / 2);
    if (p.windows != nullptr) {
        const int32_t* const window = p.windows + (s.index * p.labels + u) * 2;
        if (t < window[0] || t > window[1]) arcs.label += -infinity<L>();
    }
    return arcs;
}

// Sum over all paths, and whether all weights were numbers below +inf.
template <class L>
struct RnntLikelihood {
    Probability<L> value;
    int32_t valid;
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_RNNT_PROBLEM_HPP_
