// Weights of arcs, and from their posteriors the columns of the gradient.
//
// A weight is a log-prob plus constants (under-normalisation, delay penalty, windows). Constants
// change the posteriors, and nothing else in the gradient.
#include "transducer/transducer_lattice.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradient_rows.hpp"
#include "simd/dispatch.hpp"
#include "transducer/transducer_diagonals.hpp"

namespace seqfront {
namespace {

int64_t history(const TransducerProblem& p) {
    int64_t steps = 1;
    for (const TransducerArc& arc : p.arcs) steps = std::max(steps, arc.frames + arc.labels);
    return std::min(steps, p.frames + p.labels) + 1;
}

int64_t padded(int64_t count) { return count + 2 * kLatticePad; }

template <class L>
class SequenceLattice {
  public:
    SequenceLattice(const TransducerProblem& p, const TransducerSequence& s, const L* saved,
                    L* scratch, int64_t* indices)
        : p_(p), o_(p.options), s_(s), saved_(saved), scratch_(scratch), at_(s, indices) {
        if (o_.hat) split_blank();
        for (const TransducerArc& arc : p.arcs) {
            L* const table = scratch_ + kLatticePad;
            scratch_ += padded(at_.cells);
            std::fill_n(table - kLatticePad, kLatticePad, L{0});
            std::fill_n(table + at_.cells, kLatticePad, L{0});
            tables_.push_back({arc.frames, arc.labels, table});
            weigh(arc, table);
        }
    }

    Likelihood<L> likelihood() const {
        if (!valid_) return {0, 0, 0};
        const auto& kernels = lattice_kernels<L>(seqfront::kernels());
        return p_.standard() ? kernels.rnnt_likelihood(standard())
                             : kernels.arcs_likelihood(general());
    }

    // Afterwards the tables hold posteriors.
    Likelihood<L> posteriors() {
        if (!valid_) return {0, 0, 0};
        const auto& kernels = lattice_kernels<L>(seqfront::kernels());
        if (!p_.standard()) return kernels.arcs_posteriors(general());
        L* const unused = scratch_;
        const RnntGradient<L> to = {unused, tables_[0].weight, tables_[1].weight, -1, 1};
        return kernels.rnnt_gradient(standard(unused + s_.cells()), to);
    }

    bool valid() const { return valid_; }

    // The tables, in plain order.
    void copy_tables(L* to) const {
        for (const ArcTable<L>& table : tables_) {
            for (int64_t t = 0; t < s_.frames; ++t) {
                for (int64_t u = 0; u < s_.positions(); ++u) *to++ = table.weight[at_.cell(t, u)];
            }
        }
    }

    // From posteriors to the columns of the gradient.
    void combine(L upstream, L* columns) {
        const int64_t cells = s_.cells();
        L* const occupancy = scratch_;
        L* const probabilities = scratch_ + cells;
        gather(occupancy, columns);
        probabilities_of(probabilities);
        std::copy_n(o_.hat ? columns + kLabelColumn * cells : occupancy, cells, columns);
        for (int64_t k = 1; k < p_.columns; ++k) {
            const bool duration = p_.duration_count > 0 && k >= kFirstExtra;
            const bool whole = duration || (o_.hat && k == kBlankColumn);
            finish(o_.normalized && !duration ? nullptr
                   : whole                    ? occupancy
                                              : columns,
                   probabilities + (k - 1) * cells, upstream, columns + k * cells);
        }
        const L scale = o_.normalized ? 0 : o_.clamp > 0 ? 1 : upstream;
        for (int64_t i = 0; i < cells; ++i) columns[i] *= scale;
    }

  private:
    const L* column(int64_t k) const { return saved_ + k * s_.cells(); }

    // Calls body(cell, element of the tables) for each cell.
    template <class Body>
    void for_each_cell(Body&& body) const {
        if (!s_.band) {
            for (int64_t i = 0; i < s_.cells(); ++i) body(i, i);
            return;
        }
        for (int64_t t = 0; t < s_.frames; ++t) {
            for (int64_t r = 0; r < s_.rows(t); ++r) {
                body(s_.cell(t, r), at_.cell(t, s_.start(t) + r));
            }
        }
    }

