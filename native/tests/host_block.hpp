// A block of threads that is a loop on the host: CUDA kernels as they are, without a GPU.
//
// The order of the threads within a phase is the test's to choose. If a thread read what another
// wrote in the same phase, for want of a barrier, two orders would give two results. Shared memory
// begins as NaN, as does what a thread keeps.
#ifndef SEQFRONT_TESTS_HOST_BLOCK_HPP_
#define SEQFRONT_TESTS_HOST_BLOCK_HPP_

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "cuda/block.hpp"
#include "cuda/numbers.hpp"
#include "host_device.hpp"

namespace testing {

class HostBlock {
  public:
    template <class V>
    class PerThread {
      public:
        explicit PerThread(const HostBlock& block) : values_(new V[block.order_.size()]) {
            std::memset(static_cast<void*>(values_.get()), 0xff, block.order_.size() * sizeof(V));
        }
        V& operator[](int thread) { return values_[static_cast<size_t>(thread)]; }
        const V& operator[](int thread) const { return values_[static_cast<size_t>(thread)]; }

      private:
        std::unique_ptr<V[]> values_;
    };

    HostBlock(const seqfront::cuda::Grid& grid, int64_t x, int64_t y, int64_t count_x)
        : x_(x), y_(y), count_x_(count_x), shared_(grid.shared_bytes / sizeof(double) + 2) {
        std::memset(shared_.data(), 0xff, shared_.size() * sizeof(double));
        const auto begin = reinterpret_cast<uintptr_t>(shared_.data());
        seqfront::cuda::HostShared::current() = {begin, begin + shared_.size() * sizeof(double)};
        for (int i = 0; i < grid.threads; ++i) order_.push_back(i);
        if (HostDevice::current().order == ThreadOrder::kDown) {
            std::reverse(order_.begin(), order_.end());
        }
    }

    int threads() const { return static_cast<int>(order_.size()); }
    int64_t x() const { return x_; }
    int64_t y() const { return y_; }
    int64_t count_x() const { return count_x_; }

    template <class V>
    V* shared() {
        return reinterpret_cast<V*>(shared_.data());
    }

    template <class Body>
    void each(Body&& body) {
        if (HostDevice::current().order == ThreadOrder::kMixed) {
            std::rotate(order_.begin(), order_.begin() + 1 + ++phases_ % threads() / 2,
                        order_.end());
        }
        for (const int thread : order_) body(thread);
    }
    template <class Body>
    void phase(Body&& body) {
        each(body);
    }
    template <class Test>
    bool any(Test&& test) {
        bool found = false;
        each([&](int thread) { found = test(thread) || found; });
        return found;
    }

    // Bytes come when they are waited for, and not before.
    void copy(void* to, const void* from) {
        if ((reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from)) % 16 != 0) {
            std::abort();  // a GPU would fault
        }
        const seqfront::cuda::HostShared& shared = seqfront::cuda::HostShared::current();
        if (!shared.has(to) || shared.has(from)) std::abort();
        copies_.push_back({to, from, groups_});
    }
    void end_copies() { ++groups_; }
    template <int kPending>
    void await_copies() {
        size_t done = 0;
        for (; done < copies_.size() && copies_[done].group < groups_ - kPending; ++done) {
            std::memcpy(copies_[done].to, copies_[done].from, 16);
        }
        copies_.erase(copies_.begin(), copies_.begin() + static_cast<std::ptrdiff_t>(done));
    }

    template <class V>
    void sum(PerThread<V>& v, bool wide) {
        reduce(v, wide, V{0}, [](V a, V b) { return a + b; });
    }
    template <class V>
    void maximum(PerThread<V>& v, bool wide) {
        reduce(v, wide, -seqfront::cuda::infinity<V>(),
               [](V a, V b) { return seqfront::cuda::maximum(a, b); });
    }

  private:
    // As __shfl_xor_sync: all lanes read before any writes.
    template <class V, class Join>
    static void over_warp(V* values, Join&& join) {
        for (int step = seqfront::cuda::kWarp / 2; step > 0; step /= 2) {
            V before[seqfront::cuda::kWarp];
            std::copy_n(values, seqfront::cuda::kWarp, before);
            for (int lane = 0; lane < seqfront::cuda::kWarp; ++lane) {
                values[lane] = join(before[lane], before[lane ^ step]);
            }
        }
    }

    template <class V, class Join>
    void reduce(PerThread<V>& v, bool wide, V neutral, Join&& join) {
        constexpr int warp = seqfront::cuda::kWarp;
        for (int first = 0; first < threads(); first += warp) over_warp(&v[first], join);
        if (!wide) return;
        std::vector<V> of_warp(warp, neutral);
        for (int i = 0; i * warp < threads(); ++i) of_warp[static_cast<size_t>(i)] = v[i * warp];
        over_warp(of_warp.data(), join);
        for (int i = 0; i < threads(); ++i) v[i] = of_warp[0];
    }

    struct Copy {
        void* to;
        const void* from;
        int64_t group;
    };

    int64_t x_, y_, count_x_;
    int phases_ = 0;
    int64_t groups_ = 0;
    std::vector<Copy> copies_;
    std::vector<double> shared_;
    std::vector<int> order_;
};

// Runs kernels block after block, and few blocks, so that each has more than one turn.
class HostLauncher {
  public:
    HostLauncher(int, void*) {}

    static int threads(int most) { return std::min(most, HostDevice::current().most_threads); }
    static int64_t bytes(int64_t most) { return std::min(most, HostDevice::current().most_bytes); }

    template <class Kernel>
    void run(const seqfront::cuda::Grid& grid, const typename Kernel::Args& args) const {
        const int64_t count = std::min(grid.x, HostDevice::current().most_blocks);
        for (int64_t i = 0; i < count * grid.y; ++i) {
            const int64_t at = HostDevice::current().blocks_down ? count * grid.y - 1 - i : i;
            HostBlock block(grid, at % count, at / count, count);
            Kernel::run(block, args);
        }
    }
};

}  // namespace testing

#endif  // SEQFRONT_TESTS_HOST_BLOCK_HPP_
