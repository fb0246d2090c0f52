// Products of few rows with a large matrix, which is read once, where it lies: c += a b.
//
// Such a product is as fast as b comes from memory, so b is not packed (simd_gemm.hpp is for more
// rows). A strip of b, some rows high, is read from left to right, two vectors at a time, and meets
// all rows of a; c goes through the registers once for each strip. An element of c is summed in the
// order of k, whatever m and n are.
#ifndef SEQFRONT_CPU_SIMD_FEW_ROWS_HPP_
#define SEQFRONT_CPU_SIMD_FEW_ROWS_HPP_

#include "simd/kernels.hpp"
#include "simd/simd.hpp"
#include "simd/simd_gemm.hpp"

namespace seqfront {
namespace SF_ISA {

// How high a strip is: low strips read b in an order that memory likes, high ones spare reads and
// writes of c.
SF_INLINE int64_t strip_depth(int64_t rows) { return rows <= 6 ? 8 : rows <= 8 ? 16 : 64; }

// What is read next, into the cache: processors do not look over the end of a page.
template <class L>
SF_INLINE void prefetch_panel(const L* b) {
    constexpr int64_t ahead = 8 * 64 / sizeof(L);
    __builtin_prefetch(b + ahead);
    __builtin_prefetch(b + ahead + 64 / sizeof(L));
}

// `columns` columns of a strip, at most a panel.
template <class L, int Rows, bool Whole>
SF_INLINE void strip_panel(const FewRows<L>& g, const L* b, int64_t depth, const L* a, L* c,
                           int64_t columns) {
    constexpr int64_t n = Simd<L>::lanes;
    const int64_t low = Whole ? n : at_most(columns, n), high = Whole ? n : columns - low;
    V<L> sum[Rows][2];
#pragma GCC unroll 12
    for (int r = 0; r < Rows; ++r) {
        L* const to = c + r * g.c_row;
        sum[r][0] = Whole ? load<L>(to) : load_part<L>(to, low, 0);
        sum[r][1] = Whole ? load<L>(to + n) : load_part<L>(to + n, high, 0);
    }
    for (int64_t p = 0; p < depth; ++p, b += g.b_row) {
        const V<L> left = Whole ? load<L>(b) : load_part<L>(b, low, 0);
        const V<L> right = Whole ? load<L>(b + n) : load_part<L>(b + n, high, 0);
        if (Whole) prefetch_panel(b);
#pragma GCC unroll 12
        for (int r = 0; r < Rows; ++r) {
            const L x = a[r * g.a_row + p];
            sum[r][0] += x * left;
            sum[r][1] += x * right;
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < Rows; ++r) {
        L* const to = c + r * g.c_row;
        if (Whole) {
            store<L>(to, sum[r][0]);
            store<L>(to + n, sum[r][1]);
        } else {
            store_part<L>(to, sum[r][0], low);
            store_part<L>(to + n, sum[r][1], high);
        }
    }
}

template <class L, int Rows>
void multiply_strip(const FewRows<L>& g, int64_t k, int64_t depth, int64_t row) {
    const L* const a = g.a + row * g.a_row + k;
    const L* const b = g.b + k * g.b_row;
    L* const c = g.c + row * g.c_row;
    int64_t j = 0;
    for (; j + kPanel<L> <= g.n; j += kPanel<L>) {
        strip_panel<L, Rows, true>(g, b + j, depth, a, c + j, kPanel<L>);
    }
    if (j < g.n) strip_panel<L, Rows, false>(g, b + j, depth, a, c + j, g.n - j);
}

template <class L, int Rows = kTileRows>
SF_INLINE void multiply_rows(const FewRows<L>& g, int64_t k, int64_t depth, int64_t row,
                             int64_t rows) {
    if (rows == Rows) return multiply_strip<L, Rows>(g, k, depth, row);
    if constexpr (Rows > 1) multiply_rows<L, Rows - 1>(g, k, depth, row, rows);
}

template <class L>
void few_rows(const FewRows<L>& g) {
    const int64_t tiles = (g.m + kTileRows - 1) / kTileRows;
    const int64_t step = strip_depth(g.m);
    for (int64_t k = 0; k < g.k; k += step) {
        const int64_t depth = at_most(g.k - k, step);
        for (int64_t tile = 0; tile < tiles; ++tile) {  // of nearly equal height
            const int64_t first = tile * g.m / tiles, end = (tile + 1) * g.m / tiles;
            multiply_rows<L>(g, k, depth, first, end - first);
        }
    }
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_FEW_ROWS_HPP_
