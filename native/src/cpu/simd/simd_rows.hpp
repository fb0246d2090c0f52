// Kernels over single rows of logits: the normaliser of a softmax, and its gradient.
#ifndef SEQFRONT_CPU_SIMD_ROWS_HPP_
#define SEQFRONT_CPU_SIMD_ROWS_HPP_

#include "simd/simd_half.hpp"
#include "simd/simd_math.hpp"

namespace seqfront {
namespace SF_ISA {

template <class T>
SF_INLINE Lattice<T> row_maximum(const T* x, int64_t count) {
    using L = Lattice<T>;
    constexpr int64_t n = Simd<L>::lanes;
    V<L> top0 = fill<L>(-infinity<L>()), top1 = top0, top2 = top0, top3 = top0;
    int64_t i = 0;
    for (; i + 4 * n <= count; i += 4 * n) {
        top0 = maximum(read(x + i), top0);  // in this order a NaN is passed over: exp finds it
        top1 = maximum(read(x + i + n), top1);
        top2 = maximum(read(x + i + 2 * n), top2);
        top3 = maximum(read(x + i + 3 * n), top3);
    }
    for (; i + n <= count; i += n) top0 = maximum(read(x + i), top0);
    if (i < count) top1 = maximum(read_part(x + i, count - i), top1);
    return reduce_max<L>(maximum(maximum(top0, top1), maximum(top2, top3)));
}

// sum(exp(x - reference))
template <class T>
SF_INLINE Lattice<T> row_exp_sum(const T* x, int64_t count, Lattice<T> reference) {
    using L = Lattice<T>;
    constexpr int64_t n = Simd<L>::lanes;
    V<L> sum0{}, sum1{};
    int64_t i = 0;
    for (; i + 2 * n <= count; i += 2 * n) {
        sum0 += exp<L>(read(x + i) - reference);
        sum1 += exp<L>(read(x + i + n) - reference);
    }
    for (; i + n <= count; i += n) sum0 += exp<L>(read(x + i) - reference);
    if (i < count) sum1 += exp<L>(read_part(x + i, count - i) - reference);
    return reduce_add<L>(sum0 + sum1);
}

// One pass over memory: each chunk is read twice, the second time from the L1 cache.
template <class T>
SF_INLINE void row_normaliser(const T* x, int64_t classes, Lattice<T>* maximum_out,
                              Lattice<T>* sum_out) {
    using L = Lattice<T>;
    constexpr int64_t chunk = 4096;
    L top = -infinity<L>(), reference = 0, sum = 0;
    for (int64_t begin = 0; begin < classes; begin += chunk) {
        const int64_t count = classes - begin < chunk ? classes - begin : chunk;
        const L chunk_top = row_maximum(x + begin, count);
        if (chunk_top > top) {
            if (begin > 0) sum *= exp_scalar<L>(top - chunk_top);
            reference = top = chunk_top;
        }
        sum += row_exp_sum(x + begin, count, reference);
    }
    *maximum_out = reference;
    *sum_out = sum;
}

// Many short rows: all maxima first. The chain of dependent steps of one row is then short enough
// for the processor to work on several rows at once.
template <class T>
SF_INLINE void short_row_normalisers(const T* x, int64_t stride, int64_t rows, int64_t classes,
                                     Lattice<T>* maximum_out, Lattice<T>* sum_out) {
    using L = Lattice<T>;
    for (int64_t row = 0; row < rows; ++row) {
        const L top = row_maximum(x + row * stride, classes);
        maximum_out[row] = top > -infinity<L>() ? top : 0;
    }
    for (int64_t row = 0; row < rows; ++row) {
        sum_out[row] = row_exp_sum(x + row * stride, classes, maximum_out[row]);
    }
}

template <class T>
void normalisers(const void* logits, int64_t stride, int64_t rows, int64_t classes,
                 Lattice<T>* maximum_out, Lattice<T>* log_sum_out) {
    using L = Lattice<T>;
    const T* x = static_cast<const T*>(logits);
    constexpr int64_t short_row = 64;
    if (classes <= short_row) {
        short_row_normalisers(x, stride, rows, classes, maximum_out, log_sum_out);
    } else {
        for (int64_t row = 0; row < rows; ++row) {
            row_normaliser(x + row * stride, classes, maximum_out + row, log_sum_out + row);
        }
    }
    constexpr int64_t n = Simd<L>::lanes;
    for (int64_t row = 0; row < rows; row += n) {
        const int64_t count = rows - row < n ? rows - row : n;
        store_part<L>(log_sum_out + row, log<L>(load_part<L>(log_sum_out + row, count, 1)), count);
    }
}

template <class T>
void softmax_gradient(const void* logits, void* grad, int64_t classes, Lattice<T> log_normaliser,
                      Lattice<T> scale) {
    using L = Lattice<T>;
    const T* x = static_cast<const T*>(logits);
    T* g = static_cast<T*>(grad);
    constexpr int64_t n = Simd<L>::lanes;
    int64_t i = 0;
    for (; i + 2 * n <= classes; i += 2 * n) {
        const V<L> a = exp<L>(read(x + i) - log_normaliser) * scale;
        const V<L> b = exp<L>(read(x + i + n) - log_normaliser) * scale;
        write(g + i, a);
        write(g + i + n, b);
    }
    for (; i + n <= classes; i += n) {
        write(g + i, exp<L>(read(x + i) - log_normaliser) * scale);
    }
    if (i < classes) {
        const V<L> p = exp<L>(read_part(x + i, classes - i) - log_normaliser);
        write_part(g + i, p * scale, classes - i);
    }
}

template <class T>
void clamped_gradient(const void* logits, void* grad, int64_t classes, Lattice<T> log_normaliser,
                      Lattice<T> scale, Lattice<T> limit, Lattice<T> upstream) {
    using L = Lattice<T>;
    const T* x = static_cast<const T*>(logits);
    T* g = static_cast<T*>(grad);
    constexpr int64_t n = Simd<L>::lanes;
    const V<L> most = fill<L>(limit);  // minimum(most, NaN) is NaN
    int64_t i = 0;
    for (; i + n <= classes; i += n) {
        write(g + i, minimum(most, exp<L>(read(x + i) - log_normaliser) * scale) * upstream);
    }
    if (i < classes) {
        const V<L> p = exp<L>(read_part(x + i, classes - i) - log_normaliser) * scale;
        write_part(g + i, minimum(most, p) * upstream, classes - i);
    }
}

template <class T>
int64_t next_above(const void* logits, int64_t begin, int64_t classes, Lattice<T> threshold) {
    using L = Lattice<T>;
    const T* x = static_cast<const T*>(logits);
    constexpr int64_t n = Simd<L>::lanes;
    const V<L> limit = fill<L>(threshold);
    int64_t i = begin;
    for (; i + 4 * n <= classes; i += 4 * n) {  // a NaN is passed over
        V<L> top = maximum(read(x + i), limit);
        for (int64_t v = 1; v < 4; ++v) top = maximum(read(x + i + v * n), top);
        if (reduce_max<L>(top) > threshold) break;
    }
    for (; i < classes; i += n) {
        const int64_t count = classes - i < n ? classes - i : n;
        const I<L> above = read_part(x + i, count) > limit;
        if (!any<L>(above)) continue;
        for (int64_t lane = 0; lane < n; ++lane) {
            if (above[lane] != 0) return i + lane;
        }
    }
    return classes;
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_ROWS_HPP_
