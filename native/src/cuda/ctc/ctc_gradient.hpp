// CTC on a GPU: from the posteriors of a frame's positions to the gradient of its logits, as in
// cpu/ctc/ctc_rows.hpp. A warp has a frame, or a block where there are many classes.
#ifndef SEQFRONT_CUDA_CTC_CTC_GRADIENT_HPP_
#define SEQFRONT_CUDA_CTC_CTC_GRADIENT_HPP_

#include "cpu/ctc/ctc_problem.hpp"
#include "cuda/ctc/ctc_scores.hpp"

namespace seqfront {
namespace cuda {

// The posteriors of positions: a table, or the one state that the best path is in.
template <class L>
struct CtcPosteriors {
    const CtcPair<L>* table;  // [batch, frames, positions]: all of a frame times the same factor
    const int32_t* path;      // [batch, frames]; null: the table

    SF_DEVICE CtcPair<L> at(const CtcProblem& p, int64_t row, int64_t k) const {
        if (path == nullptr) return table[row * p.positions() + k];
        return {static_cast<L>(path[row] == 2 * k), static_cast<L>(path[row] == 2 * k + 1)};
    }
};

// Writes the gradient of the logits, perhaps over them.
template <class T>
struct CtcGradientRows {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = kRowThreads;

    struct Args {
        CtcProblem problem;
        RowGroups groups;
        CtcWeights<L> weights;
        RowArray<const T, 2> logits;
        RowArray<T, 2> grad;
        const CtcNormaliser<L>* normalisers;  // [batch, frames]
        const L* scores;                      // [batch, frames, pitch]
        CtcPosteriors<L> posteriors;
        const int32_t* next;  // as CtcLinks
        const L* ends;        // [batch, 34]: the loss first
        const L* grad_loss;   // [batch]
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RowGroups& groups = args.groups;
        typename Block::template PerThread<Row> rows(block);
        typename Block::template PerThread<L> on_blank(block), on_labels(block), on_stars(block);
        groups.each_first(block, args.problem.rows(), [&](int64_t first) {
            block.each([&](int thread) {
                rows[thread] = Row::of(args, first, thread);
                prefetch_row(args, rows[thread]);
                on_blank[thread] = on_labels[thread] = on_stars[thread] = 0;
                add_posteriors(args, rows[thread], on_blank[thread], on_labels[thread],
                               on_stars[thread]);
            });
            block.sum(on_blank, groups.wide);
            block.sum(on_labels, groups.wide);
            if (args.problem.has_star) block.sum(on_stars, groups.wide);
            // The whole row first, with a barrier behind: then the classes that count, over it.
            const auto factors = [&](int thread) {
                return Factors::of(args, rows[thread], on_blank[thread] + on_labels[thread],
                                   on_stars[thread]);
            };
            block.phase([&](int thread) {
                if (rows[thread].is != kNone) write_row(args, rows[thread], factors(thread));
            });
            block.each([&](int thread) {
                const Row& row = rows[thread];
                if (row.is == kNone || row.is == kZero) return;
                write_classes(args, row, factors(thread), on_blank[thread]);
            });
        });
    }

  private:
    enum Outcome { kNone, kZero, kInvalid, kSome };

    // The row that a thread has a part of.
    struct Row {
        int64_t index;
        int lane;
        Outcome is;
        CtcSequence sequence;

        static SF_DEVICE Row of(const Args& args, int64_t first, int thread) {
            Row row = {args.groups.row(first, thread), args.groups.lane(thread), kNone, {}};
            if (row.index >= args.problem.rows()) return row;
            const CtcFrameAt frame = ctc_frame(args.problem, row.index);
            row.sequence = frame.sequence;
            row.is = frame.inside() ? outcome(args, frame.sequence.index) : kZero;
            return row;
        }
        static SF_DEVICE Outcome outcome(const Args& args, int64_t b) {
            const L loss = args.ends[b * ctc::kEndsSize];
            if (args.grad_loss[b] == 0) return kZero;
            if (loss != loss) return kInvalid;
            return loss < infinity<L>() ? kSome : kZero;
        }
        SF_DEVICE int64_t t(const Args& args) const {
            return index - sequence.index * args.problem.frames;
        }
        SF_DEVICE T* to(const Args& args) const { return args.grad.row(sequence.index, t(args)); }
        SF_DEVICE const L* scores(const Args& args) const {
            return args.scores + index * args.problem.pitch();
        }
        SF_DEVICE L blank_score(const Args& args) const {
            return reinterpret_cast<const CtcBlankScore<L>*>(scores(args))->score;
        }
    };

    // What softmaxes and posteriors of a row are multiplied by: cpu/ctc/ctc_rows.hpp.
    struct Factors {
        L posterior, softmax, blank_softmax;
        L normaliser, shift;  // shift: what the labels have of it beyond the normaliser of all

