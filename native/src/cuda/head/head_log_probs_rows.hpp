// CTC's last layer on a GPU: what its rows are. A cell is a frame, batch * frames of them; its
// classes are those of the blank and of the labels of the sequence, the tokens 0, 1 ..
//
// Which tokens have their class in a part of a tile is known before: TokenChains makes, for each
// sequence and part, a chain of them in their order. So a thread looks at no other tokens, and
// where a label occurs more than once it adds up their gradients itself, in one order.
//
// A sequence with a length or a label out of range has log-probs of NaN, and tokens of 0.
#ifndef SEQFRONT_CUDA_HEAD_LOG_PROBS_ROWS_HPP_
#define SEQFRONT_CUDA_HEAD_LOG_PROBS_ROWS_HPP_

#include "cuda/head/head_gradient.hpp"

namespace seqfront {
namespace cuda {

struct LogProbsProblem {
    int64_t batch, frames, labels, classes, features, blank;
    int64_t part, parts;           // classes of a part of a tile, and how many parts there are
    const int32_t* targets;        // [batch, labels]
    const int32_t* frame_lengths;  // [batch]
    const int32_t* label_lengths;  // [batch]
    int32_t* valid;                // [batch]
    int32_t* heads;                // [batch, parts]: the first token of a chain, or -1
    int32_t* next;                 // [batch, labels + 1]: of a token, the next one

    SF_EVERYWHERE int64_t cells() const { return batch * frames; }
    SF_EVERYWHERE int64_t width() const { return labels + 1; }

    // Lengths within the arrays.
    SF_DEVICE int64_t frames_of(int64_t b) const { return within(frame_lengths[b], frames); }
    SF_DEVICE int64_t labels_of(int64_t b) const { return within(label_lengths[b], labels); }
    SF_DEVICE bool inside(int64_t cell) const {
        const int64_t b = divided(cell, frames);
        return cell - b * frames < frames_of(b);
    }
    SF_DEVICE int64_t token_class(int64_t b, int64_t token) const {
        return token == 0 ? blank : targets[b * labels + token - 1];
    }
    // Calls body(token, its class) for those with a class in the part that begins at `first`.
    template <class Body>
    SF_DEVICE void each_token(int64_t cell, int64_t first, Body&& body) const {
        const int64_t b = divided(cell, frames);
        for (int32_t k = heads[b * parts + first / part]; k >= 0; k = next[b * width() + k]) {
            body(int64_t{k}, token_class(b, k));
        }
    }

    static SF_DEVICE int64_t within(int64_t value, int64_t limit) {
        return value < 0 ? 0 : value > limit ? limit : value;
    }
};

// A block for each sequence.
struct TokenChains {
    static constexpr int kMostThreads = 256;

    struct Args {
        LogProbsProblem problem;
        int32_t* tokens;  // [batch, labels], the first of equal labels; or null
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const LogProbsProblem& p = args.problem;
        for (int64_t b = block.x(); b < p.batch; b += block.count_x()) {
            const bool valid = !block.any([&](int thread) { return is_wrong(p, b, thread); });
            block.each([&](int thread) {
                if (thread == 0) p.valid[b] = valid;
                for (int64_t i = thread; i < p.parts; i += kMostThreads) chain(p, b, i, valid);
                for (int64_t k = thread; args.tokens != nullptr && k < p.labels;
                     k += kMostThreads) {
                    args.tokens[b * p.labels + k] =
                        valid && k < p.label_lengths[b] ? first_equal(p, b, k) : 0;
                }
            });
        }
    }

  private:
    static SF_DEVICE bool is_wrong(const LogProbsProblem& p, int64_t b, int thread) {
        bool wrong = p.frame_lengths[b] != p.frames_of(b) || p.label_lengths[b] != p.labels_of(b);
        for (int64_t k = 1 + thread; k <= p.labels_of(b); k += kMostThreads) {
            const int64_t label = p.token_class(b, k);
            wrong |= label < 0 || label >= p.classes || label == p.blank;
        }
        return wrong;
    }

    static SF_DEVICE void chain(const LogProbsProblem& p, int64_t b, int64_t part, bool valid) {
        int32_t head = -1;
        for (int64_t k = valid ? p.labels_of(b) : -1; k >= 0; --k) {
            if (p.token_class(b, k) / p.part != part) continue;
            p.next[b * p.width() + k] = head;
            head = static_cast<int32_t>(k);
        }
        p.heads[b * p.parts + part] = head;
    }

