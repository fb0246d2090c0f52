// How CUDA kernels run on the host, for all of a process.
#include "host_device.hpp"

namespace testing {

HostDevice& HostDevice::current() {
    static HostDevice device;
    return device;
}

void use_host_device(const HostDevice& device) {
    HostDevice::current() = device;
    seqfront::use_cuda_table(*seqfront_cuda_table());
}

}  // namespace testing
