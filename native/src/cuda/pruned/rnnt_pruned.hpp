// Pruned RNN-T on a GPU: RNN-T, but for where its rows lie (transducer/band_cells.hpp).
#ifndef SEQFRONT_CUDA_PRUNED_RNNT_PRUNED_HPP_
#define SEQFRONT_CUDA_PRUNED_RNNT_PRUNED_HPP_

#include "cuda/transducer/rnnt_call.hpp"

namespace seqfront {
namespace cuda {

namespace pruned {
enum Input { kStarts = rnnt::kLabelLengths + 1, kWindows, kBigBlanks, kSaved, kGradLoss };
}  // namespace pruned

struct PrunedOp {
    static constexpr rnnt::Inputs kInputs = {pruned::kWindows, pruned::kBigBlanks, pruned::kSaved,
                                             pruned::kGradLoss};

    static RnntProblem problem(const Call& call) {
        RnntProblem p = rnnt_problem(call, kInputs);
        TransducerOptions(call).check_band(call.name());
        p.band_starts = call.in<int32_t>(pruned::kStarts);
        p.band = call.size(rnnt::kLogits, 2);
        return p;
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_PRUNED_RNNT_PRUNED_HPP_
