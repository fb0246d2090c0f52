// A random problem of any op of the transducer family, and calls into the library with it.
#ifndef SEQFRONT_TESTS_TRANSDUCER_PROBLEM_HPP_
#define SEQFRONT_TESTS_TRANSDUCER_PROBLEM_HPP_

#include <map>

#include "op_call.hpp"

namespace testing {

enum class Family { kDense, kPacked, kPruned, kTdt };

// Sizes of a problem; for each sequence frames and labels.
struct TransducerSizes {
    std::vector<int32_t> frame_lengths, label_lengths;
    int64_t frames, labels, classes, blank;
    int64_t band = 2;
};

struct TransducerProblem {
    Family family;
    TransducerSizes sizes;
    std::vector<int32_t> targets, starts, windows, big_blanks, durations;
    std::map<std::string, double> attributes;
    Tensor logits, duration_logits;
    int32_t threads = 1;
    bool cuda = false;

    TransducerProblem(Family family_, sf_dtype dtype, const TransducerSizes& s, unsigned seed,
                      Tensor::Layout layout = Tensor::kDense, std::vector<int32_t> steps = {})
        : family(family_),
          sizes(s),
          targets(static_cast<size_t>(batch() * s.labels), -7),
          starts(static_cast<size_t>(batch() * s.frames), -7),
          durations(std::move(steps)),
          logits(dtype, shape(s.classes), family == Family::kPacked ? Tensor::kDense : layout),
          duration_logits(dtype, shape(static_cast<int64_t>(durations.size())), layout) {
        Random random(seed);
        for (int64_t b = 0; b < batch(); ++b) fill(random, b);
    }

    int64_t batch() const { return static_cast<int64_t>(sizes.frame_lengths.size()); }
    int64_t frames(int64_t b) const { return sizes.frame_lengths[static_cast<size_t>(b)]; }
    int64_t labels(int64_t b) const { return sizes.label_lengths[static_cast<size_t>(b)]; }
    int32_t target(int64_t b, int64_t k) const { return at(targets, b * sizes.labels + k); }
    int64_t start(int64_t b, int64_t t) const {
        return family == Family::kPruned ? at(starts, b * sizes.frames + t) : 0;
    }
    int64_t width() const { return family == Family::kPruned ? sizes.band : sizes.labels + 1; }
    bool stores(int64_t b, int64_t t, int64_t u) const {
        if (t < 0 || t >= frames(b) || u > labels(b)) return false;
        const int64_t r = u - start(b, t);
        return r >= 0 && r < width();
    }
    double attribute(const std::string& name) const {
        const auto found = attributes.find(name);
        return found == attributes.end() ? 0 : found->second;
    }

    std::vector<int64_t> shape(int64_t last) const {
        if (family != Family::kPacked) return {batch(), sizes.frames, width(), last};
        int64_t cells = 0;
        for (int64_t b = 0; b < batch(); ++b) cells += frames(b) * (labels(b) + 1);
        return {cells, last};
    }

    // An element of one of the tensors, or of a gradient.
    double get(const Tensor& x, int64_t b, int64_t t, int64_t u, int64_t v) const {
        if (family == Family::kPacked) return x.get({packed_row(b, t, u), v});
        return x.get({b, t, u - start(b, t), v});
    }
    void set(Tensor& x, int64_t b, int64_t t, int64_t u, int64_t v, double value) const {
        if (family == Family::kPacked) return x.set({packed_row(b, t, u), v}, value);
        x.set({b, t, u - start(b, t), v}, value);
    }

