#include "cuda/kernel.hpp"
#include "cuda/transducer/rnnt.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> rnnt_kernels() {
    return {kernel<RnntForward>("rnnt"), kernel<RnntBackward>("rnnt_backward"),
            kernel<RnntForward>("rnnt_packed"), kernel<RnntBackward>("rnnt_packed_backward")};
}

}  // namespace cuda
}  // namespace seqfront
