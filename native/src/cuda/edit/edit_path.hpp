// Alignments on a GPU: what a pair of sequences begins and ends with alike, and the way back
// through the rest of its matrix.
//
// Of several best ways it is the one of the CPU (edit_alignment.cpp). A warp goes it for a pair: 32
// lanes look at the next 32 cells of a diagonal at once, so what costs time is edits, not tokens.
#ifndef SEQFRONT_CUDA_EDIT_EDIT_PATH_HPP_
#define SEQFRONT_CUDA_EDIT_EDIT_PATH_HPP_

#include "cuda/edit/edit_problem.hpp"

namespace seqfront {
namespace cuda {

enum Edit { kSubstitutions, kDeletions, kInsertions, kEdits };

// What the op gives.
struct EditPairs {
    int32_t* counts;         // [batch, kEdits]
    int32_t* column_of_row;  // [batch, most_rows]; -1: none
    int32_t* row_of_column;  // [batch, most_columns]
};

// Finds the cores, and writes what is outside of them; inside there is nothing aligned yet. A block
// for each pair.
struct EditTrim {
    static constexpr int kMostThreads = 256;

    struct Args {
        EditProblem problem;  // without cores
        EditCore* cores;
        EditPairs to;
    };

    static Grid grid(int64_t batch) { return {batch, 1, kMostThreads, 0}; }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        for (int64_t b = block.x(); b < args.problem.batch; b += block.count_x()) {
            const EditPair pair = args.problem.whole(b);
            const int64_t shorter = pair.rows < pair.columns ? pair.rows : pair.columns;
            const int64_t prefix = agreement(block, shorter, [&](int64_t i) {
                return pair.row_tokens[i] == pair.column_tokens[i];
            });
            const int64_t suffix = agreement(block, shorter - prefix, [&](int64_t i) {
                return pair.row_tokens[pair.rows - 1 - i] ==
                       pair.column_tokens[pair.columns - 1 - i];
            });
            const auto rows = static_cast<int32_t>(pair.rows - prefix - suffix);
            const auto columns = static_cast<int32_t>(pair.columns - prefix - suffix);
            const EditCore core = {static_cast<int32_t>(prefix), rows, rows, columns};
            block.each([&](int thread) {
                if (thread == 0) args.cores[b] = core;
                if (thread < kEdits) args.to.counts[b * kEdits + thread] = pair.in_range - 1;
                write(args.to.column_of_row + b * args.problem.most_rows, args.problem.most_rows,
                      pair.rows, pair.columns, prefix, suffix, thread);
                write(args.to.row_of_column + b * args.problem.most_columns,
                      args.problem.most_columns, pair.columns, pair.rows, prefix, suffix, thread);
            });
        }
    }

  private:
    // For how many i from 0 on, up to `most`, `same(i)` holds.
    template <class Block, class Same>
    static SF_DEVICE int64_t agreement(Block& block, int64_t most, Same&& same) {
        typename Block::template PerThread<double> first(block);  // where it does not, times -1
        block.each([&](int thread) {
            int64_t i = thread;
            while (i < most && same(i)) i += kMostThreads;
            first[thread] = -static_cast<double>(i < most ? i : most);
        });
        block.maximum(first, true);
        return static_cast<int64_t>(-first[0]);  // of all the same
    }

    // Of the tokens of one sequence, where the ones that they are aligned with stand.
    static SF_DEVICE void write(int32_t* to, int64_t size, int64_t length, int64_t other_length,
                                int64_t prefix, int64_t suffix, int thread) {
        for (int64_t i = thread; i < size; i += kMostThreads) {
            const bool before = i < prefix, after = i >= length - suffix && i < length;
            to[i] = before  ? static_cast<int32_t>(i)
                    : after ? static_cast<int32_t>(i - length + other_length)
                            : -1;
        }
    }
};

// Goes back through a band of the matrix, from where the core says: the columns of its strips have
// been kept up to there. A warp for each pair.
struct EditPath {
    static constexpr int kMostThreads = kWarp;

    struct Args {
        EditProblem problem;
        EditCore* cores;
        EditColumns columns;
        EditPairs to;
    };

