// A transducer with any arcs on a GPU: from the tables of the lattice to the posteriors of arcs,
// and to the columns of the gradient.
#ifndef SEQFRONT_CUDA_TRANSDUCER_ARC_POSTERIORS_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_ARC_POSTERIORS_HPP_

#include "cuda/transducer/arc_lattice.hpp"
#include "cuda/transducer/table_cell.hpp"

namespace seqfront {
namespace cuda {

// How probable it is that a path goes through an arc.
template <class L>
class ArcPosteriors {
  public:
    struct Tables {
        ArcList list;
        const L* saved;
        const Probability<L>* alpha;
        const Probability<L>* beta;
        const AllPaths<Probability<L>>* total;  // [batch]
    };

    SF_DEVICE ArcPosteriors(const RnntProblem& p, const RnntSequence& s, const Tables& tables)
        : s_(s),
          list_(tables.list),
          weights_(p, s, tables.saved),
          alpha_(tables.alpha + s.first_cell),
          beta_(tables.beta + s.first_cell),
          total_(tables.total[s.index]) {}

    SF_DEVICE const ArcWeights<L>& weights() const { return weights_; }
    // Whether all weights were numbers below +inf; whether there is a path then.
    SF_DEVICE bool valid() const { return total_.valid; }
    SF_DEVICE bool feasible() const { return total_.value.exponent != -infinity<L>(); }

    // Calls body(arc, posterior) for the arcs of cell (t, u), which is number `cell`.
    template <class Body>
    SF_DEVICE void each(int64_t t, int64_t u, int64_t cell, Body&& body) const {
        const int count = *list_.count;
        for (int a = 0; a < count; ++a) {
            const Arc arc = list_.arcs[a];
            body(arc, posterior(arc, t, u, cell));
        }
    }

    SF_DEVICE L posterior(const Arc& arc, int64_t t, int64_t u, int64_t cell) const {
        Probability<L> beta = certain<L>();
        if (t + arc.frames < s_.frames && u + arc.labels <= s_.labels) {
            beta = beta_[target(arc, u, cell)];
        } else if (t + arc.frames != s_.frames || u + arc.labels != s_.labels) {
            return 0;
        }
        Probability<L> alpha = alpha_[cell];
        alpha.mantissa *= 1 / total_.value.mantissa;
        const L weight = weights_.weight(arc, t, u, cell, weights_.saved(arc, cell));
        return minimum(relative_to(total_.value.exponent, alpha * (probability(weight) * beta)),
                       L{1});
    }

  private:
    // The cell where an arc goes.
    SF_DEVICE int64_t target(const Arc& arc, int64_t u, int64_t cell) const {
        const int64_t steps = arc.frames + s_.skew * int64_t{arc.labels};
        const int64_t row = cell - u + steps * s_.positions();
        return (row < s_.cells() ? row : row - s_.cells()) + u + arc.labels;
    }

    const RnntSequence& s_;
    const ArcList& list_;
    const ArcWeights<L> weights_;
    const Probability<L>* alpha_;
    const Probability<L>* beta_;
    const AllPaths<Probability<L>> total_;
};

// The columns of the gradient, a thread for each cell: what the rows of the logits are made of, and
// the gradient of the durations. With a clamp, the factor of the softmax is without the upstream
// gradient.
template <class L>
struct ArcColumns {
    static constexpr int kMostThreads = CellThreads::kThreads;

    struct Args {
        RnntProblem problem;
        typename ArcPosteriors<L>::Tables tables;
        const L* grad_loss;  // [batch]
        L* columns;          // [columns, cells] for each sequence
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        CellThreads::each(block, args.problem, [&](int64_t i) {
            const TableCell at = TableCell::of(args.problem, i);
            if (at.inside()) Columns(args, at).write();
        });
    }

  private:
    // Of one cell.
    class Columns {
      public:
        SF_DEVICE Columns(const Args& args, const TableCell& at)
            : p_(args.problem),
              at_(at),
              s_(at.sequence),
              arcs_(args.problem, s_, args.tables),
              upstream_(args.grad_loss[s_.index]),
              columns_(args.columns + s_.first_cell * args.problem.columns() + at.cell) {}

        SF_DEVICE void write() const {
            const L nan = not_a_number<L>();
            if (upstream_ == 0 || (arcs_.valid() && !arcs_.feasible())) return fill(0, 0);
            if (!arcs_.valid() || upstream_ != upstream_) return fill(p_.normalized ? 0 : nan, nan);
            combine();
        }

      private:
        SF_DEVICE L& column(int64_t k) const { return columns_[k * s_.cells()]; }
        SF_DEVICE void fill(L factor, L others) const {
            column(kRow) = factor;
            for (int64_t k = 1; k < p_.columns(); ++k) column(k) = others;
        }

        SF_DEVICE void combine() const {
            for (int64_t k = kFirstExtra; k < p_.columns(); ++k) column(k) = 0;
            L blank = 0, label = 0, others = 0;
            const L factor = static_cast<L>(1 + p_.fastemit);
            arcs_.each(at_.t, at_.u, at_.cell, [&](const Arc& arc, L posterior) {
                if (arc.labels > 0) posterior *= factor;
                (arc.token == kBlankColumn   ? blank
                 : arc.token == kLabelColumn ? label
                                             : others) += posterior;
                const int extra = arc.duration != 0 ? arc.duration : arc.token;
                if (extra >= kFirstExtra) column(extra) += posterior;
            });
            if (p_.pays_next_blank && at_.u > 0) blank += paid_by_label() * factor;
            finish(blank, label, blank + label + others);
        }

        // What the label that leads here from the same frame paid for the blank of this cell.
        SF_DEVICE L paid_by_label() const {
            const Arc label = {1, 1, kLabelColumn, 0};
            return arcs_.posterior(label, at_.t, at_.u - 1, at_.cell - 1);
        }

        SF_DEVICE void finish(L blank, L label, L occupancy) const {
            const L softmax = p_.normalized ? 0 : p_.hat ? label : occupancy;
            const L blank_softmax = p_.normalized ? 0 : occupancy;
            const L blank_log_prob = cuda::blank_log_prob(p_, saved(kBlankColumn));
            column(kRow) = p_.clamp > 0 ? softmax : softmax * upstream_;
            column(kBlankColumn) = finished(blank_softmax, exp(blank_log_prob), blank);
            column(kLabelColumn) = finished(softmax, exp(saved(kLabelColumn)), label);
            // Durations are logits always.
            const L of_extra = p_.duration_count > 0 ? occupancy : softmax;
            for (int64_t k = kFirstExtra; k < p_.columns(); ++k) {
                column(k) = finished(of_extra, exp(saved(k)), column(k));
            }
        }
        SF_DEVICE L saved(int64_t k) const { return arcs_.weights().column(k, at_.cell); }
        SF_DEVICE L finished(L softmax, L probability, L posterior) const {
            const L value = fused(softmax, probability, -posterior);
            if (!(p_.clamp > 0)) return value * upstream_;
            const L limit = static_cast<L>(p_.clamp);
            return minimum(maximum(value, -limit), limit) * upstream_;
        }

        const RnntProblem& p_;
        const TableCell& at_;
        const RnntSequence& s_;
        const ArcPosteriors<L> arcs_;
        const L upstream_;
        L* const columns_;
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_ARC_POSTERIORS_HPP_
