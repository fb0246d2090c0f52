// Matrix products: c (+)= a b for small and middling matrices, on one thread.
//
// The scheme of Goto and van de Geijn (Anatomy of high-performance matrix multiplication, 2008): a
// block of b lies packed in a cache, in panels two vectors wide; a block of a in a nearer one; the
// innermost loop keeps a tile of c in registers. Packing takes any strides, so a transposed matrix
// costs no more than another. An element of c is summed in the order of k whatever m and n are: its
// value does not depend on how callers cut their matrices in rows and columns.
#ifndef SEQFRONT_CPU_SIMD_GEMM_HPP_
#define SEQFRONT_CPU_SIMD_GEMM_HPP_

#include "simd/kernels.hpp"
#include "simd/simd.hpp"

namespace seqfront {
namespace SF_ISA {

// Of 32 registers 24 hold the tile of c, of 16 half as many.
constexpr int kTileRows = kVectorBytes == 64 ? 12 : 6;
template <class L>
constexpr int64_t kPanel = 2 * Simd<L>::lanes;

SF_INLINE int64_t at_most(int64_t value, int64_t limit) { return value < limit ? value : limit; }

// Lanes First, First + 1, ... of `low` and `high` in turn.
template <class L, int First, int... Chosen>
SF_INLINE V<L> interleaved(V<L> low, V<L> high) {
    constexpr int lanes = Simd<L>::lanes;
#if defined(__clang__)
    constexpr int i = sizeof...(Chosen);
    if constexpr (i < lanes) {
        return interleaved<L, First, Chosen..., First + i / 2 + i % 2 * lanes>(low, high);
    } else {
        return __builtin_shufflevector(low, high, Chosen...);
    }
#else
    I<L> order;
    for (int i = 0; i < lanes; ++i) order[i] = First + i / 2 + i % 2 * lanes;
    return __builtin_shuffle(low, high, order);
#endif
}

// A square of vectors, transposed by log2(lanes) perfect shuffles.
template <class L, int Step = 1>
SF_INLINE void transpose(const V<L>* x, V<L>* out) {
    constexpr int n = Simd<L>::lanes;
    V<L> y[n];
#pragma GCC unroll 8
    for (int i = 0; i < n / 2; ++i) {
        y[2 * i] = interleaved<L, 0>(x[i], x[i + n / 2]);
        y[2 * i + 1] = interleaved<L, n / 2>(x[i], x[i + n / 2]);
    }
    if constexpr (2 * Step < n) {
        transpose<L, 2 * Step>(y, out);
    } else {
#pragma GCC unroll 16
        for (int i = 0; i < n; ++i) out[i] = y[i];
    }
}

// to[r * stride + c] = from[r + c * column], for a square or (not Whole) a part of it.
template <class L, bool Whole>
SF_INLINE void pack_square(const L* from, int64_t column, int64_t rows, int64_t columns, L* to,
                           int64_t stride) {
    constexpr int n = Simd<L>::lanes;
    V<L> x[n], y[n];
#pragma GCC unroll 16
    for (int c = 0; c < n; ++c) {
        if (Whole) {
            x[c] = load<L>(from + c * column);
        } else {
            x[c] = c < columns ? load_part<L>(from + c * column, rows, 0) : V<L>{};
        }
    }
    transpose<L>(x, y);
#pragma GCC unroll 16
    for (int r = 0; r < n; ++r) {
        if (Whole) {
            store<L>(to + r * stride, y[r]);
        } else if (r < rows) {
            store_part<L>(to + r * stride, y[r], columns);
        }
    }
}

template <class L>
void pack_transposed(const L* from, int64_t column, int64_t rows, int64_t columns, L* to,
                     int64_t stride) {
    constexpr int64_t n = Simd<L>::lanes;
    for (int64_t r = 0; r < rows; r += n) {
        for (int64_t c = 0; c < columns; c += n) {
            const int64_t high = at_most(rows - r, n), wide = at_most(columns - c, n);
            const L* square = from + r + c * column;
            if (high == n && wide == n) {
                pack_square<L, true>(square, column, n, n, to + r * stride + c, stride);
            } else {
                pack_square<L, false>(square, column, high, wide, to + r * stride + c, stride);
            }
        }
    }
}

// Copies part of a matrix to rows `stride` apart.
template <class L>
void pack(const Matrix<L>& m, int64_t row, int64_t column, int64_t rows, int64_t columns, L* to,
          int64_t stride) {
    const L* from = m.data + row * m.row + column * m.column;
    if (m.column != 1 && m.row == 1) {
        return pack_transposed<L>(from, m.column, rows, columns, to, stride);
    }
    for (int64_t r = 0; r < rows; ++r, from += m.row, to += stride) {
        if (m.column == 1) {
            __builtin_memcpy(to, from, static_cast<size_t>(columns) * sizeof(L));
        } else {
            for (int64_t c = 0; c < columns; ++c) to[c] = from[c * m.column];
        }
    }
}

// Columns [column, column + columns) of b, in panels.
template <class L>
void pack_panels(const Matrix<L>& b, int64_t row, int64_t column, int64_t rows, int64_t columns,
                 L* to) {
    for (int64_t c = 0; c < columns; c += kPanel<L>, to += rows * kPanel<L>) {
        const int64_t wide = at_most(columns - c, kPanel<L>);
        if (wide < kPanel<L>) {
            __builtin_memset(to, 0, static_cast<size_t>(rows * kPanel<L>) * sizeof(L));
        }
        pack<L>(b, row, column + c, rows, wide, to, kPanel<L>);
    }
}

// Rows of c, `columns` of a panel wide.
template <class L>
SF_INLINE void write_sums(const V<L>* sum, L* c, int64_t columns, bool add) {
    constexpr int64_t n = Simd<L>::lanes;
    for (int64_t v = 0; v * n < columns; ++v) {
        const int64_t count = at_most(columns - v * n, n);
        L* const to = c + v * n;
        if (count == n) {
            store<L>(to, add ? load<L>(to) + sum[v] : sum[v]);
        } else {
            store_part<L>(to, add ? load_part<L>(to, count, 0) + sum[v] : sum[v], count);
        }
    }
}

template <class L, int Rows>
void multiply_tile(const L* a, const L* panel, int64_t depth, L* c, int64_t c_row, int64_t columns,
                   bool add) {
    constexpr int64_t n = Simd<L>::lanes;
    V<L> sum[Rows][2] = {};
    for (int64_t p = 0; p < depth; ++p) {
        const V<L> low = load<L>(panel + p * 2 * n), high = load<L>(panel + p * 2 * n + n);
#pragma GCC unroll 12
        for (int r = 0; r < Rows; ++r) {
            const L x = a[r * kGemmStride + p];
            sum[r][0] += x * low;
            sum[r][1] += x * high;
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < Rows; ++r) write_sums<L>(sum[r], c + r * c_row, columns, add);
}

// A packed block of a times one panel: tiles as high as they go.
template <class L, int Rows = kTileRows>
void multiply_panel(const L* a, int64_t rows, const L* panel, int64_t depth, L* c, int64_t c_row,
                    int64_t columns, bool add) {
    for (; rows >= Rows; rows -= Rows) {
        multiply_tile<L, Rows>(a, panel, depth, c, c_row, columns, add);
        a += Rows * kGemmStride;
        c += Rows * c_row;
    }
    constexpr int smaller = Rows == kTileRows ? kTileRows / 3 : 1;
    if constexpr (Rows > 1) {
        multiply_panel<L, smaller>(a, rows, panel, depth, c, c_row, columns, add);
    }
}

template <class L>
void gemm(const Gemm<L>& g) {
    L* const block = g.scratch;
    L* const panels = block + kGemmRows * kGemmStride;
    for (int64_t j = 0; j < g.n; j += kGemmColumns) {
        const int64_t columns = at_most(g.n - j, kGemmColumns);
        for (int64_t p = 0; p == 0 || p < g.k; p += kGemmDepth) {  // without a k, c becomes 0
            const int64_t depth = at_most(g.k - p, kGemmDepth);
            const bool add = g.accumulate || p > 0;
            pack_panels<L>(g.b, p, j, depth, columns, panels);
            for (int64_t i = 0; i < g.m; i += kGemmRows) {
                const int64_t rows = at_most(g.m - i, kGemmRows);
                pack<L>(g.a, i, p, rows, depth, block, kGemmStride);
                for (int64_t q = 0; q < columns; q += kPanel<L>) {
                    multiply_panel<L>(block, rows, panels + q * depth, depth,
                                      g.c + i * g.c_row + j + q, g.c_row,
                                      at_most(columns - q, kPanel<L>), add);
                }
            }
        }
    }
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_GEMM_HPP_
