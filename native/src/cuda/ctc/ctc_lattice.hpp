// CTC on a GPU, the lattice: one block goes over the frames of a sequence, a thread for each blank
// and the label after it, and another block at the same time back from the end. The recurrences are
// in simd_ctc.hpp; strips, and what is asked for ahead, as in rnnt_lattice.hpp.
#ifndef SEQFRONT_CUDA_CTC_CTC_LATTICE_HPP_
#define SEQFRONT_CUDA_CTC_CTC_LATTICE_HPP_

#include "cuda/ctc/ctc_problem.hpp"

namespace seqfront {
namespace cuda {

// What a step knows: what the thread and its neighbour (in the direction of the sweep) had, and
// which arcs there are.
template <class L>
struct CtcStep {
    using P = Probability<L>;
    CtcPair<P> own, neighbour;
    bool loops, skips;
};

// alpha of the states of a position, after they emit.
struct CtcAlpha {
    static constexpr int kTable = 0;
    static SF_DEVICE int64_t from_start(int64_t index, int64_t) { return index; }
    // The label that a path into it may skip a blank to, of position k.
    static SF_DEVICE int64_t skipped_to(int64_t k) { return k; }

    template <class L>
    static SF_DEVICE CtcPair<Probability<L>> value(const CtcStep<L>& s,
                                                   const CtcPair<Probability<L>>& emit) {
        const Probability<L> none = impossible<L>();
        const Probability<L> into =
            (s.loops ? s.own.label : none) + s.own.blank + (s.skips ? s.neighbour.label : none);
        return {normalised(emit.blank * (s.own.blank + s.neighbour.label)),
                normalised(emit.label * into)};
    }
    template <class L>
    static SF_DEVICE CtcPair<Probability<L>> kept(const CtcPair<Probability<L>>& value,
                                                  const CtcPair<Probability<L>>&) {
        return value;
    }
};

// beta of the states of a position, before they emit; what is kept of it is after that.
struct CtcBeta {
    static constexpr int kTable = 1;
    static SF_DEVICE int64_t from_start(int64_t index, int64_t last) { return last - index; }
    static SF_DEVICE int64_t skipped_to(int64_t k) { return k + 1; }

    template <class L>
    static SF_DEVICE CtcPair<Probability<L>> value(const CtcStep<L>& s,
                                                   const CtcPair<Probability<L>>&) {
        const Probability<L> none = impossible<L>();
        return {normalised(s.own.blank + s.own.label),
                normalised((s.loops ? s.own.label : none) + s.neighbour.blank +
                           (s.skips ? s.neighbour.label : none))};
    }
    template <class L>
    static SF_DEVICE CtcPair<Probability<L>> kept(const CtcPair<Probability<L>>& value,
                                                  const CtcPair<Probability<L>>& emit) {
        return {value.blank * emit.blank, value.label * emit.label};
    }
};

template <class L, bool kGradient>
struct CtcLattice {
    static constexpr int kMostThreads = sizeof(L) == 4 ? 1024 : 512;
    static constexpr int kAhead = 4;
    using Pair = CtcPair<Probability<L>>;

    struct Args {
        CtcProblem problem;
        const L* scores;               // [batch, frames, positions]
        Pair* tables[2];               // alpha, beta: the same; with kGradient
        CtcLikelihood<L>* likelihood;  // [batch]; with kGradient
        L* loss;                       // [batch]; else
        Pair* border;                  // [1 or 2, batch, frames]; null if there is but one strip
    };

    static Grid grid(int64_t batch, int threads) {
        const auto exchanged = static_cast<size_t>(2 * threads + kAhead);
        return {batch, kGradient ? 2 : 1, threads, exchanged * sizeof(Pair)};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        for (int64_t b = block.x(); b < args.problem.batch; b += block.count_x()) {
            if (block.y() == 0) {
                Sweep<Block, CtcAlpha>(block, args, args.problem.sequence(b)).run();
            } else {
                Sweep<Block, CtcBeta>(block, args, args.problem.sequence(b)).run();
            }
        }
    }

  private:
    struct Lane {
        Pair own;
        Pair border;
        CtcPair<L> ahead[kAhead];
        bool wrong, skips;
    };

    template <class Block, class Direction>
    class Sweep {
      public:
        SF_DEVICE Sweep(Block& block, const Args& args, const CtcSequence& s)
            : block_(block),
              args_(args),
              s_(s),
              lanes_(block),
              passed_(block.template shared<Pair>()),
              entering_(passed_ + 2 * block.threads()),
              border_(args.border +
                      (Direction::kTable * args.problem.batch + s.index) * args.problem.frames) {}

        SF_DEVICE void run() {
            block_.each([&](int thread) { lanes_[thread].wrong = !s_.in_range; });
            const int64_t strip = block_.threads();
            for (int64_t first = 0; first < s_.positions(); first += strip) {
                const int64_t left = s_.positions() - first;
                run_strip(first, static_cast<int>(left < strip ? left : strip));
            }
            finish();
        }

