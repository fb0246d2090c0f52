// The CTC lattice of one sequence, frame by frame.
//
// Its states are blank_0, label_0, blank_1, ..., label_{S-1}, blank_S, kept as two arrays, so that
// each lane of a vector holds a blank and the label after it:
//
// alpha_t(blank_k) = blank(t) (alpha_{t-1}(blank_k) + alpha_{t-1}(label_{k-1}))
// alpha_t(label_k) = label_k(t) (loop alpha_{t-1}(label_k) + alpha_{t-1}(blank_k)
//                                + skip_k alpha_{t-1}(label_{k-1}))      alpha_{-1}(blank_0) = 1
//
// beta_t(s) leaves out what s emits at t, so alpha_t(s) beta_t(s) / likelihood is its posterior.
// Neighbouring states come from neighbouring registers, never from memory: a load across two stores
// that have just been made waits for both.
//
// The gradient needs all alphas. It keeps one frame in about sqrt(T) and computes the others again,
// a segment at a time: less work than fetching them back from beyond the caches.
#ifndef SEQFRONT_CPU_SIMD_CTC_HPP_
#define SEQFRONT_CPU_SIMD_CTC_HPP_

#include "simd_table.hpp"

namespace seqfront {
namespace SF_ISA {

// All states at one frame.
template <class L>
struct CtcStates {
    Table<L> blank, label;
};

template <class L>
struct CtcSequence {
    const CtcLattice<L>& lattice;
    int64_t labels, pitch, width;
    L* scratch;

    SF_INLINE explicit CtcSequence(const CtcLattice<L>& of)
        : lattice(of),
          labels(of.labels),
          pitch(of.labels + 2),
          width(ctc_padded(of.labels)),
          scratch(of.scratch) {}

    SF_INLINE CtcStates<L> states_at(L* memory) const {
        return {{memory, memory + width}, {memory + 2 * width, memory + 3 * width}};
    }
    SF_INLINE L* take(int64_t count) {
        L* taken = scratch;
        scratch += count;
        return taken;
    }
    // Makes all states impossible.
    SF_INLINE void clear(const CtcStates<L>& states) const {
        states.blank.set_all(0, width, 1, -infinity<L>());
        states.label.set_all(0, width, 1, -infinity<L>());
    }

    SF_INLINE L log_blank(int64_t t) const { return lattice.log_probs[t * pitch + 1]; }
    SF_INLINE V<L> log_labels(int64_t t, int64_t k) const {
        const L* from = lattice.log_probs + t * pitch + 2 + k;
        if (k + Simd<L>::lanes <= labels) return load<L>(from);
        return load_part<L>(from, labels > k ? labels - k : 0, -infinity<L>());
    }
    SF_INLINE Probability<L> skipped(Probability<L> p, int64_t k) const {
        p.exponent += load<L>(lattice.skip + k);
        return p;
    }
    SF_INLINE Probability<L> looped(Probability<L> p) const {
        p.exponent += lattice.label_loop ? L{0} : -infinity<L>();
        return p;
    }

    // alpha at frame t from alpha at t - 1.
    SF_INLINE void advance(int64_t t, const CtcStates<L>& from, const CtcStates<L>& to) const {
        const Probability<L> blank = probability<L>(fill<L>(log_blank(t)));
        Probability<L> lower = impossible<L>();  // the labels below this vector
        for (int64_t k = 0; k <= labels; k += Simd<L>::lanes) {
            const Probability<L> label = probability<L>(log_labels(t, k));
            const Probability<L> stay = from.blank.at(k), here = from.label.at(k);
            const Probability<L> before = shifted_up(lower, here);
            to.blank.set(k, normalised(blank * (stay + before)));
            to.label.set(k, normalised(label * sum(looped(here), stay, skipped(before, k))));
            lower = here;
        }
    }

    SF_INLINE bool valid() const {
        bool all = true;
        for (int64_t t = 0; t < lattice.frames; ++t) {
            all = all && lattice.log_probs[t * pitch] < infinity<L>();
        }
        return all;
    }

    SF_INLINE Likelihood<L> finish(const CtcStates<L>& last) const {
        Probability<L> total{fill<L>(last.blank.mantissa[labels]),
                             fill<L>(last.blank.exponent[labels])};
        if (labels > 0) {
            total = total + Probability<L>{fill<L>(last.label.mantissa[labels - 1]),
                                           fill<L>(last.label.exponent[labels - 1])};
        }
        total = normalised(total);
        return {total.mantissa[0], total.exponent[0], valid()};
    }
};

template <class L>
Likelihood<L> ctc_likelihood(const CtcLattice<L>& lattice) {
    CtcSequence<L> sequence(lattice);
    CtcStates<L> from = sequence.states_at(sequence.take(4 * sequence.width));
    CtcStates<L> to = sequence.states_at(sequence.take(4 * sequence.width));
    sequence.clear(from);
    from.blank.set_one(0, 1, 0);
    for (int64_t t = 0; t < lattice.frames; ++t) {
        sequence.advance(t, from, to);
        const CtcStates<L> swap = from;
        from = to;
        to = swap;
    }
    return sequence.finish(from);
}

// The sweep back over the frames.
template <class L>
struct CtcBackward {
    const CtcSequence<L>& sequence;
    const CtcGradient<L>& gradient;
    Likelihood<L> likelihood;
    CtcStates<L> beta;
    L* posterior;  // of the labels
    L* emission;

