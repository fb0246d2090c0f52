// The simple transducer loss on a GPU: the gradients of am and lm, each once, in tiles.
//
//     d am = E (Q F) - arcs of am,    d lm = F (Q^T E) - arcs of lm,    Q = occupancy / Z
//
// and what smoothing adds, where E = exp(am - max) and F = exp(lm - max) are computed as they are
// read. A tile begins as a product of matrices; then each thread finishes its part of it: the
// factor E or F, cells without Z, the unigram, the arcs; and writes it times the upstream gradient.
#ifndef SEQFRONT_CUDA_PRUNED_SIMPLE_GRADIENT_HPP_
#define SEQFRONT_CUDA_PRUNED_SIMPLE_GRADIENT_HPP_

#include "cuda/pruned/simple_sides.hpp"

namespace seqfront {
namespace cuda {

template <class T, class Side>
struct SimpleGradient {
    using L = LatticeType<T>;
    using Part = TilePart<L>;
    using Inputs = SimpleGradientInputs<T>;
    static constexpr int kMostThreads = kTileThreads;
    static constexpr size_t kSharedBytes = Side::Product::kSharedBytes;

    struct Args {
        Inputs in;
        Tiles tiles;
        T* grad;
        int64_t stride[2];
    };

    static Tiles tiles(const SimpleProblem& p) {
        return Tiles::of(p.lattice.batch, Side::padded_rows(p), p.lattice.classes);
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        typename Block::template PerThread<Part> parts(block);
        args.tiles.each(block, [&](int64_t b, int64_t row, int64_t v) {
            const RnntSequence s = args.in.problem.lattice.sequence(b);
            const auto outcome = args.in.outcome(s);
            if (outcome == Inputs::kSome && row < Side::rows(s)) {
                compute(block, args.in, s, row, v, parts);
            } else {
                const L value = outcome == Inputs::kInvalid ? not_a_number<L>() : 0;
                block.each([&](int thread) { fill(parts[thread], value); });
            }
            block.each([&](int thread) { write(args, s, row, v, thread, parts[thread]); });
        });
    }

  private:
    template <class Block, class Parts>
    static SF_DEVICE void compute(Block& block, const Inputs& in, const RnntSequence& s,
                                  int64_t row, int64_t v, Parts& parts) {
        const bool joint = in.problem.joint_scale > 0;
        Side::multiply(block, in, s, row, v, joint ? Side::inner(s) : 0, parts);
        const L* const apart = Side::apart(in, s);
        const bool some_apart = block.any([&](int thread) {
            return thread < kTile && row + thread < Side::rows(s) && apart[row + thread] < 0;
        });
        block.each([&](int thread) {
            const int64_t r = row + Part::row(thread), first = v + Part::column(thread);
            finish(in, s, r, first, parts[thread]);
            if (some_apart) add_apart(in, s, r, first, parts[thread]);
            Side::take_labels(in, s, r, first, v, parts[thread]);
        });
    }

    static SF_DEVICE void finish(const Inputs& in, const RnntSequence& s, int64_t row, int64_t v,
                                 Part& part) {
        SF_UNROLL
        for (int i = 0; i < Part::kRows; ++i) {
            if (row + i >= Side::rows(s)) break;
            L x[Part::kColumns], e[Part::kColumns];
            SF_UNROLL
            for (int j = 0; j < Part::kColumns; ++j) x[j] = -infinity<L>();
            load_some(Side::row(in, s, row + i) + v, in.problem.lattice.classes - v, x);
            const L most = Side::most(in, s, row + i);
            SF_UNROLL
            for (int j = 0; j < Part::kColumns; ++j) e[j] = exp(x[j] - most);
            Side::finish(in, s, row + i, v, x, e, part.of[i]);
        }
    }

    static SF_DEVICE void add_apart(const Inputs& in, const RnntSequence& s, int64_t row, int64_t v,
                                    Part& part) {
        const L* const apart = Side::inner_apart(in, s);
        for (int64_t k = 0; k < Side::inner(s); ++k) {
            if (apart[k] == 0) continue;
            SF_UNROLL
            for (int i = 0; i < Part::kRows; ++i) {
                if (row + i < Side::rows(s)) Side::add_apart(in, s, row + i, k, v, part.of[i]);
            }
        }
    }

    static SF_DEVICE void fill(Part& part, L value) {
        SF_UNROLL
        for (int i = 0; i < Part::kRows; ++i) {
            SF_UNROLL
            for (int j = 0; j < Part::kColumns; ++j) part.of[i][j] = value;
        }
    }

    static SF_DEVICE void write(const Args& args, const RnntSequence& s, int64_t row, int64_t v,
                                int thread, const Part& part) {
        const int64_t padded = Side::padded_rows(args.in.problem);
        const L upstream = args.in.outcome(s) == Inputs::kSome ? args.in.grad_loss[s.index] : L{1};
        T* const to = args.grad + s.index * args.stride[0];
        row += Part::row(thread);
        v += Part::column(thread);
        SF_UNROLL
        for (int i = 0; i < Part::kRows; ++i) {
            if (row + i >= padded) return;
            L x[Part::kColumns];
            SF_UNROLL
            for (int j = 0; j < Part::kColumns; ++j) {
                x[j] = row + i < Side::rows(s) ? part.of[i][j] * upstream : L{0};
            }
            store_some<T>(x, to + (row + i) * args.stride[1] + v,
                          args.in.problem.lattice.classes - v);
        }
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_PRUNED_SIMPLE_GRADIENT_HPP_
