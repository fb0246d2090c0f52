// CTC on a GPU: from logits to the score that a position's blank and label add to an alignment, as
// in cpu/ctc/ctc_rows.hpp. A warp has a frame, or a block where there are many classes.
#ifndef SEQFRONT_CUDA_CTC_CTC_SCORES_HPP_
#define SEQFRONT_CUDA_CTC_CTC_SCORES_HPP_

#include "cuda/ctc/ctc_problem.hpp"
#include "cuda/rows.hpp"

namespace seqfront {
namespace cuda {

// What scores have besides log-probs.
template <class L>
struct CtcWeights {
    const L* log_prior;  // [classes]; null: none
    L prior_scale, star_score;
};

// Scores of all frames. Reads the logits once, or with kKnown only those that count.
template <class T, bool kKnown>
struct CtcScores {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = kRowThreads;

    struct Args {
        CtcProblem problem;
        RowGroups groups;
        CtcWeights<L> weights;
        RowArray<const T, 2> logits;
        CtcNormaliser<L>* normalisers;  // [batch, frames]: read with kKnown, else written
        L* scores;                      // [batch, frames, pitch]: CtcBlankScore, labels, -inf
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RowGroups& groups = args.groups;
        const CtcProblem& p = args.problem;
        const bool reads = !kKnown && (!p.normalized || p.star_any);
        RowNormalisers<L, Block> whole(block);
        typename Block::template PerThread<Row> rows(block);
        typename Block::template PerThread<L> wrong(block);
        groups.each_first(block, p.rows(), [&](int64_t first) {
            block.each([&](int thread) { rows[thread] = Row::of(args, first, thread); });
            if (reads) whole.reduce(groups, [&](int thread) { return part(args, rows[thread]); });
            block.each([&](int thread) {
                const Row& row = rows[thread];
                wrong[thread] = 0;
                if (!row.inside) return;
                CtcNormaliser<L> of = {0, 0, 0};
                if (kKnown) of = args.normalisers[row.index];
                if (reads) of = normaliser(args, row, whole.top(thread), whole.log_sum(thread));
                if (score(args, row, of)) wrong[thread] = 1;
                if (!kKnown && row.lane == 0) args.normalisers[row.index] = of;
            });
            if (kKnown) return;
            block.maximum(wrong, groups.wide);
            block.each([&](int thread) {
                const Row& row = rows[thread];
                if (row.inside && row.lane == 0 && wrong[thread] != 0) {
                    args.normalisers[row.index].top = not_a_number<L>();
                }
            });
        });
    }

  private:
    // The row that a thread has a part of.
    struct Row {
        int64_t index;
        int lane;
        bool inside;
        CtcSequence sequence;

        static SF_DEVICE Row of(const Args& args, int64_t first, int thread) {
            Row row = {args.groups.row(first, thread), args.groups.lane(thread), false, {}};
            if (row.index >= args.problem.rows()) return row;
            const CtcFrameAt frame = ctc_frame(args.problem, row.index);
            row.inside = frame.inside();
            row.sequence = frame.sequence;
            return row;
        }
        SF_DEVICE const T* logits(const Args& args) const {
            return args.logits.row(sequence.index, index - sequence.index * args.problem.frames);
        }
    };

    // Of the classes that this lane reads; with star_any the blank is none of them.
    static SF_DEVICE Normaliser<L> part(const Args& args, const Row& row) {
        const CtcProblem& p = args.problem;
        Normaliser<L> part;
        if (!row.inside) return part;
        const RowPart<T> mine = {row.logits(args), p.classes, row.lane, args.groups.lanes()};
        if (p.star_any) {
            mine.read([&](auto& values, int64_t first) {
                replace(values, first, p.blank, -infinity<L>());
                part.add(values);
            });
        } else {
            mine.read([&](auto& values, int64_t) { part.add(values); });
        }
        return part;
    }

    // From that of all classes, or with star_any of all but the blank: their probability is exact,
    // however close to 1 the blank comes.
    static SF_DEVICE CtcNormaliser<L> normaliser(const Args& args, const Row& row, L top,
                                                 L log_sum) {
        const CtcProblem& p = args.problem;
        if (!p.star_any) return {top, log_sum, 0};
        const L any = top + log_sum, blank = widened(row.logits(args)[p.blank]);
        if (p.normalized) return {0, 0, any};
        if (any == -infinity<L>()) {
            return {blank == any ? L{0} : blank, blank == any ? any : L{0}, any};
        }
        const L odds = (blank - top) - log_sum;
        const L more = log1p(exp(-absolute(odds)));
        return {odds > 0 ? blank : top, odds > 0 ? more : log_sum + more,
                minimum(-odds, L{0}) - more};
    }

    // Whether one of those that this lane writes is NaN or +inf.
    static SF_DEVICE bool score(const Args& args, const Row& row, const CtcNormaliser<L>& of) {
        const CtcProblem& p = args.problem;
        const CtcSequence& s = row.sequence;
        L* const to = args.scores + row.index * p.pitch();
        bool wrong = false;
        if (row.lane == 0) {
            const L blank = of_class(args, row, of, p.blank);
            *reinterpret_cast<CtcBlankScore<L>*>(to) = {probability(blank), blank, 0};
            wrong = !(blank < infinity<L>());
            to[CtcProblem::kHeader + s.labels] = -infinity<L>();  // the last blank has no label
        }
        for (int64_t k = row.lane; k < s.labels; k += args.groups.lanes()) {
            const int64_t v = p.target(s, k);
            const L label = p.is_label(v)  ? of_class(args, row, of, v)
                            : p.is_star(v) ? args.weights.star_score + of.any
                                           : not_a_number<L>();
            to[CtcProblem::kHeader + k] = label;
            wrong |= !(label < infinity<L>());
        }
        return wrong;
    }

    static SF_DEVICE L of_class(const Args& args, const Row& row, const CtcNormaliser<L>& of,
                                int64_t v) {
        const CtcWeights<L>& weights = args.weights;
        const L log_p = log_prob(L{widened(row.logits(args)[v])}, of.top, of.log_sum);
        if (weights.log_prior == nullptr) return log_p;
        return log_p - weights.prior_scale * weights.log_prior[v];
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_SCORES_HPP_