    static Grid grid(int64_t batch) { return {batch, 1, kWarp, 0}; }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        for (int64_t b = block.x(); b < args.problem.batch; b += block.count_x()) {
            Way<Block>(block, args, b).run();
        }
    }

  private:
    template <class Block>
    class Way {
      public:
        SF_DEVICE Way(Block& block, const Args& args, int64_t b)
            : block_(block),
              args_(args),
              b_(b),
              pair_(args.problem.pair(b)),
              prefix_(args.cores[b].prefix),
              top_(args.columns.first_strip * kStripRows),
              row_(args.cores[b].row),
              column_(args.cores[b].column) {}

        SF_DEVICE void run() {
            while (row_ > top_ && column_ > 0) {
                const int both = go_diagonally();
                if (both == kWarp || row_ <= top_ || column_ == 0) continue;
                if (delete_rows() == 0) insert_columns();
            }
            if (top_ == 0) {
                edits_[kDeletions] += row_;
                edits_[kInsertions] += column_;
            }
            block_.phase([](int) {});  // all have read where it begins
            block_.phase([&](int thread) {
                if (thread == 0) leave();
            });
        }

      private:
        // Whether a cell is one more than that above it; one less. Rows count from 1.
        SF_DEVICE bool goes_up(int64_t row, int64_t column) const {
            return bit(at(row, column).up, row);
        }
        SF_DEVICE bool goes_down(int64_t row, int64_t column) const {
            return bit(at(row, column).down, row);
        }
        SF_DEVICE const EditColumn& at(int64_t row, int64_t column) const {
            return args_.columns.strip(b_, (row - 1) / kStripRows)[column];
        }
        static SF_DEVICE bool bit(uint64_t bits, int64_t row) {
            return (bits >> ((row - 1) % kStripRows) & 1) != 0;
        }

        // Substitutions and matches, as far as they go; at most kWarp.
        SF_DEVICE int go_diagonally() {
            const int count = leading(block_.ballot([&](int lane) {
                const int64_t row = row_ - lane, column = column_ - lane;
                return row > top_ && column > 0 && !goes_up(row, column) &&
                       !goes_down(row, column - 1);
            }));
            edits_[kSubstitutions] += population(block_.ballot([&](int lane) {
                return lane < count &&
                       pair_.row_tokens[row_ - 1 - lane] != pair_.column_tokens[column_ - 1 - lane];
            }));
            block_.each([&](int lane) {
                if (lane < count) align(prefix_ + row_ - 1 - lane, prefix_ + column_ - 1 - lane);
            });
            row_ -= count;
            column_ -= count;
            return count;
        }

        SF_DEVICE int delete_rows() {
            const int count = leading(block_.ballot(
                [&](int lane) { return row_ - lane > top_ && goes_up(row_ - lane, column_); }));
            row_ -= count;
            edits_[kDeletions] += count;
            return count;
        }

        SF_DEVICE void insert_columns() {
            const int count = leading(block_.ballot([&](int lane) {
                const int64_t column = column_ - lane;
                return column > 0 && !goes_up(row_, column) && goes_down(row_, column - 1);
            }));
            column_ -= count;
            edits_[kInsertions] += count;
        }

        SF_DEVICE void align(int64_t row, int64_t column) const {
            const EditProblem& p = args_.problem;
            args_.to.column_of_row[b_ * p.most_rows + row] = static_cast<int32_t>(column);
            args_.to.row_of_column[b_ * p.most_columns + column] = static_cast<int32_t>(row);
        }

        SF_DEVICE void leave() const {
            args_.cores[b_].row = static_cast<int32_t>(row_);
            args_.cores[b_].column = static_cast<int32_t>(column_);
            for (int i = 0; i < kEdits; ++i) {
                args_.to.counts[b_ * kEdits + i] += static_cast<int32_t>(edits_[i]);
            }
        }

        Block& block_;
        const Args& args_;
        const int64_t b_;
        const EditPair pair_;
        const int64_t prefix_, top_;
        int64_t row_, column_;
        int64_t edits_[kEdits] = {0, 0, 0};
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_EDIT_EDIT_PATH_HPP_
