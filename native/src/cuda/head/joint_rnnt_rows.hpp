// The joint network of RNN-T on a GPU: what its rows are. A cell is a position of a frame, dense:
// (batch * frames + frame) * (labels + 1) + position; its classes are the blank and the next label.
// What is saved is as in rnnt_rows.hpp.
#ifndef SEQFRONT_CUDA_HEAD_JOINT_RNNT_ROWS_HPP_
#define SEQFRONT_CUDA_HEAD_JOINT_RNNT_ROWS_HPP_

#include "cuda/head/activation.hpp"
#include "cuda/head/head_gradient.hpp"
#include "cuda/transducer/rnnt_rows.hpp"

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
        const int64_t cells = row.sequence.cells(), blank = problem.blank;
        L* const out = columns(row);
        if (blank >= first && blank < last) out[kBlankColumn * cells] = logit(blank);
        if (row.u == row.sequence.labels) return;
        const int64_t target = problem.target(row.sequence, row.u);
        const bool here = target >= first && target < last && problem.is_label(target);
        if (here) out[kLabelColumn * cells] = logit(target);
    }
    SF_DEVICE void finish(int64_t cell, int lane, L top, L log_sum) const {
        if (lane > 0) return;
        const RnntRow row = row_of(problem, cell);
        const int64_t cells = row.sequence.cells();
        L* const out = columns(row);
        out[kRow * cells] = top + log_sum;
        out[kBlankColumn * cells] = log_prob(out[kBlankColumn * cells], top, log_sum);
        L& label = out[kLabelColumn * cells];
        if (row.u == row.sequence.labels) {
            label = -infinity<L>();
        } else {
            const bool known = problem.is_label(problem.target(row.sequence, row.u));
            label = known ? log_prob(label, top, log_sum) : not_a_number<L>();
        }
    }

  private:
    SF_DEVICE L* columns(const RnntRow& row) const {
        return saved + row.sequence.first_cell * kFirstExtra + row.cell();
    }
};

// The gradient of a row, but for the softmax.
template <class L>
struct JointColumns {
    L scale, blank, label;
};

template <class T>
struct JointBackwardRows {
    using Element = T;
    using L = LatticeType<T>;
    using Gradient = RnntGradientRows<L>;

    typename Gradient::Args lattice;  // without its logits
    JointInputs<T> inputs;
    double epsilon;
    JointColumns<L>* columns;  // [cells]

    SF_DEVICE bool enter(int64_t cell) const {
        const RnntRow row = row_of(lattice.problem, cell);
        if (!row.inside()) return false;
        const RnntRowGradient<L> of = Gradient::gradient_of(lattice, row);
        if (of.zero || of.scale == 0) return false;
        columns[cell] = {of.scale, of.blank, of.label};
        const L one = clamps() ? L{1} : absolute(upstream(row));
        return !(absolute(of.scale) < static_cast<L>(epsilon) * one);
    }
    SF_DEVICE JointRow<T> hidden(int64_t cell) const {
        return inputs.row(lattice.problem, row_of(lattice.problem, cell));
    }
    SF_DEVICE RowGradient<L> gradient(int64_t cell) const {
        const RnntRow row = row_of(lattice.problem, cell);
        const L normaliser = lattice.saved[row.sequence.first_cell * kFirstExtra + row.cell()];
        const L scale = columns[cell].scale, factor = clamps() ? upstream(row) : L{1};
        const L limit = clamps() ? static_cast<L>(lattice.problem.clamp) : infinity<L>();
        return {normaliser, scale, limit, factor, absolute(scale * factor)};
    }
    SF_DEVICE void change(int64_t cell, int64_t first, int64_t last, L* x) const {
        const RnntProblem& p = lattice.problem;
        const RnntRow row = row_of(p, cell);
        if (row.u < row.sequence.labels) {
            const int64_t target = p.target(row.sequence, row.u);
            const bool here = target >= first && target < last && p.is_label(target);
            if (here) x[target - first] = columns[cell].label;
        }
        if (p.blank >= first && p.blank < last) x[p.blank - first] = columns[cell].blank;
    }

  private:
    SF_DEVICE bool clamps() const { return lattice.problem.clamp > 0; }
    SF_DEVICE L upstream(const RnntRow& row) const { return lattice.grad_loss[row.sequence.index]; }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_HEAD_JOINT_RNNT_ROWS_HPP_
