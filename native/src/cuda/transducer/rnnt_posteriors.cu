#include "cuda/kernel.hpp"
#include "cuda/transducer/rnnt_posteriors.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> rnnt_posteriors_kernels() {
    return {kernel<RnntPosteriors>("rnnt_posteriors")};
}

}  // namespace cuda
}  // namespace seqfront
