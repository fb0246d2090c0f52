// RNN-T on a GPU, the rows: a warp for each, or a block where there are many classes.
#ifndef SEQFRONT_CUDA_TRANSDUCER_RNNT_ROWS_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_RNNT_ROWS_HPP_

#include "cuda/rows.hpp"
#include "cuda/transducer/rnnt_problem.hpp"

namespace seqfront {
namespace cuda {

// A row of each cell, of logits or of their gradient: by sequence, frame and position, or packed by
// number.
template <class T>
struct RnntRowArray {
    RowArray<T, 3> rows;

    static RnntRowArray of(const sf_array& array) { return {RowArray<T, 3>::of(array)}; }

    SF_DEVICE T* row(const RnntProblem& p, const RnntRow& row) const {
        const RnntSequence& s = row.sequence;
        constexpr int64_t none = 0;
        if (p.packed) return rows.row(s.first_cell + row.t * s.positions() + row.u, none, none);
        return rows.row(s.index, row.t, row.u - row.start);
    }
};

// Reads the logits once: saves of each row its normaliser, and the log-probs that its arcs take.
template <class T, bool kBigBlanks = false>
struct RnntSaveRows {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = kRowThreads;

    struct Args {
        RnntProblem problem;
        RowGroups groups;
        RnntRowArray<const T> logits;
        L* saved;
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RowGroups& groups = args.groups;
        const int64_t rows = args.problem.stored_rows();
        RowNormalisers<L, Block> whole(block);
        groups.each_first(block, rows, [&](int64_t first) {
            whole.reduce(groups, [&](int thread) {
                const int64_t i = groups.row(first, thread);
                return i < rows ? normaliser(args, i, groups.lane(thread)) : Normaliser<L>{};
            });
            block.each([&](int thread) {
                const int64_t i = groups.row(first, thread);
                if (i >= rows) return;
                const int lane = groups.lane(thread);
                const L top = whole.top(thread), log_sum = whole.log_sum(thread);
                if (lane == 0) save(args, i, top, log_sum);
                if constexpr (kBigBlanks) save_big_blanks(args, i, lane, top, log_sum);
            });
        });
    }

  private:
    // Of the classes that this lane reads; with HAT, the blank is none of them.
    static SF_DEVICE Normaliser<L> normaliser(const Args& args, int64_t i, int lane) {
        const RnntProblem& p = args.problem;
        const RnntRow row = row_of(p, i);
        Normaliser<L> part;
        if (!row.inside() || p.normalized) return part;
        const RowPart<T> mine = {args.logits.row(p, row), p.classes, lane, args.groups.lanes()};
        mine.read([&](auto& values, int64_t first) {
            if (p.hat) replace(values, first, p.blank, -infinity<L>());
            part.add(values);
        });
        return part;
    }

    static SF_DEVICE void save(const Args& args, int64_t i, L top, L log_sum) {
        const RnntProblem& p = args.problem;
        const RnntRow row = row_of(p, i);
        if (!row.inside()) return;
        if (p.normalized) top = log_sum = 0;
        const RnntSequence& s = row.sequence;
        const int64_t cells = s.cells();
        const T* const x = args.logits.row(p, row);
        const L blank = widened(x[p.blank]);
        L* const out = args.saved + s.first_cell * p.columns() + row.cell();
        out[kRow * cells] = top + log_sum;
        out[kBlankColumn * cells] =
            p.hat ? blank_logit(blank, top + log_sum) : log_prob(blank, top, log_sum);
        out[kLabelColumn * cells] = label(p, row, x, top, log_sum);
    }

    static SF_DEVICE L label(const RnntProblem& p, const RnntRow& row, const T* x, L top,
                             L log_sum) {
        if (row.u == row.sequence.labels) return -infinity<L>();
        const int64_t target = p.target(row.sequence, row.u);
        if (kBigBlanks && p.is_big_blank(target)) return not_a_number<L>();
        return p.is_label(target) ? log_prob(L{widened(x[target])}, top, log_sum)
                                  : not_a_number<L>();
    }

    // With a lane for each.
    static SF_DEVICE void save_big_blanks(const Args& args, int64_t i, int lane, L top, L log_sum) {
        const RnntProblem& p = args.problem;
        const RnntRow row = row_of(p, i);
        if (!row.inside()) return;
        if (p.normalized) top = log_sum = 0;
        const RnntSequence& s = row.sequence;
        const T* const x = args.logits.row(p, row);
        L* const out = args.saved + s.first_cell * p.columns() + row.cell();
        for (int64_t k = lane; k < p.big_blank_count; k += args.groups.lanes()) {
            const int64_t v = p.big_blanks[2 * k];
            const bool is_class = v >= 0 && v < p.classes;
            out[(kFirstExtra + k) * s.cells()] =
                is_class ? log_prob(L{widened(x[v])}, top, log_sum) : not_a_number<L>();
        }
    }

