// A few rows times a panel of a matrix, which lies in memory just as it is read: once, from its
// start to its end, but for what meets only zeros. With so few rows that reading is what the
// product costs, so it asks for memory ahead of time; what stays in registers is the result.
#ifndef SEQFRONT_CPU_SIMD_PANEL_HPP_
#define SEQFRONT_CPU_SIMD_PANEL_HPP_

#include "simd/kernels.hpp"
#include "simd/simd_gemm.hpp"
#include "simd/simd_half.hpp"

namespace seqfront {
namespace SF_ISA {

template <class L>
constexpr int kPanelVectors = kPanelColumns / Simd<L>::lanes;

// Rows whose results fit in registers: of 32 they take 24, of 16 half as many.
template <class L>
constexpr int kPanelTile = kVectorBytes == 64 ? 24 / kPanelVectors<L>
                                              : (kPanelVectors<L> < 12 ? 12 / kPanelVectors<L> : 1);

// How far memory is asked for ahead: fewer rows are through with it sooner, but then memory is what
// they wait for anyway.
constexpr int64_t kAheadBytes = 16384;

// Adds up some rows of a whole panel.
template <class T, int Rows>
SF_INLINE void add_products(const Lattice<T>* x, int64_t rows, const int32_t* place,
                            const int32_t* end, const T* panel,
                            V<Lattice<T>> (*total)[kPanelVectors<Lattice<T>>]) {
    using L = Lattice<T>;
    constexpr int n = Simd<L>::lanes, vectors = kPanelVectors<L>;
    constexpr int64_t line = 64 / sizeof(T), ahead = kAheadBytes / sizeof(T);
    V<L> sum[Rows][vectors] = {};
    for (; place != end; ++place, x += rows) {
        const T* const from = panel + *place * kPanelColumns;
        V<L> w[vectors];
        for (int v = 0; v < vectors; ++v) w[v] = read(from + v * n);
        // What comes next, and what would be passed by if this feature's successor is not here.
        for (int64_t at = 0; at < 2 * kPanelColumns; at += line) {
            __builtin_prefetch(from + ahead + at);
        }
#pragma GCC unroll 24
        for (int r = 0; r < Rows; ++r) {
            const L factor = x[r];
#pragma GCC unroll 16
            for (int v = 0; v < vectors; ++v) sum[r][v] += factor * w[v];
        }
    }
    for (int r = 0; r < Rows; ++r) {
        for (int v = 0; v < vectors; ++v) total[r][v] += sum[r][v];
    }
}

template <class T, int Rows>
void multiply_whole(const PanelProduct<Lattice<T>>& p, int64_t row) {
    using L = Lattice<T>;
    constexpr int n = Simd<L>::lanes, vectors = kPanelVectors<L>;
    V<L> total[Rows][vectors] = {};
    for (int64_t part = 0; part < p.parts; ++part) {
        const int64_t first = p.starts[part], end = p.starts[part + 1];
        add_products<T, Rows>(p.x + first * p.rows + row, p.rows, p.places + first, p.places + end,
                              static_cast<const T*>(p.panel), total);
    }
    L* y = p.y + row * p.y_row;
    for (int r = 0; r < Rows; ++r, y += p.y_row) {
        for (int v = 0; v < vectors; ++v) store<L>(y + v * n, load<L>(y + v * n) + total[r][v]);
    }
}

// Some rows of a vector of columns, or of a part of one.
template <class T, int Rows>
void multiply_vector(const PanelProduct<Lattice<T>>& p, int64_t row, int64_t column) {
    using L = Lattice<T>;
    const int64_t count = at_most(p.columns - column, Simd<L>::lanes);
    const T* const panel = static_cast<const T*>(p.panel) + column;
    const L* x = p.x + row;
    V<L> total[Rows] = {};
    for (int64_t part = 0; part < p.parts; ++part) {
        V<L> sum[Rows] = {};
        for (int64_t i = p.starts[part]; i < p.starts[part + 1]; ++i, x += p.rows) {
            const V<L> w = read_part(panel + p.places[i] * p.columns, count);
#pragma GCC unroll 24
            for (int r = 0; r < Rows; ++r) sum[r] += x[r] * w;
        }
        for (int r = 0; r < Rows; ++r) total[r] += sum[r];
    }
    L* y = p.y + row * p.y_row + column;
    for (int r = 0; r < Rows; ++r, y += p.y_row) {
        store_part<L>(y, load_part<L>(y, count, 0) + total[r], count);
    }
}

template <class T, int Rows = kPanelTile<Lattice<T>>>
SF_INLINE void multiply_tile(const PanelProduct<Lattice<T>>& p, int64_t row, int64_t rows) {
    if (rows == Rows) {
        if (p.columns == kPanelColumns) return multiply_whole<T, Rows>(p, row);
        for (int64_t at = 0; at < p.columns; at += Simd<Lattice<T>>::lanes) {
            multiply_vector<T, Rows>(p, row, at);
        }
        return;
    }
    if constexpr (Rows > 1) multiply_tile<T, Rows - 1>(p, row, rows);
}

template <class T>
void multiply_panel(const PanelProduct<Lattice<T>>& p) {
    constexpr int64_t highest = kPanelTile<Lattice<T>>;
    const int64_t tiles = (p.rows + highest - 1) / highest;
    for (int64_t tile = 0; tile < tiles; ++tile) {  // of nearly equal height
        const int64_t first = tile * p.rows / tiles, end = (tile + 1) * p.rows / tiles;
        multiply_tile<T>(p, first, end - first);
    }
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_PANEL_HPP_
