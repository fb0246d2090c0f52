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
    I<L> wrong{};

    SF_INLINE explicit CtcSequence(const CtcLattice<L>& of)
        : lattice(of),
          labels(of.labels),
          pitch(of.labels + 2),
          width(of.labels + 1 + kLatticePad),
          scratch(of.scratch) {}

    SF_INLINE CtcStates<L> states_at(L* memory) const {
        const Table<L> blank = take(memory, width);
        return {blank, take(memory, width)};
    }
    // Room for one frame; all states impossible.
    SF_INLINE CtcStates<L> take_states() {
        const CtcStates<L> states = states_at(scratch);
        scratch += 4 * (width + 2 * kLatticePad);
        clear(states);
        return states;
    }
    SF_INLINE void clear(const CtcStates<L>& states) const {
        states.blank.set_all(-kLatticePad, width + kLatticePad, 1, -infinity<L>());
        states.label.set_all(-kLatticePad, width + kLatticePad, 1, -infinity<L>());
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
    SF_INLINE void advance(int64_t t, const CtcStates<L>& from, const CtcStates<L>& to) {
        const V<L> blank_log = fill<L>(log_blank(t));
        const Probability<L> blank = probability<L>(blank_log);
        wrong |= ~(blank_log < infinity<L>());
        for (int64_t k = 0; k <= labels; k += Simd<L>::lanes) {
            const V<L> label_log = log_labels(t, k);
            wrong |= ~(label_log < infinity<L>());
            const Probability<L> label = probability<L>(label_log);
            const Probability<L> stay = from.blank.at(k), before = from.label.at(k - 1);
            const Probability<L> loop = looped(from.label.at(k));
            to.blank.set(k, normalised(blank * (stay + before)));
            to.label.set(k, normalised(label * sum(loop, stay, skipped(before, k))));
        }
    }

    SF_INLINE void start(const CtcStates<L>& states) const { states.blank.set_one(0, 1, 0); }

    SF_INLINE Likelihood<L> finish(const CtcStates<L>& last) const {
        const Probability<L> total = normalised(last.blank.at(labels) + last.label.at(labels - 1));
        return {total.mantissa[0], total.exponent[0], !any<L>(wrong)};
    }
};

template <class L>
Likelihood<L> ctc_likelihood(const CtcLattice<L>& lattice) {
    CtcSequence<L> sequence(lattice);
    CtcStates<L> from = sequence.take_states(), to = sequence.take_states();
    sequence.start(from);
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
    CtcStates<L> beta;  // in gradient_row also its product with what the states emit
    L* posterior;       // of the labels
    L* emission;

    // The posteriors of frame t, and from them its row of the gradient.
    SF_INLINE void gradient_row(int64_t t, const CtcStates<L>& alpha) const {
        const int64_t labels = sequence.labels;
        const Probability<L> blank = probability<L>(fill<L>(sequence.log_blank(t)));
        V<L> blank_sum{}, label_sum{};
        for (int64_t k = 0; k <= labels; k += Simd<L>::lanes) {
            const Probability<L> label = probability<L>(sequence.log_labels(t, k));
            const Probability<L> beta_blank = beta.blank.at(k), beta_label = beta.label.at(k);
            blank_sum += relative_to(likelihood.exponent, alpha.blank.at(k) * beta_blank);
            const V<L> label_posterior =
                relative_to(likelihood.exponent, alpha.label.at(k) * beta_label);
            label_sum += label_posterior;
            store<L>(posterior + k, label_posterior);
            store<L>(emission + k, scaled<L>(label.mantissa, label.exponent));
            beta.blank.set(k, blank * beta_blank);
            beta.label.set(k, label * beta_label);
        }
        const L on_blank = reduce_add<L>(blank_sum);
        const L total = on_blank + reduce_add<L>(label_sum);  // 1, but for rounding
        const L weight = total > 0 ? gradient.upstream / total : 0;
        const L occupancy = gradient.normalized ? L{0} : gradient.upstream;
        for (int64_t i = 0; i < gradient.repeat_count; ++i) {
            const int32_t* pair = gradient.repeats + 2 * i;
            posterior[pair[1]] += posterior[pair[0]];
        }
        L* row = gradient.rows + t * sequence.pitch;
        row[0] = occupancy;
        row[1] = occupancy * scaled<L>(blank.mantissa, blank.exponent)[0] - weight * on_blank;
        row += 2;
        for (int64_t k = 0; k < labels; k += Simd<L>::lanes) {
            const V<L> g =
                occupancy * load<L>(emission + k) - weight * load<L>(posterior + k);
            if (k + Simd<L>::lanes <= labels) {
                store<L>(row + k, g);
            } else {
                store_part<L>(row + k, g, labels - k);
            }
        }
    }

    // beta at t - 1 from the products at t; ascending, so that what is read is not yet written.
    SF_INLINE void retreat() const {
        for (int64_t k = 0; k <= sequence.labels; k += Simd<L>::lanes) {
            const Probability<L> stay = beta.blank.at(k), label = beta.label.at(k);
            const Probability<L> after = beta.blank.at(k + 1);
            const Probability<L> skip = sequence.skipped(beta.label.at(k + 1), k + 1);
            beta.blank.set(k, normalised(stay + label));
            beta.label.set(k, normalised(sum(sequence.looped(label), after, skip)));
        }
    }
};

template <class L>
Likelihood<L> ctc_gradient(const CtcLattice<L>& lattice, const CtcGradient<L>& gradient) {
    CtcSequence<L> sequence(lattice);
    const int64_t frames = lattice.frames, segment = ctc_segment(frames);
    const CtcStates<L> beta = sequence.take_states();
    L* const posterior = sequence.scratch;
    L* const emission = posterior + sequence.width;
    sequence.scratch = emission + sequence.width;
    // Slots 0 .. segment - 1: alpha before each segment; from `segment` on: alpha within one.
    L* const slots = sequence.scratch;
    const int64_t size = 4 * (sequence.width + 2 * kLatticePad);
    for (int64_t i = 0; i < 2 * segment; ++i) sequence.clear(sequence.states_at(slots + i * size));
    const auto slot = [&](int64_t i) { return sequence.states_at(slots + i * size); };

    sequence.start(slot(0));
    CtcStates<L> last = slot(0);
    for (int64_t t = 0; t < frames; ++t) {
        const bool keep = (t + 1) % segment == 0;
        const CtcStates<L> to = slot(keep ? (t + 1) / segment : segment + t % segment);
        sequence.advance(t, last, to);
        last = to;
    }
    const Likelihood<L> likelihood = sequence.finish(last);
    if (!likelihood.valid || likelihood.exponent == -infinity<L>()) return likelihood;

    const CtcBackward<L> backward{sequence, gradient, likelihood, beta, posterior, emission};
    beta.blank.set_one(lattice.labels, 1, 0);
    if (lattice.labels > 0) beta.label.set_one(lattice.labels - 1, 1, 0);
    for (int64_t t = frames - 1; t >= 0; --t) {
        if (t % segment == segment - 1) {  // a full segment; an unfinished last one is still there
            CtcStates<L> from = slot(t / segment);
            for (int64_t i = t - segment + 1; i <= t; ++i) {
                const CtcStates<L> to = slot(segment + i % segment);
                sequence.advance(i, from, to);
                from = to;
            }
        }
        backward.gradient_row(t, slot(segment + t % segment));
        backward.retreat();
    }
    return likelihood;
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_CTC_HPP_
