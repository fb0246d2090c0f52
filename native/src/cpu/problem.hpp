// What every entry point does before it computes: checks of sizes, lengths and targets.
#ifndef SEQFRONT_CPU_PROBLEM_HPP_
#define SEQFRONT_CPU_PROBLEM_HPP_

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <new>

#include "op.hpp"
#include "seqfront/seqfront.h"
#include "simd/kernels.hpp"

namespace seqfront {

// The most elements an array may have, and so the largest size of an axis: what is computed from
// sizes (bytes, scratch memory, work) stays within 64 bits.
constexpr int64_t kMaxElements = int64_t{1} << 56;

void check_threads(const char* op, int32_t threads);
void check_blank(const char* op, int64_t blank, int64_t classes);

// The product of checked sizes is within kMaxElements. (An axis of size 0 counts as one element: no
// product of some of them overflows, whichever is empty.)
void check_element_count(const char* op, std::initializer_list<int64_t> sizes);

struct LatticeProblem;

// Each of the `batch` lengths is within 0..limit.
void check_lengths(const char* op, const char* name, const int32_t* lengths, int64_t batch,
                   int64_t limit);

// The used targets are classes other than the blank.
void check_targets(const char* op, const LatticeProblem& p);

// Targets are a row for each sequence, or one row with all of them.
void check_target_rows(const char* op, int64_t rows, int64_t batch);

// What the losses have in common: logits [batch, frames, ..., classes] (or what they are made of),
// targets [batch, labels], and the two inputs that follow, the lengths of frames and labels.
// Checked when made.
struct LatticeProblem {
    struct Places {
        int logits, targets;  // inputs; the lengths come right after the targets
        int blank;            // attribute
        int weight = -1;      // if given: an input [classes, ...], and `logits` are its features
    };
    LatticeProblem(const Call& call, const Places& at);
    LatticeProblem(const Call& call, const Places& at, int64_t most_frames);

    int64_t batch, frames, labels, classes, blank;
    const int32_t* targets;        // [batch, labels]
    const int32_t* frame_lengths;  // [batch]
    const int32_t* label_lengths;  // [batch]
    int32_t threads;
};

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
