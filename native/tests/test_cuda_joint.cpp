// The CUDA kernels of RNN-T with its joint network, run on the host, against the CPU's: every
// dtype, option and activation, more rows, classes and features than a tile has, rows in several
// chunks, threads in several orders.
//
// In half precision hidden rows and gradients are multiplied rounded to the dtype, as layers of
// their own would; the CPU keeps them in float. Where no rounding happens (sums that the dtype
// holds, no tanh) the losses are as close as float's.
#include <map>

#include "host_device.hpp"
#include "op_call.hpp"

using namespace testing;

namespace {

struct JointSizes {
    std::vector<int32_t> frame_lengths, label_lengths;
    int64_t frames, labels, classes, features, blank;
};

struct JointResult {
    LatticeArray loss;
    Tensor source, prediction, weight, bias;
};

struct JointProblem {
    sf_dtype dtype;
    JointSizes sizes;
    bool has_bias = true, cuda = false;
    std::vector<int32_t> targets, windows, big_blanks;
    std::map<std::string, double> attributes;
    Tensor source, prediction, weight, bias;
    LatticeArray upstream;

    JointProblem(sf_dtype dtype_, const JointSizes& s, unsigned seed)
        : dtype(dtype_),
          sizes(s),
          targets(static_cast<size_t>(batch() * s.labels), -7),
          source(dtype, {batch(), s.frames, s.features}),
          prediction(dtype, {batch(), s.labels + 1, s.features}),
          weight(dtype, {s.classes, s.features}),
          bias(dtype, {s.classes}),
          upstream(dtype, batch(), 1) {
        Random random(seed);
        for (int64_t v = 0; v < s.classes; ++v) {
            bias.set({v}, random.normal(1));
            for (int64_t d = 0; d < s.features; ++d) weight.set({v, d}, random.normal(0.3));
        }
        for (int64_t b = 0; b < batch(); ++b) fill(random, b);
    }

    int64_t batch() const { return static_cast<int64_t>(sizes.frame_lengths.size()); }

    OpCall call() {
        OpCall made("joint_rnnt", dtype);
        made.on_cuda(cuda)
            .input("source", array_of(source))
            .input("prediction", array_of(prediction))
            .input("weight", array_of(weight))
            .input("targets", array_of(targets, {batch(), sizes.labels}))
            .input("frame_lengths", array_of(sizes.frame_lengths, {batch()}))
            .input("label_lengths", array_of(sizes.label_lengths, {batch()}))
            .attribute("blank", static_cast<double>(sizes.blank));
        if (has_bias) made.input("bias", array_of(bias));
        if (!windows.empty()) made.input("windows", array_of(windows, {batch(), sizes.labels, 2}));
        if (!big_blanks.empty()) {
            const auto count = static_cast<int64_t>(big_blanks.size()) / 2;
            made.input("big_blanks", array_of(big_blanks, {count, 2}));
        }
        for (const auto& [name, value] : attributes) made.attribute(name, value);
        return made;
    }

    JointResult run(bool on_cuda) {
        cuda = on_cuda;
        JointResult result = {{dtype, batch(), -5},
                              Tensor(dtype, source.shape()),
                              Tensor(dtype, prediction.shape()),
                              Tensor(dtype, weight.shape()),
                              Tensor(dtype, bias.shape())};
        OpCall forward = call();
        forward.output("loss", array_of(result.loss, dtype, batch()));
        if (!CHECK(forward.run() == SF_OK)) std::puts(sf_last_error());
        OpCall backward = forward.backward();
        backward.input("grad_loss", array_of(upstream, dtype, batch()))
            .output("grad_source", array_of(result.source))
            .output("grad_prediction", array_of(result.prediction))
            .output("grad_weight", array_of(result.weight));
        if (has_bias) backward.output("grad_bias", array_of(result.bias));
        if (!CHECK(backward.run() == SF_OK)) std::puts(sf_last_error());
        return result;
    }

  private:
    // Eighths, of which a sum is exact in each dtype.
    static double eighths(Random& random) { return std::round(random.normal(4)) / 8; }

