// The table of all CUDA kernels. Those of a family are listed in <family>/<op>.cu.
#include <vector>

#include "cpu/status.hpp"
#include "cuda_table.hpp"

// clang-format off
#define SEQFRONT_CUDA_KERNELS(OP) \
    OP(ctc) \
    OP(rnnt) \
    OP(rnnt_align) \
    OP(rnnt_posteriors)
// clang-format on

namespace seqfront {
namespace cuda {

#define DECLARED(name) std::vector<CudaKernel> name##_kernels();
#define LISTED(name) name##_kernels(),

SEQFRONT_CUDA_KERNELS(DECLARED)

static const std::vector<CudaKernel>& all_kernels() {
    static const std::vector<CudaKernel> all = [] {
        std::vector<CudaKernel> listed;
        for (const auto& some : {SEQFRONT_CUDA_KERNELS(LISTED)}) {
            listed.insert(listed.end(), some.begin(), some.end());
        }
        return listed;
    }();
    return all;
}

}  // namespace cuda
}  // namespace seqfront

const seqfront::CudaTable* seqfront_cuda_table() {
    const auto& kernels = seqfront::cuda::all_kernels();
    static const seqfront::CudaTable table = {SEQFRONT_VERSION, kernels.data(),
                                              static_cast<int32_t>(kernels.size()),
                                              seqfront::last_error};
    return &table;
}
