// Running a transducer: rows, then lattices; and back.
//
// saved holds, for each sequence with a number of cells, its columns [columns, cells]: see Column.
#ifndef SEQFRONT_CPU_TRANSDUCER_RUN_HPP_
#define SEQFRONT_CPU_TRANSDUCER_RUN_HPP_

#include "thread_pool.hpp"
#include "transducer/transducer_lattice.hpp"
#include "transducer/transducer_rows.hpp"

namespace seqfront {

// The arrays of a backward call; durations only with TDT.
template <class T>
struct TransducerArrays {
    const T* logits;
    T* grad;
    T* grad_durations;
    const int64_t* grad_stride;
    const int64_t* grad_durations_stride;
};

inline int64_t lattice_work(const TransducerProblem& p) {
    return 4 * p.most_cells * static_cast<int64_t>(p.arcs.size());
}

// Calls body(sequence, begin, end) for ranges of frames, those of padding too, in parallel.
template <class Body>
void for_each_frame(const TransducerProblem& p, Body&& body) {
    parallel_for(p.frame_count(), p.frame_work(), usable_threads(p.threads),
                 [&](int32_t, int64_t begin, int64_t end) {
                     for (auto [b, t] = p.frame(begin); begin < end; ++b, t = 0) {
                         const TransducerSequence s = p.sequence(b);
                         const int64_t last = std::min(p.stored_frames(s), t + end - begin);
                         body(s, t, last);
                         begin += last - t;
                     }
                 });
}

template <class T, class L>
void save_rows(const TransducerProblem& p, const T* logits, const T* duration_logits, L* saved) {
    const TransducerRows<T> rows(p, kernels());
    for_each_frame(p, [&](const TransducerSequence& s, int64_t begin, int64_t end) {
        L* const to = saved + p.first_cell(s.index) * p.columns;
        const RowPlace x = p.place(s, p.row_stride), z = p.place(s, p.duration_row_stride);
        for (int64_t t = begin; t < std::min(end, s.frames); ++t) {
            rows.save(s, t, logits + x.base + t * x.frame_stride, x.row_stride, to);
            if (p.duration_count == 0) continue;
            rows.save_durations(s, t, duration_logits + z.base + t * z.frame_stride, z.row_stride,
                                to);
        }
    });
}

// Calls body(scratch, slot, sequence) for each sequence, in parallel.
template <class L, class Body>
void for_each_sequence(const TransducerProblem& p, bool gradient, Body&& body) {
    const int64_t work = lattice_work(p) * (gradient ? 2 : 1);
    const int32_t used = useful_threads(p.batch, work, usable_threads(p.threads));
    const TransducerScratch<L> scratch(p, used, gradient);
    parallel_for(p.batch, work, used, [&](int32_t slot, int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; ++b) body(scratch, slot, p.sequence(b));
    });
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void transducer_forward(const TransducerProblem& p, const T* logits, const T* duration_logits,
                        L* loss, L* saved) {
    save_rows(p, logits, duration_logits, saved);
    for_each_sequence<L>(p, false, [&](const auto& scratch, int32_t slot, const auto& s) {
        loss[s.index] =
            transducer_loss(p, s, saved + p.first_cell(s.index) * p.columns, scratch, slot);
    });
}

// The columns of the gradients of all sequences, and which of them are not all zeros.
template <class L>
struct TransducerColumns {
    Buffer<L> values;
    Buffer<bool> some;
};

template <class L>
TransducerColumns<L> gradient_columns(const TransducerProblem& p, const L* saved,
                                      const L* grad_loss) {
    TransducerColumns<L> out = {allocate<L>(p.total_cells() * p.columns), allocate<bool>(p.batch)};
    for_each_sequence<L>(p, true, [&](const auto& scratch, int32_t slot, const auto& s) {
        const int64_t first = p.first_cell(s.index) * p.columns;
        out.some[s.index] = transducer_gradient(p, s, saved + first, grad_loss[s.index],
                                                out.values.get() + first, scratch, slot);
    });
    return out;
}

template <class T, class L>
void write_rows(const TransducerProblem& p, const TransducerArrays<T>& arrays, const L* saved,
                const L* grad_loss, const TransducerColumns<L>& columns) {
    const TransducerGradientRows<T> rows(p, kernels(), arrays.grad, arrays.logits,
                                         arrays.grad_stride);
    for_each_frame(p, [&](const TransducerSequence& s, int64_t begin, int64_t end) {
        const int64_t first = p.first_cell(s.index) * p.columns;
        const RowPlace from = p.place(s, p.row_stride), to = p.place(s, arrays.grad_stride);
        const bool some = columns.some[s.index];
        for (int64_t t = begin; t < end; ++t) {
            T* const grad = arrays.grad + to.base + t * to.frame_stride;
            const int64_t used = some && t < s.frames ? s.rows(t) : 0;
            if (used > 0) {
                rows.write(s, t, saved + first, columns.values.get() + first, grad_loss[s.index],
                           arrays.logits + from.base + t * from.frame_stride, from.row_stride, grad,
                           to.row_stride);
            }
            rows.clear(grad + used * to.row_stride, p.stored_rows(s) - used, to.row_stride);
        }
    });
}

// The gradient of the duration logits: their columns, as they are.
template <class T, class L>
void write_durations(const TransducerProblem& p, const TransducerArrays<T>& arrays,
                     const TransducerColumns<L>& columns) {
    for_each_frame(p, [&](const TransducerSequence& s, int64_t begin, int64_t end) {
        const L* const of = columns.values.get() + p.first_cell(s.index) * p.columns;
        const RowPlace to = p.place(s, arrays.grad_durations_stride);
        const bool some = columns.some[s.index];
        for (int64_t t = begin; t < end; ++t) {
            T* grad = arrays.grad_durations + to.base + t * to.frame_stride;
            const int64_t used = some && t < s.frames ? s.rows(t) : 0;
            for (int64_t r = 0; r < p.stored_rows(s); ++r, grad += to.row_stride) {
                for (int64_t d = 0; d < p.duration_count; ++d) {
                    const int64_t column = (kFirstExtra + d) * s.cells();
                    narrow(r < used ? of[column + s.cell(t, r)] : 0, grad[d]);
                }
            }
        }
    });
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void transducer_backward(const TransducerProblem& p, const TransducerArrays<T>& arrays,
                         const L* saved, const L* grad_loss) {
    const TransducerColumns<L> columns = gradient_columns(p, saved, grad_loss);
    write_rows(p, arrays, saved, grad_loss, columns);
    if (p.duration_count > 0) write_durations(p, arrays, columns);
}

}  // namespace seqfront

#endif  // SEQFRONT_CPU_TRANSDUCER_RUN_HPP_
