// The thread pool. Each call posts one job on its own stack; workers join jobs that still have
// chunks to give, and the caller works too, then waits for those who joined.
//
// A thread that sleeps takes tens of microseconds to wake up, and the loops of one call follow each
// other closely: so who waits looks around for a moment before it sleeps.
//
// The pool is never destroyed: its workers are detached and sleep when the process ends, so there
// is nothing to join at exit. (The library is linked with -z nodelete, so its code stays mapped.)
// After fork() only the forking thread lives in the child, which forgets the pool and makes a new
// one when it needs it.
#include "thread_pool.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace seqfront {
namespace {

constexpr int32_t kMaxThreads = 256;
constexpr int64_t kChunkWork = int64_t{1} << 15;  // about 10 microseconds
constexpr int64_t kChunksPerThread = 8;  // at most: neighbours share lines of what they write
constexpr int64_t kThreadWork = int64_t{1} << 17;  // the least a thread is woken for

// Items that make `amount` of work; at least one.
int64_t items_of(int64_t amount, int64_t work) {
    return std::max<int64_t>(1, amount / std::max<int64_t>(1, work));
}

struct Job {
    ParallelBody body;
    void* context;
    int64_t count;
    int64_t chunk;
    int32_t threads;
    std::atomic<int64_t> next{0};
    int32_t joined = 1;  // guarded by the pool's mutex, as are changes of `active`
    std::atomic<int32_t> active{0};

    bool has_work() const { return next.load(std::memory_order_relaxed) < count; }

    void run(int32_t slot) {
        for (;;) {
            const int64_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
            if (begin >= count) return;
            body(context, slot, begin, std::min(count, begin + chunk));
        }
    }
};

void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Waits for it to hold, but not for long.
template <class Condition>
void look_for(Condition&& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
    do {
        for (int i = 0; i < 32; ++i) {
            if (holds()) return;
            pause();
        }
    } while (std::chrono::steady_clock::now() < end);
}

class Pool {
  public:
    void run(Job& job) {
        bool all;
        {
            std::lock_guard<std::mutex> lock(mutex_);
            grow(job.threads - 1);
            all = workers_ < job.threads;
            jobs_.push_back(&job);
            posted_.fetch_add(1, std::memory_order_relaxed);
        }
        if (all) {
            work_.notify_all();
        } else {
            for (int32_t i = 1; i < job.threads; ++i) work_.notify_one();
        }
        job.run(0);
        std::unique_lock<std::mutex> lock(mutex_);
        jobs_.erase(std::find(jobs_.begin(), jobs_.end(), &job));
        lock.unlock();
        look_for([&] { return job.active.load(std::memory_order_relaxed) == 0; });
        lock.lock();
        done_.wait(lock, [&] { return job.active == 0; });
    }

  private:
    void grow(int32_t workers) {
        for (; workers_ < workers; ++workers_) {
            try {
                std::thread([this] { work(); }).detach();
            } catch (const std::system_error&) {
                return;  // fewer threads: slower, not wrong
            }
        }
    }

    Job* find_job() {
        for (Job* job : jobs_) {
            if (job->joined < job->threads && job->has_work()) return job;
        }
        return nullptr;
    }

    void work() {
        sigset_t all;  // signals belong to the threads of the application
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            Job* job = nullptr;
            work_.wait(lock, [&] { return (job = find_job()) != nullptr; });
            const int32_t slot = job->joined++;
            ++job->active;
            lock.unlock();
            job->run(slot);
            lock.lock();
            if (--job->active == 0) done_.notify_all();
            const uint64_t seen = posted_.load(std::memory_order_relaxed);
            lock.unlock();
            look_for([&] { return posted_.load(std::memory_order_relaxed) != seen; });
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable work_;
    std::condition_variable done_;
    std::vector<Job*> jobs_;
    std::atomic<uint64_t> posted_{0};
    int32_t workers_ = 0;
};

std::atomic<Pool*> current_pool{nullptr};

// Registered when the library is loaded.
[[maybe_unused]] const int registered = pthread_atfork(
    nullptr, nullptr, [] { current_pool.store(nullptr, std::memory_order_release); });

Pool& pool() {
    Pool* existing = current_pool.load(std::memory_order_acquire);
    if (existing != nullptr) return *existing;
    Pool* fresh = new Pool;
    if (current_pool.compare_exchange_strong(existing, fresh)) return *fresh;
    delete fresh;  // another thread was faster
    return *existing;
}

int32_t initial_threads() {
    if (const char* text = std::getenv("SEQFRONT_NUM_THREADS")) {
        const long value = std::strtol(text, nullptr, 10);
        if (value >= 1) return static_cast<int32_t>(std::min<long>(value, kMaxThreads));
    }
    cpu_set_t usable;
    if (sched_getaffinity(0, sizeof(usable), &usable) == 0) {
        return std::clamp<int32_t>(CPU_COUNT(&usable), 1, kMaxThreads);
    }
    const auto processors = static_cast<int32_t>(std::thread::hardware_concurrency());
    return std::clamp<int32_t>(processors, 1, kMaxThreads);
}

std::atomic<int32_t>& threads_setting() {
    static std::atomic<int32_t> setting{initial_threads()};
    return setting;
}

}  // namespace

int32_t default_threads() noexcept { return threads_setting().load(); }
void set_default_threads(int32_t threads) noexcept {
    threads_setting().store(std::min(threads, kMaxThreads));
}

int32_t usable_threads(int32_t threads) noexcept {
    return threads > 0 ? std::min(threads, kMaxThreads) : default_threads();
}

int32_t useful_threads(int64_t count, int64_t work, int32_t threads) noexcept {
    const int64_t useful = std::max<int64_t>(1, count / items_of(kThreadWork, work));
    return static_cast<int32_t>(std::min<int64_t>({threads, kMaxThreads, useful, count}));
}

void parallel_for_raw(int64_t count, int64_t work, int32_t threads, ParallelBody body,
                      void* context) {
    if (count <= 0) return;
    threads = useful_threads(count, work, threads);
    if (threads == 1) {
        body(context, 0, 0, count);
        return;
    }
    Job job;
    job.body = body;
    job.context = context;
    job.count = count;
    job.chunk = std::max(items_of(kChunkWork, work), count / (kChunksPerThread * threads));
    job.threads = threads;
    pool().run(job);
}

}  // namespace seqfront
