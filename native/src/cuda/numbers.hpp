// Numbers in kernels: bits of floating-point types, maths of both precisions under one name, and
// elements of the dtypes.
#ifndef SEQFRONT_CUDA_NUMBERS_HPP_
#define SEQFRONT_CUDA_NUMBERS_HPP_

#include <math.h>
#include <string.h>

#include "cpu/simd/kernels.hpp"
#include "cuda/block.hpp"
#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#else
#include "cpu/float16.hpp"
#endif

namespace seqfront {
namespace cuda {

template <class L>
struct Floating;
template <>
struct Floating<float> {
    using Bits = uint32_t;
    static constexpr int mantissa_bits = 23;
    static constexpr float exponent_bias = 127;
    static constexpr float lowest = -3.4028234663852886e38f;
};
template <>
struct Floating<double> {
    using Bits = uint64_t;
    static constexpr int mantissa_bits = 52;
    static constexpr double exponent_bias = 1023;
    static constexpr double lowest = -1.7976931348623157e308;
};

template <class L>
using Bits = typename Floating<L>::Bits;

// The type that maths over elements T is done in.
template <class T>
struct LatticeTypeOf {
    using type = float;
};
template <>
struct LatticeTypeOf<double> {
    using type = double;
};
template <class T>
using LatticeType = typename LatticeTypeOf<T>::type;

template <class L>
SF_DEVICE Bits<L> bits_of(L value) {
    Bits<L> bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}
template <class L>
SF_DEVICE L of_bits(Bits<L> bits) {
    L value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

template <class L>
SF_DEVICE constexpr L infinity() {
    return static_cast<L>(INFINITY);
}
template <class L>
SF_DEVICE constexpr L not_a_number() {
    return static_cast<L>(NAN);
}

// a * b + c, rounded once.
SF_DEVICE float fused(float a, float b, float c) { return ::fmaf(a, b, c); }
SF_DEVICE double fused(double a, double b, double c) { return ::fma(a, b, c); }

// Of a number and NaN, the number.
SF_DEVICE float maximum(float a, float b) { return ::fmaxf(a, b); }
SF_DEVICE double maximum(double a, double b) { return ::fmax(a, b); }
SF_DEVICE float minimum(float a, float b) { return ::fminf(a, b); }
SF_DEVICE double minimum(double a, double b) { return ::fmin(a, b); }

SF_DEVICE float exp(float x) { return ::expf(x); }
SF_DEVICE double exp(double x) { return ::exp(x); }
SF_DEVICE float log(float x) { return ::logf(x); }
SF_DEVICE double log(double x) { return ::log(x); }
SF_DEVICE float log1p(float x) { return ::log1pf(x); }
SF_DEVICE double log1p(double x) { return ::log1p(x); }
SF_DEVICE float tanh(float x) { return ::tanhf(x); }
SF_DEVICE double tanh(double x) { return ::tanh(x); }
SF_DEVICE float absolute(float x) { return ::fabsf(x); }
SF_DEVICE double absolute(double x) { return ::fabs(x); }

// -- elements -------------------------------------------------------------------------------------

SF_DEVICE float widened(float value) { return value; }
SF_DEVICE double widened(double value) { return value; }
template <class T>
SF_DEVICE T narrowed(LatticeType<T> value) {
    return value;
}
#if defined(__CUDACC__)
SF_DEVICE float widened(BFloat16 value) {
    return of_bits<float>(static_cast<uint32_t>(value.bits) << 16);
}
SF_DEVICE float widened(Float16 value) { return __half2float(__ushort_as_half(value.bits)); }
template <>
SF_DEVICE BFloat16 narrowed<BFloat16>(float value) {
    return {__bfloat16_as_ushort(__float2bfloat16_rn(value))};
}
template <>
SF_DEVICE Float16 narrowed<Float16>(float value) {
    return {__half_as_ushort(__float2half_rn(value))};
}
#else
SF_DEVICE float widened(BFloat16 value) { return widen(value); }
SF_DEVICE float widened(Float16 value) { return widen(value); }
template <>
SF_DEVICE BFloat16 narrowed<BFloat16>(float value) {
    BFloat16 to;
    narrow(value, to);
    return to;
}
template <>
SF_DEVICE Float16 narrowed<Float16>(float value) {
    Float16 to;
    narrow(value, to);
    return to;
}
#endif

// A division of numbers that are mostly small: 64 bits cost a GPU a hundred instructions.
SF_DEVICE int64_t divided(int64_t a, int64_t b) {
    if ((static_cast<uint64_t>(a) | static_cast<uint64_t>(b)) >> 32 == 0) {
        return static_cast<uint32_t>(a) / static_cast<uint32_t>(b);
    }
    return a / b;
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_NUMBERS_HPP_
