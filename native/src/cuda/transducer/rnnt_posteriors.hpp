// The posteriors of RNN-T on a GPU: the rows, the lattice both ways, and from its tables the
// posteriors of the arcs of each cell.
//
// Cells lie along anti-diagonals in the tables, and frame by frame in the outputs. A block takes 32
// frames by 32 positions: 32 threads follow each other along a diagonal of them as they read, and
// another that begins where this one leaves the tile; through shared memory they come to follow
// each other in a frame as they write. So all arrays are read and written once, in whole runs:
// alpha, two betas, three saved numbers (which a cache has from its neighbours), two results.
#ifndef SEQFRONT_CUDA_TRANSDUCER_RNNT_POSTERIORS_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_RNNT_POSTERIORS_HPP_

#include "cuda/transducer/rnnt.hpp"

namespace seqfront {
namespace cuda {

template <class L>
struct RnntPosteriorTiles {
    static constexpr int kMostThreads = 256;
    static constexpr int kSide = 32, kCells = kSide * kSide;
    using Tables = typename RnntGradientRows<L>::Args;

    struct Args {
        Tables tables;
        L* score;   // [batch]
        L* blanks;  // [batch, frames, labels + 1]
        L* labels;  // [batch, frames, labels]
    };

    // One tile at least of each sequence, for its score.
    static SF_EVERYWHERE int64_t tiles_along(int64_t size) {
        return size == 0 ? 1 : (size + kSide - 1) / kSide;
    }
    static SF_EVERYWHERE int64_t tiles(const RnntProblem& p) {
        return p.batch * tiles_along(p.frames) * tiles_along(p.labels + 1);
    }
    static Grid grid(const RnntProblem& p) {
        return {tiles(p), 1, kMostThreads, kCells * sizeof(RnntArcs<L>)};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        RnntArcs<L>* const shared = block.template shared<RnntArcs<L>>();
        const int64_t count = tiles(args.tables.problem);
        for (int64_t i = block.x(); i < count; i += block.count_x()) {
            const Tile tile(args, i);
            block.phase([&](int thread) {
                if (thread == 0 && tile.is_first()) tile.write_score();
                for (int k = thread; k < kCells; k += kMostThreads) {
                    const int u = k % kSide, t = (k / kSide - tile.s.skew * u) & (kSide - 1);
                    shared[t * kSide + u] = tile.posteriors(t, u);
                }
            });
            block.phase([&](int thread) {
                for (int k = thread; k < kCells; k += kMostThreads) {
                    tile.write(k / kSide, k % kSide, shared[k]);
                }
            });
        }
    }

  private:
    struct Tile {
        const Args& args;
        const RnntProblem& p;
        int64_t u0, t0;
        RnntSequence s;
        RnntLikelihood<L> likelihood;

        SF_DEVICE Tile(const Args& args_, int64_t i) : args(args_), p(args_.tables.problem) {
            const int64_t across = tiles_along(p.labels + 1), along = tiles_along(p.frames);
            const int64_t frame_tile = divided(i, across), b = divided(frame_tile, along);
            u0 = (i - frame_tile * across) * kSide;
            t0 = (frame_tile - b * along) * kSide;
            s = p.sequence(b);
            likelihood = args.tables.likelihood[b];
        }

        SF_DEVICE bool is_first() const { return t0 == 0 && u0 == 0; }
        SF_DEVICE void write_score() const {
            args.score[s.index] =
                likelihood.valid ? 0 - negative_log(likelihood.value) : not_a_number<L>();
        }

        SF_DEVICE RnntArcs<L> posteriors(int64_t t, int64_t u) const {
            t += t0;
            u += u0;
            if (t >= s.frames || u > s.labels) return {0, 0};
            if (!likelihood.valid) return {not_a_number<L>(), not_a_number<L>()};
            if (likelihood.value.exponent == -infinity<L>()) return {0, 0};
            return RnntGradientRows<L>::posteriors(args.tables, s, t, u, likelihood.value);
        }

        SF_DEVICE void write(int64_t t, int64_t u, const RnntArcs<L>& of) const {
            t += t0;
            u += u0;
            if (t >= p.frames || u > p.labels) return;
            const int64_t frame = s.index * p.frames + t;
            args.blanks[frame * (p.labels + 1) + u] = of.blank;
            if (u < p.labels) args.labels[frame * p.labels + u] = u < s.labels ? of.label : 0;
        }
    };
};

class RnntPosteriors {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const RnntProblem p = rnnt_problem(call);
        const Memory<L> memory = Memory<L>::template of<Launcher>(p, call.workspace());
        save_rnnt_rows<T>(launcher, call, p, memory.saved);
        const RnntMemory<L, true>& tables = memory.tables;
        using Lattice = RnntLattice<L, true>;
        launcher.template run<Lattice>(Lattice::grid(p.batch, tables.threads),
                                       {p,
                                        memory.saved,
                                        {tables.tables[0], tables.tables[1]},
                                        tables.likelihood,
                                        nullptr,
                                        tables.border});
        using Tiles = RnntPosteriorTiles<L>;
        typename Tiles::Args tiles = {{}, call.out<L>(0), call.out<L>(1), call.out<L>(2)};
        tiles.tables.problem = p;
        tiles.tables.saved = memory.saved;
        tiles.tables.alpha = tables.tables[0];
        tiles.tables.beta = tables.tables[1];
        tiles.tables.likelihood = tables.likelihood;
        launcher.template run<Tiles>(Tiles::grid(p), tiles);
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        using M = Memory<LatticeType<T>>;
        return M::template of<Launcher>(rnnt_problem(call), nullptr).tables.workspace.bytes();
    }

  private:
    template <class L>
    struct Memory {
        template <class Launcher>
        static Memory of(const RnntProblem& p, void* memory) {
            Memory of = {RnntMemory<L, true>::template of<Launcher>(p, memory), nullptr};
            of.saved = of.tables.workspace.template take<L>(p.rows() * kFirstExtra);
            return of;
        }

        RnntMemory<L, true> tables;
        L* saved;
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_RNNT_POSTERIORS_HPP_
