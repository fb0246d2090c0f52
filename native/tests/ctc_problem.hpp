// A random CTC problem, and calls into the library with it.
#ifndef SEQFRONT_TESTS_CTC_PROBLEM_HPP_
#define SEQFRONT_TESTS_CTC_PROBLEM_HPP_

#include "op_call.hpp"

namespace testing {

struct CtcProblem {
    int64_t frames, labels, classes, blank;
    std::vector<int32_t> frame_lengths, label_lengths, targets;
    Tensor logits;
    bool normalized = false, max_approx = false, label_loop = true;
    int32_t threads = 1;
    bool cuda = false;

    CtcProblem(sf_dtype dtype, std::vector<int32_t> frame_lengths_, std::vector<int32_t> labels_,
               int64_t frames_, int64_t max_labels, int64_t classes_, int64_t blank_, unsigned seed,
               Tensor::Layout layout = Tensor::kDense, double scale = 2)
        : frames(frames_),
          labels(max_labels),
          classes(classes_),
          blank(blank_),
          frame_lengths(frame_lengths_),
          label_lengths(labels_),
          targets(frame_lengths_.size() * static_cast<size_t>(max_labels), -7),
          logits(dtype, {batch(), frames_, classes_}, layout) {
        Random random(seed);
        for (int64_t b = 0; b < batch(); ++b) {
            for (int64_t k = 0; k < label_length(b); ++k) {
                targets[static_cast<size_t>(b * labels + k)] = random.label(classes, blank);
            }
            for (int64_t t = 0; t < frame_length(b); ++t) {
                for (int64_t v = 0; v < classes; ++v) logits.set({b, t, v}, random.normal(scale));
            }
        }
    }

    int64_t batch() const { return static_cast<int64_t>(frame_lengths.size()); }
    int64_t frame_length(int64_t b) const { return frame_lengths[static_cast<size_t>(b)]; }
    int64_t label_length(int64_t b) const { return label_lengths[static_cast<size_t>(b)]; }
    int32_t target(int64_t b, int64_t k) const {
        return targets[static_cast<size_t>(b * labels + k)];
    }

    // The forward half.
    OpCall call() {
        OpCall made("ctc", logits.dtype());
        made.on_cuda(cuda)
            .input("logits", array_of(logits))
            .input("targets", array_of(targets, {batch(), labels}))
            .input("frame_lengths", array_of(frame_lengths, {batch()}))
            .input("label_lengths", array_of(label_lengths, {batch()}))
            .attribute("blank", static_cast<double>(blank))
            .attribute("normalized", normalized)
            .attribute("max_approx", max_approx)
            .attribute("label_loop", label_loop);
        return made;
    }

    Rows rows(int64_t b) const {
        Rows out;
        for (int64_t t = 0; t < frame_length(b); ++t) {
            out.emplace_back();
            for (int64_t v = 0; v < classes; ++v) out.back().push_back(logits.get({b, t, v}));
        }
        return out;
    }
};

struct CtcResult {
    LatticeArray loss;
    Tensor grad;
};

inline LatticeArray ones(const CtcProblem& p) { return {p.logits.dtype(), p.batch(), 1}; }

inline CtcResult run(CtcProblem p, LatticeArray upstream, bool in_place = false,
                     Tensor::Layout grad_layout = Tensor::kDense) {
    const sf_dtype dtype = p.logits.dtype();
    CtcResult result{{dtype, p.batch(), -5}, Tensor(dtype, p.logits.shape(), grad_layout)};
    OpCall forward = p.call();
    forward.output("loss", array_of(result.loss, dtype, p.batch()));
    if (!CHECK(forward.run(p.threads) == SF_OK)) std::puts(sf_last_error());
    OpCall backward = forward.backward();
    backward.input("grad_loss", array_of(upstream, dtype, p.batch()))
        .output("grad_logits", array_of(in_place ? p.logits : result.grad));
    if (!CHECK(backward.run(p.threads) == SF_OK)) std::puts(sf_last_error());
    if (in_place) result.grad = p.logits;
    return result;
}

}  // namespace testing

#endif  // SEQFRONT_TESTS_CTC_PROBLEM_HPP_
