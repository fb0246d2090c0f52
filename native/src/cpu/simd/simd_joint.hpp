// Rows of an additive joint network: an activation of the sum of two rows, and the way back.
#ifndef SEQFRONT_CPU_SIMD_JOINT_HPP_
#define SEQFRONT_CPU_SIMD_JOINT_HPP_

#include "simd/kernels.hpp"
#include "simd/simd_math.hpp"

namespace seqfront {
namespace SF_ISA {

// tanh(x) = (e^2x - 1) / (e^2x + 1). With e^2x = 2^n e^r the numerator is 2^n (e^r - 1) + (2^n -
// 1), which cancels nowhere: the relative error is small for small x too.
template <class L>
SF_INLINE V<L> tanh(V<L> x) {
    x = maximum(fill<L>(-20), minimum(fill<L>(20), x));  // is 1 there; NaN stays
    const V<L> n = (2 * x * kLog2e<L> + kRound<L>)-kRound<L>;
    const V<L> r = (2 * x - n * Ln2<L>::high) - n * Ln2<L>::low;
    const V<L> power = pow2<L>(n);
    const V<L> numerator = power * expm1_reduced(r) + (power - 1);
    return numerator / (numerator + 2);
}

template <class L>
SF_INLINE V<L> activated(V<L> x, Activation activation) {
    switch (activation) {
        case kTanh:
            return tanh<L>(x);
        case kRelu:
            return maximum(V<L>{}, x);
        default:
            return x;
    }
}

// The derivative, as a function of the activation's value.
template <class L>
SF_INLINE V<L> slope(V<L> y, Activation activation) {
    switch (activation) {
        case kTanh:
            return 1 - y * y;
        case kRelu:
            return y > 0 ? fill<L>(1) : y * 0;  // NaN stays
        default:
            return fill<L>(1);
    }
}

template <class L>
SF_INLINE V<L> load_up_to(const L* from, int64_t count) {
    return count >= Simd<L>::lanes ? load<L>(from) : load_part<L>(from, count, 0);
}

template <class L>
SF_INLINE void store_up_to(L* to, V<L> v, int64_t count) {
    if (count >= Simd<L>::lanes) {
        store<L>(to, v);
    } else {
        store_part<L>(to, v, count);
    }
}

template <class L>
void joint(const L* a, const L* b, int64_t count, Activation activation, L* to) {
    for (int64_t i = 0; i < count; i += Simd<L>::lanes) {
        const V<L> x = load_up_to<L>(a + i, count - i) + load_up_to<L>(b + i, count - i);
        store_up_to<L>(to + i, activated<L>(x, activation), count - i);
    }
}

template <class L>
void joint_gradient(const L* value, const L* grad, int64_t count, Activation activation, L* to_a,
                    L* to_b) {
    for (int64_t i = 0; i < count; i += Simd<L>::lanes) {
        const int64_t left = count - i;
        const V<L> g =
            load_up_to<L>(grad + i, left) * slope<L>(load_up_to<L>(value + i, left), activation);
        store_up_to<L>(to_a + i, load_up_to<L>(to_a + i, left) + g, left);
        store_up_to<L>(to_b + i, load_up_to<L>(to_b + i, left) + g, left);
    }
}

template <class L>
void add(const L* x, int64_t count, L* to) {
    for (int64_t i = 0; i < count; i += Simd<L>::lanes) {
        const int64_t left = count - i;
        store_up_to<L>(to + i, load_up_to<L>(to + i, left) + load_up_to<L>(x + i, left), left);
    }
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_JOINT_HPP_
