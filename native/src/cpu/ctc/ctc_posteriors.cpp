// How probable it is, in each frame, that an alignment is in a blank or in a label: the posteriors
// of the states of CTC, the blanks taken together.
#include <algorithm>
#include <limits>
#include <vector>

#include "ctc/ctc_measure.hpp"
#include "ctc/ctc_sum.hpp"
#include "op.hpp"

namespace seqfront {
namespace {

enum Output { kScore, kBlanks, kLabels };

template <class T>
class CtcPosteriors {
    using L = typename RowKernelsOf<T>::Lattice;

  public:
    // Memory for sequences of the problem, one after another.
    CtcPosteriors(const CtcProblem& p, const CtcMeasure<T>& measure)
        : p_(p),
          measure_(measure),
          size_(ctc_states(p.most_labels)),
          block_(ctc_block(p, size_ * static_cast<int64_t>(sizeof(L)))),
          lattice_(lattice_kernels<L>(kernels()), p.label_loop, p.most_labels, block_),
          states_(allocate<L>((p.frames / block_ + 2) * size_)),
          scores_(allocate<L>(block_ * (p.most_labels + 1))),
          rows_(allocate<L>(block_ * (p.most_labels + 1))) {}

    // log p of a sequence; its posteriors go to `blank` [frames] and `labels` [frames, columns],
    // which are zeros before.
    L run(const CtcSequence& s, L* blank, L* labels) {
        constexpr L infinity = std::numeric_limits<L>::infinity();
        if (s.frames == 0) return s.labels == 0 ? 0 : -infinity;
        if (!measure_.valid(s)) {
            fill_nan(s, blank, labels);
            return std::numeric_limits<L>::quiet_NaN();
        }
        lattice_.ready(s);
        lattice_.start(state(0));
        const int64_t blocks = (s.frames + block_ - 1) / block_;
        for (int64_t i = 0; i < blocks; ++i) {
            std::copy_n(state(i), size_, state(i + 1));
            const int64_t count = take_scores(s, i);
            lattice_.advance(scores_.get(), count, state(i + 1));
        }
        const CtcEnd<L> end = lattice_.end(state(blocks));
        if (!(end.loss < infinity)) return -infinity;
        L* const beta = state(blocks);
        lattice_.start_back(end, beta);
        for (int64_t i = blocks - 1; i >= 0; --i) retreat(s, i, end, beta, blank, labels);
        return 0 - end.loss;
    }

  private:
    L* state(int64_t i) const { return states_.get() + i * size_; }

    int64_t take_scores(const CtcSequence& s, int64_t i) const {
        const int64_t count = std::min(block_, s.frames - i * block_);
        measure_.scores(s, i * block_, count, scores_.get());
        return count;
    }

    // Block i. The lattice gives minus upstream times the posterior.
    void retreat(const CtcSequence& s, int64_t i, const CtcEnd<L>& end, L* beta, L* blank,
                 L* labels) {
        static const std::vector<int32_t> none;
        const int64_t count = take_scores(s, i);
        lattice_.retreat({scores_.get(), count, rows_.get(), none, -1, 0, end}, state(i), beta);
        for (int64_t t = 0; t < count; ++t) {
            const L* const row = rows_.get() + t * s.pitch();
            const int64_t frame = i * block_ + t;
            blank[frame] = row[0];
            std::copy_n(row + 1, s.labels, labels + frame * p_.target_columns);
        }
    }

    void fill_nan(const CtcSequence& s, L* blank, L* labels) const {
        constexpr L nan = std::numeric_limits<L>::quiet_NaN();
        std::fill_n(blank, s.frames, nan);
        for (int64_t t = 0; t < s.frames; ++t) {
            std::fill_n(labels + t * p_.target_columns, s.labels, nan);
        }
    }

    const CtcProblem& p_;
    const CtcMeasure<T>& measure_;
    int64_t size_, block_;
    CtcSum<L> lattice_;
    Buffer<L> states_;  // before each block; in the end, the way to the end
    Buffer<L> scores_, rows_;
};

template <class T>
void posteriors(const Call& call, const CtcProblem& p) {
    using L = typename RowKernelsOf<T>::Lattice;
    const int64_t cells = p.batch * p.frames;
    std::fill_n(call.out<L>(kBlanks), cells, L{0});
    std::fill_n(call.out<L>(kLabels), cells * p.target_columns, L{0});
    const CtcMeasure<T> measure(p, call.in<T>(ctc::kLogits));
    const int64_t work = 3 * ctc_lattice_work(p, p.frames);
    const int32_t threads = useful_threads(p.batch, work, usable_threads(p.threads));
    std::vector<CtcPosteriors<T>> workers;
    for (int32_t i = 0; i < threads; ++i) workers.emplace_back(p, measure);
    parallel_for(p.batch, work, threads, [&](int32_t slot, int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; ++b) {
            const int64_t frame = b * p.frames;
            call.out<L>(kScore)[b] = workers[static_cast<size_t>(slot)].run(
                CtcSequence(p, b), call.out<L>(kBlanks) + frame,
                call.out<L>(kLabels) + frame * p.target_columns);
        }
    });
}

void run(const Call& call) {
    const CtcProblem p(call);
    check_ctc_rows(call);
    with_element_type(call.input(ctc::kLogits).dtype,
                      [&](auto element) { posteriors<decltype(element)>(call, p); });
}

}  // namespace

const Op& ctc_posteriors_op() {
    static const Op op = {
        "ctc_posteriors",
        ctc_inputs(),
        {{"score", "L", "batch", 0},  // log p
         {"blanks", "L", "batch frames", 0},
         {"labels", "L", "batch frames labels", 0}},
        ctc_attributes(),
        run,
        nullptr,
    };
    return op;
}

}  // namespace seqfront
