// How the work of a CTC loss and of its gradient is divided: over threads, and over what is saved.
//
// Memory: the logits are the largest thing there is, and nothing of the size of [frames, labels] is
// kept beside them. Scores are taken from the logits while these are in the caches, for a few
// frames at a time. The loss saves the normaliser of each frame and the states at 16 frames. The
// gradient goes back from one of those frames to the one before, and takes the scores from the
// logits again, right before it overwrites them.
#ifndef SEQFRONT_CPU_CTC_SCHEDULE_HPP_
#define SEQFRONT_CPU_CTC_SCHEDULE_HPP_

#include <vector>

#include "ctc/ctc_problem.hpp"
#include "simd/kernels.hpp"

namespace seqfront {

// Where a sequence has its part of what is saved.
struct CtcPlaces {
    const CtcProblem& p;

    int64_t frame(const CtcSequence& s, int64_t t) const { return s.index * p.frames + t; }
    int64_t body(const CtcSequence& s, int64_t checkpoint) const {
        return 4 * (checkpoint * p.target_rows * p.target_columns +
                    p.starts[static_cast<size_t>(s.index)]);
    }
    int64_t end(const CtcSequence& s) const { return s.index * ctc::kEndsSize; }
    int64_t tail(const CtcSequence& s, int64_t checkpoint) const {
        return end(s) + 2 + 2 * checkpoint;
    }
};

inline int64_t ctc_row_work(const CtcProblem& p) { return p.classes + 2 * p.most_labels + 64; }
inline int64_t ctc_lattice_work(const CtcProblem& p, int64_t frames) {
    return 8 * frames * (p.most_labels + 2);
}

// One lattice for each thread that may take part.
template <class Lattice, class L>
std::vector<Lattice> ctc_lattices(const CtcProblem& p, const LatticeKernels<L>& kernels,
                                  int32_t threads, int64_t kept_frames) {
    std::vector<Lattice> all;
    const int64_t count = std::min<int64_t>(threads, p.batch);
    all.reserve(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
        all.emplace_back(kernels, p.label_loop, p.most_labels, kept_frames);
    }
    return all;
}

// Whether each thread takes whole sequences, logits and lattice together. With few of them, the
// threads share the rows of logits instead, and the lattices of all sequences move on together.
inline bool ctc_by_sequence(const CtcProblem& p, int32_t threads) {
    return p.batch >= 4 * threads || threads == 1;
}

}  // namespace seqfront

#endif  // SEQFRONT_CPU_CTC_SCHEDULE_HPP_
