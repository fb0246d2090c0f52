// A block of threads of a GPU, and how kernels are launched on a stream: see block.hpp.
#ifndef SEQFRONT_CUDA_DEVICE_BLOCK_HPP_
#define SEQFRONT_CUDA_DEVICE_BLOCK_HPP_

#include <cuda_runtime.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "cuda/block.hpp"
#include "cuda/numbers.hpp"

namespace seqfront {
namespace cuda {

class DeviceBlock {
  public:
    template <class V>
    class PerThread {
      public:
        __device__ explicit PerThread(const DeviceBlock&) {}
        __device__ V& operator[](int) { return value_; }

      private:
        V value_;
    };

    __device__ int threads() const { return static_cast<int>(blockDim.x); }
    __device__ int64_t x() const { return blockIdx.x; }
    __device__ int64_t y() const { return blockIdx.y; }
    __device__ int64_t count_x() const { return gridDim.x; }

    template <class V>
    __device__ V* shared() const {
        extern __shared__ __align__(16) unsigned char memory[];
        return reinterpret_cast<V*>(memory);
    }

    template <class Body>
    __device__ __forceinline__ void each(Body&& body) const {
        body(static_cast<int>(threadIdx.x));
    }
    template <class Body>
    __device__ __forceinline__ void phase(Body&& body) const {
        body(static_cast<int>(threadIdx.x));
        __syncthreads();
    }
    template <class Test>
    __device__ __forceinline__ bool any(Test&& test) const {
        return __syncthreads_or(test(static_cast<int>(threadIdx.x))) != 0;
    }
    template <class Test>
    __device__ __forceinline__ uint32_t ballot(Test&& test) const {
        return __ballot_sync(0xffffffffu, test(static_cast<int>(threadIdx.x)));
    }

    template <class V>
    __device__ void sum(PerThread<V>& v, bool wide) const {
        reduce(v[0], wide, V{0}, [](V a, V b) { return a + b; });
    }
    template <class V>
    __device__ void maximum(PerThread<V>& v, bool wide) const {
        reduce(v[0], wide, -infinity<V>(), [](V a, V b) { return cuda::maximum(a, b); });
    }

    // (cp.async, past the first cache: what comes so is read once by this block.)
    __device__ __forceinline__ void copy(void* to, const void* from) const {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(
                         static_cast<unsigned>(__cvta_generic_to_shared(to))),
                     "l"(__cvta_generic_to_global(from))
                     : "memory");
    }
    __device__ __forceinline__ void end_copies() const {
        asm volatile("cp.async.commit_group;" ::: "memory");
    }
    template <int kPending>
    __device__ __forceinline__ void await_copies() const {
        asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
        __syncthreads();
    }

  private:
    template <class V, class Join>
    static __device__ V over_warp(V value, Join&& join) {
        SF_UNROLL
        for (int step = kWarp / 2; step > 0; step /= 2) {
            value = join(value, __shfl_xor_sync(0xffffffffu, value, step));
        }
        return value;
    }

    template <class V, class Join>
    static __device__ void reduce(V& value, bool wide, V neutral, Join&& join) {
        __shared__ V of_warp[kWarp];
        value = over_warp(value, join);
        if (!wide) return;
        const int lane = threadIdx.x % kWarp, warps = blockDim.x / kWarp;
        if (lane == 0) of_warp[threadIdx.x / kWarp] = value;
        __syncthreads();
        value = over_warp(lane < warps ? of_warp[lane] : neutral, join);
        __syncthreads();
    }
};

// How many blocks of a kernel a multiprocessor is to have at once, for which registers are kept
// few: Kernel::kBlocksAtOnce, if it says so. (0 is not said: with 1 the compiler takes more.)
template <class Kernel, class = void>
struct BlocksAtOnce {
    static constexpr int value = 0;
};
template <class Kernel>
struct BlocksAtOnce<Kernel, std::void_t<decltype(Kernel::kBlocksAtOnce)>> {
    static constexpr int value = Kernel::kBlocksAtOnce;
};

template <class Kernel>
__global__ void __launch_bounds__(Kernel::kMostThreads, BlocksAtOnce<Kernel>::value)
    kernel(const __grid_constant__ typename Kernel::Args args) {
    DeviceBlock block;
    Kernel::run(block, args);
}

inline void check(cudaError_t error, const char* what) {
    if (error == cudaSuccess) return;
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}

// Launches kernels on a stream of a device, one after another, and returns at once. The device is
// the current one for as long as this lives.
class DeviceLauncher {
  public:
    DeviceLauncher(int device, void* stream) : stream_(static_cast<cudaStream_t>(stream)) {
        check(cudaGetDevice(&before_), "cudaGetDevice");
        changed_ = before_ != device;
        if (changed_) check(cudaSetDevice(device), "cudaSetDevice");
    }
    ~DeviceLauncher() {
        if (changed_) cudaSetDevice(before_);
    }
    DeviceLauncher(const DeviceLauncher&) = delete;
    DeviceLauncher& operator=(const DeviceLauncher&) = delete;

    // Of a kernel that could use `most`.
    static int threads(int most) { return most; }
    // Memory that what is done in chunks takes at once.
    static int64_t bytes(int64_t most) { return most; }

    template <class Kernel>
    void run(const Grid& grid, const typename Kernel::Args& args) const {
        if (grid.x == 0 || grid.y == 0) return;
        if (grid.shared_bytes > kSharedBytes) allow_shared<Kernel>(grid.shared_bytes);
        constexpr int64_t most = 0x7fffffff;  // blocks with more to do go on with what is left
        const dim3 blocks(static_cast<unsigned>(std::min(grid.x, most)),
                          static_cast<unsigned>(grid.y));
        kernel<Kernel><<<blocks, grid.threads, grid.shared_bytes, stream_>>>(args);
        check(cudaGetLastError(), "launch of a CUDA kernel");
    }

  private:
    // What a block may have without being asked about.
    static constexpr size_t kSharedBytes = 48 * 1024;

    // Says that a kernel needs more. (This waits for nothing, and a graph may be recorded.)
    template <class Kernel>
    static void allow_shared(size_t bytes) {
        void (*const function)(typename Kernel::Args) = kernel<Kernel>;
        check(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   static_cast<int>(bytes)),
              "shared memory of a CUDA kernel");
    }

    cudaStream_t stream_;
    int before_ = 0;
    bool changed_ = false;
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_DEVICE_BLOCK_HPP_
