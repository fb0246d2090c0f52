// Kernels for x86-64 with AVX-512 F, BW, DQ and VL.
#define SF_ISA avx512
#include "simd/simd_kernels.hpp"

namespace seqfront {

const Kernels& kernels_avx512() {
    static constexpr Kernels kernels = avx512::make_kernels("avx512");
    return kernels;
}

}  // namespace seqfront
