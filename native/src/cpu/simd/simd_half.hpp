// Vectors of logits of each dtype, to and from vectors of the type the maths is done in.
#ifndef SEQFRONT_CPU_SIMD_HALF_HPP_
#define SEQFRONT_CPU_SIMD_HALF_HPP_

#include "simd/kernels.hpp"
#include "simd/simd.hpp"

namespace seqfront {
namespace SF_ISA {

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

// As many 16-bit logits as a vector has floats.
typedef uint16_t Half __attribute__((vector_size(kVectorBytes / 2)));

template <class T>
constexpr bool kIsHalf = sizeof(T) == sizeof(uint16_t);

SF_INLINE Half load_half(const void* from) {
    Half half;
    __builtin_memcpy(&half, from, sizeof(half));
    return half;
}

SF_INLINE void store_half(void* to, Half half) { __builtin_memcpy(to, &half, sizeof(half)); }

// In part, like load_part and store_part.
template <class T>
SF_INLINE Half load_half_part(const T* from, int64_t count, uint16_t rest) {
#if defined(__AVX512BW__)
    const auto others = (__m256i)(Half{} + rest);
    return (Half)_mm256_mask_loadu_epi16(others, lanes_below(count), from);
#else
    Half half;
    for (int i = 0; i < Simd<float>::lanes; ++i) half[i] = i < count ? from[i].bits : rest;
    return half;
#endif
}

template <class T>
SF_INLINE void store_half_part(T* to, Half half, int64_t count) {
#if defined(__AVX512BW__)
    _mm256_mask_storeu_epi16(to, lanes_below(count), (__m256i)half);
#else
    for (int i = 0; i < Simd<float>::lanes; ++i) {
        if (i < count) to[i].bits = half[i];
    }
#endif
}

// Each 16-bit type: the bits of -inf, and conversions.
template <class T>
struct HalfType;

template <>
struct HalfType<BFloat16> {
    static constexpr uint16_t minus_infinity = 0xff80;

    static SF_INLINE V<float> widen(Half half) {
        return (V<float>)(__builtin_convertvector(half, U<float>) << 16);
    }
    static SF_INLINE Half narrow(V<float> v) {
        const U<float> bits = (U<float>)v;
        const U<float> rounded = bits + 0x7fff + (bits >> 16 & 1);
        return __builtin_convertvector((v == v ? rounded : bits | 0x400000) >> 16, Half);
    }
};

template <>
struct HalfType<Float16> {
    static constexpr uint16_t minus_infinity = 0xfc00;

#if defined(__AVX512F__)
    static SF_INLINE V<float> widen(Half half) {
        return (V<float>)_mm512_maskz_cvtph_ps(0xffff, (__m256i)half);
    }
    static SF_INLINE Half narrow(V<float> v) {
        return (Half)_mm512_maskz_cvtps_ph(0xffff, (__m512)v, kNearest);
    }
#elif defined(__F16C__)
    static SF_INLINE V<float> widen(Half half) { return (V<float>)_mm256_cvtph_ps((__m128i)half); }
    static SF_INLINE Half narrow(V<float> v) { return (Half)_mm256_cvtps_ph((__m256)v, kNearest); }
#else  // as in float16.hpp
    static SF_INLINE V<float> widen(Half from) {
        const U<float> half = __builtin_convertvector(from, U<float>);
        const U<float> sign = half >> 15 << 31;
        const U<float> rest = half & 0x7fff;
        const U<float> finite = (U<float>)((V<float>)(rest << 13) * 0x1p112f);
        const U<float> special = 0x7f800000 | (rest & 0x3ff) << 13;
        return (V<float>)(sign | (rest >= 0x7c00 ? special : finite));
    }
    static SF_INLINE Half narrow(V<float> v) {
        const U<float> bits = (U<float>)v;
        const U<float> rest = bits & 0x7fffffff;
        const U<float> normal = (rest - 0x38000000 + 0xfff + (rest >> 13 & 1)) >> 13;
        const U<float> subnormal = (U<float>)((V<float>)rest + 0.5f) - 0x3f000000;
        U<float> half = rest < 0x38800000 ? subnormal : normal;
        half = rest >= 0x47800000 ? U<float>{} + 0x7c00 : half;
        half = rest > 0x7f800000 ? U<float>{} + 0x7e00 : half;
        return __builtin_convertvector(half | (bits >> 16 & 0x8000), Half);
    }
#endif

  private:
#if defined(__F16C__)
    static constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
#endif
};

template <class T>
SF_INLINE V<Lattice<T>> read(const T* from) {
    if constexpr (kIsHalf<T>) {
        return HalfType<T>::widen(load_half(from));
    } else {
        return load<T>(from);
    }
}

template <class T>
SF_INLINE void write(T* to, V<Lattice<T>> v) {
    if constexpr (kIsHalf<T>) {
        store_half(to, HalfType<T>::narrow(v));
    } else {
        store<T>(to, v);
    }
}

// The end of a row: `count` elements, the other lanes are -inf.
template <class T>
SF_INLINE V<Lattice<T>> read_part(const T* from, int64_t count) {
    if constexpr (kIsHalf<T>) {
        return HalfType<T>::widen(load_half_part(from, count, HalfType<T>::minus_infinity));
    } else {
        return load_part<T>(from, count, -infinity<T>());
    }
}

template <class T>
SF_INLINE void write_part(T* to, V<Lattice<T>> v, int64_t count) {
    if constexpr (kIsHalf<T>) {
        store_half_part(to, HalfType<T>::narrow(v), count);
    } else {
        store_part<T>(to, v, count);
    }
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_HALF_HPP_
