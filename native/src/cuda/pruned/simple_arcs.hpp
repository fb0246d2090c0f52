// The simple transducer loss on a GPU, its arcs: the normalisers, which are a product of matrices,
// and then what the lattice needs of each cell.
#ifndef SEQFRONT_CUDA_PRUNED_SIMPLE_ARCS_HPP_
#define SEQFRONT_CUDA_PRUNED_SIMPLE_ARCS_HPP_

#include "cuda/pruned/panel_product.hpp"
#include "cuda/pruned/simple_problem.hpp"
#include "cuda/transducer/table_cell.hpp"

namespace seqfront {
namespace cuda {

// Z = sum over classes of exp(am - max) exp(lm - max): a tile of frames and positions for each
// block. Tiles of the same frames are neighbours, so that they share am in the cache.
template <class T>
struct SimpleNormalisers {
    using L = LatticeType<T>;
    using Rows = Panel<Exponentials<T>, true>;
    using Product = PanelProduct<Rows, Rows>;
    static constexpr int kMostThreads = kTileThreads;
    static constexpr int kBlocksAtOnce = sizeof(L) == 4 ? 4 : 2;

    struct Args {
        SimpleProblem problem;
        Tiles tiles;
        SimpleLogits<T> am, lm;
        SimpleKept<L> kept;
    };

    static Tiles tiles(const SimpleProblem& p) {
        return Tiles::of(p.lattice.batch, p.lattice.frames, p.positions());
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const SimpleProblem& p = args.problem;
        args.tiles.each(block, [&](int64_t b, int64_t t, int64_t u) {
            const RnntSequence s = p.lattice.sequence(b);
            if (t >= s.frames || u > s.labels || !p.feasible(s)) return;
            const int64_t classes = p.lattice.classes;
            const Exponentials<T> am = {args.am.row(b, int64_t{0}), args.am.stride[1],
                                        args.kept.am_maxima(p, b), s.frames, classes};
            const Exponentials<T> lm = {args.lm.row(b, int64_t{0}), args.lm.stride[1],
                                        args.kept.lm_maxima(p, b), s.positions(), classes};
            const L* const tile = Product::run(block, am, lm, t, u, classes);
            block.phase([&](int thread) { save(args, b, t, u, thread, tile); });
        });
    }

  private:
    static SF_DEVICE void save(const Args& args, int64_t b, int64_t t, int64_t u, int thread,
                               const L* tile) {
        const RnntSequence s = args.problem.lattice.sequence(b);
        L* const normalisers = args.kept.normalisers(s);
        each_quad(thread, [&](int row, int column) {
            if (t + row >= s.frames) return;
            SF_UNROLL
            for (int j = 0; j < kQuad; ++j) {
                if (u + column + j > s.labels) return;
                normalisers[s.cell(t + row, u + column + j)] = tile[row * kTilePitch + column + j];
            }
        });
    }
};

// The log-probs of the arcs, smoothed; and where Z is too small to be exact, its logarithm from
// the logits, by a warp for each of them. A thread has a cell.
template <class T>
struct SimpleArcs {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = kFlatThreads;

    struct Args {
        SimpleProblem problem;
        SimpleLogits<T> am, lm;
        SimpleKept<L> kept;
    };

    static Grid grid(const SimpleProblem& p) {
        Grid grid = flat_grid(p.lattice.rows());
        grid.shared_bytes = kFlatThreads * sizeof(L);
        return grid;
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const SimpleProblem& p = args.problem;
        L* const exact = block.template shared<L>();  // Z of each thread, or its logarithm
        each_flat_block(block, p.lattice.rows(), [&](int64_t first) {
            block.phase([&](int thread) { exact[thread] = product(args, first + thread); });
            if (block.any([&](int thread) { return exact[thread] < simple::kSmallest<L>; })) {
                find_exact(block, args, first, exact);
            }
            block.phase([&](int thread) {
                if (first + thread < p.lattice.rows()) save(args, first + thread, exact[thread]);
            });
        });
    }

  private:
    // Z, if it has a share, and 1 where it does not matter.
    static SF_DEVICE L product(const Args& args, int64_t i) {
        const SimpleProblem& p = args.problem;
        if (!(p.joint_scale > 0) || i >= p.lattice.rows()) return 1;
        const TableCell at = TableCell::of(p.lattice, i);
        if (!at.inside() || !p.feasible(at.sequence)) return 1;
        if (!p.on_path(at.sequence, at.t, at.u)) return 1;
        return args.kept.normalisers(at.sequence)[at.cell];
    }

