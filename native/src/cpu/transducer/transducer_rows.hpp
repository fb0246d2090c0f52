// Rows of a transducer: from logits to the saved columns, and from the columns of the gradient to
// the gradient of the logits.
#ifndef SEQFRONT_CPU_TRANSDUCER_ROWS_HPP_
#define SEQFRONT_CPU_TRANSDUCER_ROWS_HPP_

#include "gradient_rows.hpp"
#include "transducer/transducer.hpp"

namespace seqfront {

// Fills the saved columns of the frames of one sequence.
template <class T>
class TransducerRows {
  public:
    using L = typename RowKernelsOf<T>::Lattice;

    TransducerRows(const TransducerProblem& p, const Kernels& table)
        : p_(p), kernels_(RowKernelsOf<T>::in(table)) {}

    // The rows of frame t, `stride` elements apart.
    void save(const TransducerSequence& s, int64_t t, const T* rows, int64_t stride,
              L* saved) const {
        for_each_row(
            s, t, rows, stride,
            [&](const T* x, int64_t count, L* maximum, L* log_sum) {
                normalisers(x, stride, count, maximum, log_sum);
            },
            [&](int64_t u, const T* x, L maximum, L log_sum, int64_t cell) {
                save_row(s, u, x, maximum, log_sum, saved + cell);
            });
    }

    // The same for the duration logits (TDT).
    void save_durations(const TransducerSequence& s, int64_t t, const T* rows, int64_t stride,
                        L* saved) const {
        const int64_t cells = s.cells();
        for_each_row(
            s, t, rows, stride,
            [&](const T* z, int64_t count, L* maximum, L* log_sum) {
                kernels_.normalisers(z, stride, count, p_.duration_count, maximum, log_sum);
            },
            [&](int64_t, const T* z, L maximum, L log_sum, int64_t cell) {
                L* const out = saved + cell + kFirstExtra * cells;
                for (int64_t d = 0; d < p_.duration_count; ++d) {
                    out[d * cells] = log_prob(widen(z[d]), maximum, log_sum);
                }
            });
    }

  private:
    static constexpr int64_t kBlock = 64;

    // Calls normalise(rows, count, maximum, log_sum) for blocks of rows, and then
    // body(position, row, maximum, log_sum, cell) for each.
    template <class Normalise, class Body>
    static void for_each_row(const TransducerSequence& s, int64_t t, const T* x, int64_t stride,
                             Normalise&& normalise, Body&& body) {
        const int64_t start = s.start(t), count = s.rows(t);
        CellWalk walk(s, t);
        for (int64_t begin = 0; begin < count; begin += kBlock) {
            L maximum[kBlock] = {}, log_sum[kBlock] = {};
            const int64_t block = std::min(kBlock, count - begin);
            normalise(x, block, maximum, log_sum);
            for (int64_t i = 0; i < block; ++i, x += stride, walk.next()) {
                body(start + begin + i, x, maximum[i], log_sum[i], walk.cell());
            }
        }
    }

    // Log-normalisers in two parts, for precision: see log_prob.
    void normalisers(const T* x, int64_t stride, int64_t rows, L* maximum, L* log_sum) const {
        if (p_.options.hat) return label_normalisers(x, stride, rows, maximum, log_sum);
        if (p_.options.normalized) return;
        kernels_.normalisers(x, stride, rows, p_.classes, maximum, log_sum);
    }

    // Of all classes but the blank.
    void label_normalisers(const T* x, int64_t stride, int64_t rows, L* maximum, L* log_sum) const {
        const int64_t after = p_.blank + 1;
        std::fill_n(log_sum, rows, -std::numeric_limits<L>::infinity());
        if (p_.blank > 0) kernels_.normalisers(x, stride, rows, p_.blank, maximum, log_sum);
        if (after == p_.classes) return;
        L more_maximum[kBlock], more_log_sum[kBlock];
        kernels_.normalisers(x + after, stride, rows, p_.classes - after, more_maximum,
                             more_log_sum);
        for (int64_t i = 0; i < rows; ++i) {
            join(maximum[i], log_sum[i], more_maximum[i], more_log_sum[i]);
        }
    }

