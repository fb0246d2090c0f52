// What a warp does of a product of tiles in half precision: 64 x 32 sums in float, by tensor cores
// (mma.m16n8k16), a thread having 8 x 8 of them. Of the eight warps two lie along the rows, four
// along the columns.
//
// Tensor cores multiply exactly and add in an order of their own; on the host the sums are made
// one after another, so that there the two differ by the rounding of a sum.
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
#if defined(__CUDACC__)
        SF_UNROLL
        for (int k = 0; k < TileShape<T>::kDepth; k += 16) multiply_squares(thread, a, b, k, sums);
#else
        for (int i = 0; i < kValues; ++i) {
            for (int j = 0; j < kValues; ++j) {
                for (int k = 0; k < TileShape<T>::kDepth; ++k) {
                    sums[i][j] += widened(a[TileA::at(row(thread, i), k)]) *
                                  widened(b[TileB::at(column(thread, j), k)]);
                }
            }
        }
#endif
    }

  private:
    using TileA = OperandTile<T, kA>;
    using TileB = OperandTile<T, kB>;

    static SF_DEVICE int first_row(int thread) { return thread / kWarp / 4 * 64; }
    static SF_DEVICE int first_column(int thread) { return thread / kWarp % 4 * 32; }

#if defined(__CUDACC__)
    static SF_DEVICE void multiply_squares(int thread, const T* a, const T* b, int k,
                                           float (&sums)[kValues][kValues]) {
        uint32_t of_a[4][4], of_b[2][4];
        // Squares of A: rows 0 and 8 at this depth, then at depth 8. Of B: depths 0 and 8 of the
        // first eight columns, then of the next.
        const int across = thread % 8 + thread / 8 % 2 * 8, beyond = thread % kWarp / 16 * 8;
        const int eighth = thread % 8, second = thread / 8 % 2 * 8;
        SF_UNROLL
        for (int m = 0; m < 4; ++m) {
            const int from = first_row(thread) + 16 * m;
            if constexpr (kA == Layout::kDepthLast) {
                load_squares<false>(a + TileA::at(from + across, k + beyond), of_a[m]);
            } else {
                load_squares<true>(a + TileA::at(from + second, k + eighth + beyond), of_a[m]);
            }
        }
        SF_UNROLL
        for (int n = 0; n < 2; ++n) {
            const int from = first_column(thread) + 16 * n;
            if constexpr (kB == Layout::kDepthLast) {
                load_squares<false>(b + TileB::at(from + eighth + beyond, k + second), of_b[n]);
            } else {
                load_squares<true>(b + TileB::at(from + beyond, k + across), of_b[n]);
            }
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
#endif
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_GEMM_TENSOR_HPP_
