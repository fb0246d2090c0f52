// Rows of elements, shared out among the threads of a group: chunks of 16 bytes, and single
// elements where a row does not begin or end with one.
#ifndef SEQFRONT_CUDA_ROWS_HPP_
#define SEQFRONT_CUDA_ROWS_HPP_

#include <stdlib.h>

#include "cuda/numbers.hpp"
#include "seqfront/seqfront.h"

namespace seqfront {
namespace cuda {

constexpr int kRowThreads = 256;

// How blocks share the rows.
struct RowGroups {
    bool wide;  // a row has a block, not a warp

    static RowGroups of(int64_t classes) { return {classes > 1024}; }
    Grid grid(int64_t rows) const {
        return {(rows + at_once() - 1) / at_once(), 1, kRowThreads, 0};
    }

    SF_DEVICE int lanes() const { return wide ? kRowThreads : kWarp; }

    // Calls body(first) for the first row of those that the block has at once.
    template <class Block, class Body>
    SF_DEVICE void each_first(const Block& block, int64_t rows, Body&& body) const {
        for (int64_t first = block.x() * at_once(); first < rows;
             first += block.count_x() * at_once()) {
            body(first);
        }
    }
    SF_DEVICE int64_t row(int64_t first, int thread) const {
        return wide ? first : first + thread / kWarp;
    }
    SF_DEVICE int lane(int thread) const { return wide ? thread : thread % kWarp; }

  private:
    SF_EVERYWHERE int at_once() const { return wide ? 1 : kRowThreads / kWarp; }
};

// An array of rows, by the indices of the axes before the last.
template <class T, int kAxes>
struct RowArray {
    T* data;
    int64_t stride[kAxes];

    static RowArray of(const sf_array& array) {
        RowArray rows = {static_cast<T*>(array.data), {}};
        for (int axis = 0; axis < kAxes; ++axis) rows.stride[axis] = array.stride[axis];
        return rows;
    }

    template <class... Index>
    SF_DEVICE T* row(Index... index) const {
        static_assert(sizeof...(Index) == kAxes, "an index for each axis");
        const int64_t at[] = {index...};
        T* row = data;
        SF_UNROLL
        for (int axis = 0; axis < kAxes; ++axis) row += at[axis] * stride[axis];
        return row;
    }
};

// Launches a kernel over so many rows, whose arguments have the `groups`.
template <class Kernel, class Launcher>
void run_rows(const Launcher& launcher, int64_t rows, const typename Kernel::Args& args) {
    launcher.template run<Kernel>(args.groups.grid(rows), args);
}

// 16 bytes of elements in global memory, read and written at once. (For shared memory: shared.hpp.)
template <class T>
class Chunk {
  public:
    static constexpr int kSize = 16 / static_cast<int>(sizeof(T));

    static SF_DEVICE Chunk load(const T* from) {
        Chunk chunk;
#if defined(__CUDACC__)
        // Not to be kept: L2 is for what lattices have.
        const uint4 words = __ldcs(reinterpret_cast<const uint4*>(from));
        memcpy(chunk.of_, &words, sizeof(words));
#else
        check(from);
        memcpy(chunk.of_, from, sizeof(chunk.of_));
#endif
        return chunk;
    }
    SF_DEVICE void store(T* to) const {
#if defined(__CUDACC__)
        // (By this function, for a plain store of elements is compiled to several.)
        __stwb(reinterpret_cast<uint4*>(to), make_uint4(word(0), word(1), word(2), word(3)));
#else
        check(to);
        memcpy(to, of_, sizeof(of_));
#endif
    }

    SF_DEVICE void widen_to(LatticeType<T>* x) const {
        SF_UNROLL
        for (int i = 0; i < kSize; ++i) x[i] = widened(of_[i]);
    }
    static SF_DEVICE Chunk narrowed_from(const LatticeType<T>* x) {
        Chunk chunk;
        SF_UNROLL
        for (int i = 0; i < kSize; ++i) chunk.of_[i] = narrowed<T>(x[i]);
        return chunk;
    }

  private:
#if defined(__CUDACC__)
    SF_DEVICE uint32_t word(int i) const {
        uint32_t word;
        memcpy(&word, reinterpret_cast<const unsigned char*>(of_) + 4 * i, sizeof(word));
        return word;
    }
#else
    // A GPU would fault.
    static void check(const void* memory) {
        if (reinterpret_cast<uintptr_t>(memory) % 16 != 0) abort();
        if (HostShared::current().has(memory)) abort();
    }
#endif

