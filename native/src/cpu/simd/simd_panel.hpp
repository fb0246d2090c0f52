// A few rows times a panel of a matrix, which lies in memory just as it is read: once, from its
// start to its end. With so few rows that reading is what the product costs, so it asks for memory
// ahead of time; what stays in registers is the result.
#ifndef SEQFRONT_CPU_SIMD_PANEL_HPP_
#define SEQFRONT_CPU_SIMD_PANEL_HPP_

#include "simd/kernels.hpp"
#include "simd/simd_half.hpp"

namespace seqfront {
namespace SF_ISA {

template <class L>
constexpr int kPanelVectors = kPanelColumns / Simd<L>::lanes;

// Rows whose results fit in registers: of 32 they take 24, of 16 half as many.
template <class L>
constexpr int kPanelTile = kVectorBytes == 64 ? 24 / kPanelVectors<L>
                                              : (kPanelVectors<L> < 12 ? 12 / kPanelVectors<L> : 1);

constexpr int64_t kAheadBytes = 4096;

// Rows whose sums are added up in parts of kGemmDepth, as in a product of any size: so errors of
// rounding do not grow with the depth.
template <class T, int Rows>
SF_INLINE void add_products(const Lattice<T>* x, int64_t stride, int64_t depth, const T* panel,
                            V<Lattice<T>> (*total)[kPanelVectors<Lattice<T>>]) {
    using L = Lattice<T>;
    constexpr int n = Simd<L>::lanes, vectors = kPanelVectors<L>;
    constexpr int64_t line = 64 / sizeof(T), ahead = kAheadBytes / sizeof(T);
    V<L> sum[Rows][vectors] = {};
    for (int64_t k = 0; k < depth; ++k, panel += kPanelColumns) {
        V<L> w[vectors];
        for (int v = 0; v < vectors; ++v) w[v] = read(panel + v * n);
        for (int64_t at = 0; at < kPanelColumns; at += line) __builtin_prefetch(panel + ahead + at);
#pragma GCC unroll 24
        for (int r = 0; r < Rows; ++r) {
            const L factor = x[r * stride + k];
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
        const int64_t depth = p.depth - k < kGemmDepth ? p.depth - k : kGemmDepth;
        add_products<T, Rows>(p.x + row * p.depth + k, p.depth, depth, panel + k * kPanelColumns,
                              total);
    }
    T* y = static_cast<T*>(p.y) + row * p.y_row;
    for (int r = 0; r < Rows; ++r, y += p.y_row) {
        for (int v = 0; v < vectors; ++v) {
            if (p.bias != nullptr) total[r][v] += load<L>(p.bias + v * n);
            write(y + v * n, total[r][v]);
        }
    }
}

// Columns of the last panel that are no whole vectors: one row, one vector at a time.
template <class T>
void multiply_rest(const PanelProduct<Lattice<T>>& p) {
    using L = Lattice<T>;
    constexpr int64_t n = Simd<L>::lanes;
    const T* const panel = static_cast<const T*>(p.panel);
    for (int64_t r = 0; r < p.rows; ++r) {
        for (int64_t j = 0; j < p.columns; j += n) {
            const int64_t count = p.columns - j < n ? p.columns - j : n;
            V<L> sum = p.bias == nullptr ? V<L>{} : load_part<L>(p.bias + j, count, 0);
            for (int64_t k = 0; k < p.depth; ++k) {
                sum += p.x[r * p.depth + k] * read_part(panel + k * p.columns + j, count);
            }
            write_part(static_cast<T*>(p.y) + r * p.y_row + j, sum, count);
        }
    }
}

// Rows from `row` on: tiles as high as they go.
template <class T, int Rows = kPanelTile<Lattice<T>>>
void multiply_rows(const PanelProduct<Lattice<T>>& p, int64_t row) {
    for (; p.rows - row >= Rows; row += Rows) multiply_whole<T, Rows>(p, row);
    if constexpr (Rows > 1) multiply_rows<T, Rows - 1>(p, row);
}

template <class T>
void multiply_panel(const PanelProduct<Lattice<T>>& p) {
    if (p.columns == kPanelColumns) {
        multiply_rows<T>(p, 0);
    } else {
        multiply_rest<T>(p);
    }
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_PANEL_HPP_
