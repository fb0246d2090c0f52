// A band of the matrix of edit distances: one strip of 64 rows in each lane (see edit_strip.hpp).
//
// What leaves a strip at the bottom enters the next at the top of the same column, so lane k works
// on column t - k at step t: a lane takes what the lane before it gave one step earlier. Lanes that
// have not begun see tokens without matches under a border that falls, which leaves them as they
// are; lanes that have ended are not looked at.
#ifndef SEQFRONT_CPU_SIMD_EDIT_HPP_
#define SEQFRONT_CPU_SIMD_EDIT_HPP_

#include "simd/simd.hpp"

namespace seqfront {
namespace SF_ISA {

constexpr int kEditStrips = Simd<double>::lanes;

SF_INLINE U<double> all_lanes(uint64_t value) { return U<double>{} + value; }

// Match words of the columns up to one: call k gives that of strip k, k columns before.
struct EditWords {
    const uint64_t* matches;
    const int32_t* text;

    SF_INLINE uint64_t operator()(int64_t k) const { return matches[text[-k] * kEditStrips + k]; }
};

// Lane k: the match word of strip k at column t - k.
SF_INLINE U<double> diagonal_matches(const uint64_t* matches, const int32_t* text) {
    const EditWords word{matches, text};
#if defined(__AVX512F__)
    return U<double>{word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7)};
#elif defined(__AVX2__)
    return U<double>{word(0), word(1), word(2), word(3)};
#else
    return U<double>{word(0), word(1)};
#endif
}

// The top bits of `row` moved one lane up, and `first` in lane 0; as 0 or 1.
SF_INLINE U<double> to_next_lane(U<double> row, uint64_t first) {
    return (U<double>)shifted_up<double>((V<double>)all_lanes(first << 63), (V<double>)row) >> 63;
}

inline int64_t edit_band(const EditBand& band) {
    constexpr int64_t n = kEditStrips;
    U<double> up = all_lanes(~uint64_t{0}), down{}, rises{}, falls = up;
    int64_t sum = 0;
    for (int64_t t = 0; t < band.columns + n - 1; ++t) {
        const uint64_t border = t < band.columns ? band.border[t] : 0;
        rises = to_next_lane(rises, border & 1);
        falls = to_next_lane(falls, border >> 1);
        U<double> match = diagonal_matches(band.matches, band.text + t);
        const U<double> vertical = match | down;
        match |= falls;
        const U<double> level = (((match & up) + up) ^ up) | match;
        const U<double> row_rises = down | ~(level | up), row_falls = up & level;
        const U<double> plus = row_rises << 1 | rises, minus = row_falls << 1 | falls;
        up = minus | ~(vertical | plus);
        down = plus & vertical;
        rises = row_rises;
        falls = row_falls;
        if (t < n - 1) continue;
        const uint64_t rise = row_rises[n - 1] >> 63, fall = row_falls[n - 1] >> 63;
        band.border[t - n + 1] = static_cast<uint8_t>(rise | fall << 1);
        sum += static_cast<int64_t>(rise) - static_cast<int64_t>(fall);
    }
    return sum;
}

}  // namespace SF_ISA
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMD_EDIT_HPP_