        static SF_DEVICE Factors of(const Args& args, const Row& row, L total, L on_stars) {
            const CtcProblem& p = args.problem;
            if (row.is == kZero) return {0, 0, 0, 0, 0};
            if (row.is == kInvalid) {
                const L nan = not_a_number<L>(), all = p.normalized ? 0 : nan;
                return {nan, all, all, 0, 0};
            }
            const L upstream = args.grad_loss[row.sequence.index];
            const CtcNormaliser<L> whole = args.normalisers[row.index];
            const L posterior = total > 0 ? upstream / total : 0;
            const L occupancy = p.normalized ? 0 : upstream;
            Factors of = {posterior, occupancy, occupancy, whole.top + whole.log_sum, 0};
            if (p.has_star) of.take_stars(args, row, whole.any, posterior * on_stars);
            return of;
        }

      private:
        // A constant star is no class. One of all classes but the blank takes from each of them.
        SF_DEVICE void take_stars(const Args& args, const Row& row, L any, L star) {
            const CtcProblem& p = args.problem;
            if (!p.star_any || any == -infinity<L>()) {
                softmax = blank_softmax = p.normalized ? 0 : softmax - star;
            } else {
                const L blank = exp(log_p(args, row.blank_score(args), p.blank));
                shift = any;
                normaliser += any;
                softmax = p.normalized ? -star : (softmax - star) * exp(any) - star * blank;
            }
            if (!(normaliser > -infinity<L>())) softmax = blank_softmax = 0;
        }
    };

    // What is needed only when the posteriors are there: otherwise the row would take one wait for
    // memory after the other, and the few blocks of a multiprocessor would just use its bandwidth.
    static SF_DEVICE void prefetch_row(const Args& args, const Row& row) {
        if (row.is != kSome) return;
        const CtcProblem& p = args.problem;
        const int lanes = args.groups.lanes();
        if (!p.normalized || p.star_any) logits(args, row).prefetch(true);
        prefetch(args.normalisers + row.index, 1, row.lane, lanes);
        const auto bytes = (CtcProblem::kHeader + row.sequence.labels) * int64_t{sizeof(L)};
        prefetch(row.scores(args), bytes, row.lane, lanes);
    }

    static SF_DEVICE RowPart<T> logits(const Args& args, const Row& row) {
        return {args.logits.row(row.sequence.index, row.t(args)), args.problem.classes, row.lane,
                args.groups.lanes()};
    }

    static SF_DEVICE void add_posteriors(const Args& args, const Row& row, L& on_blank,
                                         L& on_labels, L& on_stars) {
        if (row.is != kSome) return;
        const CtcProblem& p = args.problem;
        const CtcSequence& s = row.sequence;
        for (int k = row.lane; k < s.positions(); k += args.groups.lanes()) {
            const CtcPair<L> of = args.posteriors.at(p, row.index, k);
            on_blank += of.blank;
            on_labels += of.label;
            if (p.has_star && k < s.labels && p.is_star(p.target(s, k))) on_stars += of.label;
        }
    }

    static SF_DEVICE void write_row(const Args& args, const Row& row, const Factors& by) {
        const RowPart<T> part = logits(args, row);
        if (by.softmax == 0) return part.clear(row.to(args));
        part.change(row.to(args), [&](auto& values, int64_t) {
            for (L& value : values) value = by.softmax * quick_exp(value - by.normaliser);
        });
    }

    // The blank, and each label by the first that is the same. (What is invalid has no scores, and
    // gets NaN from its factors.)
    static SF_DEVICE void write_classes(const Args& args, const Row& row, const Factors& by,
                                        L on_blank) {
        const CtcProblem& p = args.problem;
        const CtcSequence& s = row.sequence;
        const bool some = row.is == kSome;
        T* const to = row.to(args);
        if (row.lane == 0) {
            const L softmax =
                some ? exp(minimum(log_p(args, row.blank_score(args), p.blank), L{0})) : 0;
            to[p.blank] = narrowed<T>(fused(by.blank_softmax, softmax, -(by.posterior * on_blank)));
        }
        const L* const scores = row.scores(args) + CtcProblem::kHeader;
        const int32_t* const next = args.next + s.start;
        for (int k = row.lane; k < s.labels; k += args.groups.lanes()) {
            const int64_t v = p.target(s, k);
            if (next[k] < 0 || !p.is_label(v)) continue;
            const L softmax = some ? exp(minimum(log_p(args, scores[k], v) - by.shift, L{0})) : 0;
            const L sum = some ? sum_of_equal(args, row, next, k) : 0;
            to[v] = narrowed<T>(fused(by.softmax, softmax, -(by.posterior * sum)));
        }
    }

    // The log-prob of a class from its score.
    static SF_DEVICE L log_p(const Args& args, L score, int64_t v) {
        return score + args.weights.of_prior(v);
    }

    static SF_DEVICE L sum_of_equal(const Args& args, const Row& row, const int32_t* next, int k) {
        L sum = args.posteriors.at(args.problem, row.index, k).label;
        for (int32_t distance = next[k]; distance != 0 && distance != -1;) {
            k += distance > 0 ? distance : -1 - distance;
            sum += args.posteriors.at(args.problem, row.index, k).label;
            distance = next[k];
        }
        return sum;
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_GRADIENT_HPP_
