// A linear layer over few rows, y = x W + b with W [features, classes], in parallel over columns.
#ifndef SEQFRONT_CPU_FEW_ROWS_HPP_
#define SEQFRONT_CPU_FEW_ROWS_HPP_

#include <algorithm>

#include "problem.hpp"
#include "simd/dispatch.hpp"
#include "thread_pool.hpp"

namespace seqfront {

template <class L>
struct LinearLayer {
    const L* weight;  // [features, classes]
    const L* bias;    // [classes] or null
    int64_t features, classes;
};

// Calls body(first, last) for ranges of columns. A thread reads a range as one: the longer, the
// better.
template <class L, class Body>
void for_each_columns(const LinearLayer<L>& layer, int64_t rows, int32_t threads, Body&& body) {
    constexpr int64_t block = 1024;
    const int64_t blocks = (layer.classes + block - 1) / block;
    const int64_t work = block * layer.features * std::max<int64_t>(1, rows / 8) / 4;
    parallel_for(blocks, work, usable_threads(threads), [&](int32_t, int64_t begin, int64_t end) {
        body(begin * block, std::min(end * block, layer.classes));
    });
}

// y [rows, classes] += x [rows, features] W, columns [first, last).
template <class L>
void add_columns(const LinearLayer<L>& layer, const L* x, int64_t rows, L* y, int64_t first,
                 int64_t last) {
    lattice_kernels<L>(kernels()).few_rows({rows, last - first, layer.features, x, layer.features,
                                            layer.weight + first, layer.classes, y + first,
                                            layer.classes});
}

// y += x W.
template <class L>
void add_linear_rows(const LinearLayer<L>& layer, const L* x, int64_t rows, L* y, int32_t threads) {
    for_each_columns(layer, rows, threads, [&](int64_t first, int64_t last) {
        add_columns(layer, x, rows, y, first, last);
    });
}

// y = x W + b.
template <class L>
void linear_rows(const LinearLayer<L>& layer, const L* x, int64_t rows, L* y, int32_t threads) {
    for_each_columns(layer, rows, threads, [&](int64_t first, int64_t last) {
        for (int64_t row = 0; row < rows; ++row) {
            L* const to = y + row * layer.classes;
            if (layer.bias != nullptr) {
                std::copy(layer.bias + first, layer.bias + last, to + first);
            } else {
                std::fill(to + first, to + last, L{0});
            }
        }
        add_columns(layer, x, rows, y, first, last);
    });
}

}  // namespace seqfront

#endif  // SEQFRONT_CPU_FEW_ROWS_HPP_
