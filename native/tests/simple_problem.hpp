// A random problem of the simple loss of pruned RNN-T, and calls into the library with it.
#ifndef SEQFRONT_TESTS_SIMPLE_PROBLEM_HPP_
#define SEQFRONT_TESTS_SIMPLE_PROBLEM_HPP_

#include "op_call.hpp"

namespace testing {

// A batch of the simple loss. Everything beyond the lengths is NaN, or no label.
struct SimpleProblem {
    sf_dtype dtype;
    std::vector<int32_t> frames, labels, targets;
    int64_t most_frames, most_labels, classes;
    Tensor am, lm;
    double attributes[6] = {0, 0, 0, 0, 0, 0};  // blank, topology, scales, delay penalty, band
    int32_t threads = 1;
    bool cuda = false;

    SimpleProblem(sf_dtype dtype, std::vector<int32_t> t, std::vector<int32_t> s, int64_t v,
                  unsigned seed, Tensor::Layout layout = Tensor::kDense, double scale = 2)
        : dtype(dtype),
          frames(std::move(t)),
          labels(std::move(s)),
          most_frames(*std::max_element(frames.begin(), frames.end()) + 1),
          most_labels(*std::max_element(labels.begin(), labels.end()) + 1),
          classes(v),
          am(dtype, {batch(), most_frames, v}, layout),
          lm(dtype, {batch(), most_labels + 1, v}, layout) {
        Random random(seed);
        targets.assign(static_cast<size_t>(batch() * most_labels), -1);
        for (int64_t b = 0; b < batch(); ++b) {
            for (int64_t k = 0; k < at(labels, b); ++k) {
                targets[static_cast<size_t>(b * most_labels + k)] = random.label(v, 0);
            }
            fill(random, am, b, at(frames, b), scale);
            fill(random, lm, b, at(labels, b) + 1, scale);
        }
    }

    int64_t batch() const { return static_cast<int64_t>(frames.size()); }
    static int32_t at(const std::vector<int32_t>& x, int64_t i) {
        return x[static_cast<size_t>(i)];
    }
    void fill(Random& random, Tensor& x, int64_t b, int64_t rows, double scale) const {
        for (int64_t i = 0; i < rows; ++i) {
            for (int64_t v = 0; v < classes; ++v) x.set({b, i, v}, random.normal(scale));
        }
    }

    OpCall call() {
        OpCall made("rnnt_simple", dtype);
        made.on_cuda(cuda)
            .input("am", array_of(am))
            .input("lm", array_of(lm))
            .input("targets", array_of(targets, {batch(), most_labels}))
            .input("frame_lengths", array_of(frames, {batch()}))
            .input("label_lengths", array_of(labels, {batch()}));
        const char* const names[] = {"blank",         "topology",      "lm_only_scale",
                                     "am_only_scale", "delay_penalty", "band"};
        for (size_t i = 0; i < 6; ++i) made.attribute(names[i], attributes[i]);
        return made;
    }
};

struct SimpleResult {
    LatticeArray loss;
    std::vector<int32_t> starts;
    Tensor am, lm;
};

inline SimpleResult run(SimpleProblem p, LatticeArray upstream,
                        Tensor::Layout layout = Tensor::kDense) {
    const int64_t b = p.batch(), t = p.most_frames;
    SimpleResult result{LatticeArray(p.dtype, b), std::vector<int32_t>(static_cast<size_t>(b * t)),
                        Tensor(p.dtype, p.am.shape(), layout),
                        Tensor(p.dtype, p.lm.shape(), layout)};
    OpCall forward = p.call();
    forward.output("loss", array_of(result.loss, p.dtype, b))
        .output("starts", array_of(result.starts, {b, t}));
    if (!CHECK(forward.run(p.threads) == SF_OK)) std::puts(sf_last_error());
    OpCall backward = forward.backward();
    backward.input("grad_loss", array_of(upstream, p.dtype, b))
        .output("grad_am", array_of(result.am))
        .output("grad_lm", array_of(result.lm));
    if (!CHECK(backward.run(p.threads) == SF_OK)) std::puts(sf_last_error());
    return result;
}

inline SimpleResult run(const SimpleProblem& p, double upstream = 1) {
    return run(p, LatticeArray(p.dtype, p.batch(), upstream));
}

}  // namespace testing

#endif  // SEQFRONT_TESTS_SIMPLE_PROBLEM_HPP_
