// A transducer with any arcs on a GPU, the lattice: one block goes along the anti-diagonals of a
// sequence (or frame by frame, see RnntSequence), and another at the same time back from the end.
//
// A position has a thread, or, where they are few, several that share out its arcs: each adds up
// what comes by its own, and after a barrier the first adds these. A ring in shared memory holds
// the last steps; what an arc brings from farther, or from the strip of positions before, comes
// from the table of all cells, which is written anyway: the host does not know how long arcs are.
// The log-probs of the first kHeld arcs of a thread are asked for kAhead steps before.
//
// Bytes, but for shared memory: two log-probs for each arc of a cell, of which most lie in the L1
// cache (a token has several durations), and a number written for each cell.
#ifndef SEQFRONT_CUDA_TRANSDUCER_ARC_LATTICE_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_ARC_LATTICE_HPP_

#include <type_traits>

#include "cuda/best_path.hpp"
#include "cuda/transducer/arcs.hpp"
#include "cuda/transducer/paths.hpp"
#include "cuda/transducer/rnnt_lattice.hpp"

namespace seqfront {
namespace cuda {

// How a block shares out positions and arcs, and its shared memory.
struct ArcBlock {
    int positions;  // of a strip
    int groups;     // threads that a position has
    int ring;       // steps; a power of two

    int threads() const { return positions * groups; }
};

template <class L, class Paths, bool kBoth>
struct ArcLattice {
    using Number = typename Paths::Number;
    static constexpr bool kBest = std::is_same<Paths, BestOfPaths<L>>::value;
    // The direction whose table is wanted without kBoth.
    static constexpr int kTable = kBest ? Alpha::kTable : Beta::kTable;
    static constexpr int kMostThreads = 512, kBlocksAtOnce = 1;
    static constexpr int kAhead = 2, kHeld = 2;

    struct Args {
        RnntProblem problem;
        ArcList list;
        ArcBlock shape;
        const L* saved;           // [columns, cells] for each sequence
        Number* tables[2];        // alpha, beta: of all cells; without kBoth, one
        AllPaths<Number>* total;  // [batch]
    };

    template <class Launcher>
    static ArcBlock shape(const RnntProblem& p) {
        const int most = Launcher::threads(kMostThreads);
        const int positions = block_threads<ArcLattice, Launcher>(p.labels + 1);
        const int64_t arcs = ArcList::most_arcs(p), shares = (arcs + kHeld - 1) / kHeld;
        ArcBlock shape = {positions, most / positions, 32};
        if (shape.groups > shares) shape.groups = static_cast<int>(shares);
        const auto row = static_cast<size_t>(positions) * sizeof(Number);
        while (shape.ring > 4 && static_cast<size_t>(shape.ring) * row > 24 * 1024) shape.ring /= 2;
        return shape;
    }

    // The direction is y.
    static Grid grid(int64_t batch, const ArcBlock& shape) {
        const auto numbers = static_cast<size_t>((shape.ring + shape.groups) * shape.positions);
        return {batch, kBoth ? 2 : 1, shape.threads(), numbers * sizeof(Number)};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        for (int64_t b = block.x(); b < args.problem.batch; b += block.count_x()) {
            const RnntSequence s = args.problem.sequence(b);
            if constexpr (kBoth || kBest) {
                if (block.y() == 0) Sweep<Block, Alpha>(block, args, s).run();
            }
            if constexpr (!kBest) {
                if (!kBoth || block.y() == 1) Sweep<Block, Beta>(block, args, s).run();
            }
        }
    }

  private:
    // What a thread keeps.
    struct Lane {
        int place, group;  // its position in the strip, and which of the arcs it has
        Arc arcs[kHeld];   // the first of these
        ArcSaved<L> ahead[kAhead][kHeld];
        Number sum;    // of what its arcs bring
        Number rides;  // sum of the cells from which free rides lead to the last of this position
        bool wrong;
    };

    // A cell, as this direction counts: `frame` and `index` from its start, in a strip at `place`.
    struct Cell {
        int step, frame, place, index;
        int64_t row;  // where its step begins in the tables
    };

    template <class Block, class Direction>
    class Sweep {
        static constexpr bool kForward = Direction::kTable == 0;

      public:
        SF_DEVICE Sweep(Block& block, const Args& args, const RnntSequence& s)
            : block_(block),
              args_(args),
              p_(args.problem),
              s_(s),
              table_(args.tables[Direction::kTable] + s.first_cell),
              lanes_(block),
              ring_(block.template shared<Number>()),
              sums_(ring_ + args.shape.ring * args.shape.positions) {}

