// Alignments of transducers on a GPU, as entries of the table.
#include "cuda/kernel.hpp"
#include "cuda/transducer/transducer_align.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> transducer_align_kernels() {
    return {kernel<RnntAlign>("rnnt_align"), kernel<TdtAlign>("tdt_align")};
}

}  // namespace cuda
}  // namespace seqfront
