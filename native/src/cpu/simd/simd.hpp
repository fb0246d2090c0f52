// A thin layer over the compiler's vectors: load, store, select, shift, reduce; one width per file.
//
// One definition rule: the simd_* headers are compiled once for each instruction set, into a
// namespace of its own, SF_ISA. They call no inline function from elsewhere, std:: included: the
// linker keeps one copy of an inline function for the whole program, and would happily keep the
// AVX-512 one for an old processor to die on. For the same reason nothing but kernels_*.cpp
// includes them.
#ifndef SF_ISA
#error "compile a kernels_*.cpp, which says which instruction set this is"
#endif
#ifndef SEQFRONT_CPU_SIMD_HPP_
#define SEQFRONT_CPU_SIMD_HPP_

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define SF_INLINE inline __attribute__((always_inline))

namespace seqfront {
namespace SF_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

// Vectors of a lattice type L, and of the integers of its size.
template <class L>
struct Simd;

template <>
struct Simd<float> {
    typedef float V __attribute__((vector_size(kVectorBytes)));
    typedef int32_t I __attribute__((vector_size(kVectorBytes)));
    typedef uint32_t U __attribute__((vector_size(kVectorBytes)));
    static constexpr int lanes = kVectorBytes / 4;
    static constexpr int mantissa_bits = 23;
    static constexpr float exponent_bias = 127;
    static constexpr float lowest = -3.4028234663852886e38f;
};

template <>
struct Simd<double> {
    typedef double V __attribute__((vector_size(kVectorBytes)));
    typedef int64_t I __attribute__((vector_size(kVectorBytes)));
    typedef uint64_t U __attribute__((vector_size(kVectorBytes)));
    static constexpr int lanes = kVectorBytes / 8;
    static constexpr int mantissa_bits = 52;
    static constexpr double exponent_bias = 1023;
    static constexpr double lowest = -1.7976931348623157e308;
};

template <class L>
using V = typename Simd<L>::V;
template <class L>
using U = typename Simd<L>::U;
template <class L>
using I = typename Simd<L>::I;

template <class L>
constexpr L infinity() {
    return static_cast<L>(__builtin_inf());
}

template <class L>
SF_INLINE V<L> fill(L value) {
    return V<L>{} + value;
}

template <class L>
SF_INLINE V<L> load(const L* from) {
    V<L> v;
    __builtin_memcpy(&v, from, sizeof(v));
    return v;
}

template <class L>
SF_INLINE void store(L* to, V<L> v) {
    __builtin_memcpy(to, &v, sizeof(v));
}

// Partial vectors: the first `count` lanes, from none to all, are in memory, and nothing beyond
// them is touched. They never pass through a buffer: loading a vector from what smaller stores have
// just written has to wait for them, and where rows are short that is most of the time.
template <class L>
SF_INLINE V<L> load_part(const L* from, int64_t count, L rest);  // the other lanes are `rest`
template <class L>
SF_INLINE void store_part(L* to, V<L> v, int64_t count);

#if defined(__AVX512F__)

SF_INLINE __mmask16 lanes_below(int64_t count) { return static_cast<__mmask16>((1u << count) - 1); }

template <>
SF_INLINE V<float> load_part<float>(const float* from, int64_t count, float rest) {
    return (V<float>)_mm512_mask_loadu_ps((__m512)fill<float>(rest), lanes_below(count), from);
}
template <>
SF_INLINE void store_part<float>(float* to, V<float> v, int64_t count) {
    _mm512_mask_storeu_ps(to, lanes_below(count), (__m512)v);
}
template <>
SF_INLINE V<double> load_part<double>(const double* from, int64_t count, double rest) {
    const auto mask = static_cast<__mmask8>(lanes_below(count));
    return (V<double>)_mm512_mask_loadu_pd((__m512d)fill<double>(rest), mask, from);
}
template <>
SF_INLINE void store_part<double>(double* to, V<double> v, int64_t count) {
    _mm512_mask_storeu_pd(to, static_cast<__mmask8>(lanes_below(count)), (__m512d)v);
}

#elif defined(__AVX2__)

template <class L>
SF_INLINE I<L> lanes_below(int64_t count) {
    I<L> lane;
    for (int i = 0; i < Simd<L>::lanes; ++i) lane[i] = i;
    return lane < static_cast<int>(count);
}

template <>
SF_INLINE V<float> load_part<float>(const float* from, int64_t count, float rest) {
    const I<float> mask = lanes_below<float>(count);
    return mask ? (V<float>)_mm256_maskload_ps(from, (__m256i)mask) : fill<float>(rest);
}
template <>
SF_INLINE void store_part<float>(float* to, V<float> v, int64_t count) {
    _mm256_maskstore_ps(to, (__m256i)lanes_below<float>(count), (__m256)v);
}
template <>
SF_INLINE V<double> load_part<double>(const double* from, int64_t count, double rest) {
    const I<double> mask = lanes_below<double>(count);
    return mask ? (V<double>)_mm256_maskload_pd(from, (__m256i)mask) : fill<double>(rest);
}
template <>
SF_INLINE void store_part<double>(double* to, V<double> v, int64_t count) {
    _mm256_maskstore_pd(to, (__m256i)lanes_below<double>(count), (__m256d)v);
}

#else

template <class L>
SF_INLINE V<L> load_part(const L* from, int64_t count, L rest) {
    V<L> v;
    for (int i = 0; i < Simd<L>::lanes; ++i) v[i] = i < count ? from[i] : rest;
    return v;
}
template <class L>
SF_INLINE void store_part(L* to, V<L> v, int64_t count) {
    for (int i = 0; i < Simd<L>::lanes; ++i) {
        if (i < count) to[i] = v[i];
    }
}

#endif

// maximum(a, b) is b if either is NaN, and so is minimum. (As intrinsics, for GCC 12 makes a
// comparison and a blend of a > b ? a : b.)
SF_INLINE V<float> maximum(V<float> a, V<float> b) {
#if defined(__AVX512F__)
    return (V<float>)_mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (V<float>)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (V<float>)_mm_max_ps((__m128)a, (__m128)b);
#else
    return a > b ? a : b;
#endif
}
SF_INLINE V<double> maximum(V<double> a, V<double> b) {
#if defined(__AVX512F__)
    return (V<double>)_mm512_maskz_max_pd(0xff, (__m512d)a, (__m512d)b);
#elif defined(__AVX2__)
    return (V<double>)_mm256_max_pd((__m256d)a, (__m256d)b);
#elif defined(__SSE2__)
    return (V<double>)_mm_max_pd((__m128d)a, (__m128d)b);
#else
    return a > b ? a : b;
#endif
}
SF_INLINE V<float> minimum(V<float> a, V<float> b) {
#if defined(__AVX512F__)
    return (V<float>)_mm512_maskz_min_ps(0xffff, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (V<float>)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (V<float>)_mm_min_ps((__m128)a, (__m128)b);
#else
    return a < b ? a : b;
#endif
}
SF_INLINE V<double> minimum(V<double> a, V<double> b) {
#if defined(__AVX512F__)
    return (V<double>)_mm512_maskz_min_pd(0xff, (__m512d)a, (__m512d)b);
#elif defined(__AVX2__)
    return (V<double>)_mm256_min_pd((__m256d)a, (__m256d)b);
#elif defined(__SSE2__)
    return (V<double>)_mm_min_pd((__m128d)a, (__m128d)b);
#else
    return a < b ? a : b;
#endif
}

// Lanes First, First + 1, ... of `low` and `high` side by side. Clang has no __builtin_shuffle, and
// GCC before 12 has nothing else. `Chosen` grows until it names each lane.
template <class L, int First, int... Chosen>
SF_INLINE V<L> lanes_from(V<L> low, V<L> high) {
#if defined(__clang__)
    constexpr int n = sizeof...(Chosen);
    if constexpr (n < Simd<L>::lanes) {
        return lanes_from<L, First, Chosen..., First + n>(low, high);
    } else {
        return __builtin_shufflevector(low, high, Chosen...);
    }
#else
    I<L> order;
    for (int i = 0; i < Simd<L>::lanes; ++i) order[i] = First + i;
    return __builtin_shuffle(low, high, order);
#endif
}

// Lanes 1, 2, ... of `low`, then lane 0 of `high`.
template <class L>
SF_INLINE V<L> shifted_down(V<L> low, V<L> high) {
    return lanes_from<L, 1>(low, high);
}

// The last lane of `low`, then lanes 0, 1, ... of `high`.
template <class L>
SF_INLINE V<L> shifted_up(V<L> low, V<L> high) {
    return lanes_from<L, Simd<L>::lanes - 1>(low, high);
}

// All lanes with lane i replaced by lane (i + Step) % lanes.
template <class L, int Step>
SF_INLINE V<L> rotate(V<L> v) {
    return lanes_from<L, Step>(v, v);
}

template <class L, int Step = Simd<L>::lanes / 2>
SF_INLINE L reduce_add(V<L> v) {
    v += rotate<L, Step>(v);
    if constexpr (Step > 1) {
        return reduce_add<L, Step / 2>(v);
    } else {
        return v[0];
    }
}

template <class L, int Step = Simd<L>::lanes / 2>
SF_INLINE L reduce_max(V<L> v) {
    v = maximum(rotate<L, Step>(v), v);
    if constexpr (Step > 1) {
        return reduce_max<L, Step / 2>(v);
    } else {
        return v[0];
    }
}

template <class L>
SF_INLINE bool any(I<L> mask) {
    for (int i = 0; i < Simd<L>::lanes; ++i) {
        if (mask[i] != 0) return true;
    }
    return false;
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_HPP_