    // HAT: a sigmoid of its own logit for the blank, and for the labels what that leaves.
    void split_blank() {
        const int64_t cells = s_.cells();
        const auto& kernels = lattice_kernels<L>(seqfront::kernels());
        const L* const logit = column(kBlankColumn);
        L* const blank = scratch_;
        L* const label = scratch_ + cells;
        for (int64_t i = 0; i < cells; ++i) blank[i] = -std::abs(logit[i]);
        kernels.exp(blank, label, cells);
        for (int64_t i = 0; i < cells; ++i) label[i] += 1;
        kernels.log(label, label, cells);
        for (int64_t i = 0; i < cells; ++i) {
            const L softplus = label[i];
            blank[i] = std::min(logit[i], L{0}) - softplus;
            label[i] = column(kLabelColumn)[i] + std::min(-logit[i], L{0}) - softplus;
        }
        hat_ = scratch_;
        scratch_ += 2 * cells;
    }

    // Log-probs of the class that a column is for.
    const L* log_probs(int64_t k) const {
        return hat_ == nullptr ? column(k) : hat_ + (k - kBlankColumn) * s_.cells();
    }

    RnntLattice<L> standard() const { return standard(scratch_); }
    RnntLattice<L> standard(L* scratch) const {
        return {s_.frames, s_.positions(), tables_[0].weight, tables_[1].weight, scratch};
    }
    ArcLattice<L> general() const {
        return {s_.frames,
                s_.labels,
                at_.first,
                at_.last,
                at_.row,
                at_.cells,
                history(p_),
                o_.star,
                static_cast<L>(o_.star_weight),
                tables_.data(),
                static_cast<int64_t>(tables_.size()),
                scratch_};
    }

    void weigh(const TransducerArc& arc, L* table) {
        // A band that steps back leaves cells between its own that no path may use.
        if (s_.band) std::fill_n(table, at_.cells, -std::numeric_limits<L>::infinity());
        const L* const token = log_probs(arc.token);
        const L* const duration = arc.duration > 0 ? column(arc.duration) : nullptr;
        const L sigma = static_cast<L>(o_.sigma);
        bool valid = true;
        for_each_cell([&](int64_t cell, int64_t i) {
            const L value = token[cell] - sigma + (duration == nullptr ? 0 : duration[cell]);
            table[i] = value;
            valid &= value < std::numeric_limits<L>::infinity();
        });
        if (arc.labels > 0 && conditional()) valid = weigh_labels(arc, table) && valid;
        valid_ = valid_ && valid;
    }

    // Whether the weight of a label depends on more than its log-prob.
    bool conditional() const {
        return o_.topology == kConstrained || o_.delay_penalty != 0 || s_.windows != nullptr ||
               p_.duration_count > 0;
    }

    bool weigh_labels(const TransducerArc& arc, L* table) const {
        bool valid = true;
        for (int64_t t = 0; t < s_.frames; ++t) {
            const bool ends = arc.duration > 0 && t + arc.frames >= s_.frames;
            const L constant = ends ? -std::numeric_limits<L>::infinity() : delay(t);
            CellWalk walk(s_, t);
            for (int64_t r = 0; r < s_.rows(t); ++r) {
                const int64_t u = s_.start(t) + r;
                walk.next();
                if (u == s_.labels) break;
                L& value = table[at_.cell(t, u)];
                value += constant + window(t, u);
                if (o_.topology == kConstrained) {
                    value += log_probs(kBlankColumn)[walk.cell()] - static_cast<L>(o_.sigma);
                }
                valid &= value < std::numeric_limits<L>::infinity();
            }
        }
        return valid;
    }

    L delay(int64_t t) const {
        return static_cast<L>(o_.delay_penalty *
                              (static_cast<double>(s_.frames - 1) / 2 - static_cast<double>(t)));
    }

    L window(int64_t t, int64_t u) const {
        const int32_t* const w = s_.windows == nullptr ? nullptr : s_.windows + 2 * u;
        return w == nullptr || (t >= w[0] && t <= w[1]) ? 0 : -std::numeric_limits<L>::infinity();
    }

