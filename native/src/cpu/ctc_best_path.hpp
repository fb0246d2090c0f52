// The best alignment of CTC alone (Viterbi), instead of the sum over all.
//
// Plain code: a maximum and an addition for each arc, in double, and one byte per state and frame
// to find the way back. Of equally good ways into a state it takes the one that moves least: stay,
// then the state before, then the skip.
#ifndef SEQFRONT_CPU_CTC_BEST_PATH_HPP_
#define SEQFRONT_CPU_CTC_BEST_PATH_HPP_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels.hpp"
#include "problem.hpp"

namespace seqfront {

template <class L>
class CtcBestPath {
  public:
    // For sequences up to these sizes; no frames: never used.
    CtcBestPath(int64_t frames, int64_t labels)
        : back_(allocate<uint8_t>(frames * (2 * labels + 1))),
          score_(allocate<double>(frames > 0 ? 2 * labels + 1 : 0)),
          emission_(allocate<L>(frames > 0 ? labels + 2 : 0)),
          first_(frames > 0 ? static_cast<size_t>(labels) : 0) {}

    // -log p of the best path; NaN if a log-prob is NaN or +inf.
    L loss(const CtcLattice<L>& lattice) {
        const int64_t states = 2 * lattice.labels + 1;
        std::fill_n(score_.get(), states, kImpossible);
        bool valid = true;
        for (int64_t t = 0; t < lattice.frames; ++t) {
            valid = advance(lattice, t) && valid;
        }
        if (!valid) return std::numeric_limits<L>::quiet_NaN();
        return static_cast<L>(0.0 - score_[last_state(lattice)]);
    }

    // Also writes the rows of the gradient, if the loss it returns is finite.
    L gradient(const CtcLattice<L>& lattice, const CtcGradient<L>& to,
               const LatticeKernels<L>& kernels) {
        const L value = loss(lattice);
        if (!(value < std::numeric_limits<L>::infinity())) return value;
        const int64_t labels = lattice.labels, pitch = labels + 2;
        const L occupancy = to.normalized ? L{0} : to.upstream;
        for (int64_t k = 0; k < labels; ++k) first_[static_cast<size_t>(k)] = k;
        for (int64_t i = 0; i < to.repeat_count; ++i) {
            first_[static_cast<size_t>(to.repeats[2 * i])] = to.repeats[2 * i + 1];
        }
        int64_t state = last_state(lattice);
        for (int64_t t = lattice.frames - 1; t >= 0; --t) {
            L* row = to.rows + t * pitch;
            kernels.exp(lattice.log_probs + t * pitch + 1, emission_.get(), labels + 1);
            row[0] = occupancy;
            for (int64_t i = 0; i <= labels; ++i) row[1 + i] = occupancy * emission_[i];
            row[state % 2 == 0 ? 1 : 2 + first_[static_cast<size_t>(state / 2)]] -= to.upstream;
            state -= back_[t * (2 * labels + 1) + state];
        }
        return value;
    }

  private:
    static constexpr double kImpossible = -std::numeric_limits<double>::infinity();

    int64_t last_state(const CtcLattice<L>& lattice) const {
        const int64_t last = 2 * lattice.labels;
        return last > 0 && score_[last - 1] > score_[last] ? last - 1 : last;
    }

    // One frame, in place: descending, so that the scores of earlier states are still the old ones.
    // Whether its log-probs are valid.
    bool advance(const CtcLattice<L>& lattice, int64_t t) {
        const int64_t labels = lattice.labels;
        const L* row = lattice.log_probs + t * (labels + 2);
        uint8_t* back = back_.get() + t * (2 * labels + 1);
        for (int64_t s = 2 * labels; s >= 0; --s) {
            const int64_t k = s / 2;
            const bool is_label = s % 2 != 0;
            const double emission = static_cast<double>(row[is_label ? 2 + k : 1]);
            double best = is_label && !lattice.label_loop ? kImpossible : score_[s];
            int move = 0;
            if (t == 0) best = s <= 1 ? 0 : kImpossible;
            if (t > 0 && s >= 1 && score_[s - 1] > best) {
                best = score_[s - 1];
                move = 1;
            }
            if (t > 0 && is_label && k > 0 && lattice.skip[k] == 0 && score_[s - 2] > best) {
                best = score_[s - 2];
                move = 2;
            }
            score_[s] = best + emission;
            back[s] = static_cast<uint8_t>(move);
        }
        return row[0] < std::numeric_limits<L>::infinity();
    }

    Buffer<uint8_t> back_;
    Buffer<double> score_;
    Buffer<L> emission_;
    std::vector<int64_t> first_;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_CTC_BEST_PATH_HPP_
