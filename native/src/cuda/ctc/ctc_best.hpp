// CTC on a GPU: the best path, and the way back along it.
//
// Maxima and sums in double, and ties as on the CPU: of equally good ways into a state the one that
// moves least (stay, then the state before, then the skip), and of equally good ends the blank. So
// every dtype finds the same path. A move takes four bits of each blank and label; those of
// kCtcAhead frames are a word, and the words of a warp lie side by side.
//
// A path goes back by at most a position in a frame. So a warp fetches the moves of 32 positions in
// 32 frames at once, for a thread to walk through them in shared memory.
//
// Estimates, as in ctc_lattice.hpp: a step of the sweep is 55 instructions, and the way back takes
// 70 cycles a frame and 1000 for each 32 of them. So of 1000 frames, up to 250 labels, the sweep
// takes 0.08 ms and the way back 0.06 ms. Half a byte is written of each position and frame.
#ifndef SEQFRONT_CUDA_CTC_CTC_BEST_HPP_
#define SEQFRONT_CUDA_CTC_CTC_BEST_HPP_

#include "cuda/ctc/ctc_lattice.hpp"

namespace seqfront {
namespace cuda {

// The moves of all frames: of a blank the lowest bit of four, of a label the next two.
struct CtcMoves {
    using Word = uint16_t;
    static constexpr int kBits = 4;

    Word* words;  // [batch, chunks, positions]; null: nobody asks for the way

    static SF_EVERYWHERE int64_t chunks(const CtcProblem& p) {
        return (p.frames + kCtcAhead - 1) / kCtcAhead;
    }
    static SF_EVERYWHERE int64_t count(const CtcProblem& p) {
        return p.batch * chunks(p) * p.positions();
    }
    SF_DEVICE Word& at(const CtcProblem& p, const CtcSequence& s, int64_t chunk, int64_t k) const {
        return words[(s.index * chunks(p) + chunk) * p.positions() + k];
    }
    // Of the state (2 k + 1 for label k) in step `step` of a chunk: how many states back.
    static SF_DEVICE int of(Word word, int step, int state) {
        const int moves = word >> (kBits * step);
        return state % 2 == 0 ? moves & 1 : moves >> 1 & 3;
    }
};

template <class L>
struct CtcMaximum {
    static constexpr bool kBack = false;
    using State = CtcPair<double>;
    using Ahead = CtcPair<L>;
    struct Lane {
        bool skip;
        uint32_t moves;
    };

    const CtcProblem& p;
    const CtcSequence& s;
    const L* scores;
    CtcMoves moves;

    static SF_DEVICE State none() { return {-infinity<double>(), -infinity<double>()}; }
    SF_DEVICE void begin(Lane& lane, int k) const { lane = {p.skips(s, k), 0}; }
    SF_DEVICE State entry(int k) const {
        return {k == 0 ? 0 : -infinity<double>(), -infinity<double>()};
    }
    SF_DEVICE Ahead ask(const CtcCursor& at, int k) const {
        const L* const row = scores + at.scores;
        return {reinterpret_cast<const CtcBlankScore<L>*>(row)->score,
                row[CtcProblem::kHeader + k]};
    }
    SF_DEVICE State step(const CtcCursor&, int t, int, const State& own, const State& neighbour,
                         const Ahead& score, Lane& lane) const {
        const bool entered = neighbour.label > own.blank;
        double into = p.label_loop ? own.label : -infinity<double>();
        uint32_t move = own.blank > into ? 1 : 0;
        into = move != 0 ? own.blank : into;
        if (lane.skip && neighbour.label > into) {
            into = neighbour.label;
            move = 2;
        }
        lane.moves |= (move << 1 | (entered ? 1u : 0u)) << (CtcMoves::kBits * (t % kCtcAhead));
        return {(entered ? neighbour.label : own.blank) + static_cast<double>(score.blank),
                into + static_cast<double>(score.label)};
    }
    SF_DEVICE void after(int base, int k, Lane& lane) const {
        if (moves.words == nullptr) return;
        moves.at(p, s, base / kCtcAhead, k) = static_cast<CtcMoves::Word>(lane.moves);
        lane.moves = 0;
    }
    SF_DEVICE void keep(int, int, const State&) const {}
};

// Where the score of the best path goes; any may be null.
template <class L>
struct CtcBestResult {
    L* score;  // [batch]: -inf if there is none
    L* loss;   // [batch]: less that
    L* ends;   // [batch, 34]: the same, first of each
};

template <class L>
struct CtcBest {
    static constexpr int kMostThreads = sizeof(L) == 4 ? 1024 : 512;

