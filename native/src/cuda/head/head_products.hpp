// The last layer on a GPU, backward: the products of a chunk that are the same for all ops. Their
// kernels are compiled once, in head_products.cu.
//
// float16 ends at 6e-8, where gradients of rows that matter would vanish. So its rows are divided
// by a power of two of about their size, which the products give back.
#ifndef SEQFRONT_CUDA_HEAD_PRODUCTS_HPP_
#define SEQFRONT_CUDA_HEAD_PRODUCTS_HPP_

#include "cuda/head/head_layer.hpp"

namespace seqfront {
namespace cuda {

// What the gradients of a chunk are kept in.
template <class T>
struct ChunkGradient {
    using L = LatticeType<T>;
    static constexpr bool kScaled = std::is_same_v<T, Float16>;

    T* rows;           // [chunk, padded classes]
    L* hidden;         // [chunk, padded features]
    L* bias_parts;     // [row tiles, kParts, padded classes]
    L* weight_sums;    // [splits, padded classes, padded features]
    L* bias_sums;      // [padded classes]
    L* sizes;          // [chunk + 1], if kScaled: of each row, and the largest
    T* scaled_hidden;  // if kScaled: the hidden rows times size / largest

    SF_DEVICE L size(int64_t row) const { return kScaled ? sizes[row] : L{1}; }
};

// Blocks that share the rows of a chunk: enough that all multiprocessors have some.
template <class T>
int64_t weight_splits(const HeadSizes<T>& s) {
    const int64_t tiles = std::max<int64_t>(1, s.tiles(s.classes) * s.tiles(s.features));
    return std::clamp<int64_t>(kHeadBlocks / tiles, 1, s.chunk / s.kSide);
}

// If kScaled: makes the scaled hidden rows.
template <class T>
void scale_hidden(const Launcher& launcher, const HeadChunk<T>& chunk,
                  const ChunkGradient<T>& gradient);

// weight_sums += rows^T hidden, bias_sums += what the tiles found.
template <class T>
void add_to_layer(const Launcher& launcher, const HeadChunk<T>& chunk,
                  const ChunkGradient<T>& gradient);

// hidden = rows weight.
template <class T>
void multiply_by_weight(const Launcher& launcher, const HeadChunk<T>& chunk,
                        const ChunkGradient<T>& gradient);

// The gradients of weight and bias (or null), from their sums.
template <class T>
void finish_layer(const Launcher& launcher, const HeadSizes<T>& sizes,
                  const ChunkGradient<T>& gradient, T* weight, T* bias);

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_HEAD_PRODUCTS_HPP_
