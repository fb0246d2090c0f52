// Optimal completions on a GPU, from the kept columns of the matrix: a warp for each prefix of a
// hypothesis. Its distances are sums of differences, counted in the words, once for the least of
// them and once to compare; what is read is a sixteenth of what is written.
#ifndef SEQFRONT_CUDA_EDIT_EDIT_COMPLETION_HPP_
#define SEQFRONT_CUDA_EDIT_EDIT_COMPLETION_HPP_

#include "cuda/edit/edit_problem.hpp"
#include "cuda/rows.hpp"

namespace seqfront {
namespace cuda {

struct EditCompletion {
    static constexpr int kMostThreads = kRowThreads;

    struct Args {
        EditProblem problem;  // rows are the reference's, columns the hypothesis's
        EditColumns columns;
        int32_t* optimal;   // [batch, most_columns + 1, most_rows + 1]
        int32_t* distance;  // [batch, most_columns + 1]
    };

    static constexpr RowGroups groups() { return {false}; }
    static SF_EVERYWHERE int64_t prefixes(const EditProblem& p) {
        return p.batch * (p.most_columns + 1);
    }
    static Grid grid(const EditProblem& p) { return groups().grid(prefixes(p)); }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RowGroups groups = {false};
        const int64_t count = prefixes(args.problem);
        typename Block::template PerThread<double> least(block);  // times -1
        groups.each_first(block, count, [&](int64_t first) {
            block.each([&](int thread) {
                const int64_t i = groups.row(first, thread);
                least[thread] = -infinity<double>();
                if (i >= count) return;
                each_distance(args, prefix_of(args, i), groups.lane(thread),
                              [&](int64_t, int64_t distance) {
                                  const auto value = -static_cast<double>(distance);
                                  if (value > least[thread]) least[thread] = value;
                              });
            });
            block.maximum(least, false);
            block.each([&](int thread) {
                const int64_t i = groups.row(first, thread);
                if (i < count) write(args, i, least[thread], groups.lane(thread));
            });
        });
    }

  private:
    struct Prefix {
        EditPair pair;
        int64_t b, tokens;

        SF_DEVICE bool is_padding() const { return tokens > pair.columns; }
    };

    static SF_DEVICE Prefix prefix_of(const Args& args, int64_t i) {
        const EditProblem& p = args.problem;
        const int64_t b = divided(i, p.most_columns + 1);
        return {p.whole(b), b, i - b * (p.most_columns + 1)};
    }

    // Calls body(row, distance) for the rows of a lane; row 0 is before the first token.
    template <class Body>
    static SF_DEVICE void each_distance(const Args& args, const Prefix& of, int lane, Body&& body) {
        if (of.is_padding() || !of.pair.in_range) return;
        if (lane == 0) body(0, of.tokens);
        const uint32_t mine = ~uint32_t{0} >> (kWarp - 1 - lane);  // rows up to that of the lane
        int64_t above = of.tokens;
        for (int64_t row = 0; row < of.pair.rows; row += kWarp) {
            const EditColumn& column = args.columns.strip(of.b, row / kStripRows)[of.tokens];
            const auto up = static_cast<uint32_t>(column.up >> row % kStripRows);
            const auto down = static_cast<uint32_t>(column.down >> row % kStripRows);
            if (row + lane < of.pair.rows) {
                body(row + lane + 1, above + population(up & mine) - population(down & mine));
            }
            above += population(up) - population(down);
        }
    }

    static SF_DEVICE void write(const Args& args, int64_t i, double least, int lane) {
        const int64_t width = args.problem.most_rows + 1;
        int32_t* const optimal = args.optimal + i * width;
        const Prefix of = prefix_of(args, i);
        const bool none = of.is_padding() || !of.pair.in_range;
        const int32_t padding = of.pair.in_range ? 0 : kWrong;
        if (lane == 0) args.distance[i] = none ? padding : static_cast<int32_t>(-least);
        each_distance(args, of, lane, [&](int64_t row, int64_t distance) {
            optimal[row] = static_cast<double>(distance) == -least;
        });
        const int64_t there = none ? 0 : of.pair.rows + int64_t{1};
        for (int64_t row = there + lane; row < width; row += kWarp) optimal[row] = padding;
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_EDIT_EDIT_COMPLETION_HPP_
