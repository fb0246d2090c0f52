// What libseqfront.so and libseqfront_cuda.so say to each other: a table of kernels, by the names
// of the ops. Calls that come through it have been checked against the declaration already.
#ifndef SEQFRONT_CUDA_TABLE_HPP_
#define SEQFRONT_CUDA_TABLE_HPP_

#include "seqfront/seqfront.h"

namespace seqfront {

// A call; arrays are in the memory of the device.
struct CudaCall {
    const sf_op_spec* spec;
    const sf_array* inputs;
    const double* attributes;
    const sf_array* outputs;
    void* workspace;
    int32_t device;
    void* stream;
};

struct CudaKernel {
    const char* op;  // or that of a backward half
    sf_status (*workspace)(const CudaCall&, int64_t* bytes);
    sf_status (*run)(const CudaCall&);
};

struct CudaTable {
    const char* version;
    const CudaKernel* kernels;
    int32_t count;
    const char* (*last_error)();
};

// The kernels that calls on CUDA go to from now on; for tests, which have some that run on the
// host.
void use_cuda_table(const CudaTable& table);

}  // namespace seqfront

// The one function of libseqfront_cuda.so.
extern "C" SF_API const seqfront::CudaTable* seqfront_cuda_table();

#endif  // SEQFRONT_CUDA_TABLE_HPP_
