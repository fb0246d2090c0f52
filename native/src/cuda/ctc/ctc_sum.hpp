// CTC on a GPU: the sum over all paths, as rules for ctc_sweep.hpp. The recurrences are in
// simd_ctc.hpp.
#ifndef SEQFRONT_CUDA_CTC_CTC_SUM_HPP_
#define SEQFRONT_CUDA_CTC_CTC_SUM_HPP_

#include "cpu/ctc/ctc_problem.hpp"
#include "cuda/ctc/ctc_sweep.hpp"

namespace seqfront {
namespace cuda {

template <class L>
using CtcStates = CtcPair<Probability<L>>;

// a + b + c, relative to the largest.
template <class L>
SF_DEVICE Probability<L> sum(const Probability<L>& a, const Probability<L>& b,
                             const Probability<L>& c) {
    const L top = maximum(maximum(a.exponent, b.exponent), c.exponent);
    const L reference = maximum(top, Floating<L>::lowest);  // -inf - -inf is NaN
    const L small = scaled(c.mantissa, c.exponent - reference);
    const L more = fused(b.mantissa, scaled(L{1}, b.exponent - reference), small);
    return {fused(a.mantissa, scaled(L{1}, a.exponent - reference), more), top};
}

// p, or nothing: `may` is 0 or -inf.
template <class L>
SF_DEVICE Probability<L> only(const Probability<L>& p, L may) {
    return {p.mantissa, p.exponent + may};
}

// The states between some frames, which the loss leaves for the gradient: of the sweep from the
// start, after all frames before, and of that from the end, from there on with what the frames
// emit. The frames between two such places are a segment, for which the gradient needs no other.
template <class L>
struct CtcCheckpoints {
    static constexpr int kEach = static_cast<int>(ctc::kCheckpoints / 2);
    static constexpr int kSegments = kEach + 1;

    CtcStates<L>* states;  // [16, rows, columns]
    L* ends;               // [batch, 34]: loss, exponent of the likelihood, the last blank of each

    // Frames of a segment.
    static SF_DEVICE int interval(const CtcSequence& s) {
        const int least = (s.frames + kSegments - 1) / kSegments;
        return (least + kCtcAhead - 1) / kCtcAhead * kCtcAhead + (least == 0 ? kCtcAhead : 0);
    }
    // All segments, and one of them.
    static SF_DEVICE CtcFrames frames(const CtcSequence& s) { return {0, s.frames, interval(s)}; }
    static SF_DEVICE CtcFrames frames(const CtcSequence& s, int segment) {
        const int size = interval(s);
        const int64_t begin = int64_t{size} * segment, end = begin + size;
        if (begin >= s.frames) return {0, 0, size};
        return {static_cast<int>(begin), end < s.frames ? static_cast<int>(end) : s.frames, size};
    }

    SF_DEVICE CtcStates<L> get(const CtcProblem& p, const CtcSequence& s, bool back, int t,
                               int k) const {
        const int slot = slot_of(s, back, t);
        if (k < s.labels) return states[place(p, s, slot) + k];
        const L* const tail = end(s) + 2 + 2 * slot;
        return {{tail[0], tail[1]}, impossible<L>()};
    }
    SF_DEVICE void set(const CtcProblem& p, const CtcSequence& s, bool back, int t, int k,
                       const CtcStates<L>& value) const {
        const int slot = slot_of(s, back, t);
        if (k < s.labels) {
            states[place(p, s, slot) + k] = value;
            return;
        }
        L* const tail = end(s) + 2 + 2 * slot;
        tail[0] = value.blank.mantissa;
        tail[1] = value.blank.exponent;
    }
    SF_DEVICE L* end(const CtcSequence& s) const { return ends + s.index * ctc::kEndsSize; }

  private:
    static SF_DEVICE int slot_of(const CtcSequence& s, bool back, int t) {
        return t / interval(s) - 1 + (back ? kEach : 0);
    }
    static SF_DEVICE int64_t place(const CtcProblem& p, const CtcSequence& s, int slot) {
        return slot * p.target_rows * p.target_columns + s.start;
    }
};

// What all of them have in common.
template <class L, bool kBack_>
struct CtcSum {
    static constexpr bool kBack = kBack_;
    using State = CtcStates<L>;
    struct Ahead {
        Probability<L> blank;
        L label;
    };
    struct Lane {
        L skip;  // 0 or -inf
    };

    const CtcProblem& p;
    const CtcSequence& s;
    const L* scores;  // [batch, frames, pitch]
    CtcCheckpoints<L> kept;

