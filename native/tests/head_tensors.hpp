// What the tests of heads compare: tensors of up to three axes, with the rounding of their dtype.
#ifndef SEQFRONT_TESTS_HEAD_TENSORS_HPP_
#define SEQFRONT_TESTS_HEAD_TENSORS_HPP_

#include "tensors.hpp"
#include "testing.hpp"

namespace testing {

inline double element(const Tensor& x, int64_t i) {
    const std::vector<int64_t>& shape = x.shape();
    if (shape.size() == 1) return x.get({i});
    const int64_t row = i / shape.back(), last = i % shape.back();
    if (shape.size() == 2) return x.get({row, last});
    return x.get({row / shape[1], row % shape[1], last});
}

// Sums of numbers that were rounded to the dtype: the error is relative to the largest element, or
// to 1.
inline void check_rounded(const Tensor& value, const Tensor& expected) {
    const sf_dtype dtype = expected.dtype();
    const double allowed = dtype == SF_FLOAT64   ? 1e-13
                           : dtype == SF_FLOAT32 ? 3e-6
                                                 : 2 * tolerance(dtype);
    int64_t count = 1;
    for (const int64_t size : expected.shape()) count *= size;
    double largest = 1;
    for (int64_t i = 0; i < count; ++i)
        largest = std::fmax(largest, std::fabs(element(expected, i)));
    for (int64_t i = 0; i < count; ++i) {
        CHECK_CLOSE(element(value, i) / largest, element(expected, i) / largest, allowed);
    }
}

}  // namespace testing

#endif  // SEQFRONT_TESTS_HEAD_TENSORS_HPP_
