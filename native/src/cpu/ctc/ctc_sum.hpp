// The sum over all alignments of CTC, for one sequence after another: the kernels of simd_ctc.hpp
// with the memory they need. ctc_best_path.hpp has the same functions for the best alignment.
#ifndef SEQFRONT_CPU_CTC_SUM_HPP_
#define SEQFRONT_CPU_CTC_SUM_HPP_

#include <cstring>

#include "ctc/ctc_problem.hpp"
#include "gradient_rows.hpp"

namespace seqfront {

// What is known once all frames have been seen.
template <class L>
struct CtcEnd {
    L loss;
    L rest;  // CtcSum: exponent of the likelihood; CtcBestPath: in which state the path ends
};

// Where and from what the gradient of a sequence is made.
template <class L>
struct CtcTask {
    const L* scores;  // of some frames
    int64_t frames;
    L* rows;  // for them
    const std::vector<int32_t>& repeats;
    L upstream, occupancy;
    CtcEnd<L> end;
};

template <class L>
class CtcSum {
  public:
    // For sequences of up to `labels`. Keeps the states at up to `frames` frames.
    CtcSum(const LatticeKernels<L>& kernels, bool label_loop, int64_t labels, int64_t frames)
        : kernels_(kernels),
          label_loop_(label_loop),
          skip_(allocate<L>(ctc_padded(labels))),
          states_(allocate<L>(std::max<int64_t>(2, frames) * ctc_states(labels))),
          scratch_(allocate<L>(2 * ctc_padded(labels))) {}

    // Turns to a sequence.
    void ready(const CtcSequence& s) {
        labels_ = s.labels;
        for (int64_t k = 0; k < s.labels; ++k) {
            const bool may = k > 0 && (!label_loop_ || s.targets[k] != s.targets[k - 1]);
            skip_[k] = may ? 0 : kImpossible;
        }
        std::fill(skip_.get() + s.labels, skip_.get() + width(), kImpossible);
    }

    // States before the first frame.
    void start(L* states) const {
        clear(states);
        states[width()] = 0;  // blank_0 is certain
    }

    // From the states before some frames to those after them.
    void advance(const L* scores, int64_t frames, L* states) {
        kernels_.ctc_advance(lattice(scores, frames), states, states_.get(), 2);
        std::memcpy(states, states_.get() + (frames - 1) % 2 * size(), bytes(size()));
    }

    CtcEnd<L> end(const L* states) const {
        const Likelihood<L> likelihood = kernels_.ctc_likelihood(labels_, states);
        return {loss_of(likelihood), likelihood.exponent};
    }

    // The way to the end from after the last frame.
    void start_back(const CtcEnd<L>&, L* beta) const {
        clear(beta);
        beta[width() + labels_] = 0;
        if (labels_ > 0) beta[3 * width() + labels_ - 1] = 0;
    }

    // The rows of the gradient, from the states before the frames of the task.
    void retreat(const CtcTask<L>& task, const L* states, L* beta) {
        const CtcLattice<L> frames = lattice(task.scores, task.frames);
        kernels_.ctc_advance(frames, states, states_.get(), task.frames);
        const CtcGradient<L> gradient = {
            task.rows,     task.repeats.data(), static_cast<int64_t>(task.repeats.size() / 2),
            task.upstream, task.occupancy,      task.end.rest,
            scratch_.get()};
        kernels_.ctc_retreat(frames, gradient, states_.get(), beta);
    }

    // States without the padding of vectors: 4 * labels elements, and 2.
    void pack(const L* states, L* body, L* tail) const {
        for (int64_t i = 0; i < 4; ++i) {
            std::memcpy(body + i * labels_, states + i * width(), bytes(labels_));
        }
        tail[0] = states[labels_];
        tail[1] = states[width() + labels_];
    }
    void unpack(const L* body, const L* tail, L* states) const {
        clear(states);
        for (int64_t i = 0; i < 4; ++i) {
            std::memcpy(states + i * width(), body + i * labels_, bytes(labels_));
        }
        states[labels_] = tail[0];
        states[width() + labels_] = tail[1];
    }

  private:
    static constexpr L kImpossible = -std::numeric_limits<L>::infinity();

    int64_t width() const { return ctc_padded(labels_); }
    int64_t size() const { return ctc_states(labels_); }
    static size_t bytes(int64_t count) { return static_cast<size_t>(count) * sizeof(L); }

    // Makes all states impossible: mantissas and exponents of the blanks, then of the labels.
    void clear(L* states) const {
        for (int64_t i = 0; i < 4; ++i) {
            std::fill_n(states + i * width(), width(), i % 2 == 0 ? L{1} : kImpossible);
        }
    }
    CtcLattice<L> lattice(const L* scores, int64_t frames) const {
        return {frames, labels_, scores, skip_.get(), label_loop_};
    }

    const LatticeKernels<L>& kernels_;
    bool label_loop_;
    int64_t labels_ = 0;
    Buffer<L> skip_;
    Buffer<L> states_;
    Buffer<L> scratch_;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_CTC_SUM_HPP_
