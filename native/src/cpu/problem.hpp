// What every entry point does before it computes: checks of sizes, lengths and targets.
#ifndef SEQFRONT_CPU_PROBLEM_HPP_
#define SEQFRONT_CPU_PROBLEM_HPP_

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <new>

#include "kernels.hpp"
#include "seqfront/seqfront.h"

namespace seqfront {

// The most elements an array may have, and so the largest size of an axis: what is computed from
// sizes (bytes, scratch memory, work) stays within 64 bits.
constexpr int64_t kMaxElements = int64_t{1} << 56;

void check_size(const char* op, const char* name, int64_t value);
void check_pointer(const char* op, const char* name, const void* pointer, bool needed);
void check_threads(const char* op, int32_t threads);
void check_dtype(const char* op, int32_t dtype);
void check_blank(const char* op, int64_t blank, int64_t classes);

// The product of checked sizes is within kMaxElements. (An axis of size 0 counts as one element: no
// product of some of them overflows, whichever is empty.)
void check_element_count(const char* op, std::initializer_list<int64_t> sizes);

// Each of the `batch` lengths is within 0..limit.
void check_lengths(const char* op, const char* name, const int32_t* lengths, int64_t batch,
                   int64_t limit);

// The used targets are classes other than the blank.
struct Targets {
    const int32_t* values;
    int64_t stride;
    const int32_t* lengths;
    int64_t batch;
    int64_t classes;
    int64_t blank;
};
void check_targets(const char* op, const Targets& targets);

// What RNN-T and CTC have in common: first the sizes, then what they are the sizes of.
template <class Problem>
void check_sizes(const char* op, const Problem* problem) {
    check_pointer(op, "problem", problem, true);
    check_size(op, "batch", problem->batch);
    check_size(op, "frames", problem->frames);
    check_size(op, "labels", problem->labels);
    check_size(op, "classes", problem->classes);
    check_dtype(op, problem->dtype);
    check_threads(op, problem->threads);
    check_blank(op, problem->blank, problem->classes);
}

template <class Problem>
void check_arrays(const char* op, const Problem& p, const void* logits) {
    check_pointer(op, "frame_lengths", p.frame_lengths, p.batch > 0);
    check_pointer(op, "label_lengths", p.label_lengths, p.batch > 0);
    check_pointer(op, "logits", logits, p.batch > 0 && p.frames > 0);
    check_pointer(op, "targets", p.targets, p.batch > 0 && p.labels > 0);
    check_lengths(op, "frame_lengths", p.frame_lengths, p.batch, p.frames);
    check_lengths(op, "label_lengths", p.label_lengths, p.batch, p.labels);
    check_targets(op, {p.targets, p.targets_stride, p.label_lengths, p.batch, p.classes, p.blank});
}

// Whether `grad` overwrites the logits: then it has to have their strides. No axis of a gradient
// may have stride 0, unless it has one element.
void check_gradient_layout(const char* op, const void* logits, const int64_t* logits_stride,
                           const void* grad, const int64_t* grad_stride, const int64_t* sizes,
                           int axes);

struct Free {
    void operator()(void* memory) const { std::free(memory); }
};
template <class T>
using Buffer = std::unique_ptr<T[], Free>;

// Uninitialised memory, aligned for vectors.
template <class T>
Buffer<T> allocate(int64_t count) {
    const auto bytes = (static_cast<size_t>(count) * sizeof(T) + 64) / 64 * 64;
    void* memory = std::aligned_alloc(64, bytes);
    if (memory == nullptr) throw std::bad_alloc();
    return Buffer<T>(static_cast<T*>(memory));
}

// Calls body(T{}) for the element type of a checked dtype.
template <class Body>
void with_element_type(int32_t dtype, Body&& body) {
    switch (dtype) {
        case SF_FLOAT32:
            return body(float{});
        case SF_FLOAT64:
            return body(double{});
        case SF_BFLOAT16:
            return body(BFloat16{});
        case SF_FLOAT16:
            return body(Float16{});
    }
}

}  // namespace seqfront

#endif  // SEQFRONT_CPU_PROBLEM_HPP_
