// What all paths to a cell of a lattice, or from it, are together: a choice of numbers. Lattices
// are written over `Paths`, which has
//
//     Number             with * along a path, + of paths, and normalised(number)
//     certain()          the empty path
//     impossible()       no path
//     weight(log_prob)   an arc
#ifndef SEQFRONT_CUDA_TRANSDUCER_PATHS_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_PATHS_HPP_

#include "cuda/probability.hpp"

namespace seqfront {
namespace cuda {

// Their sum.
template <class L>
struct SumOfPaths {
    using Number = Probability<L>;
    static SF_DEVICE Number certain() { return cuda::certain<L>(); }
    static SF_DEVICE Number impossible() { return cuda::impossible<L>(); }
    static SF_DEVICE Number weight(L log_prob) { return probability(log_prob); }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_PATHS_HPP_
