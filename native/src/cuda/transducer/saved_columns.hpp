// The columns that lattices take, of all rows of any transducer: for ops that keep them in their
// workspace. The kernels are compiled once for all of these, in saved_columns.cu.
#ifndef SEQFRONT_CUDA_TRANSDUCER_SAVED_COLUMNS_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_SAVED_COLUMNS_HPP_

#include "cuda/launcher.hpp"
#include "cuda/transducer/rnnt_call.hpp"

namespace seqfront {
namespace cuda {

template <class T>
void save_columns(const Launcher& launcher, const Call& call, const RnntProblem& p,
                  LatticeType<T>* saved);

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_SAVED_COLUMNS_HPP_
