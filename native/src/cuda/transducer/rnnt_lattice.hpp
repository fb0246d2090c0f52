// RNN-T on a GPU, the lattice: one block goes along the anti-diagonals of a sequence, a thread for
// each position, and another at the same time back from the end. Where a label takes its frame, all
// positions of a frame are one step instead, and little else changes: what a neighbour had a step
// ago is then of the frame before.
//
// A step takes what the thread itself had a step ago and what its neighbour had, from shared
// memory: two buffers in turn, one barrier. The log-probs of a step are asked for kAhead steps
// before, for memory is that far away. Backwards is the same with positions and frames counted from
// the end. More positions than threads are done in strips; what leaves one is kept, frame by frame,
// for the next. So no block ever waits for another.
#ifndef SEQFRONT_CUDA_TRANSDUCER_RNNT_LATTICE_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_RNNT_LATTICE_HPP_

#include <type_traits>

#include "cuda/best_path.hpp"
#include "cuda/transducer/paths.hpp"
#include "cuda/transducer/rnnt_problem.hpp"

namespace seqfront {
namespace cuda {

// alpha(t, u): from the start to a cell. What goes on from it are its products with the arcs.
struct Alpha {
    static constexpr int kTable = 0;
    static SF_DEVICE int64_t from_start(int64_t index, int64_t) { return index; }

    template <class P>
    static SF_DEVICE P value(const P& own, const P& neighbour, const P&, const P&) {
        return own + neighbour;
    }
    template <class P>
    static SF_DEVICE P kept(const P& value, const P& blank) {
        return value * blank;
    }
    template <class P>
    static SF_DEVICE P passed(const P& value, const P& label) {
        return value * label;
    }
    // What the first position passes before it has a step.
    template <class Paths>
    static SF_DEVICE auto passed_first() {
        return Paths::impossible();
    }
};

// beta(t, u): from a cell to the end. What goes on from it is itself.
struct Beta {
    static constexpr int kTable = 1;
    static SF_DEVICE int64_t from_start(int64_t index, int64_t last) { return last - index; }

    template <class P>
    static SF_DEVICE P value(const P& own, const P& neighbour, const P& blank, const P& label) {
        return own * blank + neighbour * label;
    }
    template <class P>
    static SF_DEVICE P kept(const P& value, const P&) {
        return value;
    }
    template <class P>
    static SF_DEVICE P passed(const P& value, const P&) {
        return value;
    }
    template <class Paths>
    static SF_DEVICE auto passed_first() {
        return Paths::certain();
    }
};

// Goes from step to step without a division for each.
template <class Direction>
class RnntWalk {
  public:
    SF_DEVICE RnntWalk(const RnntSequence& s, int64_t step)
        : row_(s.begin(Direction::from_start(step, s.last_step()))),
          positions_(s.positions()),
          cells_(s.cells()) {}

    SF_DEVICE int64_t row() const { return row_; }
    SF_DEVICE void next() {
        if (Direction::kTable == 0) {
            row_ += positions_;
            if (row_ == cells_) row_ = 0;
        } else {
            row_ = (row_ == 0 ? cells_ : row_) - positions_;
        }
    }

  private:
    int64_t row_, positions_, cells_;
};

template <class L, bool kGradient, class Paths = SumOfPaths<L>>
struct RnntLattice {
    using Number = typename Paths::Number;
    static constexpr bool kBest = std::is_same<Paths, BestOfPaths<L>>::value;
    static constexpr int kMostThreads = sizeof(L) == 4 ? 1024 : 512;
    static constexpr int kAhead = 4;

    struct Args {
        RnntProblem problem;
        const L* saved;
        Number* tables[2];              // alpha, beta: of all cells; with kGradient
        RnntLikelihood<L>* likelihood;  // [batch]; with kGradient
        L* loss;                        // [batch]; else, but not of the best path
        Number* border;                 // [1 or 2, border_size]; null if there is but one strip
        BackPointers back = {};         // of the best path: 1 if it comes to a cell by a label
        BestEnd* end = nullptr;         // [batch]; of the best path
    };

