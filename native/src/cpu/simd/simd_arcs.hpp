// The lattice of one sequence of any transducer, along its anti-diagonals.
//
// An arc leads from (t, u) to (t + frames, u + labels), so from diagonal n = t + u to diagonal
// n + frames + labels: alpha of a diagonal is a sum over arcs from some diagonals before it, and
// beta over arcs to some after it. A ring keeps as many diagonals as the longest arc needs. Beyond
// the cells of its diagonal a row of the ring is all zeros, so that cells that do not exist
// contribute nothing; hence partial stores, and what was in the row before is cleared.
#ifndef SEQFRONT_CPU_SIMD_ARCS_HPP_
#define SEQFRONT_CPU_SIMD_ARCS_HPP_

#include "simd/simd_table.hpp"

namespace seqfront {
namespace SF_ISA {

template <class L>
struct ArcDiagonals {
    const ArcLattice<L>& of;
    Table<L> alpha;
    Table<L> free_ride;  // one probability: sum of alpha(t, S) so far, or beta where a ride ends
    L* ring;
    int64_t ring_size;

    SF_INLINE explicit ArcDiagonals(const ArcLattice<L>& lattice) : of(lattice) {
        L* scratch = of.scratch;
        free_ride = take(scratch, 1);
        alpha = take(scratch, of.cells);
        ring = scratch;
        ring_size = of.labels + 1 + 3 * kLatticePad;
    }

    SF_INLINE int64_t end() const { return of.frames + of.labels; }
    SF_INLINE int64_t count(int64_t n) const { return of.last[n] - of.first[n] + 1; }
    SF_INLINE bool has(int64_t n, int64_t u) const { return u >= of.first[n] && u <= of.last[n]; }
    // Whether a vector from u on holds any cell of diagonal n.
    SF_INLINE bool meets(int64_t n, int64_t u) const {
        return n >= 0 && n <= end() && u <= of.last[n] && u + Simd<L>::lanes > of.first[n];
    }

