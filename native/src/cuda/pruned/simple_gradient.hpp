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
    using Inputs = SimpleGradientInputs<T>;
    static constexpr int kMostThreads = kTileThreads;
    static constexpr size_t kSharedBytes = Side::Product::kSharedBytes;

    struct Args {
        Inputs in;
        Tiles tiles;
        RowArray<T, 2> grad;
    };

    static Tiles tiles(const SimpleProblem& p) {
        return Tiles::of(p.lattice.batch, Side::padded_rows(p), p.lattice.classes);
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        args.tiles.each(block, [&](int64_t b, int64_t row, int64_t v) {
            const RnntSequence s = args.in.problem.lattice.sequence(b);
            const auto outcome = args.in.outcome(s);
            if (outcome == Inputs::kSome && row < Side::rows(s)) {
                const L* const tile = compute(block, args.in, s, row, v);
                const L upstream = args.in.grad_loss[b];
                block.phase([&](int thread) {
                    write(args, s, row, v, thread, [&](int i) { return tile[i] * upstream; });
                });
            } else {
                const L value = outcome == Inputs::kInvalid ? not_a_number<L>() : 0;
                block.each([&](int thread) {
                    write(args, s, row, v, thread, [&](int) { return value; });
                });
            }
        });
    }

  private:
    template <class Block>
    static SF_DEVICE const L* compute(Block& block, const Inputs& in, const RnntSequence& s,
                                      int64_t row, int64_t v) {
        const bool joint = in.problem.joint_scale > 0;
        L* const tile = Side::multiply(block, in, s, row, v, joint ? Side::inner(s) : 0);
        const L* const apart = Side::apart(in, s);
        const bool some_apart = block.any([&](int thread) {
            return thread < kTile && row + thread < Side::rows(s) && apart[row + thread] < 0;
        });
        block.phase([&](int thread) {
            each_quad(thread, [&](int r, int column) {
                if (row + r >= Side::rows(s) || v + column >= in.problem.lattice.classes) return;
                finish(in, s, row + r, v + column, some_apart, tile + r * kTilePitch + column);
            });
        });
        block.phase([&](int thread) {
            if (thread >= kTile || row + thread >= Side::rows(s)) return;
            Side::take_arcs(in, s, row + thread, v, tile + thread * kTilePitch);
        });
        return tile;
    }

    static SF_DEVICE void finish(const Inputs& in, const RnntSequence& s, int64_t row, int64_t v,
                                 bool some_apart, L* quad) {
        L values[kQuad], x[kQuad], e[kQuad];
        load_shared(quad, values);
        SF_UNROLL
        for (int j = 0; j < kQuad; ++j) x[j] = -infinity<L>();
        load_some(Side::row(in, s, row) + v, in.problem.lattice.classes - v, x);
        const L most = Side::most(in, s, row);
        SF_UNROLL
        for (int j = 0; j < kQuad; ++j) e[j] = exp(x[j] - most);
        Side::finish(in, s, row, v, x, e, values);
        if (some_apart) add_apart(in, s, row, v, values);
        store_shared(values, quad);
    }

    static SF_DEVICE void add_apart(const Inputs& in, const RnntSequence& s, int64_t row, int64_t v,
                                    L (&values)[kQuad]) {
        const L* const apart = Side::inner_apart(in, s);
        for (int64_t k = 0; k < Side::inner(s); ++k) {
            if (apart[k] < 0) Side::add_apart(in, s, row, k, v, values);
        }
    }

    // Of the rows beyond those of the sequence, zeros.
    template <class Value>
    static SF_DEVICE void write(const Args& args, const RnntSequence& s, int64_t row, int64_t v,
                                int thread, Value&& value) {
        const SimpleProblem& p = args.in.problem;
        T* const to = args.grad.row(s.index, row) + v;
        each_quad(thread, [&](int r, int column) {
            if (row + r >= Side::padded_rows(p)) return;
            L x[kQuad];
            SF_UNROLL
            for (int j = 0; j < kQuad; ++j) {
                x[j] = row + r < Side::rows(s) ? value(r * kTilePitch + column + j) : L{0};
            }
            store_some<T>(x, to + r * args.grad.stride[1] + column, p.lattice.classes - v - column);
        });
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_PRUNED_SIMPLE_GRADIENT_HPP_
