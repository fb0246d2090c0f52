// libseqfront_cuda.so: all kernels, compiled for GPUs.
#include "cuda/device_block.hpp"
#include "cuda/table.hpp"

const seqfront::CudaTable* seqfront_cuda_table() {
    return &seqfront::cuda::kernel_table<seqfront::cuda::DeviceLauncher>();
}