    static SF_DEVICE int32_t first_equal(const LogProbsProblem& p, int64_t b, int64_t k) {
        const int32_t* const targets = p.targets + b * p.labels;
        int64_t first = 0;
        while (targets[first] != targets[k]) ++first;
        return static_cast<int32_t>(1 + first);
    }
};

// Log-probs where there are none: 0 in padding, NaN in a sequence that is out of range.
template <class L>
struct ClearLogProbs {
    static constexpr int kMostThreads = 256;

    struct Args {
        LogProbsProblem problem;
        L* log_probs;
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const LogProbsProblem& p = args.problem;
        block.each([&](int thread) {
            for (int64_t cell = block.x() * 8 + thread / kWarp; cell < p.cells();
                 cell += block.count_x() * 8) {
                const L value = p.valid[divided(cell, p.frames)] ? L{0} : not_a_number<L>();
                L* const to = args.log_probs + cell * p.width();
                for (int64_t k = thread % kWarp; k < p.width(); k += kWarp) to[k] = value;
            }
        });
    }
};

// A row of hidden features, as it is.
template <class T>
struct HiddenRow {
    const T* row;

    SF_DEVICE LatticeType<T> operator()(int64_t d) const { return widened(row[d]); }
};

template <class T>
struct LogProbsForwardRows {
    using Element = T;
    using L = LatticeType<T>;

    LogProbsProblem problem;
    const T* hidden_rows;
    L* log_probs;
    L* normaliser;

    SF_DEVICE bool enter(int64_t cell) const {
        return problem.inside(cell) && problem.valid[divided(cell, problem.frames)];
    }
    SF_DEVICE HiddenRow<T> hidden(int64_t cell) const {
        return {hidden_rows + cell * problem.features};
    }
    template <class Logit>
    SF_DEVICE void take(int64_t cell, int64_t first, int64_t, Logit&& logit) const {
        L* const out = log_probs + cell * problem.width();
        problem.each_token(cell, first, [&](int64_t k, int64_t v) { out[k] = logit(v); });
    }
    SF_DEVICE void finish(int64_t cell, int lane, L top, L log_sum) const {
        const int64_t labels = problem.labels_of(divided(cell, problem.frames));
        L* const out = log_probs + cell * problem.width();
        if (lane == 0) normaliser[cell] = top + log_sum;
        for (int64_t k = lane; k <= labels; k += kWarp) out[k] = log_prob(out[k], top, log_sum);
    }
};

template <class T>
struct LogProbsBackwardRows {
    using Element = T;
    using L = LatticeType<T>;

    LogProbsProblem problem;
    const T* hidden_rows;
    const L* normaliser;
    const L* upstream;  // [cells, labels + 1]
    L* sums;            // [cells, 2]: of a row of upstream, the sum and the largest

    SF_DEVICE bool enter(int64_t cell) const {
        if (!problem.inside(cell)) return false;
        const int64_t b = divided(cell, problem.frames), labels = problem.labels_of(b);
        const L* const row = upstream + cell * problem.width();
        bool some = false;
        L sum = 0, most = 0;
        for (int64_t k = 0; k <= labels; ++k) {
            some |= row[k] != 0;
            sum += row[k];
            most = maximum(most, absolute(row[k]));
        }
        sums[2 * cell] = problem.valid[b] ? sum : not_a_number<L>();
        sums[2 * cell + 1] = maximum(most, absolute(sum));
        return some;
    }
    SF_DEVICE HiddenRow<T> hidden(int64_t cell) const {
        return {hidden_rows + cell * problem.features};
    }
    SF_DEVICE RowGradient<L> gradient(int64_t cell) const {
        return {normaliser[cell], -sums[2 * cell], infinity<L>(), 1, sums[2 * cell + 1]};
    }
    SF_DEVICE void change(int64_t cell, int64_t first, int64_t, L* x) const {
        const L* const row = upstream + cell * problem.width();
        problem.each_token(cell, first, [&](int64_t k, int64_t v) { x[v - first] += row[k]; });
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_HEAD_LOG_PROBS_ROWS_HPP_
