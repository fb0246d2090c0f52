// A checked call of the CTC op: its arrays, and where each sequence has its labels.
#ifndef SEQFRONT_CPU_CTC_PROBLEM_HPP_
#define SEQFRONT_CPU_CTC_PROBLEM_HPP_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "op.hpp"
#include "problem.hpp"

namespace seqfront {

namespace ctc {
enum Input { kLogits, kTargets, kFrameLengths, kLabelLengths, kLogPrior };
enum GradientInput { kFrames = kLogPrior + 1, kStates, kEnds, kGradLoss };  // and those above
enum Attribute {
    kBlank,
    kNormalized,
    kLabelLoop,
    kPriorScale,
    kStar,
    kStarAny,
    kStarScore,
    kMaxApprox  // of the loss only
};

// The value of `star` that says that no target is one.
constexpr int64_t kNoStar = INT32_MIN;

// The gradient starts again from the states at so many frames, evenly spaced, which the loss saves.
// In between it computes all states again, which costs less than fetching them from memory.
constexpr int64_t kCheckpoints = 16;
constexpr int64_t kEndsSize = 2 + 2 * kCheckpoints;  // loss, how it ends, rest of the states
}  // namespace ctc

// Checks of what is known without a look at the arrays. Throw InvalidArgument.
void check_ctc_options(const Call& call);
void check_ctc_rows(const Call& call);  // that each sequence has a row of targets

struct CtcProblem {
    // Throws InvalidArgument.
    explicit CtcProblem(const Call& call, bool max_approx = false);

    int64_t batch, frames, classes, blank;
    int64_t target_rows, target_columns;  // batch rows, or 1 with all targets one after another
    int64_t most_labels;                  // of any sequence
    int64_t logits_stride[2];
    const int32_t* targets;
    const int32_t* frame_lengths;  // [batch]
    const int32_t* label_lengths;  // [batch]
    const sf_array* log_prior;     // null: none
    std::vector<int64_t> starts;   // where the labels of each sequence begin in the targets
    bool normalized, max_approx, label_loop;
    bool has_star;  // a target may be the star
    bool star_any;  // which stands for all classes but the blank
    int64_t star;
    double star_score;
    double prior_scale;
    int32_t threads;

    // What alignments are weighted by is more than log-probs of classes.
    bool weighted() const { return has_star || log_prior != nullptr; }
    // Frames from one checkpoint to the next.
    int64_t interval() const {
        return std::max<int64_t>(1, (frames + ctc::kCheckpoints - 1) / ctc::kCheckpoints);
    }

  private:
    void check_labels(const char* op) const;
    void check_prior(const char* op) const;
};

// One sequence of it.
struct CtcSequence {
    int64_t index, frames, labels;
    const int32_t* targets;

    CtcSequence(const CtcProblem& p, int64_t b)
        : index(b),
          frames(p.frame_lengths[b]),
          labels(p.label_lengths[b]),
          targets(labels > 0 ? p.targets + p.starts[static_cast<size_t>(b)] : nullptr) {}

    int64_t pitch() const { return labels + 1; }  // of scores and of rows of the gradient
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_CTC_PROBLEM_HPP_
