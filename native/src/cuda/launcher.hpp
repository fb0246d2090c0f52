// What kernels are launched by: the GPU's launcher, or in the tests the host's, for which the same
// sources are compiled as C++ (native/tests/CMakeLists.txt).
#ifndef SEQFRONT_CUDA_LAUNCHER_HPP_
#define SEQFRONT_CUDA_LAUNCHER_HPP_

#if defined(__CUDACC__)
#include "cuda/device_block.hpp"
#elif defined(SEQFRONT_BLOCKS_OF_THREADS)
#include "thread_block.hpp"
#else
#include "host_block.hpp"
#endif

namespace seqfront {
namespace cuda {

#if defined(__CUDACC__)
using Launcher = DeviceLauncher;
#elif defined(SEQFRONT_BLOCKS_OF_THREADS)
using Launcher = testing::ThreadLauncher;
#else
using Launcher = testing::HostLauncher;
#endif

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_LAUNCHER_HPP_