    // The logit, if the row is valid: a sigmoid would hide +inf, and what the labels have.
    static SF_DEVICE L blank_logit(L logit, L normaliser) {
        constexpr L limit = infinity<L>();
        return logit < limit && normaliser < limit ? logit : not_a_number<L>();
    }
};

// What the gradient of a row is: scale * softmax, but for two classes.
template <class L>
struct RnntRowGradient {
    bool zero;
    L scale, blank, label;
};

// Writes the gradient of the logits, perhaps over them. With kColumns, what its rows are made of
// has been computed (ArcColumns); without, it is the posteriors of the two arcs of a cell.
template <class T, bool kColumns = false>
struct RnntGradientRows {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = kRowThreads;

    struct Args {
        RnntProblem problem;
        RowGroups groups;
        RnntRowArray<const T> logits;
        RnntRowArray<T> grad;
        const L* saved;
        const Probability<L>* alpha;
        const Probability<L>* beta;
        const RnntLikelihood<L>* likelihood;  // [batch]
        const L* grad_loss;                   // [batch]
        const L* columns = nullptr;           // with kColumns, in place of the three before
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RowGroups& groups = args.groups;
        const int64_t rows = args.problem.stored_rows();
        groups.each_first(block, rows, [&](int64_t first) {
            block.each([&](int thread) {
                const int64_t i = groups.row(first, thread);
                if (i < rows) write(args, row_of(args.problem, i), groups.lane(thread));
            });
            if (!kColumns || args.problem.big_blank_count == 0) return;
            block.phase([](int) {});
            block.each([&](int thread) {
                const int64_t i = groups.row(first, thread);
                if (i < rows) write_big_blanks(args, row_of(args.problem, i), groups.lane(thread));
            });
        });
    }

    // The posteriors of the two arcs that leave cell (t, u), with what FastEmit adds.
    static SF_DEVICE RnntArcs<L> posteriors(const Args& args, const RnntSequence& s, int64_t t,
                                            int64_t u, const Probability<L>& likelihood) {
        const RnntProblem& p = args.problem;
        const int64_t cell = s.cell(t, u), after = s.begin(t + 1 + s.skew * u) + u;
        const RnntArcs<L> arcs = weighed(p, s, t, u, saved_at(p, s, args.saved, cell, u));
        Probability<L> alpha = args.alpha[s.first_cell + cell];
        alpha.mantissa *= 1 / likelihood.mantissa;
        const auto posterior = [&](L arc, const Probability<L>& beta) {
            return minimum(relative_to(likelihood.exponent, alpha * (probability(arc) * beta)),
                           L{1});
        };
        // Beta of where an arc leads; beyond the last frame there is only the end.
        const auto beta = [&](int64_t labels, bool leaves) {
            if (!leaves) return args.beta[s.first_cell + after + labels];
            return u + labels == s.labels ? certain<L>() : impossible<L>();
        };
        const bool last = t == s.frames - 1;
        RnntArcs<L> of = {posterior(arcs.blank, beta(0, last)), 0};
        if (u < s.labels) of.label = posterior(arcs.label, beta(1, last && s.skew == 0));
        of.label *= static_cast<L>(1 + p.fastemit);
        return of;
    }

    // What the gradient of a row is.
    static SF_DEVICE RnntRowGradient<L> gradient_of(const Args& args, const RnntRow& row) {
        const int64_t b = row.sequence.index;
        const L upstream = args.grad_loss[b];
        if (!row.inside() || upstream == 0) return {true, 0, 0, 0};
        const RnntLikelihood<L>& likelihood = args.likelihood[b];
        const bool feasible = likelihood.value.exponent != -infinity<L>();
        if (likelihood.valid && !feasible) return {true, 0, 0, 0};
        if (!likelihood.valid || upstream != upstream) {
            const L nan = not_a_number<L>();
            return {false, args.problem.normalized ? L{0} : nan, nan, nan};
        }
        return columns(args, row, likelihood.value, upstream);
    }