    T of_[kSize];
};

// Has L2 fetch `bytes` from there on, which loads will then find near: a thread asks for each line
// of 128 bytes. That takes no register and waits for nothing.
SF_DEVICE void prefetch(const void* memory, int64_t bytes, int lane, int lanes) {
    constexpr int64_t line = 128;
    const auto count = static_cast<int32_t>((bytes + line - 1) / line);
    for (int32_t i = lane; i < count; i += lanes) {
        const auto* const at = static_cast<const unsigned char*>(memory) + i * line;
#if defined(__CUDACC__)
        asm volatile("prefetch.global.L2 [%0];" ::"l"(__cvta_generic_to_global(at)));
#else
        // A GPU would not mind what is outside; it is an error all the same.
        static_cast<void>(*static_cast<const volatile unsigned char*>(at));
#endif
    }
}

// How a row of `count` elements is cut: elements, chunks from `head` on, elements from `tail` on.
struct RowCut {
    int64_t head, chunks, tail;
};

template <class T>
SF_DEVICE RowCut cut(const T* row, int64_t count) {
    constexpr int64_t size = Chunk<T>::kSize;
    const auto past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(row) / sizeof(T) % size);
    const int64_t head = past == 0 ? 0 : size - past;
    if (head >= count) return {count, 0, count};
    const int64_t chunks = (count - head) / size;
    return {head, chunks, head + chunks * size};
}

// The part of a row that thread `lane` of `lanes` has.
template <class T>
struct RowPart {
    using L = LatticeType<T>;

    static constexpr int kAsked = sizeof(T) < 8 ? 2 : 1;  // chunks that a thread loads at once

    const T* row;
    int64_t count;
    int lane, lanes;

    // Calls body(x, first) for arrays x of elements first, first + 1, ...
    template <class Body>
    SF_DEVICE void read(Body&& body) const {
        const RowCut at = cut(row, count);
        each_single(at, [&](int64_t i) {
            L x[1] = {widened(row[i])};
            body(x, i);
        });
        each_chunk(at, [&](const Chunk<T>& chunk, int64_t first) {
            L x[Chunk<T>::kSize];
            chunk.widen_to(x);
            body(x, first);
        });
    }

    // Writes what body(x, first) makes of the elements to a row that may be the same.
    template <class Body>
    SF_DEVICE void change(T* to, Body&& body) const {
        RowCut at = cut(row, count);
        if (cut(to, count).head != at.head) at = {count, 0, count};
        each_single(at, [&](int64_t i) {
            L x[1] = {widened(row[i])};
            body(x, i);
            to[i] = narrowed<T>(x[0]);
        });
        each_chunk(at, [&](const Chunk<T>& chunk, int64_t first) {
            L x[Chunk<T>::kSize];
            chunk.widen_to(x);
            body(x, first);
            Chunk<T>::narrowed_from(x).store(to + first);
        });
    }

    // Writes what body(x, first) makes of zeros.
    template <class Body>
    SF_DEVICE void write(T* to, Body&& body) const {
        const RowCut at = cut(to, count);
        each_single(at, [&](int64_t i) {
            L x[1] = {0};
            body(x, i);
            to[i] = narrowed<T>(x[0]);
        });
        for (int64_t i = lane; i < at.chunks; i += lanes) {
            const int64_t first = at.head + i * Chunk<T>::kSize;
            L x[Chunk<T>::kSize] = {};
            body(x, first);
            Chunk<T>::narrowed_from(x).store(to + first);
        }
    }
    SF_DEVICE void clear(T* to) const {
        write(to, [](auto&, int64_t) {});
    }

    // Of what `read` and `change` will take, all but what they ask for at once (or that too).
    SF_DEVICE void prefetch(bool all) const {
        const int64_t asked = all ? 0 : int64_t{kAsked} * Chunk<T>::kSize * lanes;
        if (asked >= count) return;
        cuda::prefetch(row + asked, (count - asked) * int64_t{sizeof(T)}, lane, lanes);
    }

