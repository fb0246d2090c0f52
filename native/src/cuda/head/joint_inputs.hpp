// The joint network of RNN-T on a GPU, what its rows give to their inputs: a frame gets the sum
// over its positions, a position that over the frames.
//
// A chunk of rows is a run of cells in their order, some left out. So it touches frames that are
// neighbours, and the positions of some sequences that are. Each of these lines has a block for 256
// features, which looks up which of its cells are rows of the chunk and adds these in order to the
// sums of the chunks before. The rows are read twice, 4 bytes a feature (from the L2 cache, where
// they were just written), and the hidden rows for the slope: a tenth of the time of the products.
#ifndef SEQFRONT_CUDA_HEAD_JOINT_INPUTS_HPP_
#define SEQFRONT_CUDA_HEAD_JOINT_INPUTS_HPP_

#include "cuda/head/activation.hpp"
#include "cuda/head/head_layer.hpp"
#include "cuda/transducer/rnnt_problem.hpp"

namespace seqfront {
namespace cuda {

template <class T>
struct JointInputGradients {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = 256;

    struct Args {
        RnntProblem problem;
        HeadChunk<T> chunk;
        Activation activation;
        const int64_t* place;  // of a cell, its row in the list
        const L* gradient;     // [chunk, padded features]
        L* source;             // [batch, frames, features]
        L* prediction;         // [batch, labels + 1, features]
    };

    static Grid grid(const RnntProblem& p) {
        const int64_t lines = p.batch * (p.frames + p.labels + 1);
        return {std::min<int64_t>(lines, 4 * kHeadBlocks), 1, kMostThreads, 0};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        if (args.chunk.rows() == 0) return;
        const Reach reach = reach_of(args);
        const int64_t features = args.chunk.sizes.features;
        const int64_t strips = (features + kMostThreads - 1) / kMostThreads;
        block.each([&](int thread) {
            for (int64_t i = block.x(); i < reach.lines() * strips; i += block.count_x()) {
                const int64_t line = divided(i, strips);
                const int64_t feature = (i - line * strips) * kMostThreads + thread;
                if (feature < features) add(args, line_of(args, reach, line), feature);
            }
        });
    }

  private:
    static constexpr int kAhead = 8;

    // What a chunk touches. Frames are counted over all sequences.
    struct Reach {
        int64_t first_frame, last_frame, first_sequence, positions;

        SF_DEVICE int64_t frames() const { return last_frame - first_frame + 1; }
        SF_DEVICE int64_t lines() const { return frames() + positions; }
    };
    // Some cells, `step` apart, and where their sum goes.
    struct Line {
        int64_t cell, step, count;
        L* to;
    };

    static SF_DEVICE Reach reach_of(const Args& args) {
        const int64_t width = args.problem.labels + 1, frames = args.problem.frames;
        const int64_t first = divided(args.chunk.cell(0), width);
        const int64_t last = divided(args.chunk.cell(args.chunk.rows() - 1), width);
        const int64_t sequence = divided(first, frames);
        return {first, last, sequence, (divided(last, frames) - sequence + 1) * width};
    }

    static SF_DEVICE Line line_of(const Args& args, const Reach& reach, int64_t line) {
        const int64_t width = args.problem.labels + 1, frames = args.problem.frames;
        const int64_t features = args.chunk.sizes.features;
        if (line < reach.frames()) {
            const int64_t frame = reach.first_frame + line;
            return {frame * width, 1, width, args.source + frame * features};
        }
        const int64_t position = reach.first_sequence * width + line - reach.frames();
        const int64_t b = divided(position, width), u = position - b * width;
        const int64_t begin = larger(reach.first_frame, b * frames);
        const int64_t end = -larger(-reach.last_frame - 1, -(b + 1) * frames);
        return {begin * width + u, width, end - begin, args.prediction + position * features};
    }
    static SF_DEVICE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

    // Adds up one feature: kAhead cells are asked for at once, and added in order.
    static SF_DEVICE void add(const Args& args, const Line& line, int64_t feature) {
        L sum = line.to[feature];
        for (int64_t first = 0; first < line.count; first += kAhead) {
            int64_t row[kAhead];
            SF_UNROLL
            for (int i = 0; i < kAhead; ++i) {
                const bool is = first + i < line.count;
                row[i] = is ? row_of_cell(args, line.cell + (first + i) * line.step) : -1;
            }
            L value[kAhead];
            SF_UNROLL
            for (int i = 0; i < kAhead; ++i) {
                value[i] = row[i] < 0 ? L{0} : gradient(args, row[i], feature);
            }
            SF_UNROLL
            for (int i = 0; i < kAhead; ++i) sum += value[i];
        }
        line.to[feature] = sum;
    }

    // The row of the chunk, or -1.
    static SF_DEVICE int64_t row_of_cell(const Args& args, int64_t cell) {
        const int64_t row = args.place[cell] - args.chunk.begin;
        return row < args.chunk.rows() ? row : -1;
    }

    static SF_DEVICE L gradient(const Args& args, int64_t row, int64_t feature) {
        const int64_t at = row * args.chunk.sizes.padded_features() + feature;
        return args.gradient[at] * slope(L{widened(args.chunk.hidden[at])}, args.activation);
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_HEAD_JOINT_INPUTS_HPP_
