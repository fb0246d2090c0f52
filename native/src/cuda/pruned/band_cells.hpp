// Pruned RNN-T on a GPU: between the cells of a band, [batch, frames, band, columns], in which the
// forward half saves them, and those of the lattice, which has all positions and the kernels of
// RNN-T. A cell outside the band has arcs of probability 0; where a band begins nowhere, NaN.
#ifndef SEQFRONT_CUDA_PRUNED_BAND_CELLS_HPP_
#define SEQFRONT_CUDA_PRUNED_BAND_CELLS_HPP_

#include "cuda/pruned/flat.hpp"
#include "cuda/transducer/arc_posteriors.hpp"

namespace seqfront {
namespace cuda {

// Fills the cells of the lattice: those outside the band, and from `saved`, if there is one, those
// in it.
template <class L>
struct BandSpread {
    static constexpr int kMostThreads = kFlatThreads;

    struct Args {
        RnntProblem problem;
        const L* saved;
        L* cells;
    };

    static Grid grid(const RnntProblem& p) { return flat_grid(p.rows()); }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        each_flat(block, args.problem.rows(), [&](int64_t i) {
            const TableCell at = TableCell::of(args.problem, i);
            if (at.inside()) write(args, at);
        });
    }

  private:
    static SF_DEVICE void write(const Args& args, const TableCell& at) {
        const RnntProblem& p = args.problem;
        const RnntSequence& s = at.sequence;
        const int64_t frame = s.index * p.frames + at.t, start = p.band_starts[frame];
        const bool nowhere = start < 0 || start > p.labels;
        const bool in_band = !nowhere && at.u >= start && at.u - start < p.band;
        if (in_band && args.saved == nullptr) return;
        const L* const from = args.saved + (frame * p.band + at.u - start) * p.columns();
        L* const to = args.cells + s.first_cell * p.columns() + at.cell;
        const L none = nowhere ? not_a_number<L>() : -infinity<L>();
        for (int64_t k = 0; k < p.columns(); ++k) to[k * s.cells()] = in_band ? from[k] : none;
    }
};

// Saves the cells of the band.
template <class L>
struct BandSave {
    static constexpr int kMostThreads = kFlatThreads;

    struct Args {
        RnntProblem problem;
        const L* cells;
        L* saved;
    };

    static Grid grid(const RnntProblem& p) { return flat_grid(p.stored_rows()); }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RnntProblem& p = args.problem;
        each_flat(block, p.stored_rows(), [&](int64_t i) {
            const RnntRow row = row_of(p, i);
            if (!row.inside()) return;
            const RnntSequence& s = row.sequence;
            const L* const from = args.cells + s.first_cell * p.columns() + row.cell();
            for (int64_t k = 0; k < p.columns(); ++k) {
                args.saved[i * p.columns() + k] = from[k * s.cells()];
            }
        });
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_PRUNED_BAND_CELLS_HPP_