    static SF_DEVICE State none() { return {impossible<L>(), impossible<L>()}; }
    SF_DEVICE void begin(Lane& lane, int k) const {
        lane.skip = p.skips(s, kBack ? k + 1 : k) ? 0 : -infinity<L>();
    }
    // At the start only the first blank is possible, and at the end the last, which cost nothing.
    SF_DEVICE State initial(int k) const {
        return {k == (kBack ? s.labels : 0) ? certain<L>() : impossible<L>(), impossible<L>()};
    }
    SF_DEVICE Ahead scores_at(const CtcCursor& at, int k) const {
        const L* const row = scores + at.scores;
        return {reinterpret_cast<const CtcBlankScore<L>*>(row)->probability,
                row[CtcProblem::kHeader + k]};
    }
    SF_DEVICE void after(int, int, Lane&) const {}

    // alpha of the states of a position, after they emit.
    SF_DEVICE State alpha(const State& own, const State& neighbour, const Ahead& emit,
                          const Lane& lane) const {
        const L loop = p.label_loop ? 0 : -infinity<L>();
        const Probability<L> into =
            sum(only(own.label, loop), own.blank, only(neighbour.label, lane.skip));
        return {normalised(emit.blank * (own.blank + neighbour.label)),
                normalised(probability(emit.label) * into)};
    }
    // beta of the states of a position, before they emit.
    SF_DEVICE State beta(const State& own, const State& neighbour, const Lane& lane) const {
        const L loop = p.label_loop ? 0 : -infinity<L>();
        return {normalised(own.blank + own.label),
                normalised(
                    sum(only(own.label, loop), neighbour.blank, only(neighbour.label, lane.skip)))};
    }
    static SF_DEVICE State emitted(const State& value, const Ahead& emit) {
        return {value.blank * emit.blank, value.label * probability(emit.label)};
    }
};

// Over all frames, leaving checkpoints.
template <class L, bool kBack_>
struct CtcWhole : CtcSum<L, kBack_> {
    using Base = CtcSum<L, kBack_>;
    using typename Base::Ahead;
    using typename Base::Lane;
    using typename Base::State;

    SF_DEVICE State entry(int k) const { return this->initial(k); }
    SF_DEVICE Ahead ask(const CtcCursor& at, int k) const { return this->scores_at(at, k); }
    SF_DEVICE State step(const CtcCursor&, int, int, const State& own, const State& neighbour,
                         const Ahead& ahead, const Lane& lane) const {
        if (kBack_) return Base::emitted(this->beta(own, neighbour, lane), ahead);
        return this->alpha(own, neighbour, ahead, lane);
    }
    SF_DEVICE void keep(int t, int k, const State& value) const {
        this->kept.set(this->p, this->s, kBack_, t, k, value);
    }
};

// Over a segment from its start, with a table of all states.
template <class L>
struct CtcSegmentAlpha : CtcSum<L, false> {
    using Base = CtcSum<L, false>;
    using typename Base::Ahead;
    using typename Base::Lane;
    using typename Base::State;

    CtcFrames frames;
    State* table;  // [batch, frames, positions]

    SF_DEVICE State entry(int k) const {
        if (frames.begin == 0) return this->initial(k);
        return this->kept.get(this->p, this->s, false, frames.begin, k);
    }
    SF_DEVICE Ahead ask(const CtcCursor& at, int k) const { return this->scores_at(at, k); }
    SF_DEVICE State step(const CtcCursor& at, int, int k, const State& own, const State& neighbour,
                         const Ahead& ahead, const Lane& lane) const {
        const State value = this->alpha(own, neighbour, ahead, lane);
        table[at.table + k] = value;
        return value;
    }
    SF_DEVICE void keep(int, int, const State&) const {}
};

// Over a segment from its end: the posteriors.
template <class L>
struct CtcSegmentBeta : CtcSum<L, true> {
    using Base = CtcSum<L, true>;
    using typename Base::Lane;
    using typename Base::State;
    struct Ahead {
        typename Base::Ahead scores;
        State alpha;
    };

    CtcFrames frames;
    const State* table;      // of alpha
    CtcPair<L>* posteriors;  // [batch, frames, positions]: all of a frame times the same factor
    L exponent;              // of the likelihood

    SF_DEVICE State entry(int k) const {
        if (frames.end == this->s.frames) return this->initial(k);
        return this->kept.get(this->p, this->s, true, frames.end, k);
    }
    SF_DEVICE Ahead ask(const CtcCursor& at, int k) const {
        return {this->scores_at(at, k), table[at.table + k]};
    }
    SF_DEVICE State step(const CtcCursor& at, int, int k, const State& own, const State& neighbour,
                         const Ahead& ahead, const Lane& lane) const {
        const State value = this->beta(own, neighbour, lane);
        posteriors[at.table + k] = {relative_to(exponent, ahead.alpha.blank * value.blank),
                                    relative_to(exponent, ahead.alpha.label * value.label)};
        return Base::emitted(value, ahead.scores);
    }
    SF_DEVICE void keep(int, int, const State&) const {}
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_SUM_HPP_