    // Of the loss, or of another op with its inputs.
    OpCall call(const char* op = nullptr) {
        const char* losses[] = {"rnnt", "rnnt_packed", "rnnt_pruned", "tdt"};
        OpCall made(op != nullptr ? op : losses[static_cast<int>(family)], logits.dtype());
        made.on_cuda(cuda)
            .input("logits", array_of(logits))
            .input("targets", array_of(targets, {batch(), sizes.labels}))
            .input("frame_lengths", array_of(sizes.frame_lengths, {batch()}))
            .input("label_lengths", array_of(sizes.label_lengths, {batch()}))
            .attribute("blank", static_cast<double>(sizes.blank));
        if (family == Family::kPruned) {
            made.input("starts", array_of(starts, {batch(), sizes.frames}));
        }
        if (family == Family::kTdt) {
            const auto count = static_cast<int64_t>(durations.size());
            made.input("duration_logits", array_of(duration_logits))
                .input("durations", array_of(durations, {count}));
        }
        if (!windows.empty()) made.input("windows", array_of(windows, {batch(), sizes.labels, 2}));
        if (!big_blanks.empty()) {
            const auto count = static_cast<int64_t>(big_blanks.size()) / 2;
            made.input("big_blanks", array_of(big_blanks, {count, 2}));
        }
        for (const auto& [name, value] : attributes) made.attribute(name, value);
        return made;
    }

  private:
    static int32_t at(const std::vector<int32_t>& values, int64_t i) {
        return values[static_cast<size_t>(i)];
    }
    int64_t packed_row(int64_t b, int64_t t, int64_t u) const {
        int64_t first = 0;
        for (int64_t i = 0; i < b; ++i) first += frames(i) * (labels(i) + 1);
        return first + t * (labels(b) + 1) + u;
    }

    void fill(Random& random, int64_t b) {
        for (int64_t k = 0; k < labels(b); ++k) {
            // The last two classes are for big blanks.
            const int64_t limit = std::max<int64_t>(2, sizes.classes - 2);
            targets[static_cast<size_t>(b * sizes.labels + k)] = random.label(limit, sizes.blank);
        }
        int32_t start = 0;
        for (int64_t t = 0; t < frames(b); ++t) {
            if (t > 0) start += random.below(3) > 0;
            start = std::min(start, static_cast<int32_t>(labels(b)));
            starts[static_cast<size_t>(b * sizes.frames + t)] = start;
            for (int64_t u = 0; u <= labels(b); ++u) {
                for (int64_t v = 0; stores(b, t, u) && v < sizes.classes; ++v) {
                    set(logits, b, t, u, v, random.normal(1.5));
                }
                for (size_t d = 0; stores(b, t, u) && d < durations.size(); ++d) {
                    set(duration_logits, b, t, u, static_cast<int64_t>(d), random.normal(1));
                }
            }
        }
    }
};

struct TransducerResult {
    LatticeArray loss;
    Tensor grad, grad_durations;
};

inline LatticeArray ones(const TransducerProblem& p) { return {p.logits.dtype(), p.batch(), 1}; }

inline TransducerResult run(TransducerProblem p, LatticeArray upstream, bool in_place = false,
                            Tensor::Layout layout = Tensor::kDense) {
    const sf_dtype dtype = p.logits.dtype();
    if (p.family == Family::kPacked) layout = Tensor::kDense;
    TransducerResult result{{dtype, p.batch(), -5},
                            Tensor(dtype, p.logits.shape(), layout),
                            Tensor(dtype, p.duration_logits.shape(), layout)};
    OpCall forward = p.call();
    forward.output("loss", array_of(result.loss, dtype, p.batch()));
    if (!CHECK(forward.run(p.threads) == SF_OK)) std::puts(sf_last_error());
    OpCall backward = forward.backward();
    backward.input("grad_loss", array_of(upstream, dtype, p.batch()))
        .output("grad_logits", array_of(in_place ? p.logits : result.grad));
    if (p.family == Family::kTdt) {
        backward.output("grad_duration_logits",
                        array_of(in_place ? p.duration_logits : result.grad_durations));
    }
    if (!CHECK(backward.run(p.threads) == SF_OK)) std::puts(sf_last_error());
    if (in_place) {
        result.grad = p.logits;
        result.grad_durations = p.duration_logits;
    }
    return result;
}

}  // namespace testing

#endif  // SEQFRONT_TESTS_TRANSDUCER_PROBLEM_HPP_
