// Probabilities in memory, for the lattices.
#ifndef SEQFRONT_CPU_SIMD_TABLE_HPP_
#define SEQFRONT_CPU_SIMD_TABLE_HPP_

#include "simd/kernels.hpp"
#include "simd/simd_math.hpp"

namespace seqfront {
namespace SF_ISA {

// Mantissas and exponents in arrays of their own, so that any run of them is two vector loads.
template <class L>
struct Table {
    L* mantissa;
    L* exponent;

    SF_INLINE Probability<L> at(int64_t i) const {
        return {load<L>(mantissa + i), load<L>(exponent + i)};
    }
    SF_INLINE void set(int64_t i, const Probability<L>& p) const {
        store<L>(mantissa + i, p.mantissa);
        store<L>(exponent + i, p.exponent);
    }
    SF_INLINE void set_part(int64_t i, const Probability<L>& p, int64_t count) const {
        if (count >= Simd<L>::lanes) return set(i, p);
        store_part<L>(mantissa + i, p.mantissa, count);
        store_part<L>(exponent + i, p.exponent, count);
    }
    SF_INLINE void set_all(int64_t begin, int64_t end, L m, L e) const {
        for (int64_t i = begin; i < end; ++i) {
            mantissa[i] = m;
            exponent[i] = e;
        }
    }
    SF_INLINE void set_one(int64_t i, L m, L e) const { set_all(i, i + 1, m, e); }
};

// Hands out tables of `count` probabilities, with room for a vector before and after.
template <class L>
SF_INLINE Table<L> take(L*& scratch, int64_t count) {
    const int64_t size = count + 2 * kLatticePad;
    const Table<L> table{scratch + kLatticePad, scratch + size + kLatticePad};
    scratch += 2 * size;
    return table;
}

// Converts log-probs; returns whether all are below +inf and none is NaN.
template <class L>
SF_INLINE bool to_probabilities(const L* log_probs, int64_t count, const Table<L>& to) {
    constexpr int64_t n = Simd<L>::lanes;
    I<L> wrong{};
    for (int64_t i = 0; i < count; i += n) {
        const int64_t left = count - i;
        const V<L> x =
            left >= n ? load<L>(log_probs + i) : load_part<L>(log_probs + i, left, -infinity<L>());
        wrong |= ~(x < infinity<L>());
        to.set(i, probability<L>(x));
    }
    to.set_all(-kLatticePad, 0, 1, 0);
    to.set_all(count, count + kLatticePad, 1, 0);
    return !any<L>(wrong);
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_TABLE_HPP_
