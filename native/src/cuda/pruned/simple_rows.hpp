// The simple transducer loss on a GPU, the rows of its inputs: maxima and normalisers, and the
// unigram. A warp has a row, or a block where there are many classes; of the unigram a thread has a
// class, and goes over the positions. Each reads its input once.
#ifndef SEQFRONT_CUDA_PRUNED_SIMPLE_ROWS_HPP_
#define SEQFRONT_CUDA_PRUNED_SIMPLE_ROWS_HPP_

#include "cuda/pruned/simple_problem.hpp"

namespace seqfront {
namespace cuda {

enum class SimpleRowsOf {
    kAm,        // maxima of am
    kLm,        // maxima of lm, and what is left of the normalisers
    kAmUnigram  // what is left of the normalisers of am + unigram, without the maxima of am
};

template <class T, SimpleRowsOf kOf>
struct SimpleRows {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = kRowThreads;

    struct Args {
        SimpleProblem problem;
        RowGroups groups;
        SimpleLogits<T> x;  // am or lm
        SimpleKept<L> kept;
    };

    static int64_t count(const SimpleProblem& p) {
        return p.lattice.batch * (kOf == SimpleRowsOf::kLm ? p.positions() : p.lattice.frames);
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const SimpleProblem& p = args.problem;
        const RowGroups& groups = args.groups;
        const int64_t each = kOf == SimpleRowsOf::kLm ? p.positions() : p.lattice.frames;
        RowNormalisers<L, Block> whole(block);
        groups.each_first(block, p.lattice.batch * each, [&](int64_t first) {
            whole.reduce(groups, [&](int thread) {
                const Place at = place_of(groups.row(first, thread), each);
                return part(args, at, groups.lane(thread));
            });
            block.each([&](int thread) {
                if (groups.lane(thread) > 0) return;
                const Place at = place_of(groups.row(first, thread), each);
                if (used(p, at)) save(args, at, whole.top(thread), whole.log_sum(thread));
            });
        });
    }

  private:
    static SF_DEVICE bool used(const SimpleProblem& p, const Place& at) {
        if (at.b >= p.lattice.batch) return false;
        const RnntSequence s = p.lattice.sequence(at.b);
        return kOf == SimpleRowsOf::kLm ? at.i < s.positions() && s.frames > 0 : at.i < s.frames;
    }

    static SF_DEVICE Normaliser<L> part(const Args& args, const Place& at, int lane) {
        const SimpleProblem& p = args.problem;
        Normaliser<L> part;
        if (!used(p, at)) return part;
        const RowPart<T> mine = {args.x.row(at.b, at.i), p.lattice.classes, lane,
                                 args.groups.lanes()};
        if (kOf == SimpleRowsOf::kAm) {
            mine.read([&](auto& values, int64_t) {
                for (const L value : values) part.top = maximum(part.top, value);
            });
        } else if (kOf == SimpleRowsOf::kLm) {
            mine.read([&](auto& values, int64_t) { part.add(values); });
        } else {
            const L most = args.kept.am_maxima(p, at.b)[at.i];
            const L* const unigram = args.kept.unigram(p, at.b);
            mine.read([&](auto& values, int64_t first) {
                for (L& value : values) value = (value - most) + unigram[first++];
                part.add(values);
            });
        }
        return part;
    }

    static SF_DEVICE void save(const Args& args, const Place& at, L top, L log_sum) {
        const SimpleProblem& p = args.problem;
        if (kOf == SimpleRowsOf::kAm) {
            args.kept.am_maxima(p, at.b)[at.i] = top;
        } else if (kOf == SimpleRowsOf::kLm) {
            args.kept.lm_maxima(p, at.b)[at.i] = top;
            args.kept.lm_normalisers(p, at.b)[at.i] = log_sum;
        } else {
            args.kept.am_normalisers(p, at.b)[at.i] = top + log_sum;
        }
    }
};

// log(mean over positions of softmax(lm)), without ever leaving the range of a number.
template <class T>
struct SimpleUnigram {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = kFlatThreads;

    struct Args {
        SimpleProblem problem;
        SimpleLogits<T> lm;
        SimpleKept<L> kept;
    };

    static Grid grid(const SimpleProblem& p) {
        return flat_grid(p.lattice.batch * p.lattice.classes);
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RnntProblem& p = args.problem.lattice;
        each_place(block, p.batch, p.classes, [&](int64_t b, int64_t v) { save(args, b, v); });
    }

  private:
    static SF_DEVICE void save(const Args& args, int64_t b, int64_t v) {
        const SimpleProblem& p = args.problem;
        const RnntSequence s = p.lattice.sequence(b);
        if (s.frames == 0) return;
        const L* const maxima = args.kept.lm_maxima(p, b);
        const L* const normalisers = args.kept.lm_normalisers(p, b);
        Normaliser<L> sum;
        for (int64_t u = 0; u < s.positions(); ++u) {
            const L x = widened(args.lm.row(b, u)[v]) - maxima[u];
            const L of_position[1] = {log_ratio(x, normalisers[u])};
            sum.add(of_position);
        }
        args.kept.unigram(p, b)[v] =
            Normaliser<L>::reference_of(sum.top) + log(sum.sum / static_cast<L>(s.positions()));
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_PRUNED_SIMPLE_ROWS_HPP_
