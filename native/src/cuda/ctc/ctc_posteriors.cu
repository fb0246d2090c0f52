// Posteriors of CTC on a GPU, as an entry of the table.
#include "cuda/ctc/ctc_posteriors.hpp"
#include "cuda/kernel.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> ctc_posteriors_kernels() {
    return {kernel<CtcPosteriorsOp>("ctc_posteriors")};
}

}  // namespace cuda
}  // namespace seqfront