    // Occupancies, and in the columns the posteriors of their classes, with what FastEmit adds.
    void gather(L* occupancy, L* columns) const {
        const int64_t cells = s_.cells();
        std::fill_n(occupancy, cells, L{0});
        std::fill_n(columns, p_.columns * cells, L{0});
        for (size_t a = 0; a < tables_.size(); ++a) {
            const TransducerArc& arc = p_.arcs[a];
            const L* const posterior = tables_[a].weight;
            const L factor = arc.labels > 0 ? static_cast<L>(1 + o_.fastemit) : 1;
            L* const token = columns + arc.token * cells;
            L* const duration = columns + arc.duration * cells;  // or the first, written later
            for_each_cell([=](int64_t cell, int64_t i) {
                const L value = posterior[i] * factor;
                occupancy[cell] += value;
                token[cell] += value;
                duration[cell] += value;
            });
        }
        if (o_.topology == kConstrained) gather_next_blanks(occupancy, columns);
    }

    // The blank that a label of the constrained topology pays in the row after its own.
    void gather_next_blanks(L* occupancy, L* columns) const {
        const L factor = static_cast<L>(1 + o_.fastemit);
        L* const blank = columns + kBlankColumn * s_.cells();
        for (int64_t t = 0; t < s_.frames; ++t) {
            CellWalk walk(s_, t);
            for (int64_t u = 0; u < s_.labels; ++u) {
                const L value = tables_[1].weight[walk.cell()] * factor;
                walk.next();
                occupancy[walk.cell()] += value;
                blank[walk.cell()] += value;
            }
        }
    }

    // Of all columns but the first.
    void probabilities_of(L* to) const {
        const int64_t cells = s_.cells();
        const auto& kernels = lattice_kernels<L>(seqfront::kernels());
        kernels.exp(column(1), to, (p_.columns - 1) * cells);
        if (o_.hat) kernels.exp(log_probs(kBlankColumn), to, cells);
    }

    // One column: factor * p - posterior, clamped. No factor: no softmax.
    void finish(const L* factor, const L* p, L upstream, L* column) const {
        const int64_t cells = s_.cells();
        const L limit =
            o_.clamp > 0 ? static_cast<L>(o_.clamp) : std::numeric_limits<L>::infinity();
        for (int64_t i = 0; i < cells; ++i) {
            const L value = (factor == nullptr ? 0 : factor[i] * p[i]) - column[i];
            column[i] = std::min(std::max(value, -limit), limit) * upstream;
        }
    }

