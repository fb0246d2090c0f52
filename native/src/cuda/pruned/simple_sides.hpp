// The simple transducer loss on a GPU: what its gradients are made of, and what the gradients of am
// and lm have that is different (see simple_gradient.hpp).
#ifndef SEQFRONT_CUDA_PRUNED_SIMPLE_SIDES_HPP_
#define SEQFRONT_CUDA_PRUNED_SIMPLE_SIDES_HPP_

#include "cuda/pruned/panel_product.hpp"
#include "cuda/pruned/simple_unigram.hpp"

namespace seqfront {
namespace cuda {

// What the gradients of am and lm are made of.
template <class T>
struct SimpleGradientInputs {
    using L = LatticeType<T>;

    SimpleProblem problem;
    SimpleLogits<T> am, lm;
    SimpleKept<const L> kept;
    const RnntLikelihood<L>* likelihood;  // [batch]
    const L* grad_loss;                   // [batch]
    SimplePosteriors<L> posteriors;
    SimpleSums<L> sums;
    SimpleUnigramGradient<L> unigram;

    enum Outcome { kZero, kInvalid, kSome };

    SF_DEVICE Outcome outcome(const RnntSequence& s) const {
        if (grad_loss[s.index] == 0) return kZero;
        if (!likelihood[s.index].valid) return kInvalid;
        return s.frames > 0 && has_paths(likelihood[s.index]) ? kSome : kZero;
    }

    SF_DEVICE Exponentials<T> am_factor(const RnntSequence& s) const {
        return {am.row(s.index, int64_t{0}), am.stride[1], kept.am_maxima(problem, s.index),
                s.frames, problem.lattice.classes};
    }
    SF_DEVICE Exponentials<T> lm_factor(const RnntSequence& s) const {
        return {lm.row(s.index, int64_t{0}), lm.stride[1], kept.lm_maxima(problem, s.index),
                s.positions(), problem.lattice.classes};
    }
    SF_DEVICE Weights<L> weights(const RnntSequence& s) const {
        return {posteriors.weight + posteriors.line(problem, s.index, 0), posteriors.pitch,
                s.positions(), s.frames};
    }

    // Adds what a cell with the logarithm of Z has to some classes of both gradients.
    template <int N>
    SF_DEVICE void add_apart(const RnntSequence& s, int64_t t, int64_t u, int64_t v,
                             L (&to)[N]) const {
        const L share = -posteriors.weight[posteriors.line(problem, s.index, u) + t];
        if (!(share > 0)) return;
        const L log_z = kept.normalisers(s)[s.cell(t, u)];
        const L am_maximum = kept.am_maxima(problem, s.index)[t];
        const L lm_maximum = kept.lm_maxima(problem, s.index)[u];
        const T* const am_at = am.row(s.index, t) + v;
        const T* const lm_at = lm.row(s.index, u) + v;
        SF_UNROLL
        for (int j = 0; j < N; ++j) {
            if (v + j >= problem.lattice.classes) return;
            const L x = (widened(am_at[j]) - am_maximum) + (widened(lm_at[j]) - lm_maximum);
            to[j] = fused(share, quick_exp(x - log_z), to[j]);
        }
    }
};

// Takes a value from the element of class `symbol` of a line of kTile classes from v on.
template <class L>
SF_DEVICE void take(L* line, int64_t v, int64_t symbol, L value) {
    if (symbol >= v && symbol < v + kTile) line[symbol - v] -= value;
}

// The gradient of am: rows are frames, and the product is over positions.
template <class T>
struct SimpleAmGradient {
    using L = LatticeType<T>;
    using Inputs = SimpleGradientInputs<T>;
    using Product = PanelProduct<Panel<Weights<L>, false>, Panel<Exponentials<T>, false>>;

