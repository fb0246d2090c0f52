// Edit distances on a GPU, as entries of the table.
#include "cuda/edit/edit.hpp"
#include "cuda/kernel.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> edit_kernels() {
    return {integer_kernel<EditDistance>("edit_distance"),
            integer_kernel<EditAlignment>("edit_alignment"),
            integer_kernel<OptimalCompletion>("optimal_completion")};
}

}  // namespace cuda
}  // namespace seqfront
