// The table of CUDA kernels over blocks that are loops.
#include "host_cuda.hpp"

#include "cuda/table.hpp"
#include "host_block.hpp"

namespace testing {

HostDevice& HostDevice::current() {
    static HostDevice device;
    return device;
}

const seqfront::CudaTable& host_cuda_table() {
    return seqfront::cuda::kernel_table<HostLauncher>();
}

}  // namespace testing
