// The list of all ops.
#include "op.hpp"

namespace seqfront {

const Op& automaton_advance_op();
const Op& automaton_scores_op();
const Op& ctc_align_op();
const Op& ctc_op();
const Op& ctc_posteriors_op();
const Op& ctc_prefix_beam_op();
const Op& edit_alignment_op();
const Op& edit_distance_op();
const Op& head_log_probs_op();
const Op& joint_rnnt_op();
const Op& optimal_completion_op();
const Op& rnnt_align_op();
const Op& rnnt_op();
const Op& rnnt_packed_op();
const Op& rnnt_posteriors_op();
const Op& rnnt_pruned_op();
const Op& rnnt_simple_op();
const Op& tdt_align_op();
const Op& tdt_op();
const Op& tdt_posteriors_op();

const std::vector<const Op*>& all_ops() {
    static const std::vector<const Op*> ops = {
        &automaton_advance_op(),
        &automaton_scores_op(),
        &ctc_align_op(),
        &ctc_op(),
        &ctc_posteriors_op(),
        &ctc_prefix_beam_op(),
        &edit_alignment_op(),
        &edit_distance_op(),
        &head_log_probs_op(),
        &joint_rnnt_op(),
        &optimal_completion_op(),
        &rnnt_align_op(),
        &rnnt_op(),
        &rnnt_packed_op(),
        &rnnt_posteriors_op(),
        &rnnt_pruned_op(),
        &rnnt_simple_op(),
        &tdt_align_op(),
        &tdt_op(),
        &tdt_posteriors_op(),
    };
    return ops;
}

}  // namespace seqfront
