// The simple transducer loss on a GPU: gradient of the am-only part, whose formulas are in
// cpu/pruned/simple_unigram.hpp; here what is known before the gradients of am and lm are written.
#ifndef SEQFRONT_CUDA_PRUNED_SIMPLE_UNIGRAM_HPP_
#define SEQFRONT_CUDA_PRUNED_SIMPLE_UNIGRAM_HPP_

#include "cuda/pruned/simple_posteriors.hpp"

namespace seqfront {
namespace cuda {

// exp(x - y) where y may be -inf, and then so is x.
template <class L>
SF_DEVICE L ratio(L x, L y) {
    return y == -infinity<L>() ? 0 : exp(x - y);
}

// dU [batch, classes], and sum(r dU) [batch, positions].
template <class L>
struct SimpleUnigramGradient {
    L* unigram = nullptr;
    L* sums = nullptr;

    SimpleUnigramGradient() = default;
    SimpleUnigramGradient(const SimpleProblem& p, Workspace& workspace) {
        if (!(p.am_only_scale > 0)) return;
        unigram = workspace.take<L>(p.lattice.batch * p.lattice.classes);
        sums = workspace.take<L>(p.lattice.batch * p.positions());
    }
};

// dU: a thread has a class, and goes over the frames.
template <class T>
struct SimpleSumUnigram {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = kFlatThreads;

    struct Args {
        SimpleProblem problem;
        SimpleLogits<T> am;
        SimpleKept<const L> kept;
        const RnntLikelihood<L>* likelihood;
        SimpleSums<L> sums;
        SimpleUnigramGradient<L> to;
    };

    static Grid grid(const SimpleProblem& p) {
        return flat_grid(p.lattice.batch * p.lattice.classes);
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RnntProblem& p = args.problem.lattice;
        each_place(block, p.batch, p.classes, [&](int64_t b, int64_t v) {
            if (!has_paths(args.likelihood[b])) return;
            const RnntSequence s = p.sequence(b);
            const L sum = over_frames(args, s, v) - of_arcs(args, s, v);
            args.to.unigram[b * p.classes + v] = static_cast<L>(args.problem.am_only_scale) * sum;
        });
    }

  private:
    static SF_DEVICE L over_frames(const Args& args, const RnntSequence& s, int64_t v) {
        const SimpleProblem& p = args.problem;
        const L* const maxima = args.kept.am_maxima(p, s.index);
        const L* const normalisers = args.kept.am_normalisers(p, s.index);
        const L* const arcs = args.sums.frame_arcs + s.index * p.lattice.frames;
        const L unigram = args.kept.unigram(p, s.index)[v];
        L sum = 0;
        for (int64_t t = 0; t < s.frames; ++t) {
            if (arcs[t] == 0) continue;
            const L x = widened(args.am.row(s.index, t)[v]) - maxima[t];
            sum = fused(arcs[t], quick_exp((x + unigram) - normalisers[t]), sum);
        }
        return sum;
    }

    static SF_DEVICE L of_arcs(const Args& args, const RnntSequence& s, int64_t v) {
        const SimpleProblem& p = args.problem;
        const int64_t first = s.index * p.positions();
        L sum = 0;
        for (int64_t u = 0; u < s.positions(); ++u) {
            if (v == p.lattice.blank) sum += args.sums.label_blank[first + u];
            if (u < s.labels && p.lattice.target(s, u) == v)
                sum += args.sums.label_label[first + u];
        }
        return sum;
    }
};

// The sums: a warp has a position, or a block where there are many classes.
template <class T>
struct SimpleSumClasses {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = kRowThreads;

    struct Args {
        SimpleProblem problem;
        RowGroups groups;
        SimpleLogits<T> lm;
        SimpleKept<const L> kept;
        const RnntLikelihood<L>* likelihood;
        SimpleUnigramGradient<L> to;
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const SimpleProblem& p = args.problem;
        const RowGroups& groups = args.groups;
        const int64_t count = p.lattice.batch * p.positions();
        typename Block::template PerThread<L> sum(block);
        groups.each_first(block, count, [&](int64_t first) {
            block.each([&](int thread) {
                const int64_t row = groups.row(first, thread);
                sum[thread] = row < count ? part(args, row, groups.lane(thread)) : L{0};
            });
            block.sum(sum, groups.wide);
            block.each([&](int thread) {
                const int64_t row = groups.row(first, thread);
                if (row < count && groups.lane(thread) == 0) args.to.sums[row] = sum[thread];
            });
        });
    }

  private:
    static SF_DEVICE L part(const Args& args, int64_t row, int lane) {
        const SimpleProblem& p = args.problem;
        const Place at = place_of(row, p.positions());
        const RnntSequence s = p.lattice.sequence(at.b);
        if (at.i > s.labels || s.frames == 0 || !has_paths(args.likelihood[at.b])) return 0;
        const L most = args.kept.lm_maxima(p, at.b)[at.i];
        const L normaliser = args.kept.lm_normalisers(p, at.b)[at.i];
        const L* const unigram = args.kept.unigram(p, at.b);
        const L* const gradient = args.to.unigram + at.b * p.lattice.classes;
        const RowPart<T> mine = {args.lm.row(at.b, at.i), p.lattice.classes, lane,
                                 args.groups.lanes()};
        L sum = 0;
        mine.read([&](auto& values, int64_t v) {
            for (const L value : values) {
                const L log_prob = log_ratio(value - most, normaliser);
                sum = fused(ratio(log_prob, unigram[v]), gradient[v], sum);
                ++v;
            }
        });
        return sum / static_cast<L>(s.positions());
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_PRUNED_SIMPLE_UNIGRAM_HPP_
