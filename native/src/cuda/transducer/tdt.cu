// TDT on a GPU, as entries of the table.
#include "cuda/kernel.hpp"
#include "cuda/transducer/tdt.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> tdt_kernels() {
    return {kernel<TdtForward>("tdt"), kernel<TdtBackward>("tdt_backward")};
}

}  // namespace cuda
}  // namespace seqfront
