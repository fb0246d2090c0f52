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

// One of 32 choices of options; not the topology.
inline void set_options(TransducerProblem& p, int variant, Random& random) {
    if (variant & 1) p.attributes["fastemit"] = 0.3;
    if (variant & 2) p.attributes["clamp"] = 0.05;
    if (variant & 4) p.attributes["hat"] = 1;
    if (variant & 8) p.attributes["delay_penalty"] = 0.2;
    if (variant & 16) p.attributes["sigma"] = 0.1;
    if (variant % 5 == 0) p.attributes["fastemit_scale"] = 1;
    if (variant % 7 == 0) p.attributes["normalized"] = p.attribute("hat") == 0;
    for (int64_t i = 0; variant % 3 == 0 && i < p.batch() * p.sizes.labels; ++i) {
        const int32_t first = random.below(3) - 1;
        p.windows.push_back(first);
        p.windows.push_back(first + 4 + random.below(4));
    }
}

// The same bits whatever the order of threads and blocks, in place or not.
inline void check_bits_in_all_orders(const TransducerProblem& p) {
    use_host_device();
    const TransducerResult expected = run_on_cuda(p, ones(p));
    for (const ThreadOrder order : kThreadOrders) {
        use_host_device({order, 1024, 3, true});
        for (const bool in_place : {false, true}) {
            const TransducerResult result = run_on_cuda(p, ones(p), in_place);
            CHECK(result.grad.bytes() == expected.grad.bytes());
            CHECK(result.grad_durations.bytes() == expected.grad_durations.bytes());
            for (int64_t b = 0; b < p.batch(); ++b) {
                CHECK(result.loss.get(b) == expected.loss.get(b));
            }
        }
    }
}

// Calls body(dtype, sizes) for sequences of several strips, and for ends of strips.
template <class Body>
void for_each_strip_size(Body&& body) {
    bool wide = false;
    for (const auto& [frames, labels] :
         {std::pair<int, int>{70, 31}, {3, 32}, {90, 33}, {131, 70}, {1, 97}, {35, 64}}) {
        for (const ThreadOrder order : kThreadOrders) {
            for (const sf_dtype dtype : {SF_FLOAT32, SF_FLOAT64}) {
                use_host_device({order, wide ? 64 : 32, 7, false});
                wide = !wide;
                context() = std::to_string(frames) + " x " + std::to_string(labels);
                body(dtype, TransducerSizes{{frames, frames / 2, frames},
                                            {labels, labels / 4, labels / 2},
                                            frames,
                                            labels,
                                            6,
                                            2});
            }
        }
    }
}

// Some of the lengths and first targets of any kind; returns which sequences are valid still.
inline std::vector<bool> spoil(TransducerProblem& p, Random& random) {
    constexpr int32_t kOdd[] = {-1, 5, 1 << 20, INT32_MIN, INT32_MAX};
    std::vector<bool> valid;
    for (size_t b = 0; b < p.sizes.frame_lengths.size(); ++b) {
        int32_t &t = p.sizes.frame_lengths[b], &u = p.sizes.label_lengths[b];
        const int frames = static_cast<int>(p.sizes.frames);
        const int labels = static_cast<int>(p.sizes.labels);
        t = random.below(5) == 0 ? kOdd[random.below(5)] : random.below(frames + 1);
        u = random.below(5) == 0 ? kOdd[random.below(5)] : random.below(labels + 1);
        int32_t& target = p.targets[b * static_cast<size_t>(labels)];
        if (random.below(4) == 0) target = kOdd[random.below(5)];
        const bool fits = t >= 0 && t <= frames && u >= 0 && u <= labels;
        valid.push_back(fits && (t == 0 || u == 0 || (target >= 0 && target < p.sizes.classes)));
    }
    return valid;
}

// Both halves of a call, of a problem whose lengths say nothing of its arrays; returns the loss.
inline LatticeArray run_whatever_it_is(TransducerProblem p) {
    p.cuda = true;
    const sf_dtype dtype = p.logits.dtype();
    LatticeArray loss(dtype, p.batch(), -5), upstream = ones(p);
    Tensor grad(dtype, p.logits.shape()), durations(dtype, p.duration_logits.shape());
    OpCall forward = p.call();
    forward.output("loss", array_of(loss, dtype, p.batch()));
    CHECK(forward.run() == SF_OK);
    OpCall backward = forward.backward();
    backward.input("grad_loss", array_of(upstream, dtype, p.batch()))
        .output("grad_logits", array_of(grad));
    if (p.family == Family::kTdt) backward.output("grad_duration_logits", array_of(durations));
    CHECK(backward.run() == SF_OK);
    return loss;
}

}  // namespace testing

#endif  // SEQFRONT_TESTS_CUDA_TRANSDUCER_HPP_
