// A block whose threads are threads, for ThreadSanitizer: of two that touch the same memory without
// a barrier between them it says so, wherever they happened to be. (host_block.hpp has a barrier
// after everything, so it cannot miss one.) Slow: for few and small calls.
#ifndef SEQFRONT_TESTS_THREAD_BLOCK_HPP_
#define SEQFRONT_TESTS_THREAD_BLOCK_HPP_

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "cuda/block.hpp"
#include "cuda/numbers.hpp"
#include "host_device.hpp"

namespace testing {

class Barrier {
  public:
    explicit Barrier(int threads) {
        pthread_barrier_init(&barrier_, nullptr, static_cast<unsigned>(threads));
    }
    ~Barrier() { pthread_barrier_destroy(&barrier_); }
    Barrier(const Barrier&) = delete;
    Barrier& operator=(const Barrier&) = delete;
    void wait() { pthread_barrier_wait(&barrier_); }

  private:
    pthread_barrier_t barrier_;
};

// What the threads of a block share.
struct Team {
    explicit Team(const seqfront::cuda::Grid& grid)
        : threads(grid.threads), all(threads), memory(grid.shared_bytes / 8 + 2) {
        for (int warp = 0; warp * seqfront::cuda::kWarp < threads; ++warp) {
            warps.push_back(std::make_unique<Barrier>(seqfront::cuda::kWarp));
        }
        exchanged.resize(static_cast<size_t>(threads));
        of_warps.resize(warps.size());
        std::memset(memory.data(), 0xff, memory.size() * 8);
    }

    int threads;
    Barrier all;
    std::vector<std::unique_ptr<Barrier>> warps;
    std::vector<double> memory, exchanged, of_warps;
};

class ThreadBlock {
  public:
    template <class V>
    class PerThread {
      public:
        explicit PerThread(const ThreadBlock&) {
            std::memset(static_cast<void*>(&value_), 0xff, sizeof(V));
        }
        V& operator[](int) { return value_; }
        const V& operator[](int) const { return value_; }

      private:
        V value_;
    };

    ThreadBlock(Team& team, int thread, int64_t x, int64_t y, int64_t count_x)
        : team_(team), thread_(thread), x_(x), y_(y), count_x_(count_x) {
        const auto begin = reinterpret_cast<uintptr_t>(team.memory.data());
        seqfront::cuda::HostShared::current() = {begin, begin + team.memory.size() * 8};
    }

    int threads() const { return team_.threads; }
    int64_t x() const { return x_; }
    int64_t y() const { return y_; }
    int64_t count_x() const { return count_x_; }

    template <class V>
    V* shared() {
        return reinterpret_cast<V*>(team_.memory.data());
    }

    template <class Body>
    void each(Body&& body) {
        body(thread_);
    }
    template <class Body>
    void phase(Body&& body) {
        body(thread_);
        team_.all.wait();
    }
    template <class Test>
    bool any(Test&& test) {
        return vote(team_.all, 0, team_.threads, test(thread_)) != 0;
    }
    template <class Test>
    uint32_t ballot(Test&& test) {
        if (team_.threads != seqfront::cuda::kWarp) std::abort();
        return vote(*team_.warps[0], 0, seqfront::cuda::kWarp, test(thread_));
    }

    // Bytes may come at any time from here on, until they are waited for.
    void copy(void* to, const void* from) {
        if ((reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from)) % 16 != 0) {
            std::abort();  // a GPU would fault
        }
        const seqfront::cuda::HostShared& shared = seqfront::cuda::HostShared::current();
        if (!shared.has(to) || shared.has(from)) std::abort();
        std::memset(to, 0xff, 16);
        copies_.push_back({to, from, groups_});
    }
    void end_copies() { ++groups_; }
    template <int kPending>
    void await_copies() {
        const auto pending = [&](const Copy& copy) { return copy.group >= groups_ - kPending; };
        for (const Copy& copy : copies_) {
            if (!pending(copy)) std::memcpy(copy.to, copy.from, 16);
        }
        copies_.erase(copies_.begin(), std::find_if(copies_.begin(), copies_.end(), pending));
        team_.all.wait();
    }

