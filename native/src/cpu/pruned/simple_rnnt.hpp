// The transducer with an additive joiner ("simple" loss of pruned RNN-T; Kuang et al. 2022,
// arXiv:2206.13236): what its forward and backward halves share.
//
// The logits of frame t and position s are am[t] + lm[s]. They are never made: with
// E = exp(am - max), F = exp(lm - max), the normalisers are Z = E F^T, a matrix product.
//
// Smoothing replaces the log-prob of an arc with symbol v by
//     (1 - l - a) log p(v | am[t] + lm[s])  +  l log p(v | lm[s])  +  a log p(v | am[t] + unigram)
// where l and a are `lm_only_scale` and `am_only_scale`, and the unigram is the mean of
// softmax(lm) over the positions of the sequence itself.
//
// saved: blank [.], label [.] (log-probs of the arcs in the layout of RnntLattice, see Grid) and
//     scale [frames, labels + 1], the normaliser: Z, or where that is too small to be exact its
//     logarithm, which is negative.
// frame_rows: of each row of am its maximum, and the normaliser of am + unigram after that.
// label_rows: of each row of lm its maximum, and the log of the sum of F.
// unigram: log-probs of the classes, if a is not 0.
#ifndef SEQFRONT_CPU_SIMPLE_RNNT_HPP_
#define SEQFRONT_CPU_SIMPLE_RNNT_HPP_

#include <algorithm>
#include <cmath>
#include <limits>

#include "float16.hpp"
#include "gradient_rows.hpp"
#include "problem.hpp"
#include "pruned/pruning_grid.hpp"
#include "pruned/simple_options.hpp"
#include "simd/dispatch.hpp"
#include "thread_pool.hpp"

namespace seqfront {
namespace simple {

// The arguments, checked.
struct Problem : LatticeProblem, SimpleOptions {
    explicit Problem(const Call& call);

    int64_t positions() const { return labels + 1; }
    int64_t cells() const { return frames * positions(); }

    int64_t am_stride[2], lm_stride[2];
};

// A sequence of a checked problem.
struct Sequence {
    int64_t frames, labels;
    const int32_t* targets;
    Grid grid;

    Sequence(const Problem& p, int64_t b)
        : frames(p.frame_lengths[b]),
          labels(p.label_lengths[b]),
          targets(labels > 0 ? p.targets + b * p.labels : nullptr),
          grid(p.topology, frames, labels) {}

    int64_t positions() const { return labels + 1; }
};

// Arrays that the forward half leaves to the backward half; Q is L or const L.
template <class Q>
struct Kept {
    const Problem& p;
    Q *saved, *frame_rows, *label_rows, *unigrams;

    Q* blank(int64_t b) const { return saved + 3 * b * p.cells(); }
    Q* label(int64_t b) const { return blank(b) + p.cells(); }
    Q* scale(int64_t b) const { return label(b) + p.cells(); }
    Q* am_maximum(int64_t b) const { return frame_rows + 2 * b * p.frames; }
    Q* am_normaliser(int64_t b) const { return am_maximum(b) + p.frames; }
    Q* lm_maximum(int64_t b) const { return label_rows + 2 * b * p.positions(); }
    Q* lm_normaliser(int64_t b) const { return lm_maximum(b) + p.positions(); }
    Q* unigram(int64_t b) const { return unigrams + b * p.classes; }
};

// log(exp(x) / exp(normaliser)), where both may be zero.
template <class L>
L log_ratio(L x, L normaliser) {
    return normaliser == -std::numeric_limits<L>::infinity() ? normaliser : x - normaliser;
}

template <class T>
const T* am_row(const Problem& p, const T* am, int64_t b, int64_t t) {
    return am + b * p.am_stride[0] + t * p.am_stride[1];
}

template <class T>
const T* lm_row(const Problem& p, const T* lm, int64_t b, int64_t s) {
    return lm + b * p.lm_stride[0] + s * p.lm_stride[1];
}

// The lattice of a sequence that has frames for its labels.
template <class L>
RnntLattice<L> lattice_of(const Sequence& s, const L* blank, const L* label, L* scratch) {
    return {s.grid.frames(), s.positions(), blank, label, scratch};
}

inline int64_t lattice_scratch(const Problem& p) { return rnnt_scratch(p.frames, p.positions()); }
inline int64_t lattice_work(const Problem& p) { return 16 * p.cells(); }

void forward(const Call& call);
void backward(const Call& call);

}  // namespace simple
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMPLE_RNNT_HPP_
