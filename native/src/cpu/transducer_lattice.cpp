// Weights of arcs, and from their posteriors the columns of the gradient.
//
// A weight is a log-prob plus constants (under-normalisation, delay penalty, windows). Constants
// change the posteriors, and nothing else in the gradient.
#include "transducer_lattice.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dispatch.hpp"
#include "gradient_rows.hpp"

namespace seqfront {
namespace {

// log(1 / (1 + exp(-x)))
template <class L>
L log_sigmoid(L x) {
    return std::min(x, L{0}) - std::log1p(std::exp(-std::abs(x)));
}

int64_t history(const TransducerProblem& p) {
    int64_t steps = 1;
    for (const TransducerArc& arc : p.arcs) steps = std::max(steps, arc.frames + arc.labels);
    return std::min(steps, p.frames + p.labels) + 1;
}

int64_t padded(int64_t count) { return count + 2 * kLatticePad; }

// Where the cells of each diagonal lie in the tables of arcs.
class Diagonals {
  public:
    Diagonals(const TransducerSequence& s, int64_t* indices)
        : count_(s.frames + s.labels + 1),
          first(indices),
          last(first + count_),
          row(last + count_) {
        s.band ? lay_out_band(s) : lay_out(s);
        first[count_ - 1] = last[count_ - 1] = s.labels;
        row[count_ - 1] = cells - s.labels;
        ++cells;
    }

    static int64_t index_count(int64_t frames, int64_t labels) { return 3 * (frames + labels + 1); }
    int64_t cell(int64_t t, int64_t u) const { return row[t + u] + u; }

  private:
    void lay_out(const TransducerSequence& s) {
        for (int64_t n = 0; n < count_ - 1; ++n) {
            first[n] = std::max<int64_t>(0, n - s.frames + 1);
            last[n] = std::min(n, s.labels);
            row[n] = n % s.frames * s.width;
        }
        cells = s.cells();
    }

    // From the first to the last position of the band that lies on the diagonal.
    void lay_out_band(const TransducerSequence& s) {
        std::fill_n(first, count_, s.labels + 1);
        std::fill_n(last, count_, -1);
        for (int64_t t = 0; t < s.frames; ++t) {
            for (int64_t u = s.start(t), end = u + s.rows(t); u < end; ++u) {
                first[t + u] = std::min(first[t + u], u);
                last[t + u] = std::max(last[t + u], u);
            }
        }
        for (int64_t n = 0; n < count_ - 1; ++n) {
            row[n] = cells - first[n];
            cells += std::max<int64_t>(0, last[n] - first[n] + 1);
        }
    }

    int64_t count_;