    const TransducerProblem& p_;
    const TransducerOptions& o_;
    const TransducerSequence& s_;
    const L* saved_;
    L* scratch_;  // what the tables have left
    Diagonals at_;
    std::vector<ArcTable<L>> tables_;
    L* hat_ = nullptr;  // log-probs of the two columns after the first
    bool valid_ = true;
};

template <class L>
RnntLattice<L> plain_lattice(const TransducerSequence& s, const L* saved, L* scratch) {
    return {s.frames, s.positions(), saved + kBlankColumn * s.cells(),
            saved + kLabelColumn * s.cells(), scratch};
}

// The columns of a sequence whose loss is NaN.
template <class L>
void fill_nan(const TransducerProblem& p, const TransducerSequence& s, L* columns) {
    const L nan = std::numeric_limits<L>::quiet_NaN();
    std::fill_n(columns, s.cells(), p.options.normalized ? L{0} : nan);
    std::fill_n(columns + s.cells(), (p.columns - 1) * s.cells(), nan);
}

}  // namespace

template <class L>
TransducerScratch<L>::TransducerScratch(const TransducerProblem& p, int32_t slots, bool gradient,
                                        bool tables)
    : number_count_(rnnt_scratch(p.frames, p.labels + 1)), index_count_(0) {
    if (tables || !p.plain()) {
        const int64_t cells = p.most_cells + 1, arcs = static_cast<int64_t>(p.arcs.size());
        const int64_t lattice =
            p.standard() ? number_count_ + cells : arcs_scratch(p.labels, cells, history(p));
        const int64_t combine = gradient ? p.columns * cells : 0;
        number_count_ =
            (p.options.hat ? 2 * cells : 0) + arcs * padded(cells) + std::max(lattice, combine);
        index_count_ = Diagonals::index_count(p.frames, p.labels);
    }
    numbers_ = allocate<L>(slots * number_count_);
    indices_ = allocate<int64_t>(slots * index_count_);
}

template <class L>
L transducer_loss(const TransducerProblem& p, const TransducerSequence& s, const L* saved,
                  const TransducerScratch<L>& scratch, int32_t slot) {
    if (s.frames == 0) return s.labels == 0 ? 0 : std::numeric_limits<L>::infinity();
    if (p.plain()) {
        return loss_of(lattice_kernels<L>(kernels()).rnnt_likelihood(
            plain_lattice(s, saved, scratch.numbers(slot))));
    }
    const L loss = loss_of(
        SequenceLattice<L>(p, s, saved, scratch.numbers(slot), scratch.indices(slot)).likelihood());
    return p.options.fastemit_scale ? loss * static_cast<L>(1 + p.options.fastemit) : loss;
}

template <class L>
bool transducer_gradient(const TransducerProblem& p, const TransducerSequence& s, const L* saved,
                         L upstream, L* columns, const TransducerScratch<L>& scratch,
                         int32_t slot) {
    if (s.frames == 0 || upstream == 0) return false;
    Likelihood<L> likelihood;
    if (p.plain()) {
        const int64_t cells = s.cells();
        const RnntGradient<L> gradient{columns, columns + kBlankColumn * cells,
                                       columns + kLabelColumn * cells, upstream,
                                       p.options.normalized};
        likelihood = lattice_kernels<L>(kernels()).rnnt_gradient(
            plain_lattice(s, saved, scratch.numbers(slot)), gradient);
    } else {
        SequenceLattice<L> lattice(p, s, saved, scratch.numbers(slot), scratch.indices(slot));
        likelihood = lattice.posteriors();
        if (likelihood.valid && likelihood.exponent != -std::numeric_limits<L>::infinity()) {
            lattice.combine(upstream, columns);
        }
    }
    const bool feasible = likelihood.exponent != -std::numeric_limits<L>::infinity();
    if (!likelihood.valid || (feasible && std::isnan(upstream))) {
        fill_nan(p, s, columns);
        return true;
    }
    return feasible;
}

template <class L>
bool transducer_weights(const TransducerProblem& p, const TransducerSequence& s, const L* saved,
                        L* arcs, const TransducerScratch<L>& scratch, int32_t slot) {
    const SequenceLattice<L> lattice(p, s, saved, scratch.numbers(slot), scratch.indices(slot));
    lattice.copy_tables(arcs);
    return lattice.valid();
}

template <class L>
L transducer_posteriors(const TransducerProblem& p, const TransducerSequence& s, const L* saved,
                        L* arcs, const TransducerScratch<L>& scratch, int32_t slot) {
    SequenceLattice<L> lattice(p, s, saved, scratch.numbers(slot), scratch.indices(slot));
    const L loss = loss_of(lattice.posteriors());
    if (loss < std::numeric_limits<L>::infinity()) lattice.copy_tables(arcs);
    return loss;
}

template class TransducerScratch<float>;
template class TransducerScratch<double>;
template float transducer_loss(const TransducerProblem&, const TransducerSequence&, const float*,
                               const TransducerScratch<float>&, int32_t);
template double transducer_loss(const TransducerProblem&, const TransducerSequence&, const double*,
                                const TransducerScratch<double>&, int32_t);
template bool transducer_gradient(const TransducerProblem&, const TransducerSequence&, const float*,
                                  float, float*, const TransducerScratch<float>&, int32_t);
template bool transducer_gradient(const TransducerProblem&, const TransducerSequence&,
                                  const double*, double, double*, const TransducerScratch<double>&,
                                  int32_t);

template bool transducer_weights(const TransducerProblem&, const TransducerSequence&, const float*,
                                 float*, const TransducerScratch<float>&, int32_t);
template bool transducer_weights(const TransducerProblem&, const TransducerSequence&, const double*,
                                 double*, const TransducerScratch<double>&, int32_t);
template float transducer_posteriors(const TransducerProblem&, const TransducerSequence&,
                                     const float*, float*, const TransducerScratch<float>&,
                                     int32_t);
template double transducer_posteriors(const TransducerProblem&, const TransducerSequence&,
                                      const double*, double*, const TransducerScratch<double>&,
                                      int32_t);

}  // namespace seqfront
