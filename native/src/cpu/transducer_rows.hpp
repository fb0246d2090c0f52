// Rows of a transducer: from logits to the saved columns, and from the columns of the gradient to
// the gradient of the logits.
#ifndef SEQFRONT_CPU_TRANSDUCER_ROWS_HPP_
#define SEQFRONT_CPU_TRANSDUCER_ROWS_HPP_

#include "gradient_rows.hpp"
#include "transducer.hpp"

namespace seqfront {

// A log-normaliser in two parts, for precision: see log_prob.
template <class L>
struct Normaliser {
    L maximum, log_sum;

    L value() const { return maximum + log_sum; }
};

template <class L>
Normaliser<L> joined(const Normaliser<L>& a, const Normaliser<L>& b) {
    constexpr L none = -std::numeric_limits<L>::infinity();
    if (a.log_sum == none) return b;
    if (b.log_sum == none) return a;
    const L maximum = std::max(a.maximum, b.maximum);
    return {maximum, std::log(std::exp(a.maximum - maximum + a.log_sum) +
                              std::exp(b.maximum - maximum + b.log_sum))};
}

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
        const int64_t count = s.rows(t);
        for (int64_t begin = 0; begin < count; begin += kBlock) {
            Normaliser<L> of[kBlock];
            const int64_t block = std::min(kBlock, count - begin);
            const T* x = rows + begin * stride;
            normalisers(x, stride, block, of);
            for (int64_t i = 0; i < block; ++i, x += stride) {
                save_row(s, t, begin + i, x, of[i], saved);
            }
        }
    }

    // The same for the duration logits (TDT).
    void save_durations(const TransducerSequence& s, int64_t t, const T* rows, int64_t stride,
                        L* saved) const {
        for (int64_t r = 0; r < s.rows(t); ++r) {
            const T* z = rows + r * stride;
            Normaliser<L> of;
            kernels_.normalisers(z, stride, 1, p_.duration_count, &of.maximum, &of.log_sum);
            L* const out = saved + s.cell(t, r);
            for (int64_t d = 0; d < p_.duration_count; ++d) {
                out[(kFirstExtra + d) * s.cells()] = log_prob(widen(z[d]), of.maximum, of.log_sum);
            }
        }
    }

  private:
    static constexpr int64_t kBlock = 64;

    void normalisers(const T* x, int64_t stride, int64_t rows, Normaliser<L>* to) const {
        L maximum[kBlock] = {}, log_sum[kBlock] = {};
        if (p_.options.hat) return label_normalisers(x, stride, rows, to);
        if (!p_.options.normalized) {
            kernels_.normalisers(x, stride, rows, p_.classes, maximum, log_sum);
        }
        for (int64_t i = 0; i < rows; ++i) to[i] = {maximum[i], log_sum[i]};
    }

    // Of all classes but the blank.
    void label_normalisers(const T* x, int64_t stride, int64_t rows, Normaliser<L>* to) const {
        L maximum[kBlock], log_sum[kBlock], more_maximum[kBlock], more_log_sum[kBlock];
        const int64_t next = p_.blank + 1;
        kernels_.normalisers(x, stride, rows, p_.blank, maximum, log_sum);
        kernels_.normalisers(x + next, stride, rows, p_.classes - next, more_maximum, more_log_sum);
        for (int64_t i = 0; i < rows; ++i) {
            to[i] = joined<L>({maximum[i], log_sum[i]}, {more_maximum[i], more_log_sum[i]});
        }
    }

    void save_row(const TransducerSequence& s, int64_t t, int64_t r, const T* x,
                  const Normaliser<L>& of, L* saved) const {
        const int64_t cells = s.cells(), u = s.start(t) + r;
        L* const out = saved + s.cell(t, r);
        const auto save = [&](int64_t column, int64_t value) {
            out[column * cells] = log_prob(widen(x[value]), of.maximum, of.log_sum);
        };
        out[kRow * cells] = of.value();
        if (p_.options.hat) {
            out[kBlankColumn * cells] = blank_logit(widen(x[p_.blank]), of.value());
        } else {
            save(kBlankColumn, p_.blank);
        }
        if (u < s.labels) {
            save(kLabelColumn, s.targets[u]);
        } else {
            out[kLabelColumn * cells] = -std::numeric_limits<L>::infinity();
        }
        for (int64_t i = 0; i < p_.big_blank_count; ++i) {
            save(kFirstExtra + i, p_.big_blanks[2 * i]);
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
                           const T* logits, int64_t bytes, bool dense)
        : p_(p), rows_(table, grad, logits, p.classes, bytes, dense) {}

    // One row of sequence s with upstream gradient `upstream`, from its columns.
    void write(const TransducerSequence& s, int64_t u, int64_t cell, L normaliser, const L* columns,
               L upstream, const T* x, T* row) const {
        const int64_t cells = s.cells();
        const L* of = columns + cell;
        if (p_.options.clamp > 0) {
            rows_.write_clamped(x, row, normaliser, of[0], static_cast<L>(p_.options.clamp),
                                upstream);
        } else {
            rows_.write(x, row, normaliser, of[0]);
        }
        narrow(of[kBlankColumn * cells], row[p_.blank]);
        if (u < s.labels) narrow(of[kLabelColumn * cells], row[s.targets[u]]);
        for (int64_t i = 0; i < p_.big_blank_count; ++i) {
            narrow(of[(kFirstExtra + i) * cells], row[p_.big_blanks[2 * i]]);
        }
    }

    void clear(T* grad, int64_t rows, int64_t stride) const { rows_.clear(grad, rows, stride); }

  private:
    const TransducerProblem& p_;
    GradientRows<T> rows_;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_TRANSDUCER_ROWS_HPP_
