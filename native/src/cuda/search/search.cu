// Steps of searches on a GPU, as entries of the table.
#include "cuda/kernel.hpp"
#include "cuda/search/automaton.hpp"
#include "cuda/search/top_labels.hpp"

namespace seqfront {
namespace cuda {

std::vector<CudaKernel> search_kernels() {
    return {kernel<AutomatonAdvanceForward>("automaton_advance"),
            kernel<AutomatonScoresForward>("automaton_scores"),
            kernel<TopLabelsForward>("top_labels")};
}

}  // namespace cuda
}  // namespace seqfront
