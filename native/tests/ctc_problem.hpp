// A random CTC problem, and calls into the library with it.
#ifndef SEQFRONT_TESTS_CTC_PROBLEM_HPP_
#define SEQFRONT_TESTS_CTC_PROBLEM_HPP_

#include "tensors.hpp"
#include "testing.hpp"

namespace testing {

struct CtcProblem {
    int64_t frames, labels, classes, blank;
    std::vector<int32_t> frame_lengths, label_lengths, targets;
    Tensor logits;
    bool normalized = false, max_approx = false, label_loop = true;
    int32_t threads = 1;

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

    sf_ctc_problem description() const {
        sf_ctc_problem p{};
        p.batch = batch();
        p.frames = frames;
        p.labels = labels;
        p.classes = classes;
        for (int i = 0; i < 2; ++i) p.logits_stride[i] = logits.stride()[i];
        p.targets = targets.data();
        p.targets_stride = labels;
        p.frame_lengths = frame_lengths.data();
        p.label_lengths = label_lengths.data();
        p.blank = blank;
        p.dtype = logits.dtype();
        p.normalized = normalized;
        p.max_approx = max_approx;
        p.label_loop = label_loop;
        p.threads = threads;
        return p;
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
    LatticeArray saved(dtype, p.batch() * p.frames * (p.labels + 2), kNan);
    const sf_ctc_problem d = p.description();
    CHECK(sf_ctc_forward(&d, p.logits.data(), result.loss.data(), saved.data()) == SF_OK);
    Tensor& grad = in_place ? p.logits : result.grad;
    const sf_status status = sf_ctc_backward(&d, p.logits.data(), saved.data(), upstream.data(),
                                             grad.data(), grad.stride());
    if (!CHECK(status == SF_OK)) std::puts(sf_last_error());
    if (in_place) result.grad = p.logits;
    return result;
}

}  // namespace testing

#endif  // SEQFRONT_TESTS_CTC_PROBLEM_HPP_
