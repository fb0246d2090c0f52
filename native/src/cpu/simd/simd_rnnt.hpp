// The RNN-T lattice of one sequence, along its anti-diagonals.
//
// alpha(t, u) = alpha(t-1, u) blank(t-1, u) + alpha(t, u-1) label(t, u-1)        alpha(0, 0) = 1
// beta(t, u)  = blank(t, u) beta(t+1, u) + label(t, u) beta(t, u+1)              beta(T, S) = 1
//
// Diagonal n holds the cells with t + u = n; in the tables (see RnntLattice) it is row n % T,
// columns first(n) .. last(n), and what lies beside these belongs to diagonals n - T and n + T.
// So a vector may read past the last column of a diagonal, but has to write exactly. The lanes past
// the end compute something finite that no cell of the lattice ever reads: cells that do not exist
// but are read (t < 0 forward, t = T backward) are zeros in the two rolling diagonals.
#ifndef SEQFRONT_CPU_SIMD_RNNT_HPP_
#define SEQFRONT_CPU_SIMD_RNNT_HPP_

#include "simd/simd_table.hpp"

namespace seqfront {
namespace SF_ISA {

template <class L>
struct RnntDiagonals {
    Table<L> blank, label, alpha, old, next;
    int64_t frames, positions;
    bool valid;

    SF_INLINE explicit RnntDiagonals(const RnntLattice<L>& lattice)
        : frames(lattice.frames), positions(lattice.positions) {
        const int64_t cells = frames * positions;
        L* scratch = lattice.scratch;
        blank = take(scratch, cells);
        label = take(scratch, cells);
        old = take(scratch, positions + kLatticePad);
        next = take(scratch, positions + kLatticePad);
        alpha = take(scratch, cells);
        valid = to_probabilities(lattice.blank, cells, blank);
        valid = to_probabilities(lattice.label, cells, label) && valid;
    }

    SF_INLINE int64_t diagonals() const { return frames + positions - 1; }
    SF_INLINE int64_t row(int64_t n) const { return n % frames * positions; }
    SF_INLINE int64_t first(int64_t n) const { return n < frames ? 0 : n - frames + 1; }
    SF_INLINE int64_t last(int64_t n) const { return n < positions ? n : positions - 1; }

    SF_INLINE void clear() const {
        const int64_t end = positions + 2 * kLatticePad;
        old.set_all(-kLatticePad, end, 1, -infinity<L>());
        next.set_all(-kLatticePad, end, 1, -infinity<L>());
    }
};

// Runs alpha, keeps all of it if Keep, and returns the likelihood.
template <class L, bool Keep>
SF_INLINE Likelihood<L> rnnt_forward(RnntDiagonals<L>& d) {
    d.clear();
    d.old.set_one(0, 1, 0);
    if (Keep) d.alpha.set_one(0, 1, 0);
    for (int64_t n = 1; n < d.diagonals(); ++n) {
        const int64_t arcs = d.row(n - 1), cells = d.row(n), end = d.last(n) + 1;
        for (int64_t u = d.first(n); u < end; u += Simd<L>::lanes) {
            const Probability<L> p = normalised(d.old.at(u) * d.blank.at(arcs + u) +
                                                d.old.at(u - 1) * d.label.at(arcs + u - 1));
            d.next.set(u, p);
            if (Keep) d.alpha.set_part(cells + u, p, end - u);
        }
        const Table<L> swap = d.old;
        d.old = d.next;
        d.next = swap;
    }
    const int64_t corner = d.positions - 1, arc = d.row(d.diagonals() - 1) + corner;
    return {d.old.mantissa[corner] * d.blank.mantissa[arc],
            d.old.exponent[corner] + d.blank.exponent[arc], d.valid};
}

template <class L>
Likelihood<L> rnnt_likelihood(const RnntLattice<L>& lattice) {
    RnntDiagonals<L> d(lattice);
    return rnnt_forward<L, false>(d);
}

template <class L>
SF_INLINE void rnnt_write(const RnntGradient<L>& to, int64_t cell, V<L> posterior_blank,
                          V<L> posterior_label, V<L> blank, V<L> label, int64_t count) {
    const V<L> occupancy = to.normalized ? V<L>{} : posterior_blank + posterior_label;
    const V<L> values[3] = {occupancy, occupancy * blank - posterior_blank,
                            occupancy * label - posterior_label};
    L* const rows[3] = {to.scale + cell, to.blank + cell, to.label + cell};
    for (int k = 0; k < 3; ++k) {
        if (count >= Simd<L>::lanes) {
            store<L>(rows[k], values[k] * to.upstream);
        } else {
            store_part<L>(rows[k], values[k] * to.upstream, count);
        }
    }
}

template <class L>
Likelihood<L> rnnt_gradient(const RnntLattice<L>& lattice, const RnntGradient<L>& gradient) {
    RnntDiagonals<L> d(lattice);
    const Likelihood<L> likelihood = rnnt_forward<L, true>(d);
    if (!d.valid || likelihood.exponent == -infinity<L>()) return likelihood;
    const L inverse = 1 / likelihood.mantissa;
    const V<L> one = fill<L>(1);
    d.clear();
    d.old.set_one(d.positions - 1, 1, 0);
    for (int64_t n = d.diagonals() - 1; n >= 0; --n) {
        const int64_t cells = d.row(n), end = d.last(n) + 1;
        for (int64_t u = d.first(n); u < end; u += Simd<L>::lanes) {
            const Probability<L> blank = d.blank.at(cells + u), label = d.label.at(cells + u);
            const Probability<L> by_blank = blank * d.old.at(u), by_label = label * d.old.at(u + 1);
            d.next.set(u, normalised(by_blank + by_label));
            Probability<L> alpha = d.alpha.at(cells + u);
            alpha.mantissa *= inverse;
            rnnt_write<L>(gradient, cells + u,
                          minimum(relative_to(likelihood.exponent, alpha * by_blank), one),
                          minimum(relative_to(likelihood.exponent, alpha * by_label), one),
                          scaled<L>(blank.mantissa, blank.exponent),
                          scaled<L>(label.mantissa, label.exponent), end - u);
        }
        const Table<L> swap = d.old;
        d.old = d.next;
        d.next = swap;
    }
    return likelihood;
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_RNNT_HPP_
