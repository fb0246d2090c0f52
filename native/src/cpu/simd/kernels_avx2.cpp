// Kernels for x86-64 with AVX2, FMA and F16C.
#define SF_ISA avx2
#include "simd/simd_kernels.hpp"

namespace seqfront {

const Kernels& kernels_avx2() {
    static constexpr Kernels kernels = avx2::make_kernels("avx2");
    return kernels;
}

}  // namespace seqfront
