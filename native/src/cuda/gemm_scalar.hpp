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
        SF_LOOP  // or all of its loads would come first, and fill the registers
            for (int k = 0; k < TileShape<T>::kDepth; k += kChunk) {
            T of_a[kValues][kChunk];
            read_a(thread, a, k, of_a);
            multiply_chunk(thread, of_a, b, k, sums);
        }
    }

  private:
    static constexpr int kChunk = Chunk<T>::kSize;
    using TileA = OperandTile<T, kA>;
    using TileB = OperandTile<T, kB>;

    // Row i of part number `part` of 16.
    template <Layout kLayout>
    static SF_DEVICE int place(int part, int i) {
        if (kLayout == Layout::kDepthLast) return part + 16 * i;
        return (i / kChunk * 16 + part) * kChunk + i % kChunk;
    }

    static SF_DEVICE void read_a(int thread, const T* a, int k, T (&to)[kValues][kChunk]) {
        if constexpr (kA == Layout::kDepthLast) {
            SF_UNROLL
            for (int i = 0; i < kValues; ++i) {
                Chunk<T>::load(a + TileA::at(row(thread, i), k)).widen_to(to[i]);
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

    static SF_DEVICE void multiply_chunk(int thread, const T (&a)[kValues][kChunk], const T* b,
                                         int k, T (&sums)[kValues][kValues]) {
        if constexpr (kB == Layout::kDepthLast) {
            SF_UNROLL
            for (int j = 0; j < kValues; ++j) {
                T of_b[kChunk];
                Chunk<T>::load(b + TileB::at(column(thread, j), k)).widen_to(of_b);
                SF_UNROLL
                for (int of = 0; of < kChunk; ++of) {
                    SF_UNROLL
                    for (int i = 0; i < kValues; ++i) {
                        sums[i][j] = fused(a[i][of], of_b[of], sums[i][j]);
                    }
                }
            }
        } else {
            SF_UNROLL
            for (int of = 0; of < kChunk; ++of) {
                T line[kValues];
                read_line<TileB>(b, column(thread, 0), k + of, line);
                SF_UNROLL
                for (int i = 0; i < kValues; ++i) {
                    SF_UNROLL
                    for (int j = 0; j < kValues; ++j) {
                        sums[i][j] = fused(a[i][of], line[j], sums[i][j]);
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
            Chunk<T>::load(tile + Tile::at(first + i * 16, k)).widen_to(to + i);
        }
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_GEMM_SCALAR_HPP_
