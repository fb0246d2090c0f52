// What one thread does of a product of tiles in float and double: a square of sums, in fused steps
// in order of the depth. The threads are 16 x 16.
//
// It reads chunks of 16 bytes, along the depth or across it as the tile lies; threads of a warp
// read the same chunk of A, and chunks of B in different banks.
#ifndef SEQFRONT_CUDA_GEMM_SCALAR_HPP_
#define SEQFRONT_CUDA_GEMM_SCALAR_HPP_

#include "cuda/gemm_tile.hpp"

namespace seqfront {
namespace cuda {

template <class T, Layout kA, Layout kB>
struct ScalarThread {
    static constexpr int kValues = TileShape<T>::kSide / 16;

    static SF_DEVICE int row(int thread, int i) { return place<kA>(thread / 16, i); }
    static SF_DEVICE int column(int thread, int j) { return place<kB>(thread % 16, j); }

    static SF_DEVICE void multiply(int thread, const T* a, const T* b,
                                   T (&sums)[kValues][kValues]) {
        SF_UNROLL
        for (int first = 0; first < kValues; first += kRows) {
            SF_LOOP  // or all of its loads would come first, and fill the registers
                for (int k = 0; k < TileShape<T>::kDepth; k += kChunk) {
                T of_a[kRows][kChunk];
                read_a(thread, a, first, k, of_a);
                multiply_chunk(thread, of_a, b, first, k, sums);
            }
        }
    }

  private:
    static constexpr int kChunk = Chunk<T>::kSize;
    // Rows of A that are in registers at once, with a chunk of depths each: of float not all, for
    // two blocks of a multiprocessor leave 128 registers to a thread.
    static constexpr int kRows = kA == Layout::kDepthLast ? 4 : kValues;
    using TileA = OperandTile<T, kA>;
    using TileB = OperandTile<T, kB>;

    // Row i of part number `part` of 16.
    template <Layout kLayout>
    static SF_DEVICE int place(int part, int i) {
        if (kLayout == Layout::kDepthLast) return part + 16 * i;
        return (i / kChunk * 16 + part) * kChunk + i % kChunk;
    }

    static SF_DEVICE void read_a(int thread, const T* a, int first, int k, T (&to)[kRows][kChunk]) {
        if constexpr (kA == Layout::kDepthLast) {
            SF_UNROLL
            for (int i = 0; i < kRows; ++i) {
                load_shared(a + TileA::at(row(thread, first + i), k), to[i]);
            }
        } else {
            SF_UNROLL
            for (int of = 0; of < kChunk; ++of) {
                T line[kValues];
                read_line<TileA>(a, row(thread, 0), k + of, line);
                SF_UNROLL
                for (int i = 0; i < kValues; ++i) to[i][of] = line[i];
            }
        }
    }

    static SF_DEVICE void multiply_chunk(int thread, const T (&a)[kRows][kChunk], const T* b,
                                         int first, int k, T (&sums)[kValues][kValues]) {
        if constexpr (kB == Layout::kDepthLast) {
            SF_UNROLL
            for (int j = 0; j < kValues; ++j) {
                T of_b[kChunk];
                load_shared(b + TileB::at(column(thread, j), k), of_b);
                SF_UNROLL
                for (int of = 0; of < kChunk; ++of) {
                    SF_UNROLL
                    for (int i = 0; i < kRows; ++i) {
                        T& sum = sums[first + i][j];
                        sum = fused(a[i][of], of_b[of], sum);
                    }
                }
            }
        } else {
            SF_UNROLL
            for (int of = 0; of < kChunk; ++of) {
                T line[kValues];
                read_line<TileB>(b, column(thread, 0), k + of, line);
                SF_UNROLL
                for (int i = 0; i < kRows; ++i) {
                    SF_UNROLL
                    for (int j = 0; j < kValues; ++j) {
                        T& sum = sums[first + i][j];
                        sum = fused(a[i][of], line[j], sum);
                    }
                }
            }
        }
    }

    // The rows of a thread at one depth, of a tile that has them in lines.
    template <class Tile>
    static SF_DEVICE void read_line(const T* tile, int first, int k, T (&to)[kValues]) {
        SF_UNROLL
        for (int i = 0; i < kValues; i += kChunk) {
            T chunk[kChunk];
            load_shared(tile + Tile::at(first + i * 16, k), chunk);
            SF_UNROLL
            for (int j = 0; j < kChunk; ++j) to[i + j] = chunk[j];
        }
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_GEMM_SCALAR_HPP_