      private:
        // Before the first step: only the first position has a blank, which costs nothing.
        static SF_DEVICE Pair initial(int64_t index) {
            return {index == 0 ? certain<L>() : impossible<L>(), impossible<L>()};
        }

        SF_DEVICE void run_strip(int64_t first, int width) {
            block_.phase([&](int thread) {
                Lane& lane = lanes_[thread];
                const int64_t k = Direction::from_start(first + thread, s_.labels);
                lane.own = initial(first + thread);
                lane.skips = thread < width && args_.problem.skips(s_, Direction::skipped_to(k));
                passed_[block_.threads() + thread] = lane.own;
                read_border(first, thread, 0);
            });
            SF_UNROLL
            for (int k = 0; k < kAhead; ++k) {
                block_.each([&](int thread) { ask(first, width, k, k, thread); });
            }
            for (int64_t chunk = 0; chunk < s_.frames; chunk += kAhead) {
                if (first > 0) exchange_border(first, chunk);
                SF_UNROLL
                for (int k = 0; k < kAhead; ++k) {
                    block_.phase([&](int thread) {
                        step(first, width, chunk + k, k, thread);
                        ask(first, width, chunk + k + kAhead, k, thread);
                    });
                }
            }
        }

        // Asks for the scores of a step.
        SF_DEVICE void ask(int64_t first, int width, int64_t step, int k, int thread) {
            if (thread >= width || step >= s_.frames) return;
            const L* const row = args_.scores + row_of(step);
            const int64_t position = Direction::from_start(first + thread, s_.labels);
            lanes_[thread].ahead[k] = {row[0],
                                       position == s_.labels ? -infinity<L>() : row[1 + position]};
        }

        SF_DEVICE int64_t row_of(int64_t step) const {
            return args_.problem.row(s_, Direction::from_start(step, s_.frames - 1));
        }

        SF_DEVICE void step(int64_t first, int width, int64_t step, int k, int thread) {
            if (thread >= width || step >= s_.frames) return;
            Lane& lane = lanes_[thread];
            const CtcPair<L> score = lane.ahead[k];
            lane.wrong |= !(score.blank < infinity<L>()) || !(score.label < infinity<L>());
            const Pair emit = {probability(score.blank), probability(score.label)};
            const Pair value =
                Direction::value(CtcStep<L>{lane.own, neighbour(first, step, k, thread),
                                            args_.problem.label_loop, lane.skips},
                                 emit);
            if (kGradient) {
                const int64_t position = Direction::from_start(first + thread, s_.labels);
                args_.tables[Direction::kTable][row_of(step) + position] = value;
            }
            lane.own = Direction::kept(value, emit);
            passed_[step % 2 * block_.threads() + thread] = lane.own;
            if (thread == block_.threads() - 1 && first + width < s_.positions()) {
                border_[step] = lane.own;
            }
        }

        // What the position before had a step ago.
        SF_DEVICE Pair neighbour(int64_t first, int64_t step, int k, int thread) const {
            if (thread > 0) return passed_[(step + 1) % 2 * block_.threads() + thread - 1];
            if (first == 0) return {impossible<L>(), impossible<L>()};
            return step == 0 ? initial(first - 1) : entering_[k];
        }

        // What the strip before left for step chunk + thread, a step ago.
        SF_DEVICE void read_border(int64_t first, int thread, int64_t chunk) {
            const int64_t before = chunk + thread - 1;
            if (first > 0 && thread < kAhead && before >= 0 && before < s_.frames) {
                lanes_[thread].border = border_[before];
            }
        }
        SF_DEVICE void exchange_border(int64_t first, int64_t chunk) {
            block_.phase([&](int thread) {
                if (thread < kAhead) entering_[thread] = lanes_[thread].border;
                read_border(first, thread, chunk + kAhead);
            });
        }

        // The thread of the last position has the last blank, and its neighbour the last label.
        SF_DEVICE void finish() {
            const bool wrong = block_.any([&](int thread) { return lanes_[thread].wrong; });
            if (Direction::kTable != 0) return;
            const int64_t threads = block_.threads();
            const int last = static_cast<int>(s_.labels % threads);
            block_.phase([&](int thread) {
                if (thread != last) return;
                const Pair before = last > 0 ? passed_[(s_.frames + 1) % 2 * threads + last - 1]
                                    : s_.labels == 0 || s_.frames == 0
                                        ? Pair{impossible<L>(), impossible<L>()}
                                        : border_[s_.frames - 1];
                const Probability<L> value = normalised(lanes_[thread].own.blank + before.label);
                if (kGradient) {
                    args_.likelihood[s_.index] = {value, !wrong};
                } else {
                    args_.loss[s_.index] = wrong ? not_a_number<L>() : negative_log(value);
                }
            });
        }

        Block& block_;
        const Args& args_;
        const CtcSequence s_;
        typename Block::template PerThread<Lane> lanes_;
        Pair* const passed_;    // [2, threads]
        Pair* const entering_;  // [kAhead]
        Pair* const border_;
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_LATTICE_HPP_
