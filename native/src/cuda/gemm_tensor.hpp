// What a warp does of a product of tiles in half precision: 64 x 32 sums in float, by tensor cores
// (mma.m16n8k16), a thread having 8 x 8 of them. Of the eight warps two lie along the rows, four
// along the columns.
//
// Tensor cores multiply exactly and add in an order of their own; on the host the sums are made
// one after another, from the same lines of shared memory. So the two differ by the rounding of
// sums.
//
// In the registers of mma, sums (2 m + h, 2 n + b) of lane l are those of row 16 m + 8 h + l / 4
// and column 8 n + 2 (l % 4) + b. Operands come by ldmatrix: four squares of 8 x 8, the lines of
// square q at the addresses that lanes 8 q .. 8 q + 7 give, transposed where lines are of one
// depth.
#ifndef SEQFRONT_CUDA_GEMM_TENSOR_HPP_
#define SEQFRONT_CUDA_GEMM_TENSOR_HPP_

#include "cuda/gemm_tile.hpp"

namespace seqfront {
namespace cuda {

#if defined(__CUDACC__)
template <bool kTransposed>
SF_DEVICE void load_squares(const void* line, uint32_t (&to)[4]) {
    const auto address = static_cast<unsigned>(__cvta_generic_to_shared(line));
    if constexpr (kTransposed) {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(address)
                     : "memory");
    } else {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(address)
                     : "memory");
    }
}

#define SEQFRONT_MMA(T, name)                                                                   \
    SF_DEVICE void multiply_add(T, const uint32_t (&a)[4], uint32_t b0, uint32_t b1, float& c0, \
                                float& c1, float& c2, float& c3) {                              \
        asm("mma.sync.aligned.m16n8k16.row.col.f32." name "." name                              \
            ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"              \
            : "+f"(c0), "+f"(c1), "+f"(c2), "+f"(c3)                                            \
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));                    \
    }
SEQFRONT_MMA(BFloat16, "bf16")
SEQFRONT_MMA(Float16, "f16")
#undef SEQFRONT_MMA
#endif

template <class T, Layout kA, Layout kB>
struct TensorThread {
    static constexpr int kValues = 8;

    static SF_DEVICE int row(int thread, int i) {
        return first_row(thread) + i * 8 + thread % kWarp / 4;
    }
    static SF_DEVICE int column(int thread, int j) {
        return first_column(thread) + j / 2 * 8 + thread % 4 * 2 + j % 2;
    }

    static SF_DEVICE void multiply(int thread, const T* a, const T* b,
                                   float (&sums)[kValues][kValues]) {
        SF_UNROLL
        for (int k = 0; k < TileShape<T>::kDepth; k += 16) multiply_squares(thread, a, b, k, sums);
    }

  private:
    using TileA = OperandTile<T, kA>;
    using TileB = OperandTile<T, kB>;
    static constexpr bool kLinesOfA = kA == Layout::kDepthLast,
                          kLinesOfB = kB == Layout::kDepthLast;

    static SF_DEVICE int first_row(int thread) { return thread / kWarp / 4 * 64; }
    static SF_DEVICE int first_column(int thread) { return thread / kWarp % 4 * 32; }

    // The line that a lane gives, of 16 rows of A: rows 0 and 8, then both at depth 8.
    static SF_DEVICE int line_of_a(int lane, int row, int k) {
        if (kLinesOfA) return TileA::at(row + lane % 16, k + lane / 16 * 8);
        return TileA::at(row + lane / 8 % 2 * 8, k + lane / 16 * 8 + lane % 8);
    }
    // Of 16 columns of B: depths 0 and 8 of the first eight, then of the next.
    static SF_DEVICE int line_of_b(int lane, int column, int k) {
        if (kLinesOfB) return TileB::at(column + lane / 16 * 8 + lane % 8, k + lane / 8 % 2 * 8);
        return TileB::at(column + lane / 16 * 8, k + lane % 16);
    }

#if defined(__CUDACC__)
    static SF_DEVICE void multiply_squares(int thread, const T* a, const T* b, int k,
                                           float (&sums)[kValues][kValues]) {
        uint32_t of_a[4][4], of_b[2][4];
        const int lane = thread % kWarp;
        SF_UNROLL
        for (int m = 0; m < 4; ++m) {
            load_squares<!kLinesOfA>(a + line_of_a(lane, first_row(thread) + 16 * m, k), of_a[m]);
        }
        SF_UNROLL
        for (int n = 0; n < 2; ++n) {
            load_squares<!kLinesOfB>(b + line_of_b(lane, first_column(thread) + 16 * n, k),
                                     of_b[n]);
        }
        SF_UNROLL
        for (int m = 0; m < 4; ++m) {
            SF_UNROLL
            for (int n = 0; n < 4; ++n) {
                float (&high)[kValues] = sums[2 * m];
                float (&low)[kValues] = sums[2 * m + 1];
                multiply_add(T{}, of_a[m], of_b[n / 2][n % 2 * 2], of_b[n / 2][n % 2 * 2 + 1],
                             high[2 * n], high[2 * n + 1], low[2 * n], low[2 * n + 1]);
            }
        }
    }
#else
    // The same lines, as ldmatrix and mma are defined over them.
    static void multiply_squares(int thread, const T* a, const T* b, int k,
                                 float (&sums)[kValues][kValues]) {
        for (int i = 0; i < kValues; ++i) {
            const int row = i % 2 * 8 + thread % kWarp / 4;
            float of_a[16];
            for (int depth = 0; depth < 16; ++depth) {
                const int square = row / 8 + depth / 8 * 2;
                const int line = 8 * square + (kLinesOfA ? row : depth) % 8;
                of_a[depth] = widened(a[line_of_a(line, first_row(thread) + i / 2 * 16, k) +
                                        (kLinesOfA ? depth : row) % 8]);
            }
            for (int j = 0; j < kValues; ++j) {
                const int column = j / 2 % 2 * 8 + thread % 4 * 2 + j % 2;
                for (int depth = 0; depth < 16; ++depth) {
                    const int square = column / 8 * 2 + depth / 8;
                    const int line = 8 * square + (kLinesOfB ? column : depth) % 8;
                    const T of_b = b[line_of_b(line, first_column(thread) + j / 4 * 16, k) +
                                     (kLinesOfB ? depth : column) % 8];
                    sums[i][j] += of_a[depth] * widened(of_b);
                }
            }
        }
    }
#endif
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_GEMM_TENSOR_HPP_
