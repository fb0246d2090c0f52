// The best labels of rows of logits on a GPU, and the blank: a warp for each row, or a block where
// there are many classes.
//
// The logits are read once: for the normaliser, and for the few best labels of each thread's part,
// in registers. Then the threads go through the ranks: the best of what they have first is of this
// rank, and its thread brings forward its next one. A thread that has no more, which is seldom,
// reads its part again. Of equal labels the lower one is the better.
#ifndef SEQFRONT_CUDA_SEARCH_TOP_LABELS_HPP_
#define SEQFRONT_CUDA_SEARCH_TOP_LABELS_HPP_

#include "cpu/problem.hpp"
#include "cpu/search/search_inputs.hpp"
#include "cuda/rows.hpp"
#include "op.hpp"

namespace seqfront {
namespace cuda {

template <class L>
struct Candidate {
    L value;
    int32_t label;

    static SF_DEVICE Candidate nobody() { return {-infinity<L>(), INT32_MAX}; }
    SF_DEVICE bool is_better(const Candidate& than) const {
        return value > than.value || (value == than.value && label < than.label);
    }
};

// The best of those in a thread's part that are worse than what was taken, the best one first.
template <class L>
class Candidates {
  public:
    SF_DEVICE void clear() {
        SF_UNROLL
        for (Candidate<L>& one : kept_) one = Candidate<L>::nobody();
    }
    // One that is impossible, or NaN, is not.
    SF_DEVICE void add(const Candidate<L>& one) {
        if (!one.is_better(kept_[kSize - 1]) || !(one.value > -infinity<L>())) return;
        kept_[kSize - 1] = one;
        SF_UNROLL
        for (int i = kSize - 1; i > 0; --i) {
            if (kept_[i].is_better(kept_[i - 1])) swap(kept_[i], kept_[i - 1]);
        }
    }
    SF_DEVICE const Candidate<L>& first() const { return kept_[0]; }
    SF_DEVICE bool is_full() const { return kept_[kSize - 1].value > -infinity<L>(); }
    SF_DEVICE void drop_first() {
        SF_UNROLL
        for (int i = 1; i < kSize; ++i) kept_[i - 1] = kept_[i];
        kept_[kSize - 1] = Candidate<L>::nobody();
    }

  private:
    static constexpr int kSize = 4;

    static SF_DEVICE void swap(Candidate<L>& a, Candidate<L>& b) {
        const Candidate<L> before = a;
        a = b;
        b = before;
    }

    Candidate<L> kept_[kSize];
};

template <class T>
struct TopLabels {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = kRowThreads;

    struct Args {
        RowGroups groups;
        int64_t rows, classes, blank;
        RowArray<const T, 1> logits;
        const int32_t* ranks;  // [count]
        int64_t count;
        L* blank_log_probs;  // [rows]
        L* log_probs;        // [rows, count]
        int32_t* labels;     // [rows, count]
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        Rows<Block>(block, args).run();
    }

  private:
    struct Part {
        Candidates<L> best;
        bool more;  // that are not among those
    };

    template <class Block>
    class Rows {
      public:
        SF_DEVICE Rows(Block& block, const Args& args)
            : block_(block),
              args_(args),
              parts_(block),
              whole_(block),
              value_(block),
              label_(block) {}

        SF_DEVICE void run() {
            int32_t depth = 0;
            for (int64_t i = 0; i < args_.count; ++i) {
                const int32_t rank = args_.ranks[i];
                if (is_rank(rank) && rank >= depth) depth = rank + 1;
            }
            args_.groups.each_first(block_, args_.rows, [&](int64_t first) {
                normalise(first);
                block_.each([&](int thread) { write_blank(first, thread); });
                for (int32_t rank = 0; rank < depth; ++rank) {
                    find_best();
                    block_.each([&](int thread) { take(first, rank, thread); });
                }
            });
        }

      private:
        static SF_DEVICE bool is_rank(int32_t rank) { return rank >= 0 && rank < kMostRanks; }

        SF_DEVICE RowPart<T> part(int64_t row, int thread) const {
            return {args_.logits.row(row), args_.classes, args_.groups.lane(thread),
                    args_.groups.lanes()};
        }

