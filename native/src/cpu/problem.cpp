// Checks of arguments; each message names the argument, where, what it is and what it may be.
#include "problem.hpp"

#include <algorithm>
#include <cinttypes>

#include "status.hpp"

namespace seqfront {

void check_size(const char* op, const char* name, int64_t value) {
    if (value < 0) invalid("%s: %s is %" PRId64 ", needed 0 or more", op, name, value);
    if (value > kMaxElements) {
        invalid("%s: %s is %" PRId64 ", needed 0..%" PRId64, op, name, value, kMaxElements);
    }
}

void check_pointer(const char* op, const char* name, const void* pointer, bool needed) {
    if (needed && pointer == nullptr) invalid("%s: %s is a null pointer", op, name);
}

void check_threads(const char* op, int32_t threads) {
    if (threads < 0) invalid("%s: threads is %" PRId32 ", needed 0 or more", op, threads);
}

void check_dtype(const char* op, int32_t dtype) {
    if (dtype < SF_FLOAT32 || dtype > SF_FLOAT16) {
        invalid("%s: dtype is %d, needed 0 (float32), 1 (float64), 2 (bfloat16) or 3 (float16)", op,
                dtype);
    }
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

void check_targets(const char* op, const Targets& t) {
    for (int64_t b = 0; b < t.batch; ++b) {
        if (t.lengths[b] == 0) continue;  // the pointer may be null
        const int32_t* row = t.values + b * t.stride;
        for (int64_t k = 0; k < t.lengths[b]; ++k) {
            if (row[k] < 0 || row[k] >= t.classes || row[k] == t.blank) {
                invalid("%s: targets[%" PRId64 ", %" PRId64 "] is %" PRId32 ", needed 0..%" PRId64
                        " and not the blank %" PRId64,
                        op, b, k, row[k], t.classes - 1, t.blank);
            }
        }
    }
}

void check_gradient_layout(const char* op, const void* logits, const int64_t* logits_stride,
                           const void* grad, const int64_t* grad_stride, const int64_t* sizes,
                           int axes) {
    for (int axis = 0; axis < axes; ++axis) {
        if (sizes[axis] == 0) return;
    }
    for (int axis = 0; axis < axes; ++axis) {
        if (sizes[axis] > 1 && grad_stride[axis] == 0) {
            invalid("%s: grad_stride[%d] is 0: gradients must not overlap", op, axis);
        }
        if (sizes[axis] > 1 && grad == logits && grad_stride[axis] != logits_stride[axis]) {
            invalid("%s: grad_stride[%d] is %" PRId64 ", needed %" PRId64
                    ", the stride of the logits that grad overwrites",
                    op, axis, grad_stride[axis], logits_stride[axis]);
        }
    }
}

}  // namespace seqfront
