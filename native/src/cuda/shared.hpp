// Elements in shared memory, 16 bytes at once. (Chunk is for global memory: to a GPU its loads and
// stores are other instructions, which fault here.)
#ifndef SEQFRONT_CUDA_SHARED_HPP_
#define SEQFRONT_CUDA_SHARED_HPP_

#include <stdlib.h>
#include <string.h>

#include "cuda/block.hpp"

namespace seqfront {
namespace cuda {

#if !defined(__CUDACC__)
inline void check_shared(const void* memory) {
    if (!HostShared::current().has(memory)) abort();
    if (reinterpret_cast<uintptr_t>(memory) % 16 != 0) abort();  // a GPU would fault
}
#endif

template <class L, int N>
SF_DEVICE void load_shared(const L* from, L (&x)[N]) {
    static_assert(sizeof(x) % 16 == 0, "whole chunks");
#if defined(__CUDACC__)
    SF_UNROLL
    for (int i = 0; i < static_cast<int>(sizeof(x) / 16); ++i) {
        const uint4 words = reinterpret_cast<const uint4*>(from)[i];
        memcpy(x + i * (16 / sizeof(L)), &words, sizeof(words));
    }
#else
    check_shared(from);
    memcpy(x, from, sizeof(x));
#endif
}

template <class L, int N>
SF_DEVICE void store_shared(const L (&x)[N], L* to) {
    static_assert(sizeof(x) % 16 == 0, "whole chunks");
#if defined(__CUDACC__)
    SF_UNROLL
    for (int i = 0; i < static_cast<int>(sizeof(x) / 16); ++i) {
        uint4 words;
        memcpy(&words, x + i * (16 / sizeof(L)), sizeof(words));
        reinterpret_cast<uint4*>(to)[i] = words;
    }
#else
    check_shared(to);
    memcpy(to, x, sizeof(x));
#endif
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_SHARED_HPP_
