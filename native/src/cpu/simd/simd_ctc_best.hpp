// One frame of the best alignment of CTC: maxima instead of sums, in double.
//
// Written for the compiler to vectorise. Maxima and additions round alike in vectors of any width,
// so every instruction set finds the same alignment.
#ifndef SEQFRONT_CPU_SIMD_CTC_BEST_HPP_
#define SEQFRONT_CPU_SIMD_CTC_BEST_HPP_

#include "simd/simd.hpp"

namespace seqfront {
namespace SF_ISA {

SF_INLINE double larger(double a, double b) { return a > b ? a : b; }

template <class L>
void ctc_best_advance(const CtcBestFrame<L>& frame, const double* __restrict from,
                      double* __restrict to) {
    const int64_t labels = frame.labels;
    const L* __restrict scores = frame.scores;
    const double* __restrict skip = frame.skip;
    // Blanks, then labels; before the first label stands one that is impossible.
    const double* const label = from + labels + 2;
    const double loop = frame.loop, blank_score = static_cast<double>(scores[0]);
    for (int64_t k = 0; k <= labels; ++k) to[k] = larger(from[k], label[k - 1]) + blank_score;
    to[labels + 1] = -infinity<double>();
    for (int64_t k = 0; k < labels; ++k) {
        const double here = larger(label[k] + loop, from[k]);
        to[labels + 2 + k] =
            larger(here, label[k - 1] + skip[k]) + static_cast<double>(scores[1 + k]);
    }
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_CTC_BEST_HPP_