        SF_DEVICE void run() {
            const int count = *args_.list.count;
            block_.each([&](int thread) {
                Lane& lane = lanes_[thread];
                lane.place = thread % args_.shape.positions;
                lane.group = thread / args_.shape.positions;
                lane.rides = Paths::impossible();
                lane.wrong = !s_.in_range || count == 0;
                SF_UNROLL
                for (int h = 0; h < kHeld; ++h) {
                    const int a = lane.group + h * args_.shape.groups;
                    if (a < count) lane.arcs[h] = args_.list.arcs[a];
                }
            });
            const int64_t strip = args_.shape.positions;
            for (int64_t first = 0; s_.frames > 0 && first < s_.positions(); first += strip) {
                const int64_t left = s_.positions() - first;
                run_strip(static_cast<int>(first), static_cast<int>(left < strip ? left : strip),
                          count);
            }
            finish();
        }

      private:
        SF_DEVICE ArcWeights<L> weights() const { return {p_, s_, args_.saved}; }

        // Positions first .. first + width - 1, counted in this direction, as are frames.
        SF_DEVICE void run_strip(int first, int width, int count) {
            RnntWalk<Direction> now(s_, s_.skew * first), later(s_, s_.skew * first);
            SF_UNROLL
            for (int k = 0; k < kAhead; ++k, later.next()) {
                block_.each([&](int thread) {
                    ask(cell(first, k, later.row(), thread), width, count, k, thread);
                });
            }
            const int steps = static_cast<int>(s_.frames) + s_.skew * (width - 1);
            for (int chunk = 0; chunk < steps; chunk += kAhead) {
                SF_UNROLL
                for (int k = 0; k < kAhead; ++k, now.next(), later.next()) {
                    block_.each([&](int thread) {
                        add_arcs(cell(first, chunk + k, now.row(), thread), width, count, k,
                                 thread);
                        ask(cell(first, chunk + k + kAhead, later.row(), thread), width, count, k,
                            thread);
                    });
                    if (args_.shape.groups > 1) block_.phase([](int) {});
                    block_.phase([&](int thread) {
                        if (lanes_[thread].group > 0) return;
                        enter(cell(first, chunk + k, now.row(), thread), width, lanes_[thread]);
                    });
                }
            }
        }

        SF_DEVICE Cell cell(int first, int step, int64_t row, int thread) {
            const int place = lanes_[thread].place;
            return {step, step - s_.skew * place, place, first + place, row};
        }
        SF_DEVICE bool exists(const Cell& c, int width) const {
            return c.place < width && c.frame >= 0 && c.frame < s_.frames;
        }
        SF_DEVICE int64_t t(int frame) const { return Direction::from_start(frame, s_.frames - 1); }
        SF_DEVICE int64_t u(int index) const { return Direction::from_start(index, s_.labels); }

        // Whether there is a cell where an arc to `c` comes from; backwards, where one from it
        // goes.
        static SF_DEVICE bool has_source(const Cell& c, const Arc& arc) {
            return c.frame >= arc.frames && c.index >= arc.labels;
        }
        // Where that stands in a column.
        SF_DEVICE int64_t source(const Cell& c, const Arc& arc) const {
            const int64_t back = (arc.frames + s_.skew * int64_t{arc.labels}) * s_.positions();
            int64_t row = kForward ? c.row - back : c.row + back;
            if (kForward && row < 0) row += s_.cells();
            if (!kForward && row >= s_.cells()) row -= s_.cells();
            return row + u(c.index - arc.labels);
        }

        // The log-probs of an arc are those of the cell that it leaves.
        SF_DEVICE ArcSaved<L> saved(const Cell& c, const Arc& arc) const {
            if (!kForward) return weights().saved(arc, c.row + u(c.index));
            return has_source(c, arc) ? weights().saved(arc, source(c, arc)) : ArcSaved<L>{};
        }
        SF_DEVICE void ask(const Cell& c, int width, int count, int k, int thread) {
            if (!exists(c, width)) return;
            Lane& lane = lanes_[thread];
            SF_UNROLL
            for (int h = 0; h < kHeld; ++h) {
                const int a = lane.group + h * args_.shape.groups;
                if (a < count) lane.ahead[k][h] = saved(c, lane.arcs[h]);
            }
        }