    static SF_EVERYWHERE int64_t padded_rows(const SimpleProblem& p) { return p.lattice.frames; }
    static SF_DEVICE int64_t rows(const RnntSequence& s) { return s.frames; }
    static SF_DEVICE int64_t inner(const RnntSequence& s) { return s.positions(); }
    static SF_DEVICE const T* row(const Inputs& in, const RnntSequence& s, int64_t t) {
        return in.am.row(s.index, t);
    }
    static SF_DEVICE L most(const Inputs& in, const RnntSequence& s, int64_t t) {
        return in.kept.am_maxima(in.problem, s.index)[t];
    }
    static SF_DEVICE const L* apart(const Inputs& in, const RnntSequence& s) {
        return in.sums.frame_apart + s.index * in.problem.lattice.frames;
    }
    static SF_DEVICE const L* inner_apart(const Inputs& in, const RnntSequence& s) {
        return in.sums.label_apart + s.index * in.problem.positions();
    }
    static SF_DEVICE void add_apart(const Inputs& in, const RnntSequence& s, int64_t t, int64_t u,
                                    int64_t v, L (&to)[kQuad]) {
        in.add_apart(s, t, u, v, to);
    }

    template <class Block>
    static SF_DEVICE L* multiply(Block& block, const Inputs& in, const RnntSequence& s, int64_t t,
                                 int64_t v, int64_t inner) {
        // (Weights lie position by position: their rows are the inner index.)
        return Product::run(block, in.weights(s), in.lm_factor(s), t, v, inner);
    }

    // From the product to the gradient of a row of the tile: e is exp(am - max), x the logits.
    static SF_DEVICE void finish(const Inputs& in, const RnntSequence& s, int64_t t, int64_t v,
                                 const L (&x)[kQuad], const L (&e)[kQuad], L (&to)[kQuad]) {
        const SimpleProblem& p = in.problem;
        const int64_t frame = s.index * p.lattice.frames + t;
        SF_UNROLL
        for (int j = 0; j < kQuad; ++j) to[j] *= e[j];
        const L arcs = in.sums.frame_arcs[frame];
        if (p.am_only_scale > 0 && arcs != 0) {
            const L factor = static_cast<L>(p.am_only_scale) * arcs;
            const L maximum = most(in, s, t);
            const L normaliser = in.kept.am_normalisers(p, s.index)[t];
            const L* const unigram = in.kept.unigram(p, s.index) + v;
            SF_UNROLL
            for (int j = 0; j < kQuad; ++j) {
                if (v + j >= p.lattice.classes) break;
                to[j] =
                    fused(factor, quick_exp(((x[j] - maximum) + unigram[j]) - normaliser), to[j]);
            }
        }
    }

    // Takes the arcs from a line of a tile. Targets are read a few at a time, before what is
    // written.
    static SF_DEVICE void take_arcs(const Inputs& in, const RnntSequence& s, int64_t t, int64_t v,
                                    L* line) {
        constexpr int at_once = 8;
        const SimpleProblem& p = in.problem;
        const L scale = static_cast<L>(1 - p.lm_only_scale);
        take(line, v, p.lattice.blank, scale * in.sums.frame_blank[s.index * p.lattice.frames + t]);
        const L* label = in.posteriors.label + in.posteriors.line(p, s.index, 0) + t;
        for (int64_t u = 0; u < s.labels; u += at_once) {
            int64_t targets[at_once];
            SF_UNROLL
            for (int k = 0; k < at_once; ++k) {
                targets[k] = u + k < s.labels ? p.lattice.target(s, u + k) : -1;
            }
            SF_UNROLL
            for (int k = 0; k < at_once; ++k, label += in.posteriors.pitch) {
                if (targets[k] >= v && targets[k] < v + kTile) {
                    take(line, v, targets[k], scale * *label);
                }
            }
        }
    }
};

// The gradient of lm: rows are positions, and the product is over frames.
template <class T>
struct SimpleLmGradient {
    using L = LatticeType<T>;
    using Inputs = SimpleGradientInputs<T>;
    using Product = PanelProduct<Panel<Weights<L>, true>, Panel<Exponentials<T>, false>>;

