// Checks of a call of the CTC op.
#include "ctc/ctc_problem.hpp"

#include <cinttypes>
#include <cmath>

#include "status.hpp"

namespace seqfront {
namespace {

// Where each sequence's labels begin.
std::vector<int64_t> starts_of(const char* op, const CtcProblem& p) {
    std::vector<int64_t> starts;
    const bool rows = p.target_rows == p.batch;
    int64_t next = 0;
    for (int64_t b = 0; b < p.batch; ++b) {
        starts.push_back(next);
        next += rows ? p.target_columns : p.label_lengths[b];
    }
    if (!rows && next > p.target_columns) {
        invalid("%s: label_lengths add up to %" PRId64 ", needed 0..%" PRId64, op, next,
                p.target_columns);
    }
    return starts;
}

template <class L>
void check_finite(const char* op, const sf_array& log_prior) {
    const L* values = static_cast<const L*>(log_prior.data);
    for (int64_t v = 0; v < log_prior.shape[0]; ++v) {
        if (!std::isfinite(values[v])) {
            invalid("%s: log_prior[%" PRId64 "] is %g, needed a finite number", op, v,
                    static_cast<double>(values[v]));
        }
    }
}

}  // namespace

void check_ctc_options(const Call& call) {
    const char* const op = call.name();
    const int64_t classes = call.size(ctc::kLogits, 2), star = call.integer(ctc::kStar);
    check_blank(op, call.integer(ctc::kBlank), classes);
    check_target_rows(op, call.size(ctc::kTargets, 0), call.size(ctc::kLogits, 0));
    if (star >= 0 && star < classes) {
        invalid("%s: star is the class %" PRId64 ", needed none of 0..%" PRId64, op, star,
                classes - 1);
    }
    if (call.has(ctc::kLogPrior) && !std::isfinite(call.number(ctc::kPriorScale))) {
        invalid("%s: prior_scale is %g, needed a finite number", op, call.number(ctc::kPriorScale));
    }
}

void check_ctc_rows(const Call& call) {
    const int64_t rows = call.size(ctc::kTargets, 0), batch = call.size(ctc::kLogits, 0);
    if (rows != batch) {
        invalid("%s: targets has %" PRId64 " rows, needed %" PRId64, call.name(), rows, batch);
    }
}

CtcProblem::CtcProblem(const Call& call, bool max_approx_)
    : batch(call.size(ctc::kLogits, 0)),
      frames(call.size(ctc::kLogits, 1)),
      classes(call.size(ctc::kLogits, 2)),
      blank(call.integer(ctc::kBlank)),
      target_rows(call.size(ctc::kTargets, 0)),
      target_columns(call.size(ctc::kTargets, 1)),
      most_labels(0),
      targets(call.in<int32_t>(ctc::kTargets)),
      frame_lengths(call.in<int32_t>(ctc::kFrameLengths)),
      label_lengths(call.in<int32_t>(ctc::kLabelLengths)),
      log_prior(call.has(ctc::kLogPrior) ? &call.input(ctc::kLogPrior) : nullptr),
      normalized(call.flag(ctc::kNormalized)),
      max_approx(max_approx_),
      label_loop(call.flag(ctc::kLabelLoop)),
      has_star(call.integer(ctc::kStar) != ctc::kNoStar),
      star_any(has_star && call.flag(ctc::kStarAny)),
      star(call.integer(ctc::kStar)),
      star_score(call.number(ctc::kStarScore)),
      prior_scale(call.number(ctc::kPriorScale)),
      threads(call.threads()) {
    const char* op = call.name();
    std::copy_n(call.input(ctc::kLogits).stride, 2, logits_stride);
    check_ctc_options(call);
    check_lengths(op, "frame_lengths", frame_lengths, batch, frames);
    check_lengths(op, "label_lengths", label_lengths, batch, target_columns);
    starts = starts_of(op, *this);
    if (batch > 0) most_labels = *std::max_element(label_lengths, label_lengths + batch);
    check_labels(op);
    check_prior(op);
}

void CtcProblem::check_labels(const char* op) const {
    for (int64_t b = 0; b < batch; ++b) {
        const int64_t start = starts[static_cast<size_t>(b)];
        for (int64_t k = 0; k < label_lengths[b]; ++k) {
            const int32_t value = targets[start + k];
            if (value >= 0 && value < classes && value != blank) continue;
            if (has_star && value == star) continue;
            const bool rows = target_rows == batch;
            invalid("%s: targets[%" PRId64 ", %" PRId64 "] is %" PRId32 ", needed 0..%" PRId64
                    " and not the blank %" PRId64,
                    op, rows ? b : 0, rows ? k : start + k, value, classes - 1, blank);
        }
    }
}

void CtcProblem::check_prior(const char* op) const {
    if (log_prior == nullptr) return;
    if (log_prior->dtype == SF_FLOAT64) {
        check_finite<double>(op, *log_prior);
    } else {
        check_finite<float>(op, *log_prior);
    }
}

}  // namespace seqfront
