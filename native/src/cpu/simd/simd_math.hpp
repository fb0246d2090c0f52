// exp and log on vectors, and probabilities of any size as mantissa and exponent.
#ifndef SEQFRONT_CPU_SIMD_MATH_HPP_
#define SEQFRONT_CPU_SIMD_MATH_HPP_

#include "simd/simd.hpp"

namespace seqfront {
namespace SF_ISA {

template <class L>
constexpr L kLog2e = static_cast<L>(1.4426950408889634074);

// ln 2 in two parts; the first has trailing zero bits, so that n * high is exact.
template <class L>
struct Ln2;
template <>
struct Ln2<float> {
    static constexpr float high = 0.693359375f;
    static constexpr float low = -2.12194440e-4f;
};
template <>
struct Ln2<double> {
    static constexpr double high = 6.93147180369123816490e-01;
    static constexpr double low = 1.90821492927058770002e-10;
};

// Adding this rounds to the nearest integer, which then stands in the low bits of the mantissa.
template <class L>
constexpr L kRound = static_cast<L>(3) * (int64_t{1} << (Simd<L>::mantissa_bits - 1));

// exp(r) - 1 for |r| <= ln(2)/2. float: r + r^2 * (minimax, relative error of exp(r) 3e-9).
SF_INLINE V<float> expm1_reduced(V<float> r) {
    V<float> p = 1.3814539e-3f * r + 8.3687454e-3f;
    p = p * r + 4.1668389e-2f;
    p = p * r + 1.6666521e-1f;
    p = p * r + 4.9999994e-1f;
    return p * (r * r) + r;
}

// double: the Taylor series; its first missing term is 4e-18.
SF_INLINE V<double> expm1_reduced(V<double> r) {
    V<double> p = 1.0 / 6227020800 * r + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    return p * (r * r) + r;
}

SF_INLINE V<float> exp_reduced(V<float> r) { return expm1_reduced(r) + 1.0f; }
SF_INLINE V<double> exp_reduced(V<double> r) { return expm1_reduced(r) + 1.0; }

// 2^n for integers n in (-bias, bias]; exactly 0 at n = -bias, and below.
template <class L>
SF_INLINE V<L> pow2(V<L> n) {
    n = maximum(fill<L>(-Simd<L>::exponent_bias), n);
    const V<L> biased = n + (kRound<L> + Simd<L>::exponent_bias);
    return (V<L>)((U<L>)biased << Simd<L>::mantissa_bits);
}

// exp(x) for x <= 88 (float) or 709 (double). Results below the smallest normal number are 0,
// exp(-inf) is 0, NaN stays NaN.
template <class L>
SF_INLINE V<L> exp(V<L> x) {
    constexpr L bias = Simd<L>::exponent_bias;
    x = maximum(fill<L>(-bias * static_cast<L>(0.69314718)), x);
    const V<L> rounded = x * kLog2e<L> + (kRound<L> + bias);
    const V<L> n = rounded - (kRound<L> + bias);
    const V<L> r = (x - n * Ln2<L>::high) - n * Ln2<L>::low;
    return exp_reduced(r) * (V<L>)((U<L>)rounded << Simd<L>::mantissa_bits);
}

template <class L>
SF_INLINE L exp_scalar(L x) {
    return exp<L>(fill<L>(x))[0];
}

// The exponent of normal positive numbers, as a number; -bias for 0.
template <class L>
SF_INLINE V<L> exponent_of(V<L> x) {
    constexpr L two_to_mantissa = static_cast<L>(int64_t{1} << Simd<L>::mantissa_bits);
    const U<L> magic = (U<L>)fill<L>(two_to_mantissa);
    const U<L> biased = (U<L>)x >> Simd<L>::mantissa_bits;
    return (V<L>)(biased | magic) - (two_to_mantissa + Simd<L>::exponent_bias);
}

// The mantissa, in [1, 2).
template <class L>
SF_INLINE V<L> mantissa_of(V<L> x) {
    constexpr auto keep = (int64_t{1} << Simd<L>::mantissa_bits) - 1;
    const U<L> one = (U<L>)fill<L>(1);
    return (V<L>)(((U<L>)x & (U<L>)(I<L>{} + keep)) | one);
}

// log(x); -inf for 0 (and for subnormal numbers), NaN below 0 and for NaN.
template <class L>
SF_INLINE V<L> log(V<L> x) {
    V<L> m = mantissa_of<L>(x);
    V<L> e = exponent_of<L>(x);
    const auto big = m > static_cast<L>(1.41421356);
    m = big ? m * static_cast<L>(0.5) : m;
    e = big ? e + 1 : e;
    // log(m) = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.172
    const V<L> s = (m - 1) / (m + 1);
    const V<L> z = s * s;
    V<L> p;
    if constexpr (sizeof(L) == 4) {
        p = (2.0f / 9) * z + 2.0f / 7;
    } else {
        p = (2.0 / 21) * z + 2.0 / 19;
        p = p * z + 2.0 / 17;
        p = p * z + 2.0 / 15;
        p = p * z + 2.0 / 13;
        p = p * z + 2.0 / 11;
        p = p * z + 2.0 / 9;
        p = p * z + 2.0 / 7;
    }
    p = p * z + static_cast<L>(2.0 / 5);
    p = p * z + static_cast<L>(2.0 / 3);
    V<L> y = e * Ln2<L>::high + (2 * s + (s * z * p + e * Ln2<L>::low));
    constexpr L smallest = static_cast<L>(sizeof(L) == 4 ? 0x1p-126 : 0x1p-1022);
    y = x < smallest ? fill<L>(-infinity<L>()) : y;
    y = x < infinity<L>() ? y : x;  // inf and NaN stay
    return x < 0 ? fill<L>(static_cast<L>(__builtin_nan(""))) : y;
}

// Probabilities of lattices go far below the smallest double, so a lattice either works with
// logarithms, and pays an exp and a log for each sum, or does as here: mantissa and exponent apart.
// A sum then needs only shifts, and its error is that of the mantissa however small the
// probability and however long the sequence. The exponent is a floating-point integer: beyond
// 2^24 (float) it rounds, as a logarithm of that size would. Zero has the exponent -inf, and any
// mantissa in [0.5, 4).
template <class L>
struct Probability {
    V<L> mantissa;
    V<L> exponent;
};

// exp(x), for any x but NaN and +inf.
template <class L>
SF_INLINE Probability<L> probability(V<L> log_prob) {
    const V<L> rounded = log_prob * kLog2e<L> + kRound<L>;
    const V<L> n = rounded - kRound<L>;
    V<L> r = (log_prob - n * Ln2<L>::high) - n * Ln2<L>::low;
    r = maximum(r, fill<L>(static_cast<L>(-0.35)));  // -inf - -inf, or n is beyond its precision
    r = minimum(r, fill<L>(static_cast<L>(0.35)));
    return {exp_reduced(r), n};
}

// mantissa * 2^exponent for exponents up to 127 (1023); tiny ones give 0.
template <class L>
SF_INLINE V<L> scaled(V<L> mantissa, V<L> exponent) {
#if defined(__AVX512F__)
    if constexpr (sizeof(L) == 4) {
        return (V<L>)_mm512_maskz_scalef_ps(0xffff, (__m512)mantissa, (__m512)exponent);
    } else {
        return (V<L>)_mm512_maskz_scalef_pd(0xff, (__m512d)mantissa, (__m512d)exponent);
    }
#else
    return mantissa * pow2<L>(exponent);
#endif
}

// A probability as a number, after multiplication by 2^-exponent. The result is known to be at most
// about 1; the limit is for exponents so large that their difference is all rounding error.
template <class L>
SF_INLINE V<L> relative_to(L exponent, const Probability<L>& p) {
    return scaled<L>(p.mantissa, minimum(p.exponent - exponent, fill<L>(3)));
}

template <class L>
SF_INLINE Probability<L> operator*(const Probability<L>& a, const Probability<L>& b) {
    return {a.mantissa * b.mantissa, a.exponent + b.exponent};
}

// Sums; not normalised.
template <class L>
SF_INLINE Probability<L> operator+(const Probability<L>& a, const Probability<L>& b) {
    const V<L> top = maximum(a.exponent, b.exponent);
    const V<L> reference = maximum(top, fill<L>(Simd<L>::lowest));  // -inf - -inf is NaN
    return {scaled<L>(a.mantissa, a.exponent - reference) +
                scaled<L>(b.mantissa, b.exponent - reference),
            top};
}

template <class L>
SF_INLINE Probability<L> sum(const Probability<L>& a, const Probability<L>& b,
                             const Probability<L>& c) {
    const V<L> top = maximum(maximum(a.exponent, b.exponent), c.exponent);
    const V<L> reference = maximum(top, fill<L>(Simd<L>::lowest));
    return {scaled<L>(a.mantissa, a.exponent - reference) +
                scaled<L>(b.mantissa, b.exponent - reference) +
                scaled<L>(c.mantissa, c.exponent - reference),
            top};
}

template <class L>
SF_INLINE Probability<L> shifted_down(const Probability<L>& low, const Probability<L>& high) {
    return {shifted_down<L>(low.mantissa, high.mantissa),
            shifted_down<L>(low.exponent, high.exponent)};
}

template <class L>
SF_INLINE Probability<L> shifted_up(const Probability<L>& low, const Probability<L>& high) {
    return {shifted_up<L>(low.mantissa, high.mantissa), shifted_up<L>(low.exponent, high.exponent)};
}

template <class L>
SF_INLINE Probability<L> impossible() {
    return {fill<L>(1), fill<L>(-infinity<L>())};
}

// The same number with its mantissa in [1, 2).
template <class L>
SF_INLINE Probability<L> normalised(const Probability<L>& a) {
#if defined(__AVX512F__)
    if constexpr (sizeof(L) == 4) {
        const auto m = (__m512)a.mantissa;
        return {(V<L>)_mm512_maskz_getmant_ps(0xffff, m, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src),
                a.exponent + (V<L>)_mm512_maskz_getexp_ps(0xffff, m)};
    }
#endif
    return {mantissa_of<L>(a.mantissa), a.exponent + exponent_of<L>(a.mantissa)};
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_MATH_HPP_
