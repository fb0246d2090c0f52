// Vectors of logits of each dtype, to and from vectors of the type the maths is done in.
#ifndef SEQFRONT_CPU_SIMD_HALF_HPP_
#define SEQFRONT_CPU_SIMD_HALF_HPP_

#include "kernels.hpp"
#include "simd.hpp"

namespace seqfront {
namespace SF_ISA {

typedef uint16_t Half __attribute__((vector_size(kVectorBytes / 2)));

// Lattice<T> is the type in which the maths on logits of type T is done.
template <class T>
struct LatticeOf {
    typedef float type;
};
template <>
struct LatticeOf<double> {
    typedef double type;
};
template <class T>
using Lattice = typename LatticeOf<T>::type;

SF_INLINE U<float> widen_bits(const void* from) {
    Half half;
    __builtin_memcpy(&half, from, sizeof(half));
    return __builtin_convertvector(half, U<float>);
}

SF_INLINE void store_bits(void* to, U<float> bits) {
    const Half half = __builtin_convertvector(bits, Half);
    __builtin_memcpy(to, &half, sizeof(half));
}

SF_INLINE V<float> read(const float* from) { return load<float>(from); }
SF_INLINE V<double> read(const double* from) { return load<double>(from); }
SF_INLINE void write(float* to, V<float> v) { store<float>(to, v); }
SF_INLINE void write(double* to, V<double> v) { store<double>(to, v); }

SF_INLINE V<float> read(const BFloat16* from) { return (V<float>)(widen_bits(from) << 16); }

SF_INLINE void write(BFloat16* to, V<float> v) {
    const U<float> bits = (U<float>)v;
    const U<float> rounded = bits + 0x7fff + (bits >> 16 & 1);
    store_bits(to, (v == v ? rounded : bits | 0x400000) >> 16);
}

#if defined(__F16C__)

SF_INLINE V<float> read(const Float16* from) {
#if defined(__AVX512F__)
    return (V<float>)_mm512_maskz_cvtph_ps(
        0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
#else
    return (V<float>)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#endif
}

SF_INLINE void write(Float16* to, V<float> v) {
    constexpr int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
#if defined(__AVX512F__)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        _mm512_maskz_cvtps_ph(0xffff, (__m512)v, nearest));
#else
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_cvtps_ph((__m256)v, nearest));
#endif
}

#else  // as in float16.hpp

SF_INLINE V<float> read(const Float16* from) {
    const U<float> half = widen_bits(from);
    const U<float> sign = half >> 15 << 31;
    const U<float> rest = half & 0x7fff;
    const U<float> finite = (U<float>)((V<float>)(rest << 13) * 0x1p112f);
    const U<float> special = 0x7f800000 | (rest & 0x3ff) << 13;
    return (V<float>)(sign | (rest >= 0x7c00 ? special : finite));
}

SF_INLINE void write(Float16* to, V<float> v) {
    const U<float> bits = (U<float>)v;
    const U<float> rest = bits & 0x7fffffff;
    const U<float> normal = (rest - 0x38000000 + 0xfff + (rest >> 13 & 1)) >> 13;
    const U<float> subnormal = (U<float>)((V<float>)rest + 0.5f) - 0x3f000000;
    U<float> half = rest < 0x38800000 ? subnormal : normal;
    half = rest >= 0x47800000 ? U<float>{} + 0x7c00 : half;
    half = rest > 0x7f800000 ? U<float>{} + 0x7e00 : half;
    store_bits(to, half | (bits >> 16 & 0x8000));
}

#endif

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_HALF_HPP_
