// The loss of a transducer with any arcs on a GPU: for ops that have such a problem. The kernels
// are compiled once for all of them, in arc_loss.cu.
#ifndef SEQFRONT_CUDA_TRANSDUCER_ARC_LOSS_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_ARC_LOSS_HPP_

#include "cuda/launcher.hpp"
#include "cuda/transducer/rnnt_call.hpp"

namespace seqfront {
namespace cuda {

// The rows, then the lattice from its end.
template <class T>
void arc_forward(const Launcher& launcher, const Call& call, const RnntProblem& asked);

// The lattice both ways, the columns of the gradient, then its rows.
template <class T>
void arc_backward(const Launcher& launcher, const Call& call, const RnntProblem& asked,
                  const rnnt::Inputs& at = {});

// What they work in, in bytes.
template <class T>
int64_t arc_workspace(const RnntProblem& p, bool backward);

// The lattice alone, for ops that make rows of their own: the loss, or the columns of the gradient.
// They work in arc_bytes, for a gradient in those of both directions.
template <class L>
int64_t arc_bytes(const RnntProblem& p, bool both);
template <class L>
void arc_losses(const Launcher& launcher, const RnntProblem& p, const L* saved, void* memory,
                L* loss);
template <class L>
void arc_columns(const Launcher& launcher, const RnntProblem& p, const L* saved, const L* grad_loss,
                 void* memory, L* columns);

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_ARC_LOSS_HPP_
