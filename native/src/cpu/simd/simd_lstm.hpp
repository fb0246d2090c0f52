// What a step of a layer-normalised LSTM computes besides its products, and the normalisation of a
// row by itself.
#ifndef SEQFRONT_CPU_SIMD_LSTM_HPP_
#define SEQFRONT_CPU_SIMD_LSTM_HPP_

#include "simd/kernels.hpp"
#include "simd/simd_joint.hpp"

namespace seqfront {
namespace SF_ISA {

// The sum of value(part of a row); lanes beyond the row are `rest`, of which the value is to be 0.
template <class L, class Value>
SF_INLINE L sum_over(const L* x, int64_t count, L rest, Value&& value) {
    constexpr int64_t n = Simd<L>::lanes;
    V<L> even = {}, odd = {};
    int64_t i = 0;
    for (; i + 2 * n <= count; i += 2 * n) {
        even += value(load<L>(x + i));
        odd += value(load<L>(x + i + n));
    }
    for (; i + n <= count; i += n) even += value(load<L>(x + i));
    if (i < count) odd += value(load_part<L>(x + i, count - i, rest));
    return reduce_add<L>(even + odd);
}

template <class L>
void normalise(const L* x, int64_t count, const L* scale, const L* bias, L epsilon, L* to) {
    const L mean = sum_over<L>(x, count, 0, [](V<L> v) { return v; }) / static_cast<L>(count);
    const L squares = sum_over<L>(x, count, mean, [mean](V<L> v) {
        const V<L> centred = v - mean;
        return centred * centred;
    });
    const L variance = squares / static_cast<L>(count) + epsilon;
    const L factor = 1 / static_cast<L>(__builtin_sqrt(variance));
    for (int64_t i = 0; i < count; i += Simd<L>::lanes) {
        const int64_t left = count - i;
        const V<L> y = (load_up_to<L>(x + i, left) - mean) * factor;
        store_up_to<L>(to + i, y * load_up_to<L>(scale + i, left) + load_up_to<L>(bias + i, left),
                       left);
    }
}

template <class L>
SF_INLINE V<L> sigmoid(V<L> x) {
    return (1 + tanh<L>(x / 2)) / 2;
}

template <class L>
void lstm_cell(const L* gates, const L* before, int64_t units, L* cell) {
    const L *const input = gates, *const keep = gates + units, *const value = gates + 2 * units;
    for (int64_t i = 0; i < units; i += Simd<L>::lanes) {
        const int64_t left = units - i;
        const V<L> kept =
            sigmoid<L>(load_up_to<L>(keep + i, left)) * load_up_to<L>(before + i, left);
        const V<L> added =
            sigmoid<L>(load_up_to<L>(input + i, left)) * tanh<L>(load_up_to<L>(value + i, left));
        store_up_to<L>(cell + i, kept + added, left);
    }
}

template <class L>
void lstm_hidden(const L* gates, const L* cell, int64_t units, L* hidden) {
    const L* const out = gates + 3 * units;
    for (int64_t i = 0; i < units; i += Simd<L>::lanes) {
        const int64_t left = units - i;
        store_up_to<L>(
            hidden + i,
            sigmoid<L>(load_up_to<L>(out + i, left)) * tanh<L>(load_up_to<L>(cell + i, left)),
            left);
    }
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_LSTM_HPP_