    SF_INLINE void start() const {
        sequence.clear(beta);
        beta.blank.set_one(sequence.labels, 1, 0);
        if (sequence.labels > 0) beta.label.set_one(sequence.labels - 1, 1, 0);
    }

    // Frame t: its row of the gradient, and beta at t - 1 in the place of beta at t.
    SF_INLINE void retreat(int64_t t, const CtcStates<L>& alpha) const {
        constexpr int64_t n = Simd<L>::lanes;
        const Probability<L> blank = probability<L>(fill<L>(sequence.log_blank(t)));
        Probability<L> upper_blank = impossible<L>(), upper_skip = impossible<L>();
        V<L> blank_sum{}, label_sum{};
        for (int64_t k = sequence.labels / n * n; k >= 0; k -= n) {
            const Probability<L> label = probability<L>(sequence.log_labels(t, k));
            const Probability<L> beta_blank = beta.blank.at(k), beta_label = beta.label.at(k);
            blank_sum += relative_to(likelihood.exponent, alpha.blank.at(k) * beta_blank);
            const V<L> label_posterior =
                relative_to(likelihood.exponent, alpha.label.at(k) * beta_label);
            label_sum += label_posterior;
            store<L>(posterior + k, label_posterior);
            store<L>(emission + k, scaled<L>(label.mantissa, label.exponent));

            const Probability<L> stay = blank * beta_blank, here = label * beta_label;
            const Probability<L> skip = sequence.skipped(here, k);
            beta.blank.set(k, normalised(stay + here));
            beta.label.set(k, normalised(sum(sequence.looped(here), shifted_down(stay, upper_blank),
                                             shifted_down(skip, upper_skip))));
            upper_blank = stay;
            upper_skip = skip;
        }
        write_row(t, scaled<L>(blank.mantissa, blank.exponent)[0], reduce_add<L>(blank_sum),
                  reduce_add<L>(label_sum));
    }

    SF_INLINE void write_row(int64_t t, L blank, L on_blank, L on_labels) const {
        constexpr int64_t n = Simd<L>::lanes;
        const L total = on_blank + on_labels;  // 1, but for rounding
        const L weight = total > 0 ? gradient.upstream / total : 0;
        const L occupancy = gradient.normalized ? L{0} : gradient.upstream;
        for (int64_t i = 0; i < gradient.repeat_count; ++i) {
            const int32_t* pair = gradient.repeats + 2 * i;
            posterior[pair[1]] += posterior[pair[0]];
        }
        L* row = gradient.rows + t * sequence.pitch;
        row[0] = occupancy;
        row[1] = occupancy * blank - weight * on_blank;
        row += 2;
        for (int64_t k = 0; k < sequence.labels; k += n) {
            const V<L> g = occupancy * load<L>(emission + k) - weight * load<L>(posterior + k);
            if (k + n <= sequence.labels) {
                store<L>(row + k, g);
            } else {
                store_part<L>(row + k, g, sequence.labels - k);
            }
        }
    }
};

template <class L>
Likelihood<L> ctc_gradient(const CtcLattice<L>& lattice, const CtcGradient<L>& gradient) {
    CtcSequence<L> sequence(lattice);
    const int64_t frames = lattice.frames, segment = ctc_segment(frames);
    const int64_t size = 4 * sequence.width;
    const CtcStates<L> beta = sequence.states_at(sequence.take(size));
    L* const posterior = sequence.take(sequence.width);
    L* const emission = sequence.take(sequence.width);
    // Slots 0 .. segment - 1: alpha before each segment; from `segment` on: alpha within one.
    L* const slots = sequence.scratch;
    const auto slot = [&](int64_t i) { return sequence.states_at(slots + i * size); };

    CtcStates<L> last = slot(0);
    sequence.clear(last);
    last.blank.set_one(0, 1, 0);
    for (int64_t t = 0; t < frames; ++t) {
        const bool keep = (t + 1) % segment == 0;
        const CtcStates<L> to = slot(keep ? (t + 1) / segment : segment + t % segment);
        sequence.advance(t, last, to);
        last = to;
    }
    const Likelihood<L> likelihood = sequence.finish(last);
    if (!likelihood.valid || likelihood.exponent == -infinity<L>()) return likelihood;

    const CtcBackward<L> backward{sequence, gradient, likelihood, beta, posterior, emission};
    backward.start();
    for (int64_t t = frames - 1; t >= 0; --t) {
        if (t % segment == segment - 1) {  // a full segment; an unfinished last one is still there
            CtcStates<L> from = slot(t / segment);
            for (int64_t i = t - segment + 1; i <= t; ++i) {
                const CtcStates<L> to = slot(segment + i % segment);
                sequence.advance(i, from, to);
                from = to;
            }
        }
        backward.retreat(t, slot(segment + t % segment));
    }
    return likelihood;
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_CTC_HPP_
