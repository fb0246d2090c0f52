// From the tables of a transducer's lattice to the posteriors of labels and blanks, on a GPU.
//
// Cells lie along anti-diagonals in the tables, and frame by frame in the outputs. A block takes 32
// frames by 32 positions: 32 threads follow each other along a diagonal of these as they read, and
// along another, which begins where the first leaves the tile; through shared memory they come to
// follow each other in a frame as they write. So every array is read and written once, in whole
// runs. Of a cell of RNN-T these are alpha, two betas and three log-probs (what its neighbours have
// read too comes from a cache), and two results.
#ifndef SEQFRONT_CUDA_TRANSDUCER_POSTERIOR_TILES_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_POSTERIOR_TILES_HPP_

#include "cuda/transducer/arc_posteriors.hpp"
#include "cuda/transducer/rnnt_rows.hpp"

namespace seqfront {
namespace cuda {

// The posteriors of the two arcs of RNN-T.
template <class L>
class RnntCellPosteriors {
  public:
    using Args = typename RnntGradientRows<L>::Args;

    SF_DEVICE RnntCellPosteriors(const RnntProblem&, const RnntSequence& s, const Args& args)
        : s_(s), args_(args), total_(args.likelihood[s.index]) {}

    SF_DEVICE const RnntLikelihood<L>& total() const { return total_; }
    SF_DEVICE RnntArcs<L> of(int64_t t, int64_t u) const {
        return RnntGradientRows<L>::posteriors(args_, s_, t, u, total_.value);
    }

  private:
    const RnntSequence& s_;
    const Args& args_;
    const RnntLikelihood<L> total_;
};

// The sums of those of any arcs.
template <class L>
class ArcCellPosteriors {
  public:
    using Args = typename ArcPosteriors<L>::Tables;

    SF_DEVICE ArcCellPosteriors(const RnntProblem& p, const RnntSequence& s, const Args& args)
        : s_(s), posteriors_(p, s, args), total_(args.total[s.index]) {}

    SF_DEVICE const AllPaths<Probability<L>>& total() const { return total_; }
    SF_DEVICE RnntArcs<L> of(int64_t t, int64_t u) const {
        RnntArcs<L> sums = {0, 0};
        posteriors_.each(t, u, s_.cell(t, u), [&](const Arc& arc, L posterior) {
            (arc.labels > 0 ? sums.label : sums.blank) += posterior;
        });
        return sums;
    }

  private:
    const RnntSequence& s_;
    const ArcPosteriors<L> posteriors_;
    const AllPaths<Probability<L>> total_;
};

template <class L, class Posteriors>
struct PosteriorTiles {
    static constexpr int kMostThreads = 256;
    static constexpr int kSide = 32, kCells = kSide * kSide;

    struct Args {
        RnntProblem problem;
        typename Posteriors::Args from;
        L* score;   // [batch]
        L* blanks;  // [batch, frames, labels + 1]
        L* labels;  // [batch, frames, labels]
    };

    static Grid grid(const RnntProblem& p) {
        return {tiles(p), 1, kMostThreads, kCells * sizeof(RnntArcs<L>)};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        RnntArcs<L>* const shared = block.template shared<RnntArcs<L>>();
        const int64_t count = tiles(args.problem);
        for (int64_t i = block.x(); i < count; i += block.count_x()) {
            const Corner corner = Corner::of(args.problem, i);
            const RnntSequence s = args.problem.sequence(corner.b);
            const Posteriors posteriors(args.problem, s, args.from);
            const Tile tile = {args, corner, s, posteriors};
            block.phase([&](int thread) {
                if (thread == 0 && corner.t + corner.u == 0) tile.write_score();
                for (int k = thread; k < kCells; k += kMostThreads) {
                    const int u = k % kSide, t = (k / kSide - s.skew * u) & (kSide - 1);
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
    // A sequence has one at least, for its score.
    static SF_EVERYWHERE int64_t tiles_along(int64_t size) {
        return size == 0 ? 1 : (size + kSide - 1) / kSide;
    }
    static SF_EVERYWHERE int64_t tiles(const RnntProblem& p) {
        return p.batch * tiles_along(p.frames) * tiles_along(p.labels + 1);
    }

    // Where a tile begins.
    struct Corner {
        int64_t b, t, u;

        static SF_DEVICE Corner of(const RnntProblem& p, int64_t i) {
            const int64_t across = tiles_along(p.labels + 1), along = tiles_along(p.frames);
            const int64_t row = divided(i, across), b = divided(row, along);
            return {b, (row - b * along) * kSide, (i - row * across) * kSide};
        }
    };

    // Its cells are counted from there.
    struct Tile {
        const Args& args;
        const Corner& corner;
        const RnntSequence& s;
        const Posteriors& of;

        SF_DEVICE void write_score() const {
            args.score[s.index] =
                of.total().valid ? 0 - negative_log(of.total().value) : not_a_number<L>();
        }

        SF_DEVICE RnntArcs<L> posteriors(int t, int u) const {
            const int64_t frame = corner.t + t, position = corner.u + u;
            if (frame >= s.frames || position > s.labels) return {0, 0};
            if (!of.total().valid) return {not_a_number<L>(), not_a_number<L>()};
            if (of.total().value.exponent == -infinity<L>()) return {0, 0};
            return of.of(frame, position);
        }

        SF_DEVICE void write(int t, int u, const RnntArcs<L>& value) const {
            const RnntProblem& p = args.problem;
            const int64_t frame = corner.t + t, position = corner.u + u;
            if (frame >= p.frames || position > p.labels) return;
            const int64_t row = s.index * p.frames + frame;
            args.blanks[row * (p.labels + 1) + position] = value.blank;
            if (position == p.labels) return;
            args.labels[row * p.labels + position] = position < s.labels ? value.label : 0;
        }
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_POSTERIOR_TILES_HPP_
