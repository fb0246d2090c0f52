// A strip of 64 rows of the matrix of edit distances, column by column (Myers 1999; Hyyro 2003).
//
// Neighbours in the matrix differ by at most one, so a column of the strip is two words: where it
// goes up, and where down, from row to row. What comes in from the strip above is whether its last
// row goes up or down from the column before. The CUDA kernels take the same step.
#ifndef SEQFRONT_CPU_EDIT_STRIP_HPP_
#define SEQFRONT_CPU_EDIT_STRIP_HPP_

#include <cstdint>

#include "cuda/block.hpp"

namespace seqfront {

constexpr int64_t kStripRows = 64;

// Column-to-column differences, a bit for each row.
struct Horizontal {
    uint64_t rises, falls;
};

// The current column; made as column 0, where row i has distance i.
struct EditStrip {
    uint64_t up = ~uint64_t{0};
    uint64_t down = 0;

    // Goes to the next column, whose token the rows `match` have; `rises` and `falls` (0 or 1) are
    // of the row above the strip.
    SF_EVERYWHERE Horizontal advance(uint64_t match, uint64_t rises, uint64_t falls) {
        const uint64_t vertical = match | down;
        match |= falls;
        const uint64_t level = (((match & up) + up) ^ up) | match;
        const Horizontal row = {down | ~(level | up), up & level};
        const uint64_t plus = row.rises << 1 | rises, minus = row.falls << 1 | falls;
        up = minus | ~(vertical | plus);
        down = plus & vertical;
        return row;
    }
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_EDIT_STRIP_HPP_
