// Kernels with a thread for each item of an array.
#ifndef SEQFRONT_CUDA_FLAT_HPP_
#define SEQFRONT_CUDA_FLAT_HPP_

#include "cuda/numbers.hpp"

namespace seqfront {
namespace cuda {

constexpr int kFlatThreads = 256;

inline Grid flat_grid(int64_t items) {
    return {(items + kFlatThreads - 1) / kFlatThreads, 1, kFlatThreads, 0};
}

// Calls body(first) for the items that a block has at once.
template <class Block, class Body>
SF_DEVICE void each_flat_block(const Block& block, int64_t items, Body&& body) {
    for (int64_t first = block.x() * kFlatThreads; first < items;
         first += block.count_x() * kFlatThreads) {
        body(first);
    }
}

// Element i of an array [batch, count].
struct Place {
    int64_t b, i;
};
SF_DEVICE Place place_of(int64_t item, int64_t count) {
    const int64_t b = divided(item, count);
    return {b, item - b * count};
}

// Calls body(item), without a barrier.
template <class Block, class Body>
SF_DEVICE void each_flat(Block& block, int64_t items, Body&& body) {
    each_flat_block(block, items, [&](int64_t first) {
        block.each([&](int thread) {
            if (first + thread < items) body(first + thread);
        });
    });
}

// Calls body(b, i) for the elements of an array [batch, count].
template <class Block, class Body>
SF_DEVICE void each_place(Block& block, int64_t batch, int64_t count, Body&& body) {
    each_flat(block, batch * count, [&](int64_t item) {
        const Place at = place_of(item, count);
        body(at.b, at.i);
    });
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_FLAT_HPP_
