// The simple loss of pruned RNN-T on a GPU, as entries of the table.
#include "cuda/kernel.hpp"
#include "cuda/pruned/rnnt_simple.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> rnnt_simple_kernels() {
    return {kernel<SimpleForward>("rnnt_simple"), kernel<SimpleBackward>("rnnt_simple_backward")};
}

}  // namespace cuda
}  // namespace seqfront
