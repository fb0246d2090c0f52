// TDT on a GPU. (Xu et al. 2023, arXiv:2304.06795)
//
// Each has run<T>(launcher, call) and workspace<T, Launcher>(call), in bytes.
#ifndef SEQFRONT_CUDA_TRANSDUCER_TDT_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_TDT_HPP_

#include "cuda/transducer/arc_loss.hpp"

namespace seqfront {
namespace cuda {

namespace tdt {
enum Input { kLogits, kDurationLogits, kTargets, kFrameLengths, kLabelLengths, kDurations };
}  // namespace tdt

inline RnntProblem tdt_problem(const Call& call) {
    RnntProblem p = transducer_problem(call, tdt::kTargets, call.size(tdt::kLogits, 1),
                                       call.size(tdt::kLogits, 3));
    p.durations = call.in<int32_t>(tdt::kDurations);
    p.duration_count = call.size(tdt::kDurations, 0);
    if (p.duration_count == 0) no_duration_above_0(call.name());
    return p;
}

class TdtForward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        arc_forward<T>(launcher, call, tdt_problem(call));
    }
    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return arc_workspace<T>(tdt_problem(call), false);
    }
};

class TdtBackward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        arc_backward<T>(launcher, call, tdt_problem(call));
    }
    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return arc_workspace<T>(tdt_problem(call), true);
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_TDT_HPP_
