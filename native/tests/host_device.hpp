// The CUDA kernels, to run on the host.
#ifndef SEQFRONT_TESTS_HOST_DEVICE_HPP_
#define SEQFRONT_TESTS_HOST_DEVICE_HPP_

#include "cuda_table.hpp"

namespace testing {

enum class ThreadOrder { kUp, kDown, kMixed };

// How they run.
struct HostDevice {
    ThreadOrder order = ThreadOrder::kUp;
    int most_threads = 1024;                // of a block
    int64_t most_blocks = 7;                // along x; with more to do, each has several turns
    bool blocks_down = false;               // the last block of the grid first
    int64_t most_bytes = int64_t{1} << 40;  // of a chunk

    static HostDevice& current();
};

// From now on, calls on CUDA run there.
void use_host_device(const HostDevice& device = {});

constexpr ThreadOrder kThreadOrders[] = {ThreadOrder::kUp, ThreadOrder::kDown, ThreadOrder::kMixed};

}  // namespace testing

#endif  // SEQFRONT_TESTS_HOST_DEVICE_HPP_