        SF_DEVICE void add_arcs(const Cell& c, int width, int count, int k, int thread) {
            if (!exists(c, width)) return;
            Lane& lane = lanes_[thread];
            lane.sum = Paths::impossible();
            SF_UNROLL
            for (int h = 0; h < kHeld; ++h) {
                const int a = lane.group + h * args_.shape.groups;
                if (a < count) add_arc(c, lane.arcs[h], lane.ahead[k][h], lane);
            }
            for (int a = lane.group + kHeld * args_.shape.groups; a < count;
                 a += args_.shape.groups) {
                const Arc arc = args_.list.arcs[a];
                add_arc(c, arc, saved(c, arc), lane);
            }
            if (lane.group > 0) sums_[lane.group * args_.shape.positions + c.place] = lane.sum;
        }

        SF_DEVICE void add_arc(const Cell& c, const Arc& arc, const ArcSaved<L>& saved,
                               Lane& lane) const {
            const bool inside = has_source(c, arc);
            // Behind the last frame there is only the end.
            const bool ends = !kForward && c.frame + 1 == arc.frames && c.index == arc.labels;
            if (kForward && !inside) return;
            const L weight =
                kForward ? weights().weight(arc, t(c.frame - arc.frames), u(c.index - arc.labels),
                                            source(c, arc), saved)
                         : weights().weight(arc, t(c.frame), u(c.index), c.row + u(c.index), saved);
            lane.wrong |= !(weight < infinity<L>());
            if (!inside && !ends) return;
            const Number number = Paths::weight(weight);
            lane.sum = lane.sum + (ends ? number : number * reached(c, arc));
        }

        // What is known of the cell where the arc comes from.
        SF_DEVICE Number reached(const Cell& c, const Arc& arc) const {
            const int steps = arc.frames + s_.skew * arc.labels, place = c.place - arc.labels;
            if (place < 0 || steps >= args_.shape.ring) return table_[source(c, arc)];
            return ring_row(c.step - steps)[place];
        }
        SF_DEVICE Number* ring_row(int step) const {
            return ring_ + (step & (args_.shape.ring - 1)) * args_.shape.positions;
        }

        SF_DEVICE void enter(const Cell& c, int width, Lane& lane) const {
            if (!exists(c, width)) return;
            Number value = lane.sum;
            for (int g = 1; g < args_.shape.groups; ++g) {
                value = value + sums_[g * args_.shape.positions + c.place];
            }
            if (kForward && c.frame == 0 && c.index == 0) value = Paths::certain();
            if (p_.star != kNoStar) value = with_rides(c, value, lane);
            value = normalised(value);
            ring_row(c.step)[c.place] = value;
            table_[c.row + u(c.index)] = value;
        }

        // Free rides lead from the first cell to any of its position, and from any of the last
        // position to its last cell (kForceFinal) or to the end (kAllowIgnore).
        SF_DEVICE Number with_rides(const Cell& c, Number value, Lane& lane) const {
            const Number ride = Paths::weight(static_cast<L>(p_.star_weight));
            const bool to_cell = p_.star == kForceFinal;
            if (c.index == 0 && c.frame > 0) {
                const bool first = !kForward && to_cell;
                value = value + (first ? ride * table_[cell_of_start()] : ride);
            }
            if (c.index < s_.labels) return value;
            if (c.frame < s_.frames - 1) {
                lane.rides = normalised(lane.rides + value);
            } else if (!kForward || to_cell) {
                value = value + ride * lane.rides;
            }
            return value;
        }
        SF_DEVICE int64_t cell_of_start() const { return s_.cell(t(0), u(0)); }

        SF_DEVICE void finish() {
            const bool wrong = block_.any([&](int thread) { return lanes_[thread].wrong; });
            if (Direction::kTable != kTable) return;
            block_.phase([&](int thread) {
                if (thread > 0) return;
                const Number value = s_.frames > 0    ? table_[0]
                                     : s_.labels == 0 ? Paths::certain()
                                                      : Paths::impossible();
                args_.total[s_.index] = {value, !wrong};
            });
        }

        Block& block_;
        const Args& args_;
        const RnntProblem& p_;
        const RnntSequence s_;
        Number* const table_;
        typename Block::template PerThread<Lane> lanes_;
        Number* const ring_;  // [ring, positions]
        Number* const sums_;  // [groups, positions]; that of the first is in its lane
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_ARC_LATTICE_HPP_
