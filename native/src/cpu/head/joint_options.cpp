// Attributes of joint_rnnt: their values, and which make no sense.
#include "head/joint_options.hpp"

#include "status.hpp"

namespace seqfront {

JointOptions::JointOptions(const Call& call)
    : activation(static_cast<Activation>(call.integer(joint::kActivation))),
      epsilon(call.number(joint::kEpsilon)) {
    if (activation < kNone || activation > kRelu) {
        invalid("%s: activation is %d, needed 0, 1 or 2", call.name(), activation);
    }
    if (!(epsilon >= 0)) invalid("%s: epsilon is %g, needed 0 or more", call.name(), epsilon);
}

}  // namespace seqfront
