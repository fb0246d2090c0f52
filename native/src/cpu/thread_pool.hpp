// Threads for the kernels: a pool that starts on first use and serves several callers at once.
#ifndef SEQFRONT_CPU_THREAD_POOL_HPP_
#define SEQFRONT_CPU_THREAD_POOL_HPP_

#include <cstdint>

namespace seqfront {

int32_t default_threads() noexcept;
void set_default_threads(int32_t threads) noexcept;

// How many threads a call that asks for `threads` gets: the default for 0, and a limit for many.
int32_t usable_threads(int32_t threads) noexcept;

// How many of `threads` are worth waking for `count` items (none, for few small ones): at least
// the caller, unless there is no item. `work` is that of one item, in elements of logits read
// (about 0.3 ns each).
int32_t useful_threads(int64_t count, int64_t work, int32_t threads) noexcept;

// What a thread runs: items [begin, end), as participant `slot` (0 is the caller) of its call.
// It must not throw, nor start a parallel_for of its own.
using ParallelBody = void (*)(void* context, int32_t slot, int64_t begin, int64_t end);

// Runs `body` over [0, count) in chunks that idle threads pick up; returns when all are done.
// `threads` must be >= 1; slots are below it. Which thread takes which chunk is not fixed, so what
// comes of an item may not depend on it. No more than the useful threads take part.
void parallel_for_raw(int64_t count, int64_t work, int32_t threads, ParallelBody body,
                      void* context);

template <class Body>
void parallel_for(int64_t count, int64_t work, int32_t threads, Body&& body) {
    parallel_for_raw(
        count, work, threads,
        [](void* context, int32_t slot, int64_t begin, int64_t end) {
            (*static_cast<Body*>(context))(slot, begin, end);
        },
        &body);
}

}  // namespace seqfront

#endif  // SEQFRONT_CPU_THREAD_POOL_HPP_
