// Posteriors of transducers on a GPU, as entries of the table.
#include "cuda/kernel.hpp"
#include "cuda/transducer/transducer_posteriors.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> transducer_posteriors_kernels() {
    return {kernel<RnntPosteriors>("rnnt_posteriors"), kernel<TdtPosteriors>("tdt_posteriors")};
}

}  // namespace cuda
}  // namespace seqfront
