// Matrices in panels, as layers/few_rows.hpp says.
#ifndef SEQFRONT_TESTS_PANELS_HPP_
#define SEQFRONT_TESTS_PANELS_HPP_

#include "op_call.hpp"
#include "simd/kernels.hpp"

namespace testing {

// Where element (k, j) of a matrix [depth, outputs] lies.
inline int64_t panel_place(int64_t k, int64_t j, int64_t depth, int64_t outputs) {
    constexpr int64_t columns = seqfront::kPanelColumns;
    const int64_t first = j / columns * columns;
    return first * depth + k * std::min(columns, outputs - first) + (j - first);
}

// The same numbers, in panels.
inline Tensor in_panels(const Tensor& matrix) {
    const int64_t depth = matrix.shape()[0], outputs = matrix.shape()[1];
    Tensor flat(matrix.dtype(), {1, depth * outputs});
    for (int64_t k = 0; k < depth; ++k) {
        for (int64_t j = 0; j < outputs; ++j) {
            flat.set({0, panel_place(k, j, depth, outputs)}, matrix.get({k, j}));
        }
    }
    return flat;
}

}  // namespace testing

#endif  // SEQFRONT_TESTS_PANELS_HPP_
