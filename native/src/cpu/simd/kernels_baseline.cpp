// Kernels for every processor: SSE2 on x86-64, NEON on aarch64.
#define SF_ISA baseline
#include "simd/simd_kernels.hpp"

namespace seqfront {

const Kernels& kernels_baseline() {
    static constexpr Kernels kernels = baseline::make_kernels("baseline");
    return kernels;
}

}  // namespace seqfront