    // Adds another normaliser to one.
    static void join(L& maximum, L& log_sum, L more_maximum, L more_log_sum) {
        constexpr L none = -std::numeric_limits<L>::infinity();
        if (more_log_sum == none) return;
        if (log_sum != none) {
            const L top = std::max(maximum, more_maximum);
            more_log_sum = std::log(std::exp(maximum - top + log_sum) +
                                    std::exp(more_maximum - top + more_log_sum));
            more_maximum = top;
        }
        maximum = more_maximum;
        log_sum = more_log_sum;
    }

    // `out`: the cell in the first column.
    void save_row(const TransducerSequence& s, int64_t u, const T* x, L maximum, L log_sum,
                  L* out) const {
        const int64_t cells = s.cells();
        const L blank = widen(x[p_.blank]);
        out[kRow * cells] = maximum + log_sum;
        out[kBlankColumn * cells] = p_.options.hat ? blank_logit(blank, maximum + log_sum)
                                                   : log_prob(blank, maximum, log_sum);
        out[kLabelColumn * cells] = u < s.labels
                                        ? log_prob(widen(x[s.targets[u]]), maximum, log_sum)
                                        : -std::numeric_limits<L>::infinity();
        for (int64_t i = 0; i < p_.big_blank_count; ++i) {
            out[(kFirstExtra + i) * cells] =
                log_prob(widen(x[p_.big_blanks[2 * i]]), maximum, log_sum);
        }
    }

    // The logit, if the row is valid: a sigmoid would hide +inf, and what the labels have.
    static L blank_logit(L logit, L normaliser) {
        constexpr L limit = std::numeric_limits<L>::infinity();
        return logit < limit && normaliser < limit ? logit : std::numeric_limits<L>::quiet_NaN();
    }

    const TransducerProblem& p_;
    const RowKernels<L>& kernels_;
};

// Writes the gradient of the logits.
template <class T>
class TransducerGradientRows {
  public:
    using L = typename RowKernelsOf<T>::Lattice;

    TransducerGradientRows(const TransducerProblem& p, const Kernels& table, T* grad,
                           const T* logits, const int64_t* grad_stride)
        : p_(p),
          rows_(table, grad, logits, p.classes,
                p.total_cells() * p.classes * static_cast<int64_t>(sizeof(T)),
                p.is_dense(grad_stride)) {}

    // The rows of frame t of sequence s.
    void write(const TransducerSequence& s, int64_t t, const L* normaliser, const L* columns,
               L upstream, const T* x, int64_t stride, T* grad, int64_t grad_stride) const {
        CellWalk walk(s, t);
        for (int64_t r = 0; r < s.rows(t); ++r, walk.next(), x += stride, grad += grad_stride) {
            const L* const of = columns + walk.cell();
            if (p_.options.clamp > 0) {
                rows_.write_clamped(x, grad, normaliser[walk.cell()], of[0],
                                    static_cast<L>(p_.options.clamp), upstream);
            } else {
                rows_.write(x, grad, normaliser[walk.cell()], of[0]);
            }
            write_special(s, s.start(t) + r, of, grad);
        }
    }

    void clear(T* grad, int64_t rows, int64_t stride) const { rows_.clear(grad, rows, stride); }

  private:
    void write_special(const TransducerSequence& s, int64_t u, const L* of, T* row) const {
        const int64_t cells = s.cells();
        narrow(of[kBlankColumn * cells], row[p_.blank]);
        if (u < s.labels) narrow(of[kLabelColumn * cells], row[s.targets[u]]);
        for (int64_t i = 0; i < p_.big_blank_count; ++i) {
            narrow(of[(kFirstExtra + i) * cells], row[p_.big_blanks[2 * i]]);
        }
    }

    const TransducerProblem& p_;
    GradientRows<T> rows_;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_TRANSDUCER_ROWS_HPP_