    // The row of the ring that diagonal n has.
    SF_INLINE Table<L> row(int64_t n) const {
        L* const start = ring + n % of.history * 2 * ring_size + kLatticePad;
        return {start, start + ring_size};
    }
    SF_INLINE void clear() const {
        for (int64_t n = 0; n < of.history; ++n) {
            row(n).set_all(-kLatticePad, of.labels + 1 + 2 * kLatticePad, 1, -infinity<L>());
        }
    }
    // A row for diagonal n, without what `before` left in it.
    SF_INLINE Table<L> fresh_row(int64_t n, int64_t before) const {
        const Table<L> table = row(n);
        if (before >= 0 && before <= end()) {
            table.set_all(of.first[before], of.last[before] + 1, 1, -infinity<L>());
        }
        return table;
    }
};

template <class L>
SF_INLINE void add_one(const Table<L>& table, int64_t i, const Probability<L>& p) {
    table.set_part(i, normalised(table.at(i) + p), 1);
}

template <class L>
SF_INLINE Probability<L> ride_weight(const ArcLattice<L>& of) {
    return probability<L>(fill<L>(of.star_weight));
}

// Free rides into diagonal n, and what its cell (n - S, S) adds to those that come later.
template <class L>
SF_INLINE void ride_forward(const ArcDiagonals<L>& d, int64_t n, const Table<L>& row) {
    const ArcLattice<L>& of = d.of;
    const Probability<L> weight = ride_weight(of);
    if (n > 0 && n < of.frames && d.has(n, 0)) add_one(row, 0, weight);
    const int64_t t = n - of.labels, to = of.star == 1 ? of.frames - 1 : of.frames;
    if (t == to) add_one(row, of.labels, d.free_ride.at(0) * weight);
    if (t >= 0 && t < of.frames - 1 && d.has(n, of.labels)) {
        add_one(d.free_ride, 0, row.at(of.labels));
    }
}

template <class L>
SF_INLINE void ride_backward(const ArcDiagonals<L>& d, int64_t n, const Table<L>& row) {
    const ArcLattice<L>& of = d.of;
    const int64_t t = n - of.labels, to = of.star == 1 ? of.frames - 1 : of.frames;
    if (t >= 0 && t < of.frames - 1 && d.has(n, of.labels)) {
        add_one(row, of.labels, d.free_ride.at(0) * ride_weight(of));
    }
    if (t == to) d.free_ride.set_part(0, row.at(of.labels), 1);
}

// Runs alpha, keeps all of it if Keep, and returns the likelihood.
template <class L, bool Keep>
SF_INLINE Likelihood<L> arcs_forward(const ArcDiagonals<L>& d) {
    const ArcLattice<L>& of = d.of;
    d.clear();
    d.free_ride.set_one(0, 1, -infinity<L>());
    for (int64_t n = 0; n <= d.end(); ++n) {
        const Table<L> row = d.fresh_row(n, n - of.history);
        for (int64_t u = of.first[n]; u <= of.last[n]; u += Simd<L>::lanes) {
            Probability<L> p = impossible<L>();
            for (int64_t a = 0; a < of.arc_count; ++a) {
                const ArcTable<L>& arc = of.arcs[a];
                const int64_t from = n - arc.frames - arc.labels, v = u - arc.labels;
                if (!d.meets(from, v)) continue;
                p = p + d.row(from).at(v) * probability<L>(load<L>(arc.weight + of.row[from] + v));
            }
            row.set_part(u, normalised(p), of.last[n] - u + 1);
        }
        if (n == 0 && d.has(0, 0)) row.set_one(0, 1, 0);
        if (of.star != 0) ride_forward(d, n, row);
        for (int64_t u = of.first[n]; Keep && u <= of.last[n]; u += Simd<L>::lanes) {
            d.alpha.set_part(of.row[n] + u, row.at(u), of.last[n] - u + 1);
        }
    }
    const Table<L> row = d.row(d.end());
    return {row.mantissa[of.labels], row.exponent[of.labels], 1};
}

template <class L>
Likelihood<L> arcs_likelihood(const ArcLattice<L>& lattice) {
    return arcs_forward<L, false>(ArcDiagonals<L>(lattice));
}

// Beta of the cells from u on, and the posteriors of their arcs, over the weights of these.
template <class L>
SF_INLINE Probability<L> arcs_out(const ArcDiagonals<L>& d, int64_t n, int64_t u, L inverse,
                                  L exponent) {
    const ArcLattice<L>& of = d.of;
    const int64_t cell = of.row[n] + u, count = of.last[n] - u + 1;
    Probability<L> alpha = d.alpha.at(cell), beta = impossible<L>();
    alpha.mantissa *= inverse;
    for (int64_t a = 0; a < of.arc_count; ++a) {
        const ArcTable<L>& arc = of.arcs[a];
        const int64_t to = n + arc.frames + arc.labels, v = u + arc.labels;
        V<L> posterior{};
        if (d.meets(to, v)) {
            const Probability<L> p = probability<L>(load<L>(arc.weight + cell)) * d.row(to).at(v);
            beta = beta + p;
            posterior = minimum(relative_to(exponent, alpha * p), fill<L>(1));
        }
        if (count >= Simd<L>::lanes) {
            store<L>(arc.weight + cell, posterior);
        } else {
            store_part<L>(arc.weight + cell, posterior, count);
        }
    }
    return beta;
}

template <class L>
Likelihood<L> arcs_posteriors(const ArcLattice<L>& lattice) {
    const ArcDiagonals<L> d(lattice);
    const ArcLattice<L>& of = d.of;
    const Likelihood<L> likelihood = arcs_forward<L, true>(d);
    if (likelihood.exponent == -infinity<L>()) return likelihood;
    d.clear();
    d.free_ride.set_one(0, 1, -infinity<L>());
    for (int64_t n = d.end(); n >= 0; --n) {
        const Table<L> row = d.fresh_row(n, n + of.history);
        for (int64_t u = of.first[n]; n < d.end() && u <= of.last[n]; u += Simd<L>::lanes) {
            row.set_part(
                u, normalised(arcs_out(d, n, u, 1 / likelihood.mantissa, likelihood.exponent)),
                of.last[n] - u + 1);
        }
        if (n == d.end()) row.set_one(of.labels, 1, 0);
        if (of.star != 0) ride_backward(d, n, row);
    }
    return likelihood;
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_ARCS_HPP_
