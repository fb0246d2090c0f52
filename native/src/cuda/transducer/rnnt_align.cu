#include "cuda/kernel.hpp"
#include "cuda/transducer/rnnt_align.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> rnnt_align_kernels() { return {kernel<RnntAlign>("rnnt_align")}; }

}  // namespace cuda
}  // namespace seqfront
