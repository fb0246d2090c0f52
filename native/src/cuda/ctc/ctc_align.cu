// Forced alignment by CTC on a GPU, as an entry of the table.
#include "cuda/ctc/ctc_align.hpp"
#include "cuda/kernel.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> ctc_align_kernels() { return {kernel<CtcAlign>("ctc_align")}; }

}  // namespace cuda
}  // namespace seqfront
