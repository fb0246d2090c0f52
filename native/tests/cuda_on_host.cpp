// libseqfront_cuda_on_host.so: takes the place of libseqfront_cuda.so where there is no GPU, for
// tests. Its device memory is that of the host.
#include "host_cuda.hpp"

const seqfront::CudaTable* seqfront_cuda_table() { return &testing::host_cuda_table(); }
