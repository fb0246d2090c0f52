// The CUDA kernels of CTC's last layer, run on the host, against the CPU's: every dtype, more rows,
// classes and features than a tile has, rows in several chunks, threads in several orders.
//
// In half precision the products of the gradient take it rounded to the dtype, as a layer of its
// own would; the log-probs are those of products that are exact, and so as close as float's.
#include "host_device.hpp"
#include "op_call.hpp"

using namespace testing;

namespace {

struct HeadSizes {
    std::vector<int32_t> frame_lengths, label_lengths;
    int64_t frames, labels, classes, features, blank;
};

struct HeadResult {
    std::vector<double> log_probs;
    std::vector<int32_t> tokens;
    Tensor hidden, weight, bias;
};

struct HeadProblem {
    sf_dtype dtype;
    HeadSizes sizes;
    bool has_bias;
    std::vector<int32_t> targets;
    Tensor hidden, weight, bias;
    LatticeArray upstream;

    HeadProblem(sf_dtype dtype_, const HeadSizes& s, unsigned seed, bool has_bias_ = true)
        : dtype(dtype_),
          sizes(s),
          has_bias(has_bias_),
          targets(static_cast<size_t>(batch() * s.labels), -7),
          hidden(dtype, {batch(), s.frames, s.features}),
          weight(dtype, {s.classes, s.features}),
          bias(dtype, {s.classes}),
          upstream(dtype, batch() * s.frames * (s.labels + 1), kNan) {
        Random random(seed);
        for (int64_t v = 0; v < s.classes; ++v) {
            bias.set({v}, random.normal(1));
            for (int64_t d = 0; d < s.features; ++d) weight.set({v, d}, random.normal(0.3));
        }
        for (int64_t b = 0; b < batch(); ++b) fill(random, b);
    }

    int64_t batch() const { return static_cast<int64_t>(sizes.frame_lengths.size()); }
    int64_t place(int64_t b, int64_t t, int64_t k) const {
        return (b * sizes.frames + t) * (sizes.labels + 1) + k;
    }

    HeadResult run(bool cuda) {
        OpCall forward("head_log_probs", dtype);
        forward.on_cuda(cuda)
            .input("hidden", array_of(hidden))
            .input("weight", array_of(weight))
            .input("targets", array_of(targets, {batch(), sizes.labels}))
            .input("frame_lengths", array_of(sizes.frame_lengths, {batch()}))
            .input("label_lengths", array_of(sizes.label_lengths, {batch()}))
            .attribute("blank", static_cast<double>(sizes.blank));
        if (has_bias) forward.input("bias", array_of(bias));
        if (!CHECK(forward.run() == SF_OK)) std::puts(sf_last_error());
        HeadResult result = {{},
                             {},
                             Tensor(dtype, hidden.shape()),
                             Tensor(dtype, weight.shape()),
                             Tensor(dtype, bias.shape())};
        for (int64_t i = 0; i < place(batch(), 0, 0); ++i) {
            result.log_probs.push_back(forward.value("log_probs", i));
        }
        for (int64_t i = 0; i < batch() * sizes.labels; ++i) {
            result.tokens.push_back(static_cast<int32_t>(forward.value("tokens", i)));
        }
        OpCall backward = forward.backward();
        backward
            .input("grad_log_probs", row_major(upstream.data(), forward.output("log_probs").dtype,
                                               {batch(), sizes.frames, sizes.labels + 1}))
            .output("grad_hidden", array_of(result.hidden))
            .output("grad_weight", array_of(result.weight));
        if (has_bias) backward.output("grad_bias", array_of(result.bias));
        if (!CHECK(backward.run() == SF_OK)) std::puts(sf_last_error());
        return result;
    }

