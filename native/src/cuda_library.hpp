// The library of CUDA kernels, which is loaded when the first call on CUDA comes.
#ifndef SEQFRONT_CUDA_LIBRARY_HPP_
#define SEQFRONT_CUDA_LIBRARY_HPP_

#include <string>

#include "cuda_table.hpp"

namespace seqfront {

struct CudaLibrary {
    const CudaTable* table;  // null: there is none
    std::string reason;      // why

    const CudaKernel* find(const char* op) const;
};

const CudaLibrary& cuda_library();

}  // namespace seqfront

#endif  // SEQFRONT_CUDA_LIBRARY_HPP_
