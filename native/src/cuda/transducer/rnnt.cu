// RNN-T on a GPU, also packed and pruned, as entries of the table.
#include "cuda/kernel.hpp"
#include "cuda/pruned/rnnt_pruned.hpp"
#include "cuda/transducer/rnnt.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> rnnt_kernels() {
    return {kernel<RnntForward<>>("rnnt"),
            kernel<RnntBackward<>>("rnnt_backward"),
            kernel<RnntForward<>>("rnnt_packed"),
            kernel<RnntBackward<>>("rnnt_packed_backward"),
            kernel<RnntForward<PrunedOp>>("rnnt_pruned"),
            kernel<RnntBackward<PrunedOp>>("rnnt_pruned_backward")};
}

}  // namespace cuda
}  // namespace seqfront