  private:
    static SF_DEVICE void write(const Args& args, const RnntRow& row, int lane) {
        const RnntProblem& p = args.problem;
        T* const to = args.grad.row(p, row);
        const RowPart<T> part = {args.logits.row(p, row), p.classes, lane, args.groups.lanes()};
        const RnntRowGradient<L> gradient =
            kColumns ? of_columns(args, row) : gradient_of(args, row);
        if (gradient.zero) return part.clear(to);
        const int64_t target =
            row.u < row.sequence.labels ? p.target(row.sequence, row.u) : p.blank;
        const L label = row.u < row.sequence.labels ? gradient.label : gradient.blank;
        if (gradient.scale == 0) {
            part.write(to, [&](auto& x, int64_t first) {
                replace(x, first, target, label);
                replace(x, first, p.blank, gradient.blank);
            });
            return;
        }
        const L normaliser = args.saved[row.sequence.first_cell * p.columns() + row.cell()];
        const L limit = p.clamp > 0 ? static_cast<L>(p.clamp) : infinity<L>();
        const L factor = p.clamp > 0 ? args.grad_loss[row.sequence.index] : L{1};
        part.change(to, [&](auto& x, int64_t first) {
            for (L& value : x) {
                const L wanted = gradient.scale * quick_exp(value - normaliser);
                value = (wanted > limit ? limit : wanted) * factor;
            }
            replace(x, first, target, label);
            replace(x, first, p.blank, gradient.blank);
        });
    }

    // Over what others of the row's threads wrote.
    // Whether a class is one of the first big blanks; then they are no big blanks, and all is NaN.
    static SF_DEVICE bool is_listed(const int32_t* big_blanks, int64_t v, int64_t count) {
        for (int64_t k = 0; k < count; ++k) {
            if (big_blanks[2 * k] == v) return true;
        }
        return false;
    }

    static SF_DEVICE void write_big_blanks(const Args& args, const RnntRow& row, int lane) {
        const RnntProblem& p = args.problem;
        if (!row.inside()) return;
        const RnntSequence& s = row.sequence;
        T* const to = args.grad.row(p, row);
        const L* const columns = args.columns + s.first_cell * p.columns() + row.cell();
        for (int64_t k = lane; k < p.big_blank_count; k += args.groups.lanes()) {
            const int64_t v = p.big_blanks[2 * k];
            if (v < 0 || v >= p.classes || is_listed(p.big_blanks, v, k)) continue;
            to[v] = narrowed<T>(columns[(kFirstExtra + k) * s.cells()]);
        }
    }

    static SF_DEVICE RnntRowGradient<L> of_columns(const Args& args, const RnntRow& row) {
        if (!row.inside()) return {true, 0, 0, 0};
        const RnntSequence& s = row.sequence;
        const L* const columns = args.columns + s.first_cell * args.problem.columns() + row.cell();
        const L scale = columns[kRow], blank = columns[kBlankColumn * s.cells()],
                label = columns[kLabelColumn * s.cells()];
        return {scale == 0 && blank == 0 && label == 0, scale, blank, label};
    }

    static SF_DEVICE RnntRowGradient<L> columns(const Args& args, const RnntRow& row,
                                                const Probability<L>& likelihood, L upstream) {
        const RnntProblem& p = args.problem;
        const RnntSequence& s = row.sequence;
        RnntArcs<L> posterior = posteriors(args, s, row.t, row.u, likelihood);
        if (p.pays_next_blank && row.u > 0) {
            posterior.blank += posteriors(args, s, row.t, row.u - 1, likelihood).label;
        }
        const L occupancy = posterior.blank + posterior.label;
        if (occupancy == 0) return {true, 0, 0, 0};
        const RnntSaved<L> saved = saved_at(p, s, args.saved, row.cell(), row.u);
        const L softmax = p.normalized ? 0 : p.hat ? posterior.label : occupancy;
        const L blank_softmax = p.normalized ? 0 : occupancy;
        const L blank = p.hat ? 1 / (1 + exp(-saved.blank)) : exp(saved.blank);
        return {false, p.clamp > 0 ? softmax : softmax * upstream,
                clamped(p, fused(blank_softmax, blank, -posterior.blank)) * upstream,
                clamped(p, fused(softmax, exp(saved.label), -posterior.label)) * upstream};
    }

    static SF_DEVICE L clamped(const RnntProblem& p, L value) {
        if (!(p.clamp > 0)) return value;
        const L limit = static_cast<L>(p.clamp);
        return minimum(maximum(value, -limit), limit);
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_RNNT_ROWS_HPP_
