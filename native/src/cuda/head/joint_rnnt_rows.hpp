// The joint network of RNN-T on a GPU: what its rows are. A cell is a position of a frame, dense:
// (batch * frames + frame) * (labels + 1) + position; its classes are the blank, the next label and
// the big blanks. What is saved is as in rnnt_rows.hpp, and so are the columns of the gradient.
#ifndef SEQFRONT_CUDA_HEAD_JOINT_RNNT_ROWS_HPP_
#define SEQFRONT_CUDA_HEAD_JOINT_RNNT_ROWS_HPP_

#include "cuda/head/activation.hpp"
#include "cuda/head/head_gradient.hpp"
#include "cuda/transducer/rnnt_problem.hpp"

namespace seqfront {
namespace cuda {

// The features of a cell.
template <class T>
struct JointRow {
    const T* source;
    const T* prediction;
    Activation activation;

    SF_DEVICE LatticeType<T> operator()(int64_t d) const {
        return activated(widened(source[d]) + widened(prediction[d]), activation);
    }
};

template <class T>
struct JointInputs {
    const T* source;      // [batch, frames, features]
    const T* prediction;  // [batch, labels + 1, features]
    int64_t features;
    Activation activation;

    SF_DEVICE JointRow<T> row(const RnntProblem& p, const RnntRow& row) const {
        const int64_t b = row.sequence.index;
        return {source + (b * p.frames + row.t) * features,
                prediction + (b * (p.labels + 1) + row.u) * features, activation};
    }
};

// The columns of a cell, in `saved` or in the gradient.
template <class L>
struct JointColumns {
    L* first;
    int64_t cells;

    static SF_DEVICE JointColumns of(const RnntProblem& p, const RnntRow& row, L* all) {
        const RnntSequence& s = row.sequence;
        return {all + s.first_cell * p.columns() + row.cell(), s.cells()};
    }
    SF_DEVICE L& operator[](int64_t column) const { return first[column * cells]; }
};

// Calls body(column, class) for the classes of a cell from `first` to before `last`.
template <class Body>
SF_DEVICE void each_class(const RnntProblem& p, const RnntRow& row, int64_t first, int64_t last,
                          Body&& body) {
    const auto visit = [&](int64_t column, int64_t v) {
        if (v >= first && v < last && v < p.classes) body(column, v);
    };
    visit(kBlankColumn, p.blank);
    if (row.u < row.sequence.labels) visit(kLabelColumn, p.target(row.sequence, row.u));
    for (int64_t k = 0; k < p.big_blank_count; ++k) visit(kFirstExtra + k, p.big_blanks[2 * k]);
}

template <class T>
struct JointForwardRows {
    using Element = T;
    using L = LatticeType<T>;

    RnntProblem problem;
    JointInputs<T> inputs;
    L* saved;

    SF_DEVICE bool enter(int64_t cell) const { return row_of(problem, cell).inside(); }
    SF_DEVICE JointRow<T> hidden(int64_t cell) const {
        return inputs.row(problem, row_of(problem, cell));
    }
    template <class Logit>
    SF_DEVICE void take(int64_t cell, int64_t first, int64_t last, Logit&& logit) const {
        const RnntRow row = row_of(problem, cell);
        const auto columns = JointColumns<L>::of(problem, row, saved);
        each_class(problem, row, first, last,
                   [&](int64_t column, int64_t v) { columns[column] = logit(v); });
    }
    SF_DEVICE void finish(int64_t cell, int lane, L top, L log_sum) const {
        if (lane > 0) return;
        const RnntRow row = row_of(problem, cell);
        const auto columns = JointColumns<L>::of(problem, row, saved);
        columns[kRow] = top + log_sum;
        columns[kBlankColumn] = log_prob(columns[kBlankColumn], top, log_sum);
        columns[kLabelColumn] = label(row, columns, top, log_sum);
        for (int64_t k = 0; k < problem.big_blank_count; ++k) {
            const int64_t v = problem.big_blanks[2 * k];
            L& value = columns[kFirstExtra + k];
            const bool is_class = v >= 0 && v < problem.classes;
            value = is_class ? log_prob(value, top, log_sum) : not_a_number<L>();
        }
    }

  private:
    SF_DEVICE L label(const RnntRow& row, const JointColumns<L>& columns, L top, L log_sum) const {
        if (row.u == row.sequence.labels) return -infinity<L>();
        const int64_t target = problem.target(row.sequence, row.u);
        const bool known = problem.is_label(target) && !problem.is_big_blank(target);
        return known ? log_prob(columns[kLabelColumn], top, log_sum) : not_a_number<L>();
    }
};

template <class T>
struct JointBackwardRows {
    using Element = T;
    using L = LatticeType<T>;

    RnntProblem problem;
    JointInputs<T> inputs;
    double epsilon;
    const L* saved;
    const L* columns;    // of the gradient
    const L* grad_loss;  // [batch]

    SF_DEVICE bool enter(int64_t cell) const {
        const RnntRow row = row_of(problem, cell);
        if (!row.inside()) return false;
        const L scale = absolute(JointColumns<const L>::of(problem, row, columns)[kRow]);
        const L one = clamps() ? L{1} : absolute(upstream(row));
        return scale != 0 && !(scale < static_cast<L>(epsilon) * one);
    }
    SF_DEVICE JointRow<T> hidden(int64_t cell) const {
        return inputs.row(problem, row_of(problem, cell));
    }
    SF_DEVICE RowGradient<L> gradient(int64_t cell) const {
        const RnntRow row = row_of(problem, cell);
        const L normaliser = JointColumns<const L>::of(problem, row, saved)[kRow];
        const L scale = JointColumns<const L>::of(problem, row, columns)[kRow];
        const L limit = clamps() ? static_cast<L>(problem.clamp) : infinity<L>();
        const L factor = clamps() ? upstream(row) : L{1};
        return {normaliser, scale, limit, factor, absolute(scale * factor)};
    }
    SF_DEVICE void change(int64_t cell, int64_t first, int64_t last, L* x) const {
        const RnntRow row = row_of(problem, cell);
        const auto of = JointColumns<const L>::of(problem, row, columns);
        each_class(problem, row, first, last,
                   [&](int64_t column, int64_t v) { x[v - first] = of[column]; });
    }

  private:
    SF_DEVICE bool clamps() const { return problem.clamp > 0; }
    SF_DEVICE L upstream(const RnntRow& row) const { return grad_loss[row.sequence.index]; }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_HEAD_JOINT_RNNT_ROWS_HPP_
