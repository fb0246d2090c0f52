// A few rows times a panel of a matrix, which lies in memory just as it is read: once, from its
// start to its end. With so few rows that reading is what the product costs, so it asks for memory
// ahead of time; what stays in registers is the result.
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

// How far: fewer rows are through with it sooner, but then memory is what they wait for anyway.
constexpr int64_t kAheadBytes = 16384;

// Some rows of a whole panel. Sums are added up in parts of kGemmDepth, as in a product of any
// size: so errors of rounding do not grow with the depth.
template <class T, int Rows>
SF_INLINE void add_products(const Lattice<T>* x, int64_t rows, int64_t depth, const T* panel,
                            V<Lattice<T>> (*total)[kPanelVectors<Lattice<T>>]) {
    using L = Lattice<T>;
    constexpr int n = Simd<L>::lanes, vectors = kPanelVectors<L>;
    constexpr int64_t line = 64 / sizeof(T), ahead = kAheadBytes / sizeof(T);
    V<L> sum[Rows][vectors] = {};
    for (int64_t k = 0; k < depth; ++k, x += rows, panel += kPanelColumns) {
        V<L> w[vectors];
        for (int v = 0; v < vectors; ++v) w[v] = read(panel + v * n);
        for (int64_t at = 0; at < kPanelColumns; at += line) __builtin_prefetch(panel + ahead + at);
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
    const T* const panel = static_cast<const T*>(p.panel);
    V<L> total[Rows][vectors] = {};
    for (int64_t k = 0; k < p.depth; k += kGemmDepth) {
        add_products<T, Rows>(p.x + k * p.rows + row, p.rows, at_most(p.depth - k, kGemmDepth),
                              panel + k * kPanelColumns, total);
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
    const T* from = static_cast<const T*>(p.panel) + column;
    const L* x = p.x + row;
    V<L> total[Rows] = {};
    for (int64_t first = 0; first < p.depth; first += kGemmDepth) {
        const int64_t end = first + at_most(p.depth - first, kGemmDepth);
        V<L> sum[Rows] = {};
        for (int64_t k = first; k < end; ++k, x += p.rows, from += p.columns) {
            const V<L> w = read_part(from, count);
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
