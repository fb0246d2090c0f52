// Inputs of half precision for kernels that read the type the maths is done in.
#ifndef SEQFRONT_CPU_WIDENED_HPP_
#define SEQFRONT_CPU_WIDENED_HPP_

#include <type_traits>

#include "float16.hpp"
#include "problem.hpp"
#include "simd/dispatch.hpp"

namespace seqfront {

// An input in the type the maths is done in: itself, or a copy.
template <class T>
class Widened {
  public:
    using L = typename RowKernelsOf<T>::Lattice;

    Widened(const T* from, int64_t count) {
        if constexpr (std::is_same_v<T, L>) {
            data_ = from;
        } else {
            copy_ = allocate<L>(count);
            for (int64_t i = 0; i < count; ++i) copy_[i] = widen(from[i]);
            data_ = copy_.get();
        }
    }
    const L* data() const { return data_; }

  private:
    Buffer<L> copy_;
    const L* data_;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_WIDENED_HPP_
