// Activations of joint networks in kernels, as cpu/simd/simd_joint.hpp has them.
#ifndef SEQFRONT_CUDA_HEAD_ACTIVATION_HPP_
#define SEQFRONT_CUDA_HEAD_ACTIVATION_HPP_

#include "cuda/numbers.hpp"

namespace seqfront {
namespace cuda {

template <class L>
SF_DEVICE L activated(L x, Activation activation) {
    if (activation == kTanh) return tanh(x);
    return activation == kRelu && x <= 0 ? L{0} : x;  // NaN stays
}

// The derivative, as a function of the activation's value.
template <class L>
SF_DEVICE L slope(L y, Activation activation) {
    if (activation == kTanh) return 1 - y * y;
    return activation == kRelu && y <= 0 ? L{0} : L{1};
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_HEAD_ACTIVATION_HPP_
