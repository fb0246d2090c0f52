// Running a transducer: rows, then lattices; and back.
//
// saved holds, for each sequence with a number of cells, its columns [columns, cells]: see Column.
#ifndef SEQFRONT_CPU_TRANSDUCER_RUN_HPP_
#define SEQFRONT_CPU_TRANSDUCER_RUN_HPP_

#include "thread_pool.hpp"
#include "transducer_lattice.hpp"
#include "transducer_rows.hpp"

namespace seqfront {

// The arrays of one call; no duration logits but for TDT.
template <class T, class L = typename RowKernelsOf<T>::Lattice>
struct TransducerArrays {
    const T* logits;
    const T* duration_logits;
    T* grad;
    T* grad_durations;
    const int64_t* grad_stride;
    const int64_t* grad_durations_stride;
};

inline int64_t lattice_work(const TransducerProblem& p) {
    return 4 * p.most_cells * static_cast<int64_t>(p.arcs.size());
}

template <class T, class L>
void save_rows(const TransducerProblem& p, const T* logits, const T* duration_logits, L* saved) {
    const TransducerRows<T> rows(p, kernels());
    parallel_for(p.frame_count(), p.frame_work(), usable_threads(p.threads),
                 [&](int32_t, int64_t begin, int64_t end) {
                     for (int64_t i = begin; i < end; ++i) {
                         const auto [b, t] = p.frame(i);
                         const TransducerSequence s = p.sequence(b);
                         if (t >= s.frames) continue;
                         L* const to = saved + p.first_cell(b) * p.columns;
                         const RowPlace at = p.place(s, p.row_stride);
                         rows.save(s, t, logits + at.base + t * at.frame_stride, at.row_stride, to);
                         if (p.duration_count == 0) continue;
                         const RowPlace z = p.place(s, p.duration_row_stride);
                         rows.save_durations(s, t, duration_logits + z.base + t * z.frame_stride,
                                             z.row_stride, to);
                     }
                 });
}

// Calls body(slot, sequence) for each sequence, in parallel.
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

// Writes the gradient of the duration logits of one frame.
template <class T, class L>
void write_durations(const TransducerProblem& p, const TransducerSequence& s, int64_t t,
                     int64_t used, const L* columns, T* grad, int64_t stride) {
    for (int64_t r = 0; r < p.width; ++r) {
        for (int64_t d = 0; d < p.duration_count; ++d) {
            const L value = r < used ? columns[(kFirstExtra + d) * s.cells() + s.cell(t, r)] : 0;
            narrow(value, grad[r * stride + d]);
        }
    }
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void transducer_backward(const TransducerProblem& p, const TransducerArrays<T>& arrays,
                         const L* saved, const L* grad_loss) {
    const TransducerColumns<L> columns = gradient_columns(p, saved, grad_loss);
    const int64_t* stride = arrays.grad_stride;
    const bool packed = p.storage == Storage::kPacked;
    const bool dense = packed ? stride[0] == p.classes
                              : stride[2] == p.classes && stride[1] == p.width * p.classes &&
                                    stride[0] == p.frames * p.width * p.classes;
    const int64_t bytes = p.total_cells() * p.classes * static_cast<int64_t>(sizeof(T));
    const TransducerGradientRows<T> rows(p, kernels(), arrays.grad, arrays.logits, bytes, dense);
    parallel_for(
        p.frame_count(), p.frame_work(), usable_threads(p.threads),
        [&](int32_t, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
                const auto [b, t] = p.frame(i);
                const TransducerSequence s = p.sequence(b);
                const int64_t first = p.first_cell(b) * p.columns;
                const L* of = columns.values.get() + first;
                const RowPlace from = p.place(s, p.row_stride), to = p.place(s, stride);
                const T* x = arrays.logits + from.base + t * from.frame_stride;
                T* g = arrays.grad + to.base + t * to.frame_stride;
                const int64_t used = t < s.frames && columns.some[b] ? s.rows(t) : 0;
                for (int64_t r = 0; r < used; ++r) {
                    const int64_t cell = s.cell(t, r);
                    rows.write(s, s.start(t) + r, cell, saved[first + cell], of, grad_loss[b],
                               x + r * from.row_stride, g + r * to.row_stride);
                }
                rows.clear(g + used * to.row_stride, (packed ? s.width : p.width) - used,
                           to.row_stride);
                if (p.duration_count == 0) continue;
                const RowPlace z = p.place(s, arrays.grad_durations_stride);
                write_durations(p, s, t, used, of,
                                arrays.grad_durations + z.base + t * z.frame_stride, z.row_stride);
            }
        });
}

}  // namespace seqfront

#endif  // SEQFRONT_CPU_TRANSDUCER_RUN_HPP_