  private:
    void fill(Random& random, int64_t b) {
        const int64_t labels = sizes.label_lengths[static_cast<size_t>(b)];
        for (int64_t k = 0; k < labels; ++k) {
            targets[static_cast<size_t>(b * sizes.labels + k)] =
                random.label(sizes.classes, sizes.blank);
        }
        for (int64_t t = 0; t < sizes.frame_lengths[static_cast<size_t>(b)]; ++t) {
            for (int64_t d = 0; d < sizes.features; ++d) hidden.set({b, t, d}, random.normal(0.5));
            const bool none = random.below(4) == 0;
            for (int64_t k = 0; k <= labels; ++k) {
                upstream.set(place(b, t, k), none ? 0 : random.normal(0.3));
            }
        }
    }
};

// Within `allowed` of the largest element, or of 1.
void check_tensor(Tensor& value, Tensor& expected, double allowed) {
    const std::vector<int64_t>& shape = expected.shape();
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    const int64_t width = std::max<int64_t>(shape.back(), 1);
    const auto at = [&](Tensor& x, int64_t i) {
        if (shape.size() == 1) return x.get({i});
        if (shape.size() == 2) return x.get({i / width, i % width});
        return x.get({i / width / shape[1], i / width % shape[1], i % width});
    };
    double largest = 1;
    for (int64_t i = 0; i < count; ++i) largest = std::fmax(largest, std::fabs(at(expected, i)));
    for (int64_t i = 0; i < count; ++i) {
        CHECK_CLOSE(at(value, i) / largest, at(expected, i) / largest, allowed);
    }
}

double allowed(sf_dtype dtype) {
    return dtype == SF_FLOAT64 ? 1e-13 : dtype == SF_FLOAT32 ? 3e-6 : 2 * tolerance(dtype);
}

void compare(HeadProblem& p) {
    HeadResult result = p.run(true), expected = p.run(false);
    CHECK(result.tokens == expected.tokens);
    for (size_t i = 0; i < expected.log_probs.size(); ++i) {
        CHECK_CLOSE(result.log_probs[i], expected.log_probs[i],
                    p.dtype == SF_FLOAT64 ? 1e-13 : 5e-6);
    }
    check_tensor(result.hidden, expected.hidden, allowed(p.dtype));
    check_tensor(result.weight, expected.weight, allowed(p.dtype));
    if (p.has_bias) check_tensor(result.bias, expected.bias, allowed(p.dtype));
}

}  // namespace

SEQFRONT_TEST(cuda_head, is_as_on_the_cpu) {
    unsigned seed = 0;
    for (const sf_dtype dtype : kDtypes) {
        for (int variant = 0; variant < 8; ++variant) {
            use_host_device({kThreadOrders[variant % 3], 32, variant % 4 + 1, variant % 2 != 0});
            const int64_t classes[] = {2, 5, 64, 67, 130, 128, 9, 33};
            const int64_t features[] = {1, 16, 33, 7, 20, 32, 0, 17};
            const HeadSizes sizes = {{4, 1, 0, 6, 2},  {3, 7, 2, 0, 5},   6,          7,
                                     classes[variant], features[variant], variant % 2};
            HeadProblem p(dtype, sizes, ++seed, variant % 3 != 0);
            context() = "dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
            compare(p);
        }
    }
}

SEQFRONT_TEST(cuda_head, more_than_a_tile_of_everything) {
    for (const sf_dtype dtype : kDtypes) {
        context() = "dtype " + std::to_string(dtype);
        const HeadSizes sizes = {{70, 90, 35}, {30, 2, 33}, 90, 33, 270, 140, 200};
        HeadProblem p(dtype, sizes, 3);
        use_host_device({ThreadOrder::kMixed, 32, 3, false});
        compare(p);
        use_host_device({ThreadOrder::kDown, 32, 3, true, 1});  // a tile of rows at once
        compare(p);
    }
}

