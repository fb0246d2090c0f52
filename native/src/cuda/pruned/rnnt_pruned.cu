#include "cuda/kernel.hpp"
#include "cuda/pruned/rnnt_pruned.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> rnnt_pruned_kernels() {
    return {kernel<PrunedForward>("rnnt_pruned"), kernel<PrunedBackward>("rnnt_pruned_backward")};
}

}  // namespace cuda
}  // namespace seqfront
