// Sequences that stand one after another: where each begins, and which one an element belongs to.
// The host does not know, for it never looks at lengths.
#ifndef SEQFRONT_CUDA_STARTS_HPP_
#define SEQFRONT_CUDA_STARTS_HPP_

#include "cuda/block.hpp"

namespace seqfront {
namespace cuda {

// What sequences have: lengths[b] elements, or with `labels` lengths[b] * (labels[b] + 1). One with
// a length below 0 has none; and there are not more than `most`, whatever the lengths say.
struct SequenceSizes {
    int64_t batch, most;
    const int32_t* lengths;  // [batch]
    const int32_t* labels;   // [batch], or null

    SF_DEVICE int64_t of(int64_t b) const {
        const int64_t length = lengths[b], others = labels == nullptr ? 0 : labels[b];
        return length < 0 || others < 0 ? 0 : within(length * (others + 1));
    }
    // (A sum of numbers up to `most`, each time within it, is that of all of them within it.)
    SF_DEVICE int64_t within(int64_t count) const { return count < most ? count : most; }
};

// Finds where they begin: a warp for each adds up what those before have.
struct SequenceStarts {
    static constexpr int kMostThreads = kWarp;

    struct Args {
        SequenceSizes sizes;
        int64_t* starts;  // [batch]
    };

    static Grid grid(const SequenceSizes& sizes) { return {sizes.batch, 1, kWarp, 0}; }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const SequenceSizes& sizes = args.sizes;
        typename Block::template PerThread<int64_t> before(block);
        for (int64_t b = block.x(); b < sizes.batch; b += block.count_x()) {
            block.each([&](int thread) {
                int64_t sum = 0;
                for (int64_t i = thread; i < b; i += kWarp) sum = sizes.within(sum + sizes.of(i));
                before[thread] = sum;
            });
            block.sum(before, false);
            block.each([&](int thread) {
                if (thread == 0) args.starts[b] = sizes.within(before[0]);
            });
        }
    }
};

// The sequence that has element i: the last that begins there or before.
SF_DEVICE int64_t sequence_at(const int64_t* starts, int64_t batch, int64_t i) {
    int64_t low = 0, high = batch;
    while (high - low > 1) {
        const int64_t middle = (low + high) / 2;
        (starts[middle] <= i ? low : high) = middle;
    }
    return low;
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_STARTS_HPP_
