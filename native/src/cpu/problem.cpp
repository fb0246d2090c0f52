// Checks of arguments; each message names the argument, where, what it is and what it may be.
#include "problem.hpp"

#include <algorithm>
#include <cinttypes>

#include "status.hpp"

namespace seqfront {

void check_threads(const char* op, int32_t threads) {
    if (threads < 0) invalid("%s: threads is %" PRId32 ", needed 0 or more", op, threads);
}

void check_blank(const char* op, int64_t blank, int64_t classes) {
    if (blank < 0 || blank >= classes) {
        invalid("%s: blank is %" PRId64 ", needed 0..%" PRId64, op, blank, classes - 1);
    }
}

void check_element_count(const char* op, std::initializer_list<int64_t> sizes) {
    int64_t count = 1;
    for (const int64_t size : sizes) {
        const bool overflow = __builtin_mul_overflow(count, std::max<int64_t>(1, size), &count);
        if (overflow || count > kMaxElements) {
            invalid("%s: the sizes are too large: more than 2^56 elements", op);
        }
    }
}

void check_lengths(const char* op, const char* name, const int32_t* lengths, int64_t batch,
                   int64_t limit) {
    for (int64_t b = 0; b < batch; ++b) {
        if (lengths[b] < 0 || lengths[b] > limit) {
            invalid("%s: %s[%" PRId64 "] is %" PRId32 ", needed 0..%" PRId64, op, name, b,
                    lengths[b], limit);
        }
    }
}

void check_targets(const char* op, const LatticeProblem& p) {
    for (int64_t b = 0; b < p.batch; ++b) {
        for (int64_t k = 0; k < p.label_lengths[b]; ++k) {
            const int32_t value = p.targets[b * p.labels + k];
            if (value < 0 || value >= p.classes || value == p.blank) {
                invalid("%s: targets[%" PRId64 ", %" PRId64 "] is %" PRId32 ", needed 0..%" PRId64
                        " and not the blank %" PRId64,
                        op, b, k, value, p.classes - 1, p.blank);
            }
        }
    }
}

void check_target_rows(const char* op, int64_t rows, int64_t batch) {
    if (rows != batch && rows != 1) {
        invalid("%s: targets has %" PRId64 " rows, needed %" PRId64
                ", or 1 with all sequences one after another",
                op, rows, batch);
    }
}

LatticeProblem::LatticeProblem(const Call& call, const Places& at)
    : LatticeProblem(call, at, call.size(at.logits, 1)) {}

LatticeProblem::LatticeProblem(const Call& call, const Places& at, int64_t most_frames)
    : batch(call.size(at.targets, 0)),
      frames(most_frames),
      labels(call.size(at.targets, 1)),
      classes(at.weight < 0 ? call.size(at.logits, call.input(at.logits).rank - 1)
                            : call.size(at.weight, 0)),
      blank(call.integer(at.blank)),
      targets(call.in<int32_t>(at.targets)),
      frame_lengths(call.in<int32_t>(at.targets + 1)),
      label_lengths(call.in<int32_t>(at.targets + 2)),
      threads(call.threads()) {
    check_blank(call.name(), blank, classes);
    check_lengths(call.name(), "frame_lengths", frame_lengths, batch, frames);
    check_lengths(call.name(), "label_lengths", label_lengths, batch, labels);
    check_targets(call.name(), *this);
}

}  // namespace seqfront
