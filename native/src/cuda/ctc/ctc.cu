// CTC on a GPU, as entries of the table.
#include "cuda/ctc/ctc.hpp"
#include "cuda/kernel.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> ctc_kernels() {
    return {kernel<CtcForward>("ctc"), kernel<CtcBackward>("ctc_backward")};
}

}  // namespace cuda
}  // namespace seqfront
