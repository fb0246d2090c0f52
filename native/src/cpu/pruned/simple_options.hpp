// The simple transducer loss: its arrays and attributes, the same on every device (see
// simple_rnnt.hpp).
#ifndef SEQFRONT_CPU_SIMPLE_OPTIONS_HPP_
#define SEQFRONT_CPU_SIMPLE_OPTIONS_HPP_

#include "op.hpp"

namespace seqfront {
namespace simple {

enum Input { kAm, kLm, kTargets, kFrameLengths, kLabelLengths };
enum SavedInput { kSaved = kLabelLengths + 1, kFrameRows, kLabelRows, kUnigram, kGradLoss };
enum Output { kLoss, kStarts, kSavedOutput, kFrameRowsOutput, kLabelRowsOutput, kUnigramOutput };
enum Attribute { kBlank, kTopology, kLmOnlyScale, kAmOnlyScale, kDelayPenalty, kBand };

// The attributes but for the blank.
struct SimpleOptions {
    // Throws InvalidArgument for what makes no sense.
    explicit SimpleOptions(const Call& call);

    // What is left for the joint log-probs: 0, if only rounding of the others is left.
    double joint_scale() const {
        const double rest = 1 - lm_only_scale - am_only_scale;
        return rest > 1e-6 ? rest : 0;
    }

    int64_t topology;
    int64_t band;  // at most all positions; 0: none
    double lm_only_scale, am_only_scale, delay_penalty;
};

// Below this a sum of products of exponentials may lack terms that were too small for a number.
template <class L>
constexpr L kSmallest = static_cast<L>(sizeof(L) == 4 ? 1e-28 : 1e-290);

}  // namespace simple
}  // namespace seqfront

#endif  // SEQFRONT_CPU_SIMPLE_OPTIONS_HPP_
