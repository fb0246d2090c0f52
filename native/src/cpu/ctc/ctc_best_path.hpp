// The best alignment of CTC alone (Viterbi), instead of the sum over all.
//
// Plain code: a maximum and an addition for each arc, in double, and one byte per state and frame
// to find the way back. Of equally good ways into a state it takes the one that moves least: stay,
// then the state before, then the skip.
#ifndef SEQFRONT_CPU_CTC_BEST_PATH_HPP_
#define SEQFRONT_CPU_CTC_BEST_PATH_HPP_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "ctc/ctc_sum.hpp"

namespace seqfront {

template <class L>
class CtcBestPath {
  public:
    // As CtcSum.
    CtcBestPath(const LatticeKernels<L>& kernels, bool label_loop, int64_t labels, int64_t frames)
        : kernels_(kernels),
          label_loop_(label_loop),
          skip_(static_cast<size_t>(labels)),
          first_(static_cast<size_t>(labels)),
          back_(allocate<uint8_t>(std::max<int64_t>(1, frames) * (2 * labels + 1))),
          score_(allocate<double>(2 * labels + 1)),
          emission_(allocate<L>(labels + 1)) {}

    void ready(const CtcSequence& s) {
        labels_ = s.labels;
        for (int64_t k = 0; k < s.labels; ++k) {
            skip_[static_cast<size_t>(k)] =
                k > 0 && (!label_loop_ || s.targets[k] != s.targets[k - 1]);
        }
    }

    void start(L* states) const {
        double* const score = scores_in(states);
        std::fill_n(score, count(), kImpossible);
        score[0] = 0;
    }

    void advance(const L* scores, int64_t frames, L* states) {
        for (int64_t t = 0; t < frames; ++t) {
            step(scores + t * (labels_ + 1), scores_in(states), back_.get());
        }
    }

    CtcEnd<L> end(L* states) const {
        const double* const score = scores_in(states);
        const int64_t last = 2 * labels_;
        const bool in_label = last > 0 && score[last - 1] > score[last];
        return {static_cast<L>(0.0 - score[in_label ? last - 1 : last]), static_cast<L>(in_label)};
    }

    // `back` is the state that the path is in.
    void start_back(const CtcEnd<L>& end, L* back) const {
        scores_in(back)[0] = static_cast<double>(2 * labels_) - static_cast<double>(end.rest);
    }

    void retreat(const CtcTask<L>& task, const L* states, L* back) {
        std::memcpy(score_.get(), states, static_cast<size_t>(count()) * sizeof(double));
        for (int64_t t = 0; t < task.frames; ++t) {
            step(task.scores + t * (labels_ + 1), score_.get(), back_.get() + t * count());
        }
        find_first(task.repeats);
        auto state = static_cast<int64_t>(scores_in(back)[0]);
        for (int64_t t = task.frames - 1; t >= 0; --t) {
            write_row(task, t, state);
            state -= back_[t * count() + state];
        }
        scores_in(back)[0] = static_cast<double>(state);
    }

    void pack(L* states, L* body, L* tail) const {
        std::memcpy(body, states, static_cast<size_t>(2 * labels_) * sizeof(double));
        std::memcpy(tail, scores_in(states) + 2 * labels_, sizeof(double));
    }
    void unpack(const L* body, const L* tail, L* states) const {
        std::memcpy(states, body, static_cast<size_t>(2 * labels_) * sizeof(double));
        std::memcpy(scores_in(states) + 2 * labels_, tail, sizeof(double));
    }

  private:
    static constexpr double kImpossible = -std::numeric_limits<double>::infinity();

    int64_t count() const { return 2 * labels_ + 1; }
    static double* scores_in(L* states) { return reinterpret_cast<double*>(states); }

    // One frame, in place: descending, so that the scores of earlier states are still the old ones.
    void step(const L* row, double* score, uint8_t* back) const {
        for (int64_t s = 2 * labels_; s >= 0; --s) {
            const int64_t k = s / 2;
            const bool is_label = s % 2 != 0;
            double best = is_label && !label_loop_ ? kImpossible : score[s];
            int move = 0;
            if (s >= 1 && score[s - 1] > best) {
                best = score[s - 1];
                move = 1;
            }
            if (is_label && skip_[static_cast<size_t>(k)] != 0 && score[s - 2] > best) {
                best = score[s - 2];
                move = 2;
            }
            score[s] = best + static_cast<double>(row[is_label ? 1 + k : 0]);
            back[s] = static_cast<uint8_t>(move);
        }
    }

    void find_first(const std::vector<int32_t>& repeats) {
        for (int64_t k = 0; k < labels_; ++k) first_[static_cast<size_t>(k)] = k;
        for (size_t i = 0; i < repeats.size(); i += 2) {
            first_[static_cast<size_t>(repeats[i])] = repeats[i + 1];
        }
    }

    void write_row(const CtcTask<L>& task, int64_t t, int64_t state) {
        const int64_t pitch = labels_ + 1;
        L* const row = task.rows + t * pitch;
        if (task.occupancy == 0) {
            std::fill_n(row, pitch, L{0});
        } else {
            kernels_.exp(task.scores + t * pitch, emission_.get(), pitch);
            for (int64_t i = 0; i < pitch; ++i) row[i] = task.occupancy * emission_[i];
        }
        row[state % 2 == 0 ? 0 : 1 + first_[static_cast<size_t>(state / 2)]] -= task.upstream;
    }

    const LatticeKernels<L>& kernels_;
    bool label_loop_;
    int64_t labels_ = 0;
    std::vector<uint8_t> skip_;
    std::vector<int64_t> first_;
    Buffer<uint8_t> back_;
    Buffer<double> score_;
    Buffer<L> emission_;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_CTC_BEST_PATH_HPP_
