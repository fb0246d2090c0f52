// Rows of the gradient of the logits: scale * softmax, a few classes set apart, and zeros.
//
// Memory is what this costs: fresh pages are asked for as huge ones, and rows that carry nothing
// are cleared without reading the logits. (Stores past the caches were tried and not faster: the
// classes set apart have to be written into the same lines again.)
#ifndef SEQFRONT_CPU_GRADIENT_ROWS_HPP_
#define SEQFRONT_CPU_GRADIENT_ROWS_HPP_

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "float16.hpp"
#include "problem.hpp"
#include "simd/dispatch.hpp"

namespace seqfront {

// Asks for huge pages inside [memory, memory + bytes), if that is several MB: a first touch of 2 MB
// at once costs a fifth of that of 512 small pages. Without effect on memory already in use.
void advise_huge_pages(void* memory, int64_t bytes) noexcept;

template <class T>
class GradientRows {
  public:
    using L = typename RowKernelsOf<T>::Lattice;

    // `bytes` is the size of the whole gradient; `dense`: it is one block without gaps.
    GradientRows(const Kernels& table, T* grad, const T* logits, int64_t classes, int64_t bytes,
                 bool dense)
        : kernels_(RowKernelsOf<T>::in(table)), classes_(classes) {
        if (grad != logits && dense) advise_huge_pages(grad, bytes);
    }

    // One row: scale * exp(logits - log_normaliser).
    void write(const T* logits, T* grad, L log_normaliser, L scale) const {
        if (scale == 0) {
            std::memset(grad, 0, row_bytes());
        } else {
            kernels_.softmax_gradient(logits, grad, classes_, log_normaliser, scale);
        }
    }

    // One row: upstream * min(scale * exp(logits - log_normaliser), limit).
    void write_clamped(const T* logits, T* grad, L log_normaliser, L scale, L limit,
                       L upstream) const {
        if (scale == 0) {
            std::memset(grad, 0, row_bytes());
        } else {
            kernels_.clamped_gradient(logits, grad, classes_, log_normaliser, scale, limit,
                                      upstream);
        }
    }

    void clear(T* grad, int64_t rows, int64_t stride) const {
        if (stride == classes_) {
            std::memset(grad, 0, row_bytes() * static_cast<size_t>(rows));
            return;
        }
        for (int64_t i = 0; i < rows; ++i) std::memset(grad + i * stride, 0, row_bytes());
    }

  private:
    size_t row_bytes() const { return static_cast<size_t>(classes_) * sizeof(T); }

    const RowKernels<L>& kernels_;
    int64_t classes_;
};

// log p of a logit, from what RowKernels::normalisers gave for its row.
template <class L>
L log_prob(L logit, L maximum, L log_sum) {
    if (log_sum == -std::numeric_limits<L>::infinity()) return log_sum;  // all classes impossible
    return (logit - maximum) - log_sum;
}

// -log of a likelihood; NaN for an invalid one.
template <class L>
L loss_of(const Likelihood<L>& likelihood) {
    if (!likelihood.valid) return std::numeric_limits<L>::quiet_NaN();
    const double log_mantissa = std::log(static_cast<double>(likelihood.mantissa));
    const double exponent = static_cast<double>(likelihood.exponent);
    return static_cast<L>(0.0 - (log_mantissa + exponent * 0.69314718055994530942));
}

}  // namespace seqfront

#endif  // SEQFRONT_CPU_GRADIENT_ROWS_HPP_
