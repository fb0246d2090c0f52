// A block of threads: what a kernel is written over, once, for the GPU and for the host.
//
//     template <class L>
//     struct Reverse {
//         struct Args { L* x; };
//         static constexpr int kMostThreads = 256;
//         template <class Block>
//         static SF_DEVICE void run(Block& block, const Args& args) {
//             L* const shared = block.template shared<L>();
//             block.phase([&](int i) { shared[i] = args.x[i]; });
//             block.phase([&](int i) { args.x[i] = shared[block.threads() - 1 - i]; });
//         }
//     };
//
// A phase is what each thread does by itself, and then a barrier. On the GPU (device_block.hpp) it
// is the code of one thread and __syncthreads; on the host (native/tests/host_block.hpp) a loop
// over the threads, in an order of the tests' choice. What stands between phases is the same for
// all threads: it depends on the arguments and on which block this is, and on nothing else.
//
//     block.each(body)            a phase without the barrier: nobody reads yet what it writes
//     block.any(test)             whether test(thread) holds for any thread, for all to know
//     block.ballot(test)          of a block of kWarp threads: bit i is test(i)
//     Block::PerThread<V> v(block)   a variable of each thread, v[thread]; on the GPU, in registers
//     block.sum(v, wide)          over each 32 threads, or `wide` over all: every one gets the sum
//     block.maximum(v, wide)      a NaN is passed over
//     block.shared<V>()           the shared memory that the launch asked for
//     block.x(), y(), count_x()   which block of the grid; how many along x
//     block.copy(to, from)        16 bytes to shared memory, which come while the thread goes on
//     block.end_copies()          those asked for up to here are a group
//     block.await_copies<n>()     of all groups but the last n the bytes are there; a barrier too
//
// Sums are taken in one order, so that both give the same bits. Where code has products to add it
// says `fused`, and everything is compiled without contractions of its own: what differs between
// GPU and host are exp and log of the maths libraries alone.
#ifndef SEQFRONT_CUDA_BLOCK_HPP_
#define SEQFRONT_CUDA_BLOCK_HPP_

#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#define SF_DEVICE __device__ __forceinline__
#define SF_EVERYWHERE __host__ __device__ __forceinline__
#define SF_UNROLL _Pragma("unroll")
#define SF_LOOP _Pragma("unroll 1")
#else
#define SF_DEVICE inline
#define SF_EVERYWHERE inline
#define SF_UNROLL
#define SF_LOOP
#endif

namespace seqfront {
namespace cuda {

constexpr int kWarp = 32;

// What a launch asks for. `threads` is a multiple of kWarp.
struct Grid {
    int64_t x;
    int64_t y;
    int threads;
    size_t shared_bytes;
};

#if !defined(__CUDACC__)
// The shared memory of the block that runs on the host: what a GPU reads or writes as global memory
// must not go there.
struct HostShared {
    uintptr_t begin = 0, end = 0;

    static HostShared& current() {
        static thread_local HostShared of;
        return of;
    }
    bool has(const void* memory) const {
        const auto at = reinterpret_cast<uintptr_t>(memory);
        return at >= begin && at < end;
    }
};
#endif

// Threads of a block that has one for each position, as far as it may.
template <class Kernel, class Launcher>
int block_threads(int64_t positions) {
    const int64_t most = Launcher::threads(Kernel::kMostThreads);
    const int64_t wanted = (positions + kWarp - 1) / kWarp * kWarp;
    return static_cast<int>(wanted < most ? wanted : most);
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_BLOCK_HPP_
