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

    // What is taken from the log-prob of a class.
    SF_DEVICE L of_prior(int64_t v) const {
        return log_prior == nullptr ? L{0} : prior_scale * log_prior[v];
    }
};

// What a label, or what stands in its place, adds to an alignment in any frame.
template <class L>
struct CtcTarget {
    enum Kind { kClass, kStar, kNothing };

    Kind kind;
    int64_t v;  // a class: of what is none, the blank
    L prior;

    static SF_DEVICE CtcTarget of(const CtcProblem& p, const CtcWeights<L>& weights,
                                  int64_t target) {
        if (p.is_label(target)) return {kClass, target, weights.of_prior(target)};
        return {p.is_star(target) ? kStar : kNothing, p.blank, 0};
    }
    static SF_DEVICE CtcTarget of_blank(const CtcProblem& p, const CtcWeights<L>& weights) {
        return {kClass, p.blank, weights.of_prior(p.blank)};
    }
    // From the logit of class v.
    SF_DEVICE L score(const CtcWeights<L>& weights, const CtcNormaliser<L>& of, L logit) const {
        const L of_class = log_prob(logit, of.top, of.log_sum) - prior;
        const L other = kind == kStar ? weights.star_score + of.any : not_a_number<L>();
        return kind == kClass ? of_class : other;
    }
};

// Begins a row of scores, and ends it: the last blank has no label.
template <class L>
SF_DEVICE void write_blank_score(L* to, const CtcSequence& s, L blank) {
    *reinterpret_cast<CtcBlankScore<L>*>(to) = {probability(blank), blank, 0};
    to[CtcProblem::kHeader + s.labels] = -infinity<L>();
}

// Scores of all frames, and their normalisers. Reads the logits once.
template <class T>
struct CtcScores {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = kRowThreads;

    struct Args {
        CtcProblem problem;
        RowGroups groups;
        CtcWeights<L> weights;
        RowArray<const T, 2> logits;
        CtcNormaliser<L>* normalisers;  // [batch, frames]
        L* scores;                      // [batch, frames, pitch]: CtcBlankScore, labels, -inf
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RowGroups& groups = args.groups;
        const CtcProblem& p = args.problem;
        const bool reads = !p.normalized || p.star_any;
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
                if (reads) of = normaliser(args, row, whole.top(thread), whole.log_sum(thread));
                if (score(args, row, of)) wrong[thread] = 1;
                if (row.lane == 0) args.normalisers[row.index] = of;
            });
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
        mine.prefetch(false);
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
        const T* const logits = row.logits(args);
        const auto score_of = [&](const CtcTarget<L>& target) {
            const L score = target.score(args.weights, of, widened(logits[target.v]));
            wrong |= !(score < infinity<L>());
            return score;
        };
        if (row.lane == 0) {
            write_blank_score(to, s, score_of(CtcTarget<L>::of_blank(p, args.weights)));
        }
        for (int64_t k = row.lane; k < s.labels; k += args.groups.lanes()) {
            const auto target = CtcTarget<L>::of(p, args.weights, p.target(s, k));
            to[CtcProblem::kHeader + k] = score_of(target);
        }
        return wrong;
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_SCORES_HPP_
