// RNN-T with its joint network on a GPU, as entries of the table.
#include "cuda/head/joint_rnnt.hpp"
#include "cuda/kernel.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> joint_rnnt_kernels() {
    return {kernel<JointForward>("joint_rnnt"), kernel<JointBackward>("joint_rnnt_backward")};
}

}  // namespace cuda
}  // namespace seqfront