    template <class V>
    void sum(PerThread<V>& v, bool wide) {
        reduce(v[0], wide, V{0}, [](V a, V b) { return a + b; });
    }
    template <class V>
    void maximum(PerThread<V>& v, bool wide) {
        reduce(v[0], wide, -seqfront::cuda::infinity<V>(),
               [](V a, V b) { return seqfront::cuda::maximum(a, b); });
    }

  private:
    static constexpr int kWarp = seqfront::cuda::kWarp;

    // The answers of threads; more than 32 of them share bits.
    uint32_t vote(Barrier& barrier, int first, int count, bool yes) {
        team_.exchanged[static_cast<size_t>(thread_)] = yes;
        barrier.wait();
        uint32_t bits = 0;
        for (int i = 0; i < count; ++i) {
            const bool of = team_.exchanged[static_cast<size_t>(first + i)] != 0;
            bits |= static_cast<uint32_t>(of) << i % 32;
        }
        barrier.wait();
        return bits;
    }

    // In the order of __shfl_xor_sync.
    template <class V, class Join>
    static V folded(V* values, Join&& join) {
        for (int step = kWarp / 2; step > 0; step /= 2) {
            for (int lane = 0; lane < step; ++lane) {
                values[lane] = join(values[lane], values[lane + step]);
            }
        }
        return values[0];
    }
    template <class V, class Join>
    static V folded(const std::vector<double>& from, int first, V neutral, Join&& join) {
        V values[kWarp];
        for (int i = 0; i < kWarp; ++i) {
            const size_t at = static_cast<size_t>(first + i);
            values[i] = at < from.size() ? static_cast<V>(from[at]) : neutral;
        }
        return folded(values, join);
    }

    template <class V, class Join>
    void reduce(V& value, bool wide, V neutral, Join&& join) {
        const int warp = thread_ / kWarp;
        Barrier& of_warp = *team_.warps[static_cast<size_t>(warp)];
        team_.exchanged[static_cast<size_t>(thread_)] = static_cast<double>(value);
        of_warp.wait();
        value = folded(team_.exchanged, warp * kWarp, neutral, join);
        of_warp.wait();
        if (!wide) return;
        if (thread_ % kWarp == 0) {
            team_.of_warps[static_cast<size_t>(warp)] = static_cast<double>(value);
        }
        team_.all.wait();
        value = folded(team_.of_warps, 0, neutral, join);
        team_.all.wait();
    }

    struct Copy {
        void* to;
        const void* from;
        int64_t group;
    };

    Team& team_;
    int thread_;
    int64_t x_, y_, count_x_;
    int64_t groups_ = 0;
    std::vector<Copy> copies_;
};

class ThreadLauncher {
  public:
    ThreadLauncher(int, void*) {}

    static int threads(int most) { return std::min(most, HostDevice::current().most_threads); }
    static int64_t bytes(int64_t most) { return std::min(most, HostDevice::current().most_bytes); }

    template <class Kernel>
    void run(const seqfront::cuda::Grid& grid, const typename Kernel::Args& args) const {
        const int64_t count = std::min(grid.x, HostDevice::current().most_blocks);
        for (int64_t i = 0; i < count * grid.y; ++i) {
            Team team(grid);
            std::vector<std::thread> threads;
            for (int thread = 0; thread < grid.threads; ++thread) {
                threads.emplace_back([&, thread] {
                    ThreadBlock block(team, thread, i % count, i / count, count);
                    Kernel::run(block, args);
                });
            }
            for (std::thread& thread : threads) thread.join();
        }
    }
};

}  // namespace testing

#endif  // SEQFRONT_TESTS_THREAD_BLOCK_HPP_
