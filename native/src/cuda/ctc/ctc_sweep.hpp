// A sweep over the frames of a CTC lattice, for any recurrence: one block has a sequence, a thread
// each position, which is a blank and the label after it.
//
// A step is a frame. It takes what the thread itself had a frame before and what its neighbour had,
// from shared memory: two buffers in turn, one barrier. What it needs of memory is asked for
// kCtcAhead frames before, for memory is that far away. Backwards, positions and frames are counted
// from the end. More positions than threads are done in strips; what leaves one is kept, frame by
// frame, for the next. So no block ever waits for another.
//
// Chunks of kCtcAhead frames begin at multiples of that in both directions, so that both can leave
// their states between the same two frames, and it is known which buffer a step of a chunk takes.
//
// A rule has kBack, the types State (a pair), Ahead and Lane (what a thread keeps for it), none(),
// and for position k
//
//     begin(lane, k)          before the first frame of a strip
//     entry(k)                the state that the sweep begins with
//     ask(cursor, k)          what a step needs of memory
//     step(...)               the state after a frame
//     after(base, k, lane)    frames base .. base + kCtcAhead - 1 are done
//     keep(t, k, state)       t is a multiple of the interval, and all frames on this side are done
#ifndef SEQFRONT_CUDA_CTC_CTC_SWEEP_HPP_
#define SEQFRONT_CUDA_CTC_CTC_SWEEP_HPP_

#include "cuda/ctc/ctc_problem.hpp"

namespace seqfront {
namespace cuda {

constexpr int kCtcAhead = 4;

// Frames begin .. end - 1. `begin` and `interval` are multiples of kCtcAhead.
struct CtcFrames {
    int begin, end, interval;
};

// Where a frame has its row of scores and of tables.
struct CtcCursor {
    int64_t scores, table;

    static SF_DEVICE CtcCursor at(const CtcProblem& p, const CtcSequence& s, int64_t t) {
        const int64_t row = s.index * p.frames + t;
        return {row * p.pitch(), row * p.positions()};
    }
    template <bool kBack>
    SF_DEVICE void next(const CtcProblem& p) {
        scores += kBack ? -p.pitch() : p.pitch();
        table += kBack ? -p.positions() : p.positions();
    }
};

// How blocks are launched that sweep with states of such a type.
template <class State>
Grid ctc_sweep_grid(int64_t batch, int64_t sweeps, int threads) {
    const int exchanged = 2 * (threads + 1) + kCtcAhead;
    return {batch, sweeps, threads, static_cast<size_t>(exchanged) * sizeof(State)};
}

template <class Block, class Rule>
class CtcSweep {
    using State = typename Rule::State;
    static constexpr bool kBack = Rule::kBack;

  public:
    // `border`: [frames]; null if there is but one strip.
    SF_DEVICE CtcSweep(Block& block, const CtcProblem& p, const CtcSequence& s,
                       const CtcFrames& frames, const Rule& rule, State* border)
        : block_(block),
          p_(p),
          s_(s),
          frames_(frames),
          rule_(rule),
          lanes_(block),
          passed_(block.template shared<State>()),
          entering_(passed_ + 2 * (block.threads() + 1)),
          border_(border) {}

    SF_DEVICE void run() {
        const int strip = block_.threads();
        if (s_.positions() <= strip) return run_strip<false>(0, s_.positions());
        for (int first = 0; first < s_.positions(); first += strip) {
            const int left = s_.positions() - first;
            run_strip<true>(first, left < strip ? left : strip);
        }
    }

    // Calls body(state, neighbour) for what the last position has after all frames.
    template <class Body>
    SF_DEVICE void finish(Body&& body) {
        block_.phase([&](int thread) {
            if (thread != s_.labels % block_.threads()) return;
            body(lanes_[thread].own, buffer(frames_.end + 1)[thread]);
        });
    }

  private:
    struct Lane {
        State own, border;
        typename Rule::Ahead ahead[kCtcAhead];
        typename Rule::Lane of;
    };

    SF_DEVICE int position(int index) const { return kBack ? s_.labels - index : index; }
    // The frame of step k of a chunk.
    static SF_DEVICE int frame(int base, int k) {
        return kBack ? base + kCtcAhead - 1 - k : base + k;
    }
    static SF_DEVICE int following(int base) { return kBack ? base - kCtcAhead : base + kCtcAhead; }
    SF_DEVICE bool inside(int t) const { return t < frames_.end && (!kBack || t >= frames_.begin); }

