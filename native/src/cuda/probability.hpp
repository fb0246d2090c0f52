// Probabilities of any size as mantissa and exponent: simd_math.hpp, one at a time. A sum takes
// shifts and no logarithm, which on a GPU too is the shorter chain of dependent steps, and its
// error does not grow with the length of a sequence.
#ifndef SEQFRONT_CUDA_PROBABILITY_HPP_
#define SEQFRONT_CUDA_PROBABILITY_HPP_

#include "cuda/numbers.hpp"

namespace seqfront {
namespace cuda {

// mantissa * 2^exponent. The exponent is a whole number, -inf for zero.
template <class L>
struct alignas(2 * sizeof(L)) Probability {
    L mantissa;
    L exponent;
};

template <class L>
SF_DEVICE Probability<L> impossible() {
    return {1, -infinity<L>()};
}
template <class L>
SF_DEVICE Probability<L> certain() {
    return {1, 0};
}

// Adding this rounds to the nearest whole number, which then stands in the low bits.
template <class L>
SF_DEVICE constexpr L rounding() {
    return static_cast<L>(3) * (int64_t{1} << (Floating<L>::mantissa_bits - 1));
}

// exp(r) for |r| <= ln(2)/2; the float polynomial has a relative error of 3e-9.
SF_DEVICE float exp_reduced(float r) {
    float p = fused(1.3814539e-3f, r, 8.3687454e-3f);
    p = fused(p, r, 4.1668389e-2f);
    p = fused(p, r, 1.6666521e-1f);
    p = fused(p, r, 4.9999994e-1f);
    return fused(p, r * r, r) + 1.0f;
}
SF_DEVICE double exp_reduced(double r) {
    double p = fused(1.0 / 6227020800, r, 1.0 / 479001600);
    p = fused(p, r, 1.0 / 39916800);
    p = fused(p, r, 1.0 / 3628800);
    p = fused(p, r, 1.0 / 362880);
    p = fused(p, r, 1.0 / 40320);
    p = fused(p, r, 1.0 / 5040);
    p = fused(p, r, 1.0 / 720);
    p = fused(p, r, 1.0 / 120);
    p = fused(p, r, 1.0 / 24);
    p = fused(p, r, 1.0 / 6);
    p = fused(p, r, 0.5);
    return fused(p, r * r, r) + 1.0;
}

// r minus n ln 2, whose first part has trailing zeros so that n times it is exact.
SF_DEVICE float without_powers(float x, float n) {
    return fused(-n, -2.12194440e-4f, fused(-n, 0.693359375f, x));
}
SF_DEVICE double without_powers(double x, double n) {
    return fused(-n, 1.90821492927058770002e-10, fused(-n, 6.93147180369123816490e-01, x));
}

// exp(x), for any x but NaN and +inf.
template <class L>
SF_DEVICE Probability<L> probability(L log_prob) {
    constexpr L log2_e = static_cast<L>(1.4426950408889634074);
    const L n = fused(log_prob, log2_e, rounding<L>()) - rounding<L>();
    L r = without_powers(log_prob, n);
    r = maximum(r, static_cast<L>(-0.35));  // -inf - -inf, or n is beyond its precision
    r = minimum(r, static_cast<L>(0.35));
    return {exp_reduced(r), n};
}

// mantissa * 2^exponent for exponents up to 127 (1023); tiny ones give 0.
template <class L>
SF_DEVICE L scaled(L mantissa, L exponent) {
    constexpr L bias = Floating<L>::exponent_bias;
    const L biased = maximum(exponent, -bias) + (rounding<L>() + bias);
    return mantissa * of_bits<L>(bits_of(biased) << Floating<L>::mantissa_bits);
}

template <class L>
SF_DEVICE Probability<L> operator*(const Probability<L>& a, const Probability<L>& b) {
    return {a.mantissa * b.mantissa, a.exponent + b.exponent};
}

// Sums; not normalised.
template <class L>
SF_DEVICE Probability<L> operator+(const Probability<L>& a, const Probability<L>& b) {
    const L top = maximum(a.exponent, b.exponent);
    const L reference = maximum(top, Floating<L>::lowest);  // -inf - -inf is NaN
    return {scaled(a.mantissa, a.exponent - reference) + scaled(b.mantissa, b.exponent - reference),
            top};
}

// The same number with its mantissa in [1, 2).
template <class L>
SF_DEVICE Probability<L> normalised(const Probability<L>& a) {
    constexpr int shift = Floating<L>::mantissa_bits;
    constexpr Bits<L> keep = (Bits<L>{1} << shift) - 1;
    constexpr L unit = static_cast<L>(int64_t{1} << shift);
    const Bits<L> bits = bits_of(a.mantissa);
    const L exponent =
        of_bits<L>((bits >> shift) | bits_of(unit)) - (unit + Floating<L>::exponent_bias);
    return {of_bits<L>((bits & keep) | bits_of(L{1})), a.exponent + exponent};
}

// A probability as a number, after multiplication by 2^-exponent, and known to be at most about 1:
// the limit is for exponents so large that their difference is all rounding error.
template <class L>
SF_DEVICE L relative_to(L exponent, const Probability<L>& p) {
    return scaled(p.mantissa, minimum(p.exponent - exponent, L{3}));
}

// Its natural logarithm, times -1.
template <class L>
SF_DEVICE L negative_log(const Probability<L>& p) {
    const double exponent = static_cast<double>(p.exponent);
    return static_cast<L>(
        0.0 - fused(exponent, 0.69314718055994530942, log(static_cast<double>(p.mantissa))));
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_PROBABILITY_HPP_
