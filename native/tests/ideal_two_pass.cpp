// What a softmax loss with gradient cannot be faster than: for each row a pass for the maximum and
// the sum of exponentials, then a pass that stores c * exp(x - lse). No lattice, no gathers, no
// zeros; the same row kernels as the library. For benchmarks only.
#include <cstddef>
#include <vector>

#include "seqfront/seqfront.h"
#include "simd/dispatch.hpp"
#include "thread_pool.hpp"

extern "C" SF_API void ideal_two_pass(const float* x, float* y, int64_t rows, int64_t classes,
                                      int32_t threads, int32_t gradient) {
    const seqfront::RowKernels<float>& kernels = seqfront::kernels().float32;
    std::vector<float> lse(static_cast<std::size_t>(rows));
    seqfront::parallel_for(rows, classes, threads, [&](int32_t, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            float maximum, log_sum;
            kernels.normalisers(x + i * classes, classes, 1, classes, &maximum, &log_sum);
            lse[static_cast<std::size_t>(i)] = maximum + log_sum;
        }
    });
    if (gradient != 0) {
        seqfront::parallel_for(rows, classes, threads, [&](int32_t, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
                kernels.softmax_gradient(x + i * classes, y + i * classes, classes,
                                         lse[static_cast<std::size_t>(i)], 0.5f);
            }
        });
    }
}
