// Gradient of the am-only part of the smoothed simple loss (see simple_rnnt.hpp).
//
// An arc with symbol v has the log-prob am[v] + U[v] - log(sum(exp(am + U))), where exp(U) is the
// mean over positions of softmax(lm). With g = softmax(lm[s]) and r = g / (positions exp(U)):
//     d am[t] = arcs[t] softmax(am[t] + U) - ...,   d U = sum over t of that,
//     d lm[s] = r dU - g sum(r dU)
// The last sum is over all classes, so that dU has to be known before.
#ifndef SEQFRONT_CPU_SIMPLE_UNIGRAM_HPP_
#define SEQFRONT_CPU_SIMPLE_UNIGRAM_HPP_

#include "pruned/simple_rnnt.hpp"

namespace seqfront {
namespace simple {

// Posteriors of the arcs of a sequence, if it has some.
template <class L>
struct UnigramArcs {
    bool some;
    const L *frame_arcs, *label_blank, *label_label;
};

template <class L>
struct UnigramGradient {
    const L* unigram;  // dU
    const L* sums;     // sum(r dU) of each position
};

// exp(x - y) where y may be -inf, and then so is x.
template <class L>
L ratio(L x, L y) {
    return y == -std::numeric_limits<L>::infinity() ? 0 : std::exp(x - y);
}

// log softmax(lm[s])[v]
template <class T, class L>
L label_log_prob(const Kept<const L>& kept, int64_t b, int64_t i, T logit) {
    return log_ratio(widen(logit) - kept.lm_maximum(b)[i], kept.lm_normaliser(b)[i]);
}

// softmax(am[t] + U) for classes from `begin`; U is that of all classes.
template <class T, class L>
void am_only_probs(const Kernels& table, const Kept<const L>& kept, int64_t b, int64_t t,
                   const T* am, int64_t begin, int64_t count, L* probs) {
    const L maximum = kept.am_maximum(b)[t], normaliser = kept.am_normaliser(b)[t];
    for (int64_t v = 0; v < count; ++v) {
        probs[v] = (widen(am[v]) - maximum) + kept.unigram(b)[begin + v] - normaliser;
    }
    lattice_kernels<L>(table).exp(probs, probs, count);
}

// dU of all sequences, and the sums; nothing if the scale is 0.
template <class T, class L>
class UnigramGradients {
  public:
    template <class ArcsOf>
    UnigramGradients(const Problem& p, const Kernels& table, const Kept<const L>& kept, const T* am,
                     const T* lm, int32_t threads, const ArcsOf& arcs_of)
        : size_(p.am_only_scale > 0 ? p.classes + p.positions() : 0),
          memory_(allocate<L>(p.batch * size_)),
          gradients_(allocate<UnigramGradient<L>>(p.batch)) {
        if (size_ == 0) return;
        const int64_t work = 4 * (p.frames + 16 * p.positions()) * p.classes;
        const int32_t used = useful_threads(p.batch, work, threads);
        const Buffer<L> probs = allocate<L>(used * p.classes);
        parallel_for(p.batch, work, used, [&](int32_t slot, int64_t begin, int64_t end) {
            for (int64_t b = begin; b < end; ++b) {
                L* const unigram = memory_.get() + b * size_;
                gradients_[b] = {unigram, unigram + p.classes};
                const UnigramArcs<L> arcs = arcs_of(b);
                if (!arcs.some) continue;
                const Sequence s(p, b);
                sum_over_frames(p, table, kept, s, b, am, arcs, probs.get() + slot * p.classes,
                                unigram);
                sum_over_classes(p, kept, s, b, lm, unigram, unigram + p.classes);
            }
        });
    }

    const UnigramGradient<L>* of(int64_t b) const { return size_ == 0 ? nullptr : &gradients_[b]; }

  private:
    static void sum_over_frames(const Problem& p, const Kernels& table, const Kept<const L>& kept,
                                const Sequence& s, int64_t b, const T* am,
                                const UnigramArcs<L>& arcs, L* probs, L* unigram) {
        const auto scale = static_cast<L>(p.am_only_scale);
        std::fill_n(unigram, p.classes, L{0});
        for (int64_t t = 0; t < s.frames; ++t) {
            if (arcs.frame_arcs[t] == 0) continue;
            am_only_probs(table, kept, b, t, am_row(p, am, b, t), 0, p.classes, probs);
            const L factor = scale * arcs.frame_arcs[t];
            for (int64_t v = 0; v < p.classes; ++v) unigram[v] += factor * probs[v];
        }
        for (int64_t i = 0; i < s.positions(); ++i) {
            unigram[p.blank] -= scale * arcs.label_blank[i];
            if (i < s.labels) unigram[s.targets[i]] -= scale * arcs.label_label[i];
        }
    }

    static void sum_over_classes(const Problem& p, const Kept<const L>& kept, const Sequence& s,
                                 int64_t b, const T* lm, const L* unigram, L* sums) {
        for (int64_t i = 0; i < s.positions(); ++i) {
            const T* x = lm_row(p, lm, b, i);
            L sum = 0;
            for (int64_t v = 0; v < p.classes; ++v) {
                sum += ratio(label_log_prob(kept, b, i, x[v]), kept.unigram(b)[v]) * unigram[v];
            }
            sums[i] = sum / static_cast<L>(s.positions());
        }
    }

    int64_t size_;
    Buffer<L> memory_;
    Buffer<UnigramGradient<L>> gradients_;
};

// A block of classes of both gradients.
template <class T, class L>
struct UnigramBlock {
    const T *am, *lm;  // first rows, from the first class of the block
    int64_t begin, count;
    L *d_am, *d_lm;  // rows of `count`
    L* probs;        // scratch: one row
};

template <class T, class L>
void add_unigram(const Problem& p, const Kernels& table, const Kept<const L>& kept,
                 const Sequence& s, int64_t b, const UnigramGradient<L>& gradient,
                 const L* frame_arcs, const UnigramBlock<T, L>& block) {
    for (int64_t t = 0; t < s.frames; ++t) {
        if (frame_arcs[t] == 0) continue;
        am_only_probs(table, kept, b, t, block.am + t * p.am_stride[1], block.begin, block.count,
                      block.probs);
        const L factor = static_cast<L>(p.am_only_scale) * frame_arcs[t];
        L* const to = block.d_am + t * block.count;
        for (int64_t v = 0; v < block.count; ++v) to[v] += factor * block.probs[v];
    }
    const L share = 1 / static_cast<L>(s.positions());
    for (int64_t i = 0; i < s.positions(); ++i) {
        const T* x = block.lm + i * p.lm_stride[1];
        L* const to = block.d_lm + i * block.count;
        for (int64_t v = 0; v < block.count; ++v) {
            const L log_prob = label_log_prob(kept, b, i, x[v]);
            const L of_unigram = share * ratio(log_prob, kept.unigram(b)[block.begin + v]);
            to[v] += of_unigram * gradient.unigram[block.begin + v] -
                     std::exp(log_prob) * gradient.sums[i];
        }
    }
}

}  // namespace simple
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMPLE_UNIGRAM_HPP_