SEQFRONT_TEST(cuda_head, bits_do_not_depend_on_the_order_of_threads_and_blocks) {
    const HeadSizes sizes = {{50, 30}, {12, 9}, 50, 12, 140, 40, 3};
    for (const sf_dtype dtype : kDtypes) {
        HeadProblem p(dtype, sizes, 4);
        use_host_device();
        const HeadResult expected = p.run(true);
        for (const ThreadOrder order : kThreadOrders) {
            use_host_device({order, 1024, 2, true});
            const HeadResult result = p.run(true);
            CHECK(result.hidden.bytes() == expected.hidden.bytes());
            CHECK(result.weight.bytes() == expected.weight.bytes());
            CHECK(result.bias.bytes() == expected.bias.bytes());
            for (size_t i = 0; i < expected.log_probs.size(); ++i) {
                CHECK(result.log_probs[i] == expected.log_probs[i]);
            }
        }
    }
}

// A label that occurs often, where each occurrence has a gradient of its own.
SEQFRONT_TEST(cuda_head, equal_labels) {
    use_host_device({ThreadOrder::kMixed, 32, 2, false});
    const HeadSizes sizes = {{5, 3}, {40, 20}, 5, 40, 4, 8, 3};
    HeadProblem p(SF_FLOAT64, sizes, 5);
    compare(p);
}

// float16 ends at 6e-8 and 65504; what is multiplied there is scaled.
SEQFRONT_TEST(cuda_head, gradients_of_any_size_in_float16) {
    use_host_device();
    const HeadSizes sizes = {{40, 40, 40}, {5, 5, 5}, 40, 5, 150, 20, 0};
    for (const double size : {1e-4, 1e4}) {
        HeadProblem p(SF_FLOAT16, sizes, 6);
        HeadProblem wide(SF_FLOAT32, sizes, 6);
        for (int64_t i = 0; i < p.place(3, 0, 0); ++i) {
            // The sequences differ by 1e6.
            const double of = size * std::pow(1e-3, static_cast<double>(i / p.place(1, 0, 0)));
            p.upstream.set(i, p.upstream.get(i) * of);
            wide.upstream.set(i, p.upstream.get(i));
        }
        for (int64_t v = 0; v < 150; ++v) {
            for (int64_t d = 0; d < 20; ++d) wide.weight.set({v, d}, p.weight.get({v, d}));
            wide.bias.set({v}, p.bias.get({v}));
        }
        for (int64_t i = 0; i < 3 * 40 * 20; ++i) {
            const int64_t b = i / 800, t = i / 20 % 40, d = i % 20;
            wide.hidden.set({b, t, d}, p.hidden.get({b, t, d}));
        }
        HeadResult result = p.run(true), expected = wide.run(false);
        for (int64_t b = 0; b < 3; ++b) {
            const double of = size * std::pow(1e-3, static_cast<double>(b));
            for (int64_t i = 0; i < 800; ++i) {
                const double value = expected.hidden.get({b, i / 20, i % 20});
                // The output ends at 6e-8, too.
                CHECK_CLOSE(result.hidden.get({b, i / 20, i % 20}), value, 0.004 * of + 3e-8);
            }
        }
        for (int64_t i = 0; i < 150 * 20; ++i) {
            CHECK_CLOSE(result.weight.get({i / 20, i % 20}), expected.weight.get({i / 20, i % 20}),
                        0.004 * size);
        }
    }
}

SEQFRONT_TEST(cuda_head, nan_and_infinity_stay_in_their_row) {
    use_host_device();
    for (const double bad : {kNan, kInf}) {
        const HeadSizes sizes = {{5, 5}, {3, 3}, 5, 3, 40, 12, 0};
        HeadProblem p(SF_FLOAT32, sizes, 7);
        const HeadResult expected = p.run(true);
        p.hidden.set({1, 2, 3}, bad);
        const HeadResult result = p.run(true);
        for (int64_t i = 0; i < p.place(2, 0, 0); ++i) {
            const auto at = static_cast<size_t>(i);
            const bool here = i >= p.place(1, 2, 0) && i < p.place(1, 3, 0);
            if (here) CHECK(std::isnan(result.log_probs[at]));
            if (!here) CHECK(result.log_probs[at] == expected.log_probs[at]);
        }
        CHECK(result.hidden.get({1, 1, 3}) == expected.hidden.get({1, 1, 3}));
        CHECK(result.hidden.get({0, 2, 3}) == expected.hidden.get({0, 2, 3}));
    }
}

