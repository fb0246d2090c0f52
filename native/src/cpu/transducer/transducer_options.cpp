// Attributes of the transducer family: their values, and which make no sense.
#include "transducer/transducer_options.hpp"

#include <cinttypes>
#include <cmath>

#include "status.hpp"

namespace seqfront {
namespace {

void check_choice(const char* op, const char* name, int64_t value) {
    if (value < 0 || value > 2) {
        invalid("%s: %s is %" PRId64 ", needed 0, 1 or 2", op, name, value);
    }
}

void check_number(const char* op, const char* name, double value, bool negative) {
    if (!std::isfinite(value) || (!negative && value < 0)) {
        invalid("%s: %s is %g, needed a finite number%s", op, name, value,
                negative ? "" : ", 0 or more");
    }
}

}  // namespace

TransducerOptions::TransducerOptions(const Call& call)
    : normalized(call.named("normalized", 0) != 0),
      hat(call.named("hat", 0) != 0),
      fastemit_scale(call.named("fastemit_scale", 0) != 0),
      topology(static_cast<int64_t>(call.named("topology", kRegular))),
      star(static_cast<int64_t>(call.named("star", kNoStar))),
      fastemit(call.named("fastemit", 0)),
      clamp(call.named("clamp", 0)),
      delay_penalty(call.named("delay_penalty", 0)),
      sigma(call.named("sigma", 0)),
      star_weight(call.named("star_weight", 0)) {
    check_choice(call.name(), "topology", topology);
    check_choice(call.name(), "star", star);
    check_number(call.name(), "fastemit", fastemit, false);
    check_number(call.name(), "clamp", clamp, false);
    check_number(call.name(), "delay_penalty", delay_penalty, true);
    check_number(call.name(), "sigma", sigma, true);
    check_number(call.name(), "star_weight", star_weight, true);
    if (hat && normalized) {
        invalid("%s: hat makes log-probs of its own, so the logits cannot be normalized",
                call.name());
    }
}

void TransducerOptions::check_big_blanks(const char* op) const {
    if (hat) invalid("%s: hat has one blank, so it cannot go with big_blanks", op);
}

void no_duration_above_0(const char* op) {
    invalid("%s: durations has none above 0, so no path gets to the last frame", op);
}

}  // namespace seqfront
