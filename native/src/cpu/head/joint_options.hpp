// The inputs of joint_rnnt and the attributes that are its own: the same on every device.
#ifndef SEQFRONT_CPU_JOINT_OPTIONS_HPP_
#define SEQFRONT_CPU_JOINT_OPTIONS_HPP_

#include "op.hpp"
#include "simd/kernels.hpp"

namespace seqfront {

namespace joint {
enum Input {
    kSource,
    kPrediction,
    kWeight,
    kBias,
    kTargets,
    kFrameLengths,
    kLabelLengths,
    kWindows,
    kBigBlanks,
    kSaved,
    kGradLoss
};
enum Gradient { kGradSource, kGradPrediction, kGradWeight, kGradBias };
enum Attribute { kBlank, kActivation, kEpsilon };  // and those of TransducerOptions
}  // namespace joint

struct JointOptions {
    // Throws InvalidArgument for what makes no sense.
    explicit JointOptions(const Call& call);

    Activation activation;
    double epsilon;  // cells of less weight have no gradient
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_JOINT_OPTIONS_HPP_