    // Positions first .. first + width - 1, counted in this direction. A strip that is alone does
    // not ask in each step what borders it has, which is 8 to 15 instructions in 100.
    template <bool kBorders>
    SF_DEVICE void run_strip(int first, int width) {
        const int begin = frames_.begin, end = frames_.end, interval = frames_.interval;
        const int start = kBack ? (end - 1) / kCtcAhead * kCtcAhead : begin;
        CtcCursor now = CtcCursor::at(p_, s_, frame(start, 0)), later = now;
        enter<kBorders>(first, width, start);
        SF_UNROLL
        for (int k = 0; k < kCtcAhead; ++k) {
            block_.each([&](int thread) { ask(first, width, start, k, later, thread); });
            later.template next<kBack>(p_);
        }
        if constexpr (kBack) {
            for (int to = end; to > begin;) {
                const int from = (to - 1) / interval * interval;
                for (int base = (to - 1) / kCtcAhead * kCtcAhead; base >= from; base -= kCtcAhead) {
                    run_chunk<kBorders>(first, width, base, now, later);
                }
                if (from > begin) keep(first, width, from);
                to = from;
            }
        } else {
            for (int from = begin; from < end; from += interval) {
                const int to = from < end - interval ? from + interval : end;
                for (int base = from; base < to; base += kCtcAhead) {
                    run_chunk<kBorders>(first, width, base, now, later);
                }
                if (to < end) keep(first, width, to);
            }
        }
    }

    template <bool kBorders>
    SF_DEVICE void enter(int first, int width, int start) {
        // The frame before the first, as far as it says which buffer it is in.
        const int before = kBack ? frames_.end : frames_.begin + 1;
        block_.phase([&](int thread) {
            Lane& lane = lanes_[thread];
            lane.own = Rule::none();
            if (thread < width) {
                const int k = position(first + thread);
                rule_.begin(lane.of, k);
                lane.own = rule_.entry(k);
            }
            buffer(before)[1 + thread] = lane.own;
            if (thread == 0) {
                buffer(before)[0] = first == 0 ? Rule::none() : rule_.entry(position(first - 1));
                buffer(before + 1)[0] = Rule::none();
            }
            if (kBorders && first > 0) read_border(start, thread);
        });
    }

    template <bool kBorders>
    SF_DEVICE void run_chunk(int first, int width, int base, CtcCursor& now, CtcCursor& later) {
        if (kBorders && first > 0) exchange_border(base);
        SF_UNROLL
        for (int k = 0; k < kCtcAhead; ++k) {
            block_.phase([&](int thread) {
                step<kBorders>(first, width, base, k, now, thread);
                ask(first, width, following(base), k, later, thread);
            });
            now.template next<kBack>(p_);
            later.template next<kBack>(p_);
        }
        block_.each([&](int thread) {
            if (thread < width) rule_.after(base, position(first + thread), lanes_[thread].of);
        });
    }

    SF_DEVICE void ask(int first, int width, int base, int k, const CtcCursor& at, int thread) {
        if (thread >= width || !inside(frame(base, k))) return;
        lanes_[thread].ahead[k] = rule_.ask(at, position(first + thread));
    }

    template <bool kBorders>
    SF_DEVICE void step(int first, int width, int base, int k, const CtcCursor& at, int thread) {
        const int t = frame(base, k);
        if (thread >= width || t >= frames_.end) return;
        Lane& lane = lanes_[thread];
        const int parity = frame(0, k);  // as that of t: `base` is even
        lane.own = rule_.step(at, t, position(first + thread), lane.own, buffer(parity + 1)[thread],
                              lane.ahead[k], lane.of);
        buffer(parity)[1 + thread] = lane.own;
        if (!kBorders) return;
        if (first > 0 && thread == 0) buffer(parity)[0] = entering_[k];
        const int leaves = first + width < s_.positions() ? block_.threads() - 1 : -1;
        if (thread == leaves) border_[t] = lane.own;
    }

    // What threads have after a frame, from the second on; before them, what the last of the strip
    // before had.
    SF_DEVICE State* buffer(int t) const { return passed_ + t % 2 * (block_.threads() + 1); }

    // Thread k: what the strip before left of the frame of step k of a chunk.
    SF_DEVICE void read_border(int base, int thread) {
        const int t = frame(base, thread);
        if (thread < kCtcAhead && inside(t)) lanes_[thread].border = border_[t];
    }
    SF_DEVICE void exchange_border(int base) {
        block_.phase([&](int thread) {
            if (thread < kCtcAhead) entering_[thread] = lanes_[thread].border;
            read_border(following(base), thread);
        });
    }

    SF_DEVICE void keep(int first, int width, int t) {
        block_.each([&](int thread) {
            if (thread < width) rule_.keep(t, position(first + thread), lanes_[thread].own);
        });
    }

    Block& block_;
    const CtcProblem& p_;
    const CtcSequence s_;
    const CtcFrames frames_;
    const Rule rule_;
    typename Block::template PerThread<Lane> lanes_;
    State* const passed_;    // [2, 1 + threads]
    State* const entering_;  // [kCtcAhead]
    State* const border_;
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_SWEEP_HPP_