  public:
    int64_t *first, *last, *row;
    int64_t cells = 0;
};

template <class L>
class SequenceLattice {
  public:
    SequenceLattice(const TransducerProblem& p, const TransducerSequence& s, const L* saved,
                    L* scratch, int64_t* indices)
        : p_(p), o_(p.options), s_(s), saved_(saved), scratch_(scratch), at_(s, indices) {
        for (const TransducerArc& arc : p.arcs) {
            tables_.push_back({arc.frames, arc.labels, scratch_ + kLatticePad});
            std::fill_n(scratch_, kLatticePad, L{0});
            std::fill_n(scratch_ + kLatticePad + at_.cells, kLatticePad, L{0});
            scratch_ += padded(at_.cells);
        }
        if (s.band) clear_gaps();
        for (size_t a = 0; a < tables_.size(); ++a) weigh(p.arcs[a], tables_[a].weight);
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

    void combine(L upstream, L* columns) {
        const int64_t cells = s_.cells();
        probabilities_ = scratch_;
        lattice_kernels<L>(seqfront::kernels())
            .exp(saved_ + cells, probabilities_, (p_.columns - 1) * cells);
        for (int64_t t = 0; t < s_.frames; ++t) {
            for (int64_t r = 0; r < s_.rows(t); ++r) combine_cell(t, r, upstream, columns);
        }
    }

  private:
    const L* column(int64_t k) const { return saved_ + k * s_.cells(); }

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

    // A band that steps back leaves cells between its own that no path may use.
    void clear_gaps() {
        for (const ArcTable<L>& table : tables_) {
            std::fill_n(table.weight, at_.cells, -std::numeric_limits<L>::infinity());
        }
    }

    void weigh(const TransducerArc& arc, L* table) {
        for (int64_t t = 0; t < s_.frames; ++t) {
            for (int64_t r = 0; r < s_.rows(t); ++r) {
                const L value = weight(arc, t, r);
                table[at_.cell(t, s_.start(t) + r)] = value;
                valid_ = valid_ && value < std::numeric_limits<L>::infinity();
            }
        }
    }

    L weight(const TransducerArc& arc, int64_t t, int64_t r) const {
        const int64_t cell = s_.cell(t, r);
        L value = token_log_prob(arc.token, cell);
        if (arc.duration > 0) value += column(arc.duration)[cell];
        if (arc.labels == 0) return value;
        const int64_t u = s_.start(t) + r;
        if (u == s_.labels || (arc.duration > 0 && t + arc.frames >= s_.frames)) {
            return value + -std::numeric_limits<L>::infinity();
        }
        if (o_.topology == kConstrained) value += token_log_prob(kBlankColumn, s_.cell(t, r + 1));
        return value + delay(t) + window(t, u);
    }

    L token_log_prob(int token, int64_t cell) const {
        const L value = column(token)[cell] - static_cast<L>(o_.sigma);
        if (!o_.hat) return value;
        const L blank = column(kBlankColumn)[cell];
        if (token == kLabelColumn) return value + log_sigmoid(-blank);
        return log_sigmoid(blank) - static_cast<L>(o_.sigma);
    }

    L delay(int64_t t) const {
        return static_cast<L>(o_.delay_penalty *
                              (static_cast<double>(s_.frames - 1) / 2 - static_cast<double>(t)));
    }

    L window(int64_t t, int64_t u) const {
        const int32_t* const w = s_.windows == nullptr ? nullptr : s_.windows + 2 * u;
        return w == nullptr || (t >= w[0] && t <= w[1]) ? 0 : -std::numeric_limits<L>::infinity();
    }

    // The part of the paths that arc a of cell (t, row r) has, with what FastEmit adds.
    L posterior(size_t a, int64_t t, int64_t r) const {
        const L value = tables_[a].weight[at_.cell(t, s_.start(t) + r)];
        return p_.arcs[a].labels == 0 ? value : value * static_cast<L>(1 + o_.fastemit);
    }

    void combine_cell(int64_t t, int64_t r, L upstream, L* columns) const {
        const int64_t cells = s_.cells(), cell = s_.cell(t, r);
        L* const out = columns + cell;
        for (int64_t k = 1; k < p_.columns; ++k) out[k * cells] = 0;
        L occupancy = 0;
        for (size_t a = 0; a < p_.arcs.size(); ++a) {
            const L value = posterior(a, t, r);
            occupancy += value;
            out[p_.arcs[a].token * cells] += value;
            if (p_.arcs[a].duration > 0) out[p_.arcs[a].duration * cells] += value;
        }
        if (o_.topology == kConstrained && r > 0) {
            const L value = posterior(1, t, r - 1);
            occupancy += value;
            out[kBlankColumn * cells] += value;
        }
        finish_cell(occupancy, cell, upstream, out);
    }

    // From posteriors to gradients.
    void finish_cell(L occupancy, int64_t cell, L upstream, L* out) const {
        const int64_t cells = s_.cells();
        const L of_labels = o_.hat ? out[kLabelColumn * cells] : occupancy;
        const L scale = o_.normalized ? 0 : of_labels;
        for (int64_t k = 1; k < p_.columns; ++k) {
            const bool duration = p_.duration_count > 0 && k >= kFirstExtra;
            const bool blank = o_.hat && k == kBlankColumn;
            const L factor = duration || blank ? occupancy : scale;
            const L p = blank ? std::exp(log_sigmoid(column(kBlankColumn)[cell]))
                              : probabilities_[(k - 1) * cells + cell];
            out[k * cells] = clamped((factor == 0 ? 0 : factor * p) - out[k * cells]) * upstream;
        }
        out[0] = o_.clamp > 0 ? scale : scale * upstream;
    }

    L clamped(L value) const {
        const L limit = static_cast<L>(o_.clamp);
        return limit > 0 ? std::min(std::max(value, -limit), limit) : value;
    }

    const TransducerProblem& p_;
    const TransducerOptions& o_;
    const TransducerSequence& s_;
    const L* saved_;
    L* scratch_;  // what the tables have left
    Diagonals at_;
    std::vector<ArcTable<L>> tables_;
    L* probabilities_ = nullptr;  // of the columns of saved but the first
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
        const int64_t combine = gradient ? (p.columns - 1) * cells : 0;
        number_count_ = arcs * padded(cells) + std::max(lattice, combine);
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