SEQFRONT_TEST(cuda_head, impossible_classes) {
    use_host_device();
    const HeadSizes sizes = {{5, 5}, {3, 3}, 5, 3, 140, 12, 0};
    for (const sf_dtype dtype : kDtypes) {
        HeadProblem p(dtype, sizes, 8);
        for (int64_t v = 100; v < 140; ++v) p.bias.set({v}, -kInf);
        for (int32_t& target : p.targets) target = target % 99 + 1;
        compare(p);
    }
}

// The host does not look at them, so the kernels have to. With the sanitizers on, this is what
// says that nothing beyond the arrays is read or written.
SEQFRONT_TEST(cuda_head, whatever_lengths_and_targets_are) {
    constexpr int32_t kOdd[] = {-1, 5, 1 << 20, INT32_MIN, INT32_MAX};
    Random random(9);
    const HeadSizes sizes = {{4, 4, 4}, {3, 3, 3}, 4, 3, 5, 3, 1};
    for (int trial = 0; trial < 60; ++trial) {
        use_host_device({kThreadOrders[trial % 3], 32, 2, false});
        HeadProblem p(trial % 2 != 0 ? SF_FLOAT32 : SF_BFLOAT16, sizes, 10);
        bool valid[3];
        for (size_t b = 0; b < 3; ++b) {
            int32_t &t = p.sizes.frame_lengths[b], &u = p.sizes.label_lengths[b];
            t = random.below(5) == 0 ? kOdd[random.below(5)] : random.below(5);
            u = random.below(5) == 0 ? kOdd[random.below(5)] : random.below(4);
            int32_t& target = p.targets[3 * b];
            if (random.below(4) == 0) target = kOdd[random.below(5)];
            valid[b] = t >= 0 && t <= 4 && u >= 0 && u <= 3;
            valid[b] = valid[b] && (u == 0 || (target >= 0 && target < 5));
        }
        const HeadResult result = p.run(true);
        for (int64_t i = 0; i < p.place(3, 0, 0); ++i) {
            CHECK(std::isnan(result.log_probs[static_cast<size_t>(i)]) != valid[i / 16]);
        }
        for (int64_t b = 0; b < 3; ++b) {
            const int32_t t = p.sizes.frame_lengths[static_cast<size_t>(b)];
            const double first = result.hidden.get({b, 0, 1}), last = result.hidden.get({b, 3, 1});
            if (valid[b]) CHECK(!std::isnan(first) && (t > 3 || last == 0));
            if (!valid[b] && t <= 0) CHECK(first == 0 && last == 0);
        }
    }
}

SEQFRONT_TEST(cuda_head, empty_sizes) {
    use_host_device();
    HeadProblem no_batch(SF_FLOAT32, {{}, {}, 3, 2, 5, 4, 0}, 1);
    HeadResult result = no_batch.run(true);
    for (int64_t v = 0; v < 5; ++v)
        CHECK(result.weight.get({v, 3}) == 0 && result.bias.get({v}) == 0);
    HeadProblem no_frames(SF_BFLOAT16, {{0, 0}, {2, 0}, 0, 2, 5, 4, 0}, 1);
    result = no_frames.run(true);
    CHECK(result.weight.get({4, 3}) == 0 && result.tokens[0] == 1);
    HeadProblem blank(SF_FLOAT32, {{1}, {1}, 1, 1, 5, 4, 0}, 1);
    OpCall call("head_log_probs", SF_FLOAT32);
    call.on_cuda()
        .input("hidden", array_of(blank.hidden))
        .input("weight", array_of(blank.weight))
        .input("targets", array_of(blank.targets, {1, 1}))
        .input("frame_lengths", array_of(blank.sizes.frame_lengths, {1}))
        .input("label_lengths", array_of(blank.sizes.label_lengths, {1}))
        .attribute("blank", 5);
    CHECK(call.run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "head_log_probs: blank is 5, needed 0..4");
}
