// The list of all ops.
#include "op.hpp"

namespace seqfront {

const Op& rnnt_op();
const Op& ctc_op();
const Op& edit_alignment_op();
const Op& edit_distance_op();
const Op& optimal_completion_op();

const std::vector<const Op*>& all_ops() {
    static const std::vector<const Op*> ops = {&rnnt_op(), &ctc_op(), &edit_distance_op(),
                                               &edit_alignment_op(), &optimal_completion_op()};
    return ops;
}

}  // namespace seqfront
