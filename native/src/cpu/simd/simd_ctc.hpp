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
#ifndef SEQFRONT_CPU_SIMD_CTC_HPP_
#define SEQFRONT_CPU_SIMD_CTC_HPP_

#include "simd/simd_table.hpp"

namespace seqfront {
namespace SF_ISA {

// All states at one frame: four arrays of ctc_padded(labels), one after another.
template <class L>
struct CtcStates {
    Table<L> blank, label;

    SF_INLINE CtcStates(L* memory, int64_t width)
        : blank{memory, memory + width}, label{memory + 2 * width, memory + 3 * width} {}
};

template <class L>
struct CtcFrames {
    const CtcLattice<L>& lattice;
    int64_t labels;

    SF_INLINE explicit CtcFrames(const CtcLattice<L>& of) : lattice(of), labels(of.labels) {}

    SF_INLINE const L* row(int64_t t) const { return lattice.scores + t * (labels + 1); }
    SF_INLINE V<L> label_scores(int64_t t, int64_t k) const {
        const L* from = row(t) + 1 + k;
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
        const Probability<L> blank = probability<L>(fill<L>(row(t)[0]));
        Probability<L> lower = impossible<L>();  // the labels below this vector
        for (int64_t k = 0; k <= labels; k += Simd<L>::lanes) {
            const Probability<L> label = probability<L>(label_scores(t, k));
            const Probability<L> stay = from.blank.at(k), here = from.label.at(k);
            const Probability<L> before = shifted_up(lower, here);
            to.blank.set(k, normalised(blank * (stay + before)));
            to.label.set(k, normalised(label * sum(looped(here), stay, skipped(before, k))));
            lower = here;
        }
    }
};

template <class L>
void ctc_advance(const CtcLattice<L>& lattice, const L* from, L* to, int64_t slots) {
    const CtcFrames<L> frames(lattice);
    const int64_t width = ctc_padded(lattice.labels);
    CtcStates<L> last(const_cast<L*>(from), width);
    for (int64_t t = 0, slot = 0; t < lattice.frames; ++t) {
        const CtcStates<L> next(to + slot * 4 * width, width);
        frames.advance(t, last, next);
        last = next;
        slot = slot + 1 == slots ? 0 : slot + 1;
    }
}

template <class L>
Likelihood<L> ctc_likelihood(int64_t labels, const L* states) {
    const CtcStates<L> last(const_cast<L*>(states), ctc_padded(labels));
    Probability<L> total{fill<L>(last.blank.mantissa[labels]),
                         fill<L>(last.blank.exponent[labels])};
    if (labels > 0) {
        total = total + Probability<L>{fill<L>(last.label.mantissa[labels - 1]),
                                       fill<L>(last.label.exponent[labels - 1])};
    }
    total = normalised(total);
    return {total.mantissa[0], total.exponent[0], 1};
}

// The sweep back over the frames.
template <class L>
struct CtcRetreat {
    const CtcFrames<L>& frames;
    const CtcGradient<L>& gradient;
    CtcStates<L> beta;
    L* posterior;  // of the labels
    L* emission;

    // Frame t: its row of the gradient, and beta at t - 1 in the place of beta at t.
    SF_INLINE void retreat(int64_t t, const CtcStates<L>& alpha) const {
        constexpr int64_t n = Simd<L>::lanes;
        const Probability<L> blank = probability<L>(fill<L>(frames.row(t)[0]));
        Probability<L> upper_blank = impossible<L>(), upper_skip = impossible<L>();
        V<L> blank_sum{}, label_sum{};
        for (int64_t k = frames.labels / n * n; k >= 0; k -= n) {
            const Probability<L> label = probability<L>(frames.label_scores(t, k));
            const Probability<L> beta_blank = beta.blank.at(k), beta_label = beta.label.at(k);
            blank_sum += relative_to(gradient.exponent, alpha.blank.at(k) * beta_blank);
            const V<L> label_posterior =
                relative_to(gradient.exponent, alpha.label.at(k) * beta_label);
            label_sum += label_posterior;
            store<L>(posterior + k, label_posterior);
            store<L>(emission + k, emitted(label));

            const Probability<L> stay = blank * beta_blank, here = label * beta_label;
            const Probability<L> skip = frames.skipped(here, k);
            beta.blank.set(k, normalised(stay + here));
            beta.label.set(k, normalised(sum(frames.looped(here), shifted_down(stay, upper_blank),
                                             shifted_down(skip, upper_skip))));
            upper_blank = stay;
            upper_skip = skip;
        }
        write_row(t, emitted(blank)[0], reduce_add<L>(blank_sum), reduce_add<L>(label_sum));
    }

    // As a number. Scores that are no log-probs may be large, but their occupancy is 0 then.
    SF_INLINE static V<L> emitted(const Probability<L>& p) {
        return scaled<L>(p.mantissa, minimum(p.exponent, fill<L>(100)));
    }

    SF_INLINE void write_row(int64_t t, L blank, L on_blank, L on_labels) const {
        constexpr int64_t n = Simd<L>::lanes;
        const L total = on_blank + on_labels;  // 1, but for rounding
        const L weight = total > 0 ? gradient.upstream / total : 0;
        const L occupancy = gradient.occupancy;
        for (int64_t i = 0; i < gradient.repeat_count; ++i) {
            const int32_t* pair = gradient.repeats + 2 * i;
            posterior[pair[1]] += posterior[pair[0]];
        }
        L* row = gradient.rows + t * (frames.labels + 1);
        row[0] = occupancy * blank - weight * on_blank;
        row += 1;
        for (int64_t k = 0; k < frames.labels; k += n) {
            const V<L> g = occupancy * load<L>(emission + k) - weight * load<L>(posterior + k);
            if (k + n <= frames.labels) {
                store<L>(row + k, g);
            } else {
                store_part<L>(row + k, g, frames.labels - k);
            }
        }
    }
};

template <class L>
void ctc_retreat(const CtcLattice<L>& lattice, const CtcGradient<L>& gradient, const L* states,
                 L* beta) {
    const CtcFrames<L> frames(lattice);
    const int64_t width = ctc_padded(lattice.labels);
    const CtcRetreat<L> backward{frames, gradient, CtcStates<L>(beta, width), gradient.scratch,
                                 gradient.scratch + width};
    for (int64_t t = lattice.frames - 1; t >= 0; --t) {
        backward.retreat(t, CtcStates<L>(const_cast<L*>(states) + t * 4 * width, width));
    }
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_CTC_HPP_
