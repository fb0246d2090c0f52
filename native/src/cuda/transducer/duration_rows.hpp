// TDT on a GPU, the rows of durations: few logits each, so a thread has a row. They are taken in
// the order of the tables, in which they are saved side by side; a row is one or two sectors of
// memory wherever it lies.
#ifndef SEQFRONT_CUDA_TRANSDUCER_DURATION_ROWS_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_DURATION_ROWS_HPP_

#include "cuda/transducer/rnnt_call.hpp"
#include "cuda/transducer/table_cell.hpp"

namespace seqfront {
namespace cuda {

// Saves the log-probs of durations.
template <class T>
struct DurationSaveRows {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = CellThreads::kThreads;

    struct Args {
        RnntProblem problem;
        RnntRowArray<const T> logits;
        L* saved;
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        CellThreads::each(block, args.problem, [&](int64_t i) {
            const TableCell at = TableCell::of(args.problem, i);
            if (at.inside()) save(args, at);
        });
    }

  private:
    static SF_DEVICE void save(const Args& args, const TableCell& at) {
        const RnntProblem& p = args.problem;
        const RnntSequence& s = at.sequence;
        const T* const z = args.logits.row(p, {s, at.t, at.u});
        Normaliser<L> of;
        for (int64_t d = 0; d < p.duration_count; ++d) {
            const L value[1] = {widened(z[d])};
            of.add(value);
        }
        const L top = Normaliser<L>::reference_of(of.top), log_sum = log(of.sum);
        L* const out = args.saved + s.first_cell * p.columns() + at.cell;
        for (int64_t d = 0; d < p.duration_count; ++d) {
            out[(kFirstExtra + d) * s.cells()] = log_prob(L{widened(z[d])}, top, log_sum);
        }
    }
};

// Writes their gradient: columns, as they are; and zeros to rows of padding.
template <class T>
struct DurationGradientRows {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = CellThreads::kThreads;

    struct Args {
        RnntProblem problem;
        const L* columns;
        RnntRowArray<T> grad;
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        CellThreads::each(block, args.problem, [&](int64_t i) {
            const RnntRow row = row_of(args.problem, i);
            if (!row.inside()) clear(args, row);
            const TableCell at = TableCell::of(args.problem, i);
            if (at.inside()) write(args, at);
        });
    }

  private:
    static SF_DEVICE void clear(const Args& args, const RnntRow& row) {
        const RnntProblem& p = args.problem;
        T* const to = args.grad.row(p, row);
        for (int64_t d = 0; d < p.duration_count; ++d) to[d] = narrowed<T>(L{0});
    }
    static SF_DEVICE void write(const Args& args, const TableCell& at) {
        const RnntProblem& p = args.problem;
        const RnntSequence& s = at.sequence;
        T* const to = args.grad.row(p, {s, at.t, at.u});
        const L* const from = args.columns + s.first_cell * p.columns() + at.cell;
        for (int64_t d = 0; d < p.duration_count; ++d) {
            to[d] = narrowed<T>(from[(kFirstExtra + d) * s.cells()]);
        }
    }
};

template <class T, class Launcher>
void save_durations(const Launcher& launcher, const Call& call, const RnntProblem& p,
                    LatticeType<T>* saved) {
    using Rows = DurationSaveRows<T>;
    launcher.template run<Rows>(CellThreads::grid(p),
                                {p, RnntRowArray<const T>::of(call.input(1)), saved});
}

// The columns that a lattice of any arcs takes, of all rows.
template <class T, class Launcher>
void save_arc_rows(const Launcher& launcher, const Call& call, const RnntProblem& p,
                   LatticeType<T>* saved) {
    if (p.big_blank_count > 0) {
        save_rnnt_rows<T, true>(launcher, call, p, saved);
    } else {
        save_rnnt_rows<T, false>(launcher, call, p, saved);
    }
    if (p.duration_count > 0) save_durations<T>(launcher, call, p, saved);
}

template <class T, class Launcher>
void write_durations(const Launcher& launcher, const Call& call, const RnntProblem& p,
                     const LatticeType<T>* columns) {
    using Rows = DurationGradientRows<T>;
    launcher.template run<Rows>(CellThreads::grid(p),
                                {p, columns, RnntRowArray<T>::of(call.output(1))});
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_DURATION_ROWS_HPP_