        SF_DEVICE void normalise(int64_t first) {
            whole_.reduce(args_.groups, [&](int thread) {
                Part& own = parts_[thread];
                Normaliser<L> normaliser;
                own.best.clear();
                const int64_t row = args_.groups.row(first, thread);
                if (row < args_.rows) {
                    part(row, thread).read([&](auto& x, int64_t at) {
                        normaliser.add(x);
                        add(own.best, x, at);
                    });
                }
                own.more = own.best.is_full();
                return normaliser;
            });
        }

        template <int N>
        SF_DEVICE void add(Candidates<L>& best, const L (&x)[N], int64_t at) const {
            SF_UNROLL
            for (int i = 0; i < N; ++i) {
                if (at + i != args_.blank) best.add({x[i], static_cast<int32_t>(at + i)});
            }
        }

        // The blank; and ranks that are none.
        SF_DEVICE void write_blank(int64_t first, int thread) {
            const int64_t row = args_.groups.row(first, thread);
            if (row >= args_.rows) return;
            const int lane = args_.groups.lane(thread);
            if (lane == 0) {
                const T logit = args_.logits.row(row)[args_.blank];
                args_.blank_log_probs[row] = of_logit(widened(logit), thread);
            }
            for (int64_t i = lane; i < args_.count; i += args_.groups.lanes()) {
                if (is_rank(args_.ranks[i])) continue;
                args_.log_probs[row * args_.count + i] = not_a_number<L>();
                args_.labels[row * args_.count + i] = -1;
            }
        }

        SF_DEVICE L of_logit(L logit, int thread) {
            return log_prob(logit, whole_.top(thread), whole_.log_sum(thread));
        }

        // The best value of those that are first, and of these the lowest label.
        SF_DEVICE void find_best() {
            block_.each([&](int thread) { value_[thread] = parts_[thread].best.first().value; });
            block_.maximum(value_, args_.groups.wide);
            block_.each([&](int thread) {
                const Candidate<L>& own = parts_[thread].best.first();
                const bool best = own.value == value_[thread] && own.value > -infinity<L>();
                label_[thread] = best ? -static_cast<double>(own.label) : -infinity<double>();
            });
            block_.maximum(label_, args_.groups.wide);
        }

        SF_DEVICE void take(int64_t first, int32_t rank, int thread) {
            const int64_t row = args_.groups.row(first, thread);
            if (row >= args_.rows) return;
            const bool found = value_[thread] > -infinity<L>();
            const auto label =
                static_cast<int32_t>(found ? -label_[thread] : static_cast<double>(args_.blank));
            for (int64_t i = args_.groups.lane(thread); i < args_.count;
                 i += args_.groups.lanes()) {
                if (args_.ranks[i] != rank) continue;
                args_.log_probs[row * args_.count + i] = of_logit(value_[thread], thread);
                args_.labels[row * args_.count + i] = label;
            }
            if (found && parts_[thread].best.first().label == label) bring_forward(row, thread);
        }

        SF_DEVICE void bring_forward(int64_t row, int thread) {
            Part& own = parts_[thread];
            const Candidate<L> taken = own.best.first();
            own.best.drop_first();
            if (own.best.first().value > -infinity<L>() || !own.more) return;
            part(row, thread).read([&](auto& x, int64_t at) {
                for (int i = 0; i < static_cast<int>(sizeof(x) / sizeof(x[0])); ++i) {
                    const Candidate<L> one = {x[i], static_cast<int32_t>(at + i)};
                    if (at + i != args_.blank && taken.is_better(one)) own.best.add(one);
                }
            });
            own.more = own.best.is_full();
        }

        Block& block_;
        const Args& args_;
        typename Block::template PerThread<Part> parts_;
        RowNormalisers<L, Block> whole_;
        typename Block::template PerThread<L> value_;
        typename Block::template PerThread<double> label_;
    };
};

class TopLabelsForward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const int64_t rows = call.size(0, 0), classes = call.size(0, 1), blank = call.integer(0);
        check_blank(call.name(), blank, classes);
        using Logits = RowArray<const T, 1>;
        run_rows<TopLabels<T>>(launcher, rows,
                               {RowGroups::of(classes), rows, classes, blank,
                                Logits::of(call.input(0)), call.in<int32_t>(1), call.size(1, 0),
                                call.out<L>(0), call.out<L>(1), call.out<int32_t>(2)});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call&) {
        return 0;
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_SEARCH_TOP_LABELS_HPP_
