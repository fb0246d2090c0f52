// The list of all ops.
#include "op.hpp"

// clang-format off
#define SEQFRONT_OPS(OP) \
    OP(automaton_advance) \
    OP(automaton_scores) \
    OP(ctc) \
    OP(ctc_align) \
    OP(ctc_posteriors) \
    OP(ctc_prefix_beam) \
    OP(edit_alignment) \
    OP(edit_distance) \
    OP(few_rows) \
    OP(head_log_probs) \
    OP(joint_rnnt) \
    OP(joint_top_labels) \
    OP(layer_norm) \
    OP(normalized_lstm) \
    OP(optimal_completion) \
    OP(rnnt) \
    OP(rnnt_align) \
    OP(rnnt_packed) \
    OP(rnnt_posteriors) \
    OP(rnnt_pruned) \
    OP(rnnt_simple) \
    OP(tdt) \
    OP(tdt_align) \
    OP(tdt_posteriors) \
    OP(top_labels)
// clang-format on

namespace seqfront {

#define DECLARED(name) const Op& name##_op();
#define ADDRESS(name) &name##_op(),

SEQFRONT_OPS(DECLARED)

const std::vector<const Op*>& all_ops() {
    static const std::vector<const Op*> ops = {SEQFRONT_OPS(ADDRESS)};
    return ops;
}

}  // namespace seqfront
