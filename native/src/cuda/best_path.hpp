// The best of all paths through a lattice: its numbers, and what remembers the way.
//
// Log-weights are doubles, as on the CPU, so that the same path wins. Beside the score a lattice
// writes for each cell the code of the arc by which the best path comes there, in 1, 2, 4 or 8
// bits. A word holds the codes of one position in some steps that follow each other: a thread
// gathers them in a register, and all threads write theirs in the same step, side by side.
#ifndef SEQFRONT_CUDA_BEST_PATH_HPP_
#define SEQFRONT_CUDA_BEST_PATH_HPP_

#include "cuda/numbers.hpp"

namespace seqfront {
namespace cuda {

// A log-weight. A product of them is a sum, and a sum the larger one; of equal ones the first.
struct LogWeight {
    double log;
};

SF_DEVICE LogWeight operator*(const LogWeight& a, const LogWeight& b) { return {a.log + b.log}; }
SF_DEVICE bool operator<(const LogWeight& a, const LogWeight& b) { return a.log < b.log; }
SF_DEVICE LogWeight operator+(const LogWeight& a, const LogWeight& b) { return a < b ? b : a; }
SF_DEVICE LogWeight normalised(const LogWeight& a) { return a; }

// Of all paths to a cell the best: see paths.hpp.
template <class L>
struct BestOfPaths {
    using Number = LogWeight;
    static SF_DEVICE Number certain() { return {0}; }
    static SF_DEVICE Number impossible() { return {-infinity<double>()}; }
    static SF_DEVICE Number weight(L log_prob) { return {static_cast<double>(log_prob)}; }
};

// Of 0, 32.
SF_DEVICE int leading_zeros(uint32_t x) {
#if defined(__CUDACC__)
    return __clz(static_cast<int>(x));
#else
    return x == 0 ? 32 : __builtin_clz(x);
#endif
}

// Where a path ends: its log-weight, the code of its last arc, and whether all weights were numbers
// below +inf.
struct BestEnd {
    double score;
    int32_t code, valid;
};

// The codes of one sequence after another: [steps / steps of a word, positions] words each.
struct BackPointers {
    uint32_t* words = nullptr;
    int64_t words_of_sequence = 0;
    int log_steps = 5;  // of a word, as a power of two: 5 for codes of 1 bit, 2 for those of 8

    // For codes below `codes`, and sequences of at most so many steps and positions.
    static BackPointers of(int64_t codes, int64_t steps, int64_t positions) {
        const int log_steps = codes > 16 ? 2 : codes > 4 ? 3 : codes > 2 ? 4 : 5;
        return {nullptr, ((steps >> log_steps) + 1) * positions, log_steps};
    }

    SF_DEVICE int bits() const { return 32 >> log_steps; }
    SF_DEVICE int64_t row(int64_t step) const { return step >> log_steps; }
    SF_DEVICE int shift(int64_t step) const {
        return (static_cast<int>(step) & ((1 << log_steps) - 1)) << (5 - log_steps);
    }
    SF_DEVICE bool ends_word(int64_t step) const { return row(step) != row(step + 1); }
    SF_DEVICE uint32_t code_in(uint32_t word, int64_t step) const {
        return (word >> shift(step)) & ((uint32_t{1} << bits()) - 1);
    }
    // How many codes are 0 from this step down, as far as its word goes.
    SF_DEVICE int zeros_in(uint32_t word, int64_t step) const {
        const int used = shift(step) + bits();
        const int zeros = leading_zeros(word << (32 - used));
        return (zeros < used ? zeros : used) >> (5 - log_steps);
    }
    SF_DEVICE uint32_t* of_sequence(int64_t index) const {
        return words + index * words_of_sequence;
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_BEST_PATH_HPP_