    static SF_EVERYWHERE int64_t padded_rows(const SimpleProblem& p) { return p.positions(); }
    static SF_DEVICE int64_t rows(const RnntSequence& s) { return s.positions(); }
    static SF_DEVICE int64_t inner(const RnntSequence& s) { return s.frames; }
    static SF_DEVICE const T* row(const Inputs& in, const RnntSequence& s, int64_t u) {
        return in.lm.row(s.index, u);
    }
    static SF_DEVICE L most(const Inputs& in, const RnntSequence& s, int64_t u) {
        return in.kept.lm_maxima(in.problem, s.index)[u];
    }
    static SF_DEVICE const L* apart(const Inputs& in, const RnntSequence& s) {
        return in.sums.label_apart + s.index * in.problem.positions();
    }
    static SF_DEVICE const L* inner_apart(const Inputs& in, const RnntSequence& s) {
        return in.sums.frame_apart + s.index * in.problem.lattice.frames;
    }
    static SF_DEVICE void add_apart(const Inputs& in, const RnntSequence& s, int64_t u, int64_t t,
                                    int64_t v, L (&to)[kQuad]) {
        in.add_apart(s, t, u, v, to);
    }

    template <class Block>
    static SF_DEVICE L* multiply(Block& block, const Inputs& in, const RnntSequence& s, int64_t u,
                                 int64_t v, int64_t inner) {
        return Product::run(block, in.weights(s), in.am_factor(s), u, v, inner);
    }

    static SF_DEVICE void finish(const Inputs& in, const RnntSequence& s, int64_t u, int64_t v,
                                 const L (&x)[kQuad], const L (&f)[kQuad], L (&to)[kQuad]) {
        const SimpleProblem& p = in.problem;
        const int64_t position = s.index * p.positions() + u;
        const L normaliser = in.kept.lm_normalisers(p, s.index)[u];
        const L arcs = static_cast<L>(p.lm_only_scale) * in.sums.label_arcs[position];
        const L lm_only = arcs == 0 ? 0 : arcs * exp(-normaliser);
        SF_UNROLL
        for (int j = 0; j < kQuad; ++j) to[j] = (to[j] + lm_only) * f[j];
        if (p.am_only_scale > 0) add_unigram(in, s, u, v, normaliser, x, to);
    }

    static SF_DEVICE void take_arcs(const Inputs& in, const RnntSequence& s, int64_t u, int64_t v,
                                    L* line) {
        const SimpleProblem& p = in.problem;
        const int64_t position = s.index * p.positions() + u;
        const L scale = static_cast<L>(1 - p.am_only_scale);
        take(line, v, p.lattice.blank, scale * in.sums.label_blank[position]);
        if (u == s.labels) return;
        take(line, v, p.lattice.target(s, u), scale * in.sums.label_label[position]);
    }

  private:
    static SF_DEVICE void add_unigram(const Inputs& in, const RnntSequence& s, int64_t u, int64_t v,
                                      L normaliser, const L (&x)[kQuad], L (&to)[kQuad]) {
        const SimpleProblem& p = in.problem;
        const L maximum = most(in, s, u), share = 1 / static_cast<L>(s.positions());
        const L sum = in.unigram.sums[s.index * p.positions() + u];
        const L* const unigram = in.kept.unigram(p, s.index) + v;
        const L* const gradient = in.unigram.unigram + s.index * p.lattice.classes + v;
        SF_UNROLL
        for (int j = 0; j < kQuad; ++j) {
            if (v + j >= p.lattice.classes) break;
            const L log_prob = log_ratio(x[j] - maximum, normaliser);
            to[j] += share * ratio(log_prob, unigram[j]) * gradient[j] - quick_exp(log_prob) * sum;
        }
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_PRUNED_SIMPLE_SIDES_HPP_
