// CTC's last layer on a GPU, as entries of the table.
#include "cuda/head/head_log_probs.hpp"
#include "cuda/kernel.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> head_log_probs_kernels() {
    return {kernel<LogProbsForward>("head_log_probs"),
            kernel<LogProbsBackward>("head_log_probs_backward")};
}

}  // namespace cuda
}  // namespace seqfront
