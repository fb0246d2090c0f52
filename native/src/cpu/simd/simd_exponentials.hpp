// Rows as numbers: their exponentials, for sums of products of them, and back to a dtype.
#ifndef SEQFRONT_CPU_SIMD_EXPONENTIALS_HPP_
#define SEQFRONT_CPU_SIMD_EXPONENTIALS_HPP_

#include "simd/simd_rows.hpp"

namespace seqfront {
namespace SF_ISA {

template <class T>
void maxima(const void* logits, int64_t stride, int64_t rows, int64_t classes,
            Lattice<T>* maximum_out) {
    const T* x = static_cast<const T*>(logits);
    for (int64_t row = 0; row < rows; ++row) {
        const Lattice<T> top = row_maximum(x + row * stride, classes);
        maximum_out[row] = top > -infinity<Lattice<T>>() ? top : 0;
    }
}

template <class T>
void exponentials(const void* logits, int64_t stride, int64_t rows, int64_t classes,
                  const Lattice<T>* maximum, Lattice<T>* out) {
    using L = Lattice<T>;
    const T* x = static_cast<const T*>(logits);
    constexpr int64_t n = Simd<L>::lanes;
    for (int64_t row = 0; row < rows; ++row, x += stride, out += classes) {
        int64_t i = 0;
        for (; i + 2 * n <= classes; i += 2 * n) {
            store<L>(out + i, exp<L>(read(x + i) - maximum[row]));
            store<L>(out + i + n, exp<L>(read(x + i + n) - maximum[row]));
        }
        for (; i < classes; i += n) {
            const int64_t part = classes - i < n ? classes - i : n;
            store_part<L>(out + i, exp<L>(read_part(x + i, part) - maximum[row]), part);
        }
    }
}

template <class T>
void store_row(const Lattice<T>* x, void* to, int64_t count) {
    constexpr int64_t n = Simd<Lattice<T>>::lanes;
    T* out = static_cast<T*>(to);
    int64_t i = 0;
    for (; i + n <= count; i += n) write(out + i, load<Lattice<T>>(x + i));
    if (i < count) write_part(out + i, load_part<Lattice<T>>(x + i, count - i, 0), count - i);
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_EXPONENTIALS_HPP_
