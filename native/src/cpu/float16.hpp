// Single values of the logits' dtypes to and from the type the maths is done in.
#ifndef SEQFRONT_CPU_FLOAT16_HPP_
#define SEQFRONT_CPU_FLOAT16_HPP_

#include <cstdint>
#include <cstring>

#include "simd/kernels.hpp"

namespace seqfront {

inline float float_of_bits(uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
}

inline uint32_t bits_of_float(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return bits;
}

inline float widen(float value) { return value; }
inline double widen(double value) { return value; }
inline float widen(BFloat16 value) { return float_of_bits(uint32_t{value.bits} << 16); }
inline float widen(Float16 value) {
    const uint32_t sign = uint32_t{value.bits} >> 15 << 31;
    const uint32_t rest = value.bits & 0x7fffu;
    if (rest >= 0x7c00u) return float_of_bits(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
    // As a float's bits it is 2^112 too small; this is exact for subnormals too.
    return float_of_bits(sign | bits_of_float(float_of_bits(rest << 13) * 0x1p112f));
}

// Rounds to the nearest, ties to even.
inline void narrow(float value, float& to) { to = value; }
inline void narrow(double value, double& to) { to = value; }
inline void narrow(float value, BFloat16& to) {
    const uint32_t bits = bits_of_float(value);
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    const uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);
    to.bits = static_cast<uint16_t>((nan ? bits | 0x400000u : rounded) >> 16);
}
inline void narrow(float value, Float16& to) {
    const uint32_t bits = bits_of_float(value);
    const uint32_t rest = bits & 0x7fffffffu;
    uint32_t half;
    if (rest > 0x7f800000u) {
        half = 0x7e00u;
    } else if (rest >= 0x47800000u) {  // 65536 and more
        half = 0x7c00u;
    } else if (rest < 0x38800000u) {  // subnormal: 0.5 has the unit of its last place
        half = bits_of_float(float_of_bits(rest) + 0.5f) - bits_of_float(0.5f);
    } else {
        half = (rest - 0x38000000u + 0xfffu + (rest >> 13 & 1u)) >> 13;
    }
    to.bits = static_cast<uint16_t>(half | (bits >> 16 & 0x8000u));
}

}  // namespace seqfront

#endif  // SEQFRONT_CPU_FLOAT16_HPP_