  private:
    // Asks for two chunks before it looks at one: a body may end in a store, which no load passes.
    // (Of doubles, one: two exponentials at once take more registers than there are.)
    template <class Body>
    SF_DEVICE void each_chunk(const RowCut& at, Body&& body) const {
        constexpr int64_t size = Chunk<T>::kSize;
        const T* const from = row + at.head;
        const auto count = static_cast<int32_t>(at.chunks);
        int32_t i = lane;
        for (; kAsked == 2 && i < count - lanes; i += 2 * lanes) {
            const int64_t first = i * size, second = (i + lanes) * size;
            const Chunk<T> chunks[2] = {Chunk<T>::load(from + first),
                                        Chunk<T>::load(from + second)};
            body(chunks[0], at.head + first);
            body(chunks[1], at.head + second);
        }
        for (; i < count; i += lanes) body(Chunk<T>::load(from + i * size), at.head + i * size);
    }

    template <class Body>
    SF_DEVICE void each_single(const RowCut& at, Body&& body) const {
        for (int64_t i = lane; i < at.head; i += lanes) body(i);
        for (int64_t i = at.tail + lane; i < count; i += lanes) body(i);
    }
};

// Puts a value in place of element `index`, if it is one of those from `first` on.
template <class L, int N>
SF_DEVICE void replace(L (&x)[N], int64_t first, int64_t index, L value) {
    if (index < first || index >= first + N) return;
    SF_UNROLL
    for (int i = 0; i < N; ++i) x[i] = first + i == index ? value : x[i];
}

// exp(x) with a relative error of about 1e-7 (2 + |x|): for terms of a sum of which the largest is
// 1, and for elements of a gradient. Of floats a GPU has it in two instructions, not eight.
SF_DEVICE float quick_exp(float x) {
#if defined(__CUDACC__)
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x * 1.44269504f));
    return y;
#else
    return exp(x);
#endif
}
SF_DEVICE double quick_exp(double x) { return exp(x); }

// log(sum(exp(x))) of what one thread has seen of a row, in one pass.
template <class L>
struct Normaliser {
    L top = -infinity<L>();  // of the numbers; a NaN gets into the sum
    L sum = 0;               // of exp(x - top)

    template <int N>
    SF_DEVICE void add(const L (&x)[N]) {
        L most = x[0];
        SF_UNROLL
        for (int i = 1; i < N; ++i) most = maximum(most, x[i]);
        if (most > top) {
            sum *= quick_exp(top - most);
            top = most;
        }
        const L reference = reference_of(top);
        SF_UNROLL
        for (int i = 0; i < N; ++i) sum += quick_exp(x[i] - reference);
    }

    static SF_DEVICE L reference_of(L top) { return top > -infinity<L>() ? top : 0; }
};

// Those of the rows that a block has at once, as top + log_sum: top is 0 if all is impossible, and
// log_sum is then -inf. NaN and +inf make it NaN.
template <class L, class Block>
class RowNormalisers {
  public:
    explicit SF_DEVICE RowNormalisers(Block& block) : block_(block), top_(block), sum_(block) {}

    // part(thread) is what the thread has seen of its row.
    template <class Part>
    SF_DEVICE void reduce(const RowGroups& groups, Part&& part) {
        typename Block::template PerThread<L> own(block_);
        block_.each([&](int thread) {
            const Normaliser<L> of = part(thread);
            own[thread] = top_[thread] = of.top;
            sum_[thread] = of.sum;
        });
        block_.maximum(top_, groups.wide);
        block_.each([&](int thread) {
            top_[thread] = Normaliser<L>::reference_of(top_[thread]);
            sum_[thread] *= exp(own[thread] - top_[thread]);
        });
        block_.sum(sum_, groups.wide);
        block_.each([&](int thread) { sum_[thread] = log(sum_[thread]); });
    }

    SF_DEVICE L top(int thread) { return top_[thread]; }
    SF_DEVICE L log_sum(int thread) { return sum_[thread]; }

  private:
    Block& block_;
    typename Block::template PerThread<L> top_, sum_;  // the logarithm of the sum, in the end
};

// log p of a logit, from the largest of its row and the log of what is left of the sum.
template <class L>
SF_DEVICE L log_prob(L logit, L top, L log_sum) {
    if (log_sum == -infinity<L>()) return log_sum;  // all classes impossible
    return (logit - top) - log_sum;
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_ROWS_HPP_