    void fill(Random& random, int64_t b) {
        const int64_t labels = sizes.label_lengths[static_cast<size_t>(b)];
        for (int64_t k = 0; k < labels; ++k) {
            // The last two classes are for big blanks.
            const int64_t limit = std::max<int64_t>(2, sizes.classes - 2);
            targets[static_cast<size_t>(b * sizes.labels + k)] = random.label(limit, sizes.blank);
        }
        for (int64_t d = 0; d < sizes.features; ++d) {
            for (int64_t t = 0; t < sizes.frame_lengths[static_cast<size_t>(b)]; ++t) {
                source.set({b, t, d}, eighths(random));
            }
            for (int64_t u = 0; u <= labels; ++u) prediction.set({b, u, d}, eighths(random));
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

void compare(JointProblem& p) {
    JointResult result = p.run(true), expected = p.run(false);
    const auto activation = p.attributes.find("activation");
    const bool exact = activation != p.attributes.end() && activation->second != 1;
    const bool half = item_size(p.dtype) == 2;
    for (int64_t b = 0; b < p.batch(); ++b) {
        CHECK_CLOSE(result.loss.get(b), expected.loss.get(b),
                    p.dtype == SF_FLOAT64 ? 1e-13
                    : half && !exact      ? tolerance(p.dtype)
                                          : 5e-6);
    }
    check_tensor(result.source, expected.source, allowed(p.dtype));
    check_tensor(result.prediction, expected.prediction, allowed(p.dtype));
    check_tensor(result.weight, expected.weight, allowed(p.dtype));
    if (p.has_bias) check_tensor(result.bias, expected.bias, allowed(p.dtype));
}

}  // namespace

SEQFRONT_TEST(cuda_joint, is_as_on_the_cpu) {
    unsigned seed = 0;
    for (const sf_dtype dtype : kDtypes) {
        for (int variant = 0; variant < 12; ++variant) {
            use_host_device({kThreadOrders[variant % 3], 32, variant % 4 + 1, variant % 2 != 0});
            const int64_t classes[] = {2, 5, 64, 67, 130, 9};
            const int64_t features[] = {1, 16, 33, 20, 0};
            const JointSizes sizes = {{4, 1, 0, 6, 2},      {3, 7, 2, 0, 5},       6,          7,
                                      classes[variant % 6], features[variant % 5], variant % 2};
            JointProblem p(dtype, sizes, ++seed);
            p.has_bias = variant % 4 != 2;
            p.attributes["activation"] = variant % 3;
            for (int64_t b = 0; b < p.batch(); ++b) p.upstream.set(b, b == 3 ? 0 : 0.5 - b);
            context() = "dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
            compare(p);
        }
    }
}

SEQFRONT_TEST(cuda_joint, variants) {
    Random random(1);
    for (const sf_dtype dtype : kDtypes) {
        for (int variant = 0; variant < 12; ++variant) {
            use_host_device({kThreadOrders[variant % 3], 32, 3, false});
            const JointSizes sizes = {{6, 3, 4, 9}, {3, 4, 0, 5}, 9, 5, 12, 6, variant % 10};
            JointProblem p(dtype, sizes, static_cast<unsigned>(variant));
            if (variant & 1) p.attributes["fastemit"] = 0.3;
            if (variant & 2) p.attributes["clamp"] = 0.05;
            if (variant & 4) p.attributes["delay_penalty"] = 0.2;
            if (variant & 8) p.attributes["sigma"] = 0.1;
            if (variant % 5 == 0) p.attributes["fastemit_scale"] = 1;
            p.attributes["topology"] = variant % 3;
            p.attributes["activation"] = variant / 2 % 3;
            for (int64_t i = 0; variant % 3 == 0 && i < p.batch() * p.sizes.labels; ++i) {
                const int32_t first = random.below(3) - 1;
                p.windows.push_back(first);
                p.windows.push_back(first + 4 + random.below(4));
            }
            context() = "dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
            compare(p);
        }
    }
}

SEQFRONT_TEST(cuda_joint, any_arcs) {
    for (const sf_dtype dtype : kDtypes) {
        for (int variant = 0; variant < 9; ++variant) {
            use_host_device({kThreadOrders[variant % 3], 32, 3, false});
            const JointSizes sizes = {{6, 3, 4, 9}, {3, 4, 0, 5}, 9, 5, 70, 6, variant % 2};
            JointProblem p(dtype, sizes, static_cast<unsigned>(variant));
            if (variant % 3 != 0) p.big_blanks = {69, 2, 68, 4};
            p.attributes["star"] = variant / 3;
            p.attributes["star_weight"] = -0.5;
            if (variant % 2 != 0) p.attributes["fastemit"] = 0.3;
            if (variant % 4 == 3) p.attributes["clamp"] = 0.05;
            p.attributes["sigma"] = 0.05;
            if (variant == 7) p.attributes["epsilon"] = 1e-3;
            context() = "dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
            compare(p);
        }
    }
}

SEQFRONT_TEST(cuda_joint, big_blanks_that_are_none) {
    use_host_device();
    for (const int32_t bad : {-1, 0, 5, INT32_MAX}) {
        JointProblem p(SF_FLOAT32, {{3, 4}, {2, 1}, 4, 2, 5, 4, 0}, 1);
        p.big_blanks = {4, 2, bad, 3};
        const JointResult result = p.run(true);
        CHECK(std::isnan(result.loss.get(0)) && std::isnan(result.loss.get(1)));
        CHECK(std::isnan(result.source.get({1, 0, 0})));
    }
}

SEQFRONT_TEST(cuda_joint, more_than_a_tile_of_everything) {
    for (const sf_dtype dtype : kDtypes) {
        context() = "dtype " + std::to_string(dtype);
        const JointSizes sizes = {{17, 40, 5}, {12, 2, 9}, 40, 12, 270, 140, 200};
        JointProblem p(dtype, sizes, 3);
        use_host_device({ThreadOrder::kMixed, 32, 3, false});
        compare(p);
        if (dtype == SF_FLOAT64 || dtype == SF_FLOAT16) continue;
        p.attributes["activation"] = 2;
        use_host_device({ThreadOrder::kDown, 32, 3, true, 1});  // a tile of rows at once
        compare(p);
    }
}

// Cells that alignments hardly pass through are no rows of the gradient: on both sides the same.
SEQFRONT_TEST(cuda_joint, cells_below_epsilon) {
    for (const sf_dtype dtype : {SF_FLOAT32, SF_FLOAT64}) {
        for (const double clamp : {0.0, 0.05}) {
            const JointSizes sizes = {{37, 30}, {12, 9}, 37, 12, 20, 6, 3};
            JointProblem p(dtype, sizes, 4);
            p.attributes["clamp"] = clamp;
            p.upstream.set(1, 1e-3);
            use_host_device({ThreadOrder::kMixed, 32, 3, false, 1});
            const JointResult all = p.run(true);
            p.attributes["epsilon"] = 0.02;
            compare(p);
            const JointResult some = p.run(true);
            CHECK(all.source.bytes() != some.source.bytes());
            p.attributes["epsilon"] = 3;
            const JointResult none = p.run(true);
            for (int64_t v = 0; v < 20; ++v) CHECK(none.weight.get({v, 3}) == 0);
        }
    }
}

// The list of rows is made in tiles of 2048 cells.
SEQFRONT_TEST(cuda_joint, thousands_of_cells) {
    const JointSizes sizes = {{60, 7, 60}, {30, 30, 11}, 60, 30, 5, 2, 3};
    JointProblem p(SF_FLOAT32, sizes, 10);
    for (const double epsilon : {0.0, 1e-3}) {
        p.attributes["epsilon"] = epsilon;
        use_host_device({ThreadOrder::kMixed, 32, 2, false, 1 << 20});
        compare(p);
    }
}

SEQFRONT_TEST(cuda_joint, bits_do_not_depend_on_the_order_of_threads_and_blocks) {
    const JointSizes sizes = {{14, 9}, {12, 5}, 14, 12, 140, 40, 3};
    for (const sf_dtype dtype : kDtypes) {
        JointProblem p(dtype, sizes, 5);
        use_host_device();
        const JointResult expected = p.run(true);
        for (const ThreadOrder order : kThreadOrders) {
            use_host_device({order, 1024, 2, true});
            const JointResult result = p.run(true);
            CHECK(result.source.bytes() == expected.source.bytes());
            CHECK(result.prediction.bytes() == expected.prediction.bytes());
            CHECK(result.weight.bytes() == expected.weight.bytes());
            CHECK(result.bias.bytes() == expected.bias.bytes());
            for (int64_t b = 0; b < 2; ++b) CHECK(result.loss.get(b) == expected.loss.get(b));
        }
    }
}

SEQFRONT_TEST(cuda_joint, nan_and_infinity_stay_in_their_sequence) {
    use_host_device();
    for (const double bad : {kNan, kInf}) {
        const JointSizes sizes = {{5, 5, 5}, {4, 4, 4}, 5, 4, 40, 6, 0};
        JointProblem p(SF_FLOAT32, sizes, 6);
        p.attributes["activation"] = 0;
        const JointResult expected = p.run(true);
        p.source.set({1, 2, 3}, bad);
        const JointResult result = p.run(true);
        CHECK(std::isnan(result.loss.get(1)) && std::isnan(result.source.get({1, 0, 0})));
        for (const int64_t b : {0, 2}) {
            CHECK(result.loss.get(b) == expected.loss.get(b));
            for (int64_t d = 0; d < 6; ++d) {
                CHECK(result.source.get({b, 3, d}) == expected.source.get({b, 3, d}));
                CHECK(result.prediction.get({b, 3, d}) == expected.prediction.get({b, 3, d}));
            }
        }
        p.upstream.set(1, 0);  // then it has no part in anything
        const JointResult without = p.run(true);
        CHECK(without.source.get({1, 2, 3}) == 0 && std::isfinite(without.weight.get({3, 3})));
    }
}

// The host does not look at them, so the kernels have to. With the sanitizers on, this is what
// says that nothing beyond the arrays is read or written.
SEQFRONT_TEST(cuda_joint, whatever_lengths_and_targets_are) {
    constexpr int32_t kOdd[] = {-1, 5, 1 << 20, INT32_MIN, INT32_MAX};
    Random random(7);
    const JointSizes sizes = {{4, 4, 4}, {3, 3, 3}, 4, 3, 5, 3, 1};
    for (int trial = 0; trial < 60; ++trial) {
        use_host_device({kThreadOrders[trial % 3], 32, 2, false});
        JointProblem p(trial % 2 != 0 ? SF_FLOAT32 : SF_FLOAT16, sizes, 8);
        p.attributes["topology"] = trial % 3;
        bool valid[3];
        for (size_t b = 0; b < 3; ++b) {
            int32_t &t = p.sizes.frame_lengths[b], &u = p.sizes.label_lengths[b];
            t = random.below(5) == 0 ? kOdd[random.below(5)] : random.below(5);
            u = random.below(5) == 0 ? kOdd[random.below(5)] : random.below(4);
            int32_t& target = p.targets[3 * b];
            if (random.below(4) == 0) target = kOdd[random.below(5)];
            valid[b] = t >= 0 && t <= 4 && u >= 0 && u <= 3;
            valid[b] = valid[b] && (t == 0 || u == 0 || (target >= 0 && target < 5));
        }
        const JointResult result = p.run(true);
        for (int64_t b = 0; b < 3; ++b) {
            CHECK(std::isnan(result.loss.get(b)) == !valid[b]);
            const int32_t t = p.sizes.frame_lengths[static_cast<size_t>(b)];
            if (valid[b] && t < 4) CHECK(result.source.get({b, 3, 1}) == 0);
        }
    }
}

SEQFRONT_TEST(cuda_joint, upstream_gradients) {
    use_host_device();
    const JointSizes sizes = {{3, 3, 3}, {2, 2, 2}, 3, 2, 5, 4, 0};
    JointProblem p(SF_FLOAT32, sizes, 9);
    for (int64_t b = 0; b < 3; ++b) p.upstream.set(b, 0);
    const JointResult none = p.run(true);
    CHECK(none.weight.get({2, 2}) == 0 && none.bias.get({2}) == 0);
    CHECK(none.source.get({0, 0, 0}) == 0 && none.prediction.get({2, 1, 0}) == 0);
    p.upstream.set(0, kNan);
    compare(p);
}

SEQFRONT_TEST(cuda_joint, empty_sizes) {
    use_host_device();
    JointProblem no_batch(SF_FLOAT32, {{}, {}, 3, 2, 5, 4, 0}, 1);
    const JointResult empty = no_batch.run(true);
    CHECK(empty.weight.get({4, 3}) == 0 && empty.bias.get({4}) == 0);
    JointProblem no_frames(SF_BFLOAT16, {{0, 0}, {2, 0}, 0, 2, 5, 4, 0}, 1);
    const JointResult result = no_frames.run(true);
    CHECK(result.loss.get(0) == kInf && result.loss.get(1) == 0);
    CHECK(result.prediction.get({0, 1, 2}) == 0);
    JointProblem no_labels(SF_FLOAT16, {{2, 1}, {0, 0}, 2, 0, 5, 4, 4}, 1);
    compare(no_labels);
}

SEQFRONT_TEST(cuda_joint, what_it_refuses) {
    use_host_device();
    JointProblem p(SF_FLOAT32, {{3}, {2}, 3, 2, 5, 4, 0}, 1);
    p.cuda = true;
    p.attributes["activation"] = 3;
    CHECK(p.call().run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "joint_rnnt: activation is 3, needed 0, 1 or 2");
    p.attributes["activation"] = 1;
    p.attributes["epsilon"] = -1;
    CHECK(p.call().run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "joint_rnnt: epsilon is -1, needed 0 or more");
    p.attributes["epsilon"] = 0;
    p.sizes.blank = 5;
    CHECK(p.call().run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "joint_rnnt: blank is 5, needed 0..4");
}
