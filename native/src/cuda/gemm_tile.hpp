// The tiles that matrix products are made of: how large they are, and how they lie in shared
// memory.
#ifndef SEQFRONT_CUDA_GEMM_TILE_HPP_
#define SEQFRONT_CUDA_GEMM_TILE_HPP_

#include "cuda/rows.hpp"
#include "cuda/shared.hpp"

namespace seqfront {
namespace cuda {

constexpr int kGemmThreads = 256;

// Of half precision: a line of the depth is 64 bytes in each dtype.
template <class T>
struct TileShape {
    static constexpr int kSide = 128, kDepth = 32;
};
template <>
struct TileShape<float> {
    static constexpr int kSide = 128, kDepth = 16;
};
template <>
struct TileShape<double> {
    static constexpr int kSide = 64, kDepth = 8;
};

// Which axis of an operand is contiguous: the depth, or the one that stays (rows of A, columns of
// B; here both are called rows).
enum class Layout { kDepthLast, kDepthFirst };

// Lines of whole chunks, one chunk apart from each other: eight chunks of the same place in eight
// lines are in different banks.
template <class T, Layout kLayout>
struct OperandTile {
    static constexpr int kSide = TileShape<T>::kSide, kDepth = TileShape<T>::kDepth;
    static constexpr int kLines = kLayout == Layout::kDepthLast ? kSide : kDepth;
    static constexpr int kLength = kLayout == Layout::kDepthLast ? kDepth : kSide;
    static constexpr int kPitch = kLength + Chunk<T>::kSize;
    static constexpr int kSize = kLines * kPitch;

    static SF_DEVICE int at(int row, int depth) {
        return kLayout == Layout::kDepthLast ? row * kPitch + depth : depth * kPitch + row;
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_GEMM_TILE_HPP_