    // Frames of all sequences, or more.
    static SF_EVERYWHERE int64_t border_size(const RnntProblem& p) {
        return p.packed ? p.frames : p.batch * p.frames;
    }

    // The direction is y.
    static Grid grid(int64_t batch, int threads) {
        const auto exchanged = static_cast<size_t>(2 * threads + kAhead);
        return {batch, kGradient ? 2 : 1, threads, exchanged * sizeof(Number)};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        for (int64_t b = block.x(); b < args.problem.batch; b += block.count_x()) {
            if (!kGradient || block.y() == 0) {
                Sweep<Block, Alpha>(block, args, args.problem.sequence(b)).run();
            } else {
                Sweep<Block, Beta>(block, args, args.problem.sequence(b)).run();
            }
        }
    }

  private:
    // What a thread keeps.
    struct Lane {
        Number own;
        Number border;  // of one of the kAhead frames that come, for the first thread
        RnntSaved<L> ahead[kAhead];
        uint32_t codes;  // of the steps of this word so far
        bool wrong;
    };

    template <class Block, class Direction>
    class Sweep {
      public:
        SF_DEVICE Sweep(Block& block, const Args& args, const RnntSequence& s)
            : block_(block),
              args_(args),
              s_(s),
              lanes_(block),
              passed_(block.template shared<Number>()),
              entering_(passed_ + 2 * block.threads()) {}

        SF_DEVICE void run() {
            block_.each([&](int thread) { lanes_[thread].wrong = !s_.in_range; });
            const int64_t strip = block_.threads();
            for (int64_t first = 0; s_.frames > 0 && first < s_.positions(); first += strip) {
                const int64_t left = s_.positions() - first;
                run_strip(static_cast<int>(first), static_cast<int>(left < strip ? left : strip));
            }
            finish();
        }

      private:
        // Positions first .. first + width - 1, counted in this direction, as are frames.
        SF_DEVICE void run_strip(int first, int width) {
            RnntWalk<Direction> now(s_, s_.skew * first), later(s_, s_.skew * first);
            block_.phase([&](int thread) {
                lanes_[thread].own = first + thread == 0 ? Paths::certain() : Paths::impossible();
                lanes_[thread].codes = 0;
                passed_[block_.threads() + thread] = passed_before(first + thread);
                read_border(first, thread, 0);
            });
            SF_UNROLL
            for (int k = 0; k < kAhead; ++k, later.next()) {
                block_.each([&](int thread) { ask(first, width, k, k, later.row(), thread); });
            }
            const int steps = static_cast<int>(s_.frames) + s_.skew * (width - 1);
            for (int chunk = 0; chunk < steps; chunk += kAhead) {
                if (first > 0) exchange_border(first, chunk);
                SF_UNROLL
                for (int k = 0; k < kAhead; ++k, now.next(), later.next()) {
                    block_.phase([&](int thread) {
                        step(first, width, chunk + k, k, now.row(), thread);
                        ask(first, width, chunk + k + kAhead, k, later.row(), thread);
                    });
                }
            }
        }

        // Asks for the log-probs of a step.
        SF_DEVICE void ask(int first, int width, int step, int k, int64_t row, int thread) {
            const int t = step - s_.skew * thread;
            if (thread >= width || t < 0 || t >= s_.frames) return;
            const int64_t u = Direction::from_start(first + thread, s_.labels);
            lanes_[thread].ahead[k] = saved_at(args_.problem, s_, args_.saved, row + u, u);
        }

        SF_DEVICE void step(int first, int width, int step, int k, int64_t row, int thread) {
            const int t = step - s_.skew * thread;
            if (thread >= width || t < 0 || t >= s_.frames) return;
            Lane& lane = lanes_[thread];
            const int64_t u = Direction::from_start(first + thread, s_.labels);
            const RnntArcs<L> arcs = weighed(
                args_.problem, s_, Direction::from_start(t, s_.frames - 1), u, lane.ahead[k]);
            lane.wrong |= !(arcs.blank < infinity<L>()) || !(arcs.label < infinity<L>());
            const Number blank = Paths::weight(arcs.blank), label = Paths::weight(arcs.label);
            const Number other = neighbour(first, step, k, thread);
            if constexpr (kBest) {
                const int64_t all = int64_t{step} + s_.skew * first;
                point_back(lane, all, t == s_.frames - 1, u, lane.own < other);
            }
            const Number value = normalised(Direction::value(lane.own, other, blank, label));
            if (kGradient) args_.tables[Direction::kTable][s_.first_cell + row + u] = value;
            lane.own = Direction::kept(value, blank);
            const Number passed = Direction::passed(value, label);
            passed_[step % 2 * block_.threads() + thread] = passed;
            if (thread == block_.threads() - 1 && first + width < s_.positions()) {
                border()[t] = passed;
            }
        }