    // log(sum(exp(am - max + lm - max))) of the cells whose Z is too small.
    template <class Block>
    static SF_DEVICE void find_exact(Block& block, const Args& args, int64_t first, L* exact) {
        RowNormalisers<L, Block> whole(block);
        constexpr int at_once = kFlatThreads / kWarp;
        for (int begin = 0; begin < kFlatThreads; begin += at_once) {
            whole.reduce(RowGroups{false}, [&](int thread) {
                const int of = begin + thread / kWarp;
                if (!(exact[of] < simple::kSmallest<L>)) return Normaliser<L>{};
                return part(args, TableCell::of(args.problem.lattice, first + of), thread % kWarp);
            });
            block.phase([&](int thread) {
                L& z = exact[begin + thread / kWarp];
                if (thread % kWarp == 0 && z < simple::kSmallest<L>) {
                    z = whole.top(thread) + whole.log_sum(thread);
                }
            });
        }
    }

    static SF_DEVICE Normaliser<L> part(const Args& args, const TableCell& cell, int lane) {
        const SimpleProblem& p = args.problem;
        const int64_t b = cell.sequence.index;
        const T* const am = args.am.row(b, cell.t);
        const T* const lm = args.lm.row(b, cell.u);
        const L am_maximum = args.kept.am_maxima(p, b)[cell.t];
        const L lm_maximum = args.kept.lm_maxima(p, b)[cell.u];
        Normaliser<L> part;
        for (int64_t v = lane; v < p.lattice.classes; v += kWarp) {
            const L x[1] = {(widened(am[v]) - am_maximum) + (widened(lm[v]) - lm_maximum)};
            part.add(x);
        }
        return part;
    }

    // z: Z, or its logarithm if that is negative.
    static SF_DEVICE void save(const Args& args, int64_t i, L z) {
        const SimpleProblem& p = args.problem;
        const TableCell cell = TableCell::of(p.lattice, i);
        if (!cell.inside()) return;
        const RnntSequence& s = cell.sequence;
        L* const column = args.kept.normalisers(s) + cell.cell;
        L blank = -infinity<L>(), label = -infinity<L>();
        if (!p.fits_band(s)) {
            blank = not_a_number<L>();
        } else if (p.feasible(s) && p.on_path(s, cell.t, cell.u)) {
            const L log_z = z < 0 ? z : log(z);
            const int64_t target =
                cell.u < s.labels ? p.lattice.target(s, cell.u) : p.lattice.blank;
            blank = arc(args, cell, p.lattice.blank, log_z);
            if (cell.u < s.labels) {
                label =
                    p.lattice.is_label(target) ? arc(args, cell, target, log_z) : not_a_number<L>();
            }
        }
        column[kRow * s.cells()] = z;
        column[kBlankColumn * s.cells()] = blank;
        column[kLabelColumn * s.cells()] = label;
    }

    // Log-prob of symbol v. (A factor of 0 does not meet a log-prob of -inf.)
    static SF_DEVICE L arc(const Args& args, const TableCell& cell, int64_t v, L log_z) {
        const SimpleProblem& p = args.problem;
        const SimpleKept<L>& kept = args.kept;
        const int64_t b = cell.sequence.index, t = cell.t, u = cell.u;
        const L am = widened(args.am.row(b, t)[v]) - kept.am_maxima(p, b)[t];
        const L lm = widened(args.lm.row(b, u)[v]) - kept.lm_maxima(p, b)[u];
        L sum = 0;
        if (p.joint_scale > 0) sum += static_cast<L>(p.joint_scale) * log_ratio(am + lm, log_z);
        if (p.lm_only_scale > 0) {
            sum += static_cast<L>(p.lm_only_scale) * log_ratio(lm, kept.lm_normalisers(p, b)[u]);
        }
        if (p.am_only_scale > 0) {
            sum += static_cast<L>(p.am_only_scale) *
                   log_ratio(am + kept.unigram(p, b)[v], kept.am_normalisers(p, b)[t]);
        }
        return sum;
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_PRUNED_SIMPLE_ARCS_HPP_
