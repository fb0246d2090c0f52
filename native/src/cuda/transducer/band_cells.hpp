// Pruned RNN-T on a GPU: between the cells of a band, [batch, frames, band, columns], in which the
// forward half saves them, and those of a lattice, which has all positions: a step takes as long
// for few of them as for all, and their columns are little beside the logits. A cell outside the
// band has arcs of probability 0; where a band begins nowhere, NaN.
#ifndef SEQFRONT_CUDA_TRANSDUCER_BAND_CELLS_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_BAND_CELLS_HPP_

#include "cuda/flat.hpp"
#include "cuda/transducer/table_cell.hpp"
#include "cuda/workspace.hpp"

namespace seqfront {
namespace cuda {

// Fills the cells of the lattice: those outside the band, and from `saved`, if there is one, those
// in it.
template <class L>
struct BandSpread {
    static constexpr int kMostThreads = CellThreads::kThreads;

    struct Args {
        RnntProblem problem;
        const L* saved;
        L* cells;
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        CellThreads::each(block, args.problem, [&](int64_t i) {
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
        const int64_t from = (frame * p.band + at.u - start) * p.columns();
        L* const to = args.cells + s.first_cell * p.columns() + at.cell;
        const L none = nowhere ? not_a_number<L>() : -infinity<L>();
        for (int64_t k = 0; k < p.columns(); ++k)
            to[k * s.cells()] = in_band ? args.saved[from + k] : none;
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
            const L* from = args.cells + s.first_cell * p.columns() + row.cell();
            L* const to = args.saved + i * p.columns();
            for (int64_t k = 0; k < p.columns(); ++k, from += s.cells()) to[k] = *from;
        });
    }
};

// The columns that a lattice reads: as they are saved, or of a band in the workspace.
template <class L>
class LatticeColumns {
  public:
    LatticeColumns() = default;
    LatticeColumns(const RnntProblem& p, Workspace& workspace)
        : cells_(p.band_starts == nullptr ? nullptr : workspace.take<L>(p.rows() * p.columns())) {}

    // Of what save_rows(columns) makes of the rows of a call.
    template <class Launcher, class SaveRows>
    const L* save(const Launcher& launcher, const RnntProblem& p, L* saved,
                  SaveRows&& save_rows) const {
        if (p.band_starts == nullptr) {
            save_rows(saved);
            return saved;
        }
        launcher.template run<BandSpread<L>>(CellThreads::grid(p), {p, nullptr, cells_});
        save_rows(cells_);
        launcher.template run<BandSave<L>>(BandSave<L>::grid(p), {p, cells_, saved});
        return cells_;
    }

    template <class Launcher>
    const L* load(const Launcher& launcher, const RnntProblem& p, const L* saved) const {
        if (p.band_starts == nullptr) return saved;
        launcher.template run<BandSpread<L>>(CellThreads::grid(p), {p, saved, cells_});
        return cells_;
    }

  private:
    L* cells_ = nullptr;
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_BAND_CELLS_HPP_