        // Keeps by which arc the best path came to position u in this step, of all strips.
        SF_DEVICE void point_back(Lane& lane, int64_t step, bool last, int64_t u, bool by_label) {
            const BackPointers& back = args_.back;
            lane.codes |= static_cast<uint32_t>(by_label) << back.shift(step);
            if (!last && !back.ends_word(step)) return;
            back.of_sequence(s_.index)[back.row(step) * s_.positions() + u] = lane.codes;
            lane.codes = 0;
        }

        SF_DEVICE Number neighbour(int first, int step, int k, int thread) const {
            if (thread > 0) return passed_[(step + 1) % 2 * block_.threads() + thread - 1];
            return first > 0 ? entering_[k] : Paths::impossible();
        }

        // What leaves a strip, frame by frame.
        SF_DEVICE Number* border() const {
            const RnntProblem& p = args_.problem;
            return args_.border + Direction::kTable * border_size(p) +
                   (p.packed ? s_.first_cell : s_.index * p.frames);
        }

        // What a position passes before its first step.
        static SF_DEVICE Number passed_before(int64_t index) {
            return index == 0 ? Direction::template passed_first<Paths>() : Paths::impossible();
        }

        // What the strip before left for frame chunk + thread: of that frame, or the one before.
        SF_DEVICE void read_border(int first, int thread, int chunk) {
            const int from = chunk + thread - (1 - s_.skew);
            if (first == 0 || thread >= kAhead || from >= s_.frames) return;
            lanes_[thread].border = from < 0 ? passed_before(first - 1) : border()[from];
        }
        SF_DEVICE void exchange_border(int first, int chunk) {
            block_.phase([&](int thread) {
                if (thread < kAhead) entering_[thread] = lanes_[thread].border;
                read_border(first, thread, chunk + kAhead);
            });
        }

        // The thread of the last position has the likelihood, but for paths that end with a label.
        SF_DEVICE void finish() {
            const bool wrong = block_.any([&](int thread) { return lanes_[thread].wrong; });
            if (Direction::kTable != 0) return;
            const int last = static_cast<int>(s_.labels % block_.threads());
            block_.phase([&](int thread) {
                if (thread != last) return;
                const Number none = s_.labels == 0 ? Paths::certain() : Paths::impossible();
                const Number own = s_.frames > 0 ? lanes_[thread].own : none;
                const Number label = last_label(last);
                const Number value = normalised(own + label);
                if constexpr (kBest) {
                    args_.end[s_.index] = {value.log, own < label, !wrong};
                } else if (kGradient) {
                    args_.likelihood[s_.index] = {value, !wrong};
                } else {
                    args_.loss[s_.index] = loss(value, wrong);
                }
            });
        }

        SF_DEVICE Number last_label(int last) const {
            if (s_.skew == 1 || s_.labels == 0 || s_.frames == 0) return Paths::impossible();
            return last > 0 ? passed_[(s_.frames + 1) % 2 * block_.threads() + last - 1]
                            : border()[s_.frames - 1];
        }

        SF_DEVICE L loss(const Number& value, bool wrong) const {
            if (wrong) return not_a_number<L>();
            const L loss = negative_log(value);
            return s_.frames == 0 ? loss : loss * static_cast<L>(args_.problem.loss_factor);
        }

        Block& block_;
        const Args& args_;
        const RnntSequence s_;
        typename Block::template PerThread<Lane> lanes_;
        Number* const passed_;    // [2, threads]
        Number* const entering_;  // [kAhead]
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_RNNT_LATTICE_HPP_
