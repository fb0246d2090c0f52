// Calls of transducer ops with the CUDA kernels for the host, and the comparison with the CPU's.
#ifndef SEQFRONT_TESTS_CUDA_TRANSDUCER_HPP_
#define SEQFRONT_TESTS_CUDA_TRANSDUCER_HPP_

#include "host_device.hpp"
#include "transducer_problem.hpp"

namespace testing {

inline TransducerResult run_on_cuda(TransducerProblem p, const LatticeArray& upstream,
                                    bool in_place = false, Tensor::Layout layout = Tensor::kDense) {
    p.cuda = true;
    return run(p, upstream, in_place, layout);
}

// Of every element, those of padding too; rows may be packed.
inline void check_close(const Tensor& result, const Tensor& expected, double allowed) {
    std::vector<int64_t> shape = result.shape();
    const bool packed = shape.size() == 2;
    if (packed) shape = {1, 1, shape[0], shape[1]};
    for (int64_t i = 0; i < shape[0] * shape[1] * shape[2] * shape[3]; ++i) {
        const int64_t v = i % shape[3], row = i / shape[3];
        const int64_t u = row % shape[2], t = row / shape[2] % shape[1],
                      b = row / shape[2] / shape[1];
        CHECK_CLOSE(packed ? result.get({u, v}) : result.get({b, t, u, v}),
                    packed ? expected.get({u, v}) : expected.get({b, t, u, v}), allowed);
    }
}

// Gradients of size `scale` that were rounded to their dtype.
inline void check_same(const TransducerProblem& p, const TransducerResult& result,
                       const TransducerResult& expected, double scale = 1) {
    for (int64_t b = 0; b < p.batch(); ++b) {
        CHECK_CLOSE(result.loss.get(b), expected.loss.get(b),
                    p.logits.dtype() == SF_FLOAT64 ? 1e-13 : 3e-6);
    }
    double allowed = tolerance(p.logits.dtype()) * scale;
    if (p.logits.dtype() == SF_FLOAT64) allowed = 1e-12 * scale;
    check_close(result.grad, expected.grad, allowed);
    if (p.family == Family::kTdt) {
        check_close(result.grad_durations, expected.grad_durations, allowed);
    }
}

inline LatticeArray random_upstream(const TransducerProblem& p, Random& random) {
    LatticeArray upstream(p.logits.dtype(), p.batch(), 1);
    for (int64_t b = 0; b < p.batch(); ++b) upstream.set(b, b % 4 == 3 ? 0 : random.normal(1));
    return upstream;
}

inline void compare(const TransducerProblem& p, Random& random, bool in_place = false,
                    Tensor::Layout layout = Tensor::kDense) {
    const LatticeArray upstream = random_upstream(p, random);
    check_same(p, run_on_cuda(p, upstream, in_place, layout), run(p, upstream), 4);
}

}  // namespace testing

#endif  // SEQFRONT_TESTS_CUDA_TRANSDUCER_HPP_
