// The cells of transducer lattices in the order of their tables, a thread for each: arrays over
// cells are read and written side by side.
#ifndef SEQFRONT_CUDA_TRANSDUCER_TABLE_CELL_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_TABLE_CELL_HPP_

#include "cuda/transducer/rnnt_problem.hpp"

namespace seqfront {
namespace cuda {

// A cell as the tables have them, where neighbours are of one step.
struct TableCell {
    RnntSequence sequence;
    int64_t t, u, cell;

    SF_DEVICE bool inside() const { return cell < sequence.cells(); }

    // Number i of all, of as many as there are rows.
    static SF_DEVICE TableCell of(const RnntProblem& p, int64_t i) {
        const RnntSequence s =
            p.sequence(p.packed ? p.sequence_of(i) : divided(i, p.frames * (p.labels + 1)));
        const int64_t cell = i - s.first_cell;
        if (cell >= s.cells()) return {s, 0, 0, cell};
        const int64_t step = divided(cell, s.positions()), u = cell - step * s.positions();
        int64_t t = step - s.skew * u;
        if (t < 0) t += divided(-t + s.frames - 1, s.frames) * s.frames;
        return {s, t, u, cell};
    }
};

// How threads share them.
struct CellThreads {
    static constexpr int kThreads = 256;

    static Grid grid(const RnntProblem& p) {
        return {(p.rows() + kThreads - 1) / kThreads, 1, kThreads, 0};
    }

    // Calls body(i) for the numbers of all cells, those of padding too, each on one thread.
    template <class Block, class Body>
    static SF_DEVICE void each(Block& block, const RnntProblem& p, Body&& body) {
        const int64_t count = p.rows();
        for (int64_t first = block.x() * kThreads; first < count;
             first += block.count_x() * kThreads) {
            block.each([&](int thread) {
                if (first + thread < count) body(first + thread);
            });
        }
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_TABLE_CELL_HPP_
