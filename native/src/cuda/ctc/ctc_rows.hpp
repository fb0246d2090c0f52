// CTC on a GPU, the frames: from logits to what each position adds to an alignment, and from the
// posteriors to the gradient. A warp has a frame, or a block where there are many classes.
#ifndef SEQFRONT_CUDA_CTC_CTC_ROWS_HPP_
#define SEQFRONT_CUDA_CTC_CTC_ROWS_HPP_

#include "cuda/ctc/ctc_problem.hpp"
#include "cuda/rows.hpp"

namespace seqfront {
namespace cuda {

// What is kept of each frame: the parts of its normaliser.
template <class L>
struct CtcNormaliser {
    L top, log_sum, unused;
};

// Scores of all frames: of the blank, then of the labels. Reads the logits once, or with kKnown
// only those that count.
template <class T, bool kKnown>
struct CtcScores {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = kRowThreads;

    struct Args {
        CtcProblem problem;
        RowGroups groups;
        const T* logits;
        int64_t stride[2];
        const CtcNormaliser<L>* known;  // [batch, frames]
        CtcNormaliser<L>* normalisers;  // the same, to be written
        L* scores;                      // [batch, frames, positions]
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RowGroups& groups = args.groups;
        const CtcProblem& p = args.problem;
        typename Block::template PerThread<Normaliser<L>> parts(block);
        typename Block::template PerThread<L> top(block), sum(block);
        groups.each_first(block, p.rows(), [&](int64_t first) {
            if (!kKnown) {
                block.each([&](int thread) {
                    parts[thread] = part(args, groups.row(first, thread), groups.lane(thread));
                    top[thread] = parts[thread].top;
                });
                block.maximum(top, groups.wide);
                block.each([&](int thread) {
                    const L reference = Normaliser<L>::reference_of(top[thread]);
                    sum[thread] = parts[thread].sum * exp(parts[thread].top - reference);
                    top[thread] = reference;
                });
                block.sum(sum, groups.wide);
            }
            block.each([&](int thread) {
                const int64_t i = groups.row(first, thread);
                if (i >= p.rows()) return;
                const int lane = groups.lane(thread);
                if (kKnown) return score(args, i, lane, args.known[i]);
                const CtcNormaliser<L> whole =
                    p.normalized ? CtcNormaliser<L>{0, 0, 0}
                                 : CtcNormaliser<L>{top[thread], log(sum[thread]), 0};
                if (lane == 0) args.normalisers[i] = whole;
                score(args, i, lane, whole);
            });
        });
    }

  private:
    static SF_DEVICE const T* logits_of(const Args& args, const CtcFrameAt& frame) {
        return args.logits + frame.sequence.index * args.stride[0] + frame.t * args.stride[1];
    }

    static SF_DEVICE Normaliser<L> part(const Args& args, int64_t i, int lane) {
        const CtcProblem& p = args.problem;
        Normaliser<L> part;
        if (i >= p.rows() || p.normalized) return part;
        const CtcFrameAt frame = ctc_frame(p, i);
        if (!frame.inside()) return part;
        const RowPart<T> mine = {logits_of(args, frame), p.classes, lane, args.groups.lanes()};
        mine.read([&](auto& values, int64_t) { part.add(values); });
        return part;
    }

    static SF_DEVICE void score(const Args& args, int64_t i, int lane,
                                const CtcNormaliser<L>& whole) {
        const CtcProblem& p = args.problem;
        const CtcFrameAt frame = ctc_frame(p, i);
        if (!frame.inside()) return;
        const T* const x = logits_of(args, frame);
        L* const to = args.scores + p.row(frame.sequence, frame.t);
        for (int64_t k = lane; k < frame.sequence.positions(); k += args.groups.lanes()) {
            const int64_t v = k == 0 ? p.blank : p.target(frame.sequence, k - 1);
            to[k] = k == 0 || p.is_label(v) ? log_prob(L{widened(x[v])}, whole.top, whole.log_sum)
                                            : not_a_number<L>();
        }
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
        const T* logits;
        T* grad;
        int64_t stride[2], grad_stride[2];
        const CtcNormaliser<L>* normalisers;
        const L* scores;
        const int32_t* next;
        const CtcPair<Probability<L>>* alpha;  // [batch, frames, positions]
        const CtcPair<Probability<L>>* beta;
        const CtcLikelihood<L>* likelihood;  // [batch]
        const L* grad_loss;                  // [batch]
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RowGroups& groups = args.groups;
        const CtcProblem& p = args.problem;
        typename Block::template PerThread<L> on_blank(block), on_labels(block);
        groups.each_first(block, p.rows(), [&](int64_t first) {
            // The whole row first, with a barrier behind: then the classes that count, over it.
            block.phase([&](int thread) {
                on_blank[thread] = on_labels[thread] = 0;
                const int64_t i = groups.row(first, thread);
                if (i >= p.rows()) return;
                const CtcFrameAt frame = ctc_frame(p, i);
                const int lane = groups.lane(thread);
                write_softmax(args, frame, i, lane);
                if (outcome(args, frame) == kSome) {
                    sum_posteriors(args, frame, lane, on_blank[thread], on_labels[thread]);
                }
            });
            block.sum(on_blank, groups.wide);
            block.sum(on_labels, groups.wide);
            block.phase([&](int thread) {
                const int64_t i = groups.row(first, thread);
                if (i >= p.rows()) return;
                write_classes(args, ctc_frame(p, i), groups.lane(thread), on_blank[thread],
                              on_labels[thread]);
            });
        });
    }

