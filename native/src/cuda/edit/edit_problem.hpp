// Edit distances on a GPU: the pairs of sequences, as plain data that kernels take by value. The
// host does not look at lengths; a pair of which one is out of range has -1 in all its outputs.
#ifndef SEQFRONT_CUDA_EDIT_EDIT_PROBLEM_HPP_
#define SEQFRONT_CUDA_EDIT_EDIT_PROBLEM_HPP_

#include "cpu/edit/edit_strip.hpp"
#include "cuda/numbers.hpp"

namespace seqfront {
namespace cuda {

constexpr int32_t kWrong = -1;

// The part of a pair that is not known beforehand, and the place of the way back in it.
struct EditCore {
    int32_t prefix;  // tokens before it, in both sequences
    int32_t rows;    // of the part
    int32_t row, column;
};

struct EditPair {
    const int32_t* row_tokens;
    const int32_t* column_tokens;
    int32_t rows, columns;
    int32_t in_range;
};

// The matrix of a pair has a row for each token of one sequence, and a column for each of the
// other.
struct EditProblem {
    int64_t batch, most_rows, most_columns;
    const int32_t* row_tokens;      // [batch, most_rows]
    const int32_t* row_lengths;     // [batch]
    const int32_t* column_tokens;   // [batch, most_columns]
    const int32_t* column_lengths;  // [batch]
    const EditCore* cores;          // [batch]; null: the parts are the whole sequences
    bool transposable;              // the shorter sequence of each pair has the rows

    SF_DEVICE EditPair whole(int64_t b) const {
        const int32_t rows = row_lengths[b], columns = column_lengths[b];
        const bool in_range =
            rows >= 0 && rows <= most_rows && columns >= 0 && columns <= most_columns;
        return {row_tokens + b * most_rows, column_tokens + b * most_columns, in_range ? rows : 0,
                in_range ? columns : 0, in_range};
    }

    // What the sweep runs over.
    SF_DEVICE EditPair pair(int64_t b) const {
        const EditPair all = whole(b);
        if (cores != nullptr) {
            const EditCore& core = cores[b];
            return {all.row_tokens + core.prefix, all.column_tokens + core.prefix, core.rows,
                    core.column, all.in_range};
        }
        if (!transposable || all.rows <= all.columns) return all;
        return {all.column_tokens, all.row_tokens, all.columns, all.rows, all.in_range};
    }

    SF_EVERYWHERE int64_t strips() const {
        const int64_t rows = transposable && most_columns < most_rows ? most_columns : most_rows;
        return (rows + kStripRows - 1) / kStripRows;
    }
    SF_EVERYWHERE int64_t longest() const {
        return transposable && most_columns < most_rows ? most_rows : most_columns;
    }
};

// -- columns of strips ----------------------------------------------------------------------------

// A column of a strip: the rows that are one more than the row above them, and those one less.
struct alignas(16) EditColumn {
    uint64_t up, down;
};

// The columns of some strips of each pair, from column 0 on, which is before the first token.
struct EditColumns {
    EditColumn* of;       // null: they are not kept
    int64_t first_strip;  // of those that are
    int64_t strips;
    int64_t columns;  // most_columns + 1

    SF_DEVICE EditColumn* strip(int64_t b, int64_t strip) const {
        return of + (b * strips + strip - first_strip) * columns;
    }
};

SF_DEVICE int population(uint64_t bits) {
#if defined(__CUDACC__)
    return __popcll(bits);
#else
    return __builtin_popcountll(bits);
#endif
}

// How many of the lowest bits are set.
SF_DEVICE int leading(uint32_t bits) {
#if defined(__CUDACC__)
    return bits == 0xffffffffu ? kWarp : __ffs(static_cast<int>(~bits)) - 1;
#else
    return bits == 0xffffffffu ? kWarp : __builtin_ctz(~bits);
#endif
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_EDIT_EDIT_PROBLEM_HPP_