    struct Args {
        CtcProblem problem;
        const L* scores;
        const CtcNormaliser<L>* normalisers;
        CtcMoves moves;
        CtcBestResult<L> result;
        int32_t* last;  // [batch]: the state in which it ends, -1 if there is none; or null
        CtcPair<double>* border;  // [batch, frames]; null if there is but one strip
    };

    static Grid grid(int64_t batch, int threads) {
        return ctc_sweep_grid<CtcPair<double>>(batch, 1, threads);
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const CtcProblem& p = args.problem;
        for (int64_t b = block.x(); b < p.batch; b += block.count_x()) {
            const CtcSequence s = p.sequence(b);
            const bool wrong = ctc_is_wrong(block, p, s, args.normalisers);
            CtcSweep<Block, CtcMaximum<L>> sweep(
                block, p, s, {0, s.frames, CtcProblem::kMost / kCtcAhead * kCtcAhead},
                {p, s, args.scores, args.moves}, args.border + b * p.frames);
            sweep.run();
            sweep.finish([&](const CtcPair<double>& own, const CtcPair<double>& neighbour) {
                const bool in_label = neighbour.label > own.blank;
                const double best = in_label ? neighbour.label : own.blank;
                write(args, s, wrong ? not_a_number<double>() : best, in_label);
            });
        }
    }

  private:
    static SF_DEVICE void write(const Args& args, const CtcSequence& s, double best,
                                bool in_label) {
        const CtcBestResult<L>& to = args.result;
        const L loss = static_cast<L>(0.0 - best);
        if (to.score != nullptr) to.score[s.index] = static_cast<L>(best);
        if (to.loss != nullptr) to.loss[s.index] = loss;
        if (to.ends != nullptr) to.ends[s.index * ctc::kEndsSize] = loss;
        if (args.last != nullptr) {
            args.last[s.index] = best > -infinity<double>() ? 2 * s.labels - in_label : -1;
        }
    }
};

// Which state the best path is in, frame by frame: 2 k in blank k, 2 k + 1 in label k.
struct CtcTrace {
    static constexpr int kMostThreads = kWarp;
    static constexpr int kChunks = kWarp / kCtcAhead;

    struct Args {
        CtcProblem problem;
        CtcMoves moves;
        const int32_t* last;  // [batch]
        int32_t* path;        // [batch, frames]; of a sequence without one, nothing is written
    };

    static Grid grid(int64_t batch) { return {batch, 1, kWarp, sizeof(Shared)}; }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const CtcProblem& p = args.problem;
        Shared& shared = *block.template shared<Shared>();
        for (int64_t b = block.x(); b < p.batch; b += block.count_x()) {
            if (args.last[b] < 0) continue;
            const CtcSequence s = p.sequence(b);
            block.phase([&](int thread) {
                if (thread == 0) shared.state = args.last[b];
            });
            for (int base = (s.frames - 1) / kWarp * kWarp; base >= 0; base -= kWarp) {
                block.phase([&](int thread) { fetch(args, s, base, shared, thread); });
                block.phase([&](int thread) {
                    if (thread == 0) walk(s, base, shared);
                });
                block.each([&](int thread) {
                    if (base + thread < s.frames) {
                        args.path[b * p.frames + base + thread] = shared.path[thread];
                    }
                });
            }
        }
    }

  private:
    struct Shared {
        int32_t state, top;   // where the path is, and its position after the frames here
        int32_t path[kWarp];  // of the frames
        CtcMoves::Word words[kChunks][kWarp];  // of positions top, top - 1, ..
    };

    static SF_DEVICE void fetch(const Args& args, const CtcSequence& s, int base, Shared& shared,
                                int thread) {
        const int top = shared.state / 2, k = top - thread;
        if (thread == 0) shared.top = top;
        SF_UNROLL
        for (int chunk = 0; chunk < kChunks; ++chunk) {
            if (k < 0 || base + chunk * kCtcAhead >= s.frames) continue;
            shared.words[chunk][thread] =
                args.moves.at(args.problem, s, base / kCtcAhead + chunk, k);
        }
    }

    static SF_DEVICE void walk(const CtcSequence& s, int base, Shared& shared) {
        int state = shared.state;
        const int top = shared.top;
        const int last = s.frames - 1 - base < kWarp - 1 ? s.frames - 1 - base : kWarp - 1;
        for (int i = last; i >= 0; --i) {
            shared.path[i] = state;
            const CtcMoves::Word word = shared.words[i / kCtcAhead][top - state / 2];
            state -= CtcMoves::of(word, i % kCtcAhead, state);
        }
        shared.state = state;
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_BEST_HPP_