  private:
    enum Outcome { kZero, kInvalid, kSome };

    static SF_DEVICE Outcome outcome(const Args& args, const CtcFrameAt& frame) {
        const CtcLikelihood<L>& likelihood = args.likelihood[frame.sequence.index];
        if (!frame.inside() || args.grad_loss[frame.sequence.index] == 0) return kZero;
        if (!likelihood.valid) return kInvalid;
        return likelihood.value.exponent == -infinity<L>() ? kZero : kSome;
    }

    static SF_DEVICE T* to(const Args& args, const CtcFrameAt& frame) {
        return args.grad + frame.sequence.index * args.grad_stride[0] +
               frame.t * args.grad_stride[1];
    }

    static SF_DEVICE void write_softmax(const Args& args, const CtcFrameAt& frame, int64_t i,
                                        int lane) {
        const int64_t b = frame.sequence.index;
        const T* const x = args.logits + b * args.stride[0] + frame.t * args.stride[1];
        const RowPart<T> part = {x, args.problem.classes, lane, args.groups.lanes()};
        const Outcome is = outcome(args, frame);
        if (is == kZero || args.problem.normalized) return part.clear(to(args, frame));
        const L upstream = is == kInvalid ? not_a_number<L>() : args.grad_loss[b];
        const L normaliser = args.normalisers[i].top + args.normalisers[i].log_sum;
        part.change(to(args, frame), [&](auto& values, int64_t) {
            for (L& value : values) value = upstream * exp(value - normaliser);
        });
    }

    // Posterior of a position's blank and label, times the same factor for all of the frame.
    static SF_DEVICE CtcPair<L> posterior(const Args& args, const CtcFrameAt& frame, int64_t k) {
        const int64_t at = args.problem.row(frame.sequence, frame.t) + k;
        const CtcPair<Probability<L>> alpha = args.alpha[at], beta = args.beta[at];
        const L exponent = args.likelihood[frame.sequence.index].value.exponent;
        return {relative_to(exponent, alpha.blank * beta.blank),
                relative_to(exponent, alpha.label * beta.label)};
    }

    static SF_DEVICE void sum_posteriors(const Args& args, const CtcFrameAt& frame, int lane,
                                         L& on_blank, L& on_labels) {
        const int64_t positions = frame.sequence.positions();
        for (int64_t k = lane; k < positions; k += args.groups.lanes()) {
            const CtcPair<L> of = posterior(args, frame, k);
            on_blank += of.blank;
            on_labels += of.label;
        }
    }

    // The blank, and each label by the first that is the same.
    static SF_DEVICE void write_classes(const Args& args, const CtcFrameAt& frame, int lane,
                                        L on_blank, L on_labels) {
        const CtcProblem& p = args.problem;
        const CtcSequence& s = frame.sequence;
        const Outcome is = outcome(args, frame);
        if (is == kZero) return;
        const L upstream = args.grad_loss[s.index], total = on_blank + on_labels;  // about 1
        const L weight = is == kInvalid ? not_a_number<L>() : total > 0 ? upstream / total : 0;
        const L occupancy = p.normalized ? 0 : upstream;
        const L* const scores = args.scores + p.row(s, frame.t);
        T* const row = to(args, frame);
        if (lane == 0) {
            row[p.blank] = narrowed<T>(fused(occupancy, exp(scores[0]), -(weight * on_blank)));
        }
        const int32_t* const next = args.next + s.index * p.target_columns;
        for (int64_t k = lane; k < s.labels; k += args.groups.lanes()) {
            if (next[k] < 0 || !p.is_label(p.target(s, k))) continue;
            const L sum = is == kInvalid ? 0 : sum_of_equal(args, frame, next, k);
            row[p.target(s, k)] =
                narrowed<T>(fused(occupancy, exp(scores[1 + k]), -(weight * sum)));
        }
    }

    static SF_DEVICE L sum_of_equal(const Args& args, const CtcFrameAt& frame, const int32_t* next,
                                    int64_t k) {
        L sum = posterior(args, frame, k).label;
        for (int32_t distance = next[k]; distance > 0; distance = -1 - next[k]) {
            k += distance;
            sum += posterior(args, frame, k).label;
        }
        return sum;
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_ROWS_HPP_
