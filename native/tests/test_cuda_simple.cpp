// The CUDA kernels of the simple loss of pruned RNN-T, run on the host, against the CPU's.
#include "host_device.hpp"
#include "simple_problem.hpp"

using namespace testing;

namespace {

enum Attribute { kBlank, kTopology, kLmOnly, kAmOnly, kDelay, kBand };

SimpleResult run_on_cuda(SimpleProblem p, const LatticeArray& upstream,
                         Tensor::Layout layout = Tensor::kDense) {
    p.cuda = true;
    return run(std::move(p), upstream, layout);
}
SimpleResult run_on_cuda(const SimpleProblem& p, double upstream = 1) {
    return run_on_cuda(p, LatticeArray(p.dtype, p.batch(), upstream));
}

// Each element of the gradients is a sum of many.
double allowed_error(sf_dtype dtype) {
    return dtype == SF_FLOAT64 ? 1e-11 : dtype == SF_FLOAT32 ? 1e-5 : tolerance(dtype) * 4;
}

void check_same(const Tensor& result, const Tensor& expected, double allowed) {
    for (int64_t b = 0; b < result.shape()[0]; ++b) {
        for (int64_t i = 0; i < result.shape()[1]; ++i) {
            for (int64_t v = 0; v < result.shape()[2]; ++v) {
                CHECK_CLOSE(result.get({b, i, v}), expected.get({b, i, v}), allowed);
            }
        }
    }
}

void check_same(const SimpleProblem& p, const SimpleResult& result, const SimpleResult& expected,
                double scale = 1) {
    const double allowed = allowed_error(p.dtype) * scale;
    for (int64_t b = 0; b < p.batch(); ++b) {
        CHECK_CLOSE(result.loss.get(b), expected.loss.get(b),
                    p.dtype == SF_FLOAT64 ? 1e-12 * scale : 1e-5 * scale);
    }
    CHECK(result.starts == expected.starts);
    check_same(result.am, expected.am, allowed);
    check_same(result.lm, expected.lm, allowed);
}

void compare(const SimpleProblem& p, double scale = 1, Tensor::Layout layout = Tensor::kDense) {
    LatticeArray upstream(p.dtype, p.batch());
    Random random(3);
    for (int64_t b = 0; b < p.batch(); ++b) {
        upstream.set(b, b % 4 == 3 ? 0 : random.normal(1));
    }
    check_same(p, run_on_cuda(p, upstream, layout), run(p, upstream), scale);
}

}  // namespace

SEQFRONT_TEST(cuda_simple, is_as_on_the_cpu) {
    unsigned seed = 0;
    for (const sf_dtype dtype : kDtypes) {
        for (int variant = 0; variant < 12; ++variant) {
            use_host_device({kThreadOrders[variant % 3], 32, variant % 5 + 1, variant % 2 != 0});
            const int64_t classes[] = {2, 21, 64, 67};
            const auto layout = static_cast<Tensor::Layout>(variant / 2 % 3);
            SimpleProblem p(dtype, {9, 1, 4, 8, 0, 2, 0, 5}, {3, 0, 4, 2, 0, 2, 1, 4},
                            classes[variant % 4], ++seed, layout);
            p.attributes[kTopology] = variant / 3 % 2;
            p.attributes[kDelay] = variant % 3 == 2 ? 0.3 : 0;
            p.attributes[kLmOnly] = variant % 4 == 1 ? 0.25 : variant == 8 ? 0.5 : 0;
            p.attributes[kAmOnly] = variant % 5 == 2 ? 0.2 : variant == 8 ? 0.5 : 0;
            p.attributes[kBand] = variant % 3 == 0 ? 0 : variant % 3 + 2;
            context() = "dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
            compare(p, 1, static_cast<Tensor::Layout>(variant % 3));
        }
    }
}

// More frames, positions and classes than a tile, and than a block has threads; not whole ones.
SEQFRONT_TEST(cuda_simple, tiles_and_strips) {
    for (const sf_dtype dtype : {SF_FLOAT32, SF_FLOAT64, SF_BFLOAT16}) {
        use_host_device({ThreadOrder::kMixed, 32, 3, true});
        SimpleProblem p(dtype, {131, 70}, {70, 64}, 83, 6);
        p.attributes[kBand] = 5;
        p.attributes[kAmOnly] = 0.1;
        compare(p, 3);
        p.attributes[kTopology] = 1;
        p.attributes[kLmOnly] = 0.1;
        compare(p, 3);
    }
}

// A row has a block, not a warp; and sums of many terms keep their precision.
SEQFRONT_TEST(cuda_simple, many_classes) {
    use_host_device();
    SimpleProblem p(SF_FLOAT32, {7, 3}, {3, 2}, 8200, 7);
    p.attributes[kAmOnly] = 0.25;
    SimpleProblem wide(SF_FLOAT64, {7, 3}, {3, 2}, 8200, 7);
    wide.attributes[kAmOnly] = 0.25;
    for (int64_t i = 0; i < 2 * 8 * 8200; ++i) {
        const int64_t row = i / 8200;
        wide.am.set({row / 8, row % 8, i % 8200}, p.am.get({row / 8, row % 8, i % 8200}));
    }
    for (int64_t i = 0; i < 2 * 5 * 8200; ++i) {
        const int64_t row = i / 8200;
        wide.lm.set({row / 5, row % 5, i % 8200}, p.lm.get({row / 5, row % 5, i % 8200}));
    }
    const SimpleResult result = run_on_cuda(p), expected = run(wide);
    for (int64_t b = 0; b < 2; ++b) {
        CHECK_CLOSE(result.loss.get(b), expected.loss.get(b), 3e-6);
    }
    check_same(result.am, expected.am, 3e-6);
    check_same(result.lm, expected.lm, 3e-6);
}

// The band of many frames is found in parts.
SEQFRONT_TEST(cuda_simple, bands_of_long_sequences) {
    use_host_device();
    for (const int topology : {0, 1}) {
        SimpleProblem p(SF_FLOAT32, {515, 256, 40}, {40, 3, 40}, 5, 8, Tensor::kDense, 4);
        p.attributes[kTopology] = topology;
        for (const double band : {3.0, 41.0, 2147483647.0}) {
            p.attributes[kBand] = band;
            const SimpleResult result = run_on_cuda(p), expected = run(p);
            CHECK(result.starts == expected.starts);
            check_same(p, result, expected, 30);
        }
    }
}

// Peaks at different classes: the product of the exponentials is too small for a number.
SEQFRONT_TEST(cuda_simple, peaks_apart) {
    for (const double scale : {40.0, 200.0, 3000.0}) {
        for (const double smoothing : {0.0, 0.2}) {
            use_host_device({ThreadOrder::kDown, 32, 2, false});
            SimpleProblem p(SF_FLOAT32, {6, 70}, {3, 66}, 30, 8, Tensor::kDense, scale);
            p.attributes[kLmOnly] = p.attributes[kAmOnly] = smoothing;
            compare(p, scale);
            SimpleProblem wide(SF_FLOAT64, {6, 3}, {3, 2}, 30, 7, Tensor::kDense, scale);
            wide.attributes[kLmOnly] = wide.attributes[kAmOnly] = smoothing;
            compare(wide, scale);
        }
    }
}

SEQFRONT_TEST(cuda_simple, impossible_classes) {
    use_host_device();
    for (const double smoothing : {0.0, 0.25, 0.5}) {
        SimpleProblem p(SF_FLOAT32, {5, 4, 3, 4}, {2, 2, 1, 2}, 9, 9);
        p.attributes[kLmOnly] = p.attributes[kAmOnly] = smoothing;
        for (int64_t t = 0; t < 5; ++t) p.am.set({0, t, p.targets[0]}, -kInf);  // no alignment
        for (int64_t v = 0; v < 9; ++v) p.lm.set({1, 2, v}, -kInf);             // no way to the end
        p.am.set({2, 1, 0}, -kInf);                                             // no blank there
        for (int64_t u = 0; u < 3; ++u) {                                       // but not needed
            for (int32_t v = 1; v < 9; ++v) {
                const bool needed = v == p.targets[9] || v == p.targets[10];
                if (!needed) p.lm.set({3, u, v}, -kInf);
            }
        }
        const SimpleResult result = run_on_cuda(p);
        CHECK(result.loss.get(0) == kInf && result.loss.get(1) == kInf);
        CHECK(std::isfinite(result.loss.get(3)));
        check_same(p, result, run(p));
    }
}

SEQFRONT_TEST(cuda_simple, no_share_of_the_joint) {
    use_host_device();
    SimpleProblem p(SF_FLOAT64, {3}, {1}, 4, 14);
    p.attributes[kBlank] = 3;
    p.targets[0] = 2;
    p.attributes[kLmOnly] = 1;
    for (int64_t v = 0; v < 4; ++v) p.lm.set({0, 1, v}, v < 2 ? -kInf : 0.5);
    for (int64_t v = 0; v < 4; ++v) p.am.set({0, 1, v}, v < 2 ? 0.5 : -kInf);
    const SimpleResult result = run_on_cuda(p);
    CHECK(std::isfinite(result.loss.get(0)));
    check_same(p, result, run(p));
}

SEQFRONT_TEST(cuda_simple, nan_and_infinity_stay_in_their_sequence) {
    use_host_device();
    for (const double bad : {kNan, kInf}) {
        for (const bool in_lm : {false, true}) {
            for (const double smoothing : {0.0, 0.25}) {
                SimpleProblem p(SF_FLOAT32, {5, 4, 3}, {2, 2, 1}, 9, 10);
                p.attributes[kAmOnly] = smoothing;
                (in_lm ? p.lm : p.am).set({1, 1, 8}, bad);
                const SimpleResult result = run_on_cuda(p);
                CHECK(std::isnan(result.loss.get(1)) && std::isnan(result.am.get({1, 0, 0})));
                CHECK(std::isnan(result.lm.get({1, 2, 5})));
                check_same(p, result, run(p));
                check_same(p, run_on_cuda(p, 0), run(p, 0));
            }
        }
    }
}

SEQFRONT_TEST(cuda_simple, upstream_gradients_that_are_no_numbers) {
    use_host_device();
    SimpleProblem p(SF_FLOAT32, {5, 4, 2}, {2, 2, 3}, 9, 10);
    p.attributes[kTopology] = 1;  // the last is impossible
    const SimpleResult result = run_on_cuda(p, kNan);
    for (int64_t b = 0; b < 3; ++b) {
        CHECK(std::isnan(result.am.get({b, 0, 3})) == (b < 2));
        CHECK(std::isnan(result.lm.get({b, 2, 8})) == (b < 2));
        CHECK(result.am.get({b, 5, 3}) == 0);
    }
}

SEQFRONT_TEST(cuda_simple, bits_do_not_depend_on_the_order_of_threads_and_blocks) {
    SimpleProblem p(SF_FLOAT32, {80, 13, 66}, {37, 70, 0}, 67, 5);
    p.attributes[kLmOnly] = 0.25;
    p.attributes[kAmOnly] = 0.25;
    p.attributes[kBand] = 9;
    use_host_device();
    const SimpleResult expected = run_on_cuda(p);
    for (const ThreadOrder order : kThreadOrders) {
        use_host_device({order, 1024, 3, true});
        const SimpleResult result = run_on_cuda(p);
        CHECK(result.am.bytes() == expected.am.bytes());
        CHECK(result.lm.bytes() == expected.lm.bytes());
        CHECK(result.starts == expected.starts);
        for (int64_t b = 0; b < 3; ++b) CHECK(result.loss.get(b) == expected.loss.get(b));
    }
}

// The host does not look at them, so the kernels have to.
SEQFRONT_TEST(cuda_simple, what_the_cpu_refuses_gives_nan) {
    use_host_device();
    const SimpleProblem good(SF_FLOAT32, {3, 3, 3, 3, 3, 2}, {2, 2, 2, 2, 2, 2}, 5, 1);
    const SimpleResult expected = run_on_cuda(good);
    SimpleProblem p = good;
    p.frames[1] = 5;
    p.frames[2] = -1;
    p.labels[3] = 1 << 30;
    p.targets[4 * 3 + 1] = 5;
    p.targets[5 * 3] = 0;  // the blank
    const SimpleResult result = run_on_cuda(p);
    CHECK(result.loss.get(0) == expected.loss.get(0));
    CHECK(result.am.get({0, 2, 3}) == expected.am.get({0, 2, 3}));
    for (int64_t b = 1; b < p.batch(); ++b) {
        context() = "sequence " + std::to_string(b);
        CHECK(std::isnan(result.loss.get(b)));
        CHECK(std::isnan(result.lm.get({b, 1, 3})));
        if (b != 2) CHECK(std::isnan(result.am.get({b, 1, 3})));
    }
    SimpleProblem narrow(SF_FLOAT32, {6, 2, 0}, {2, 5, 1}, 7, 12);
    narrow.attributes[kBand] = 3;  // the second needs 4
    const SimpleResult banded = run_on_cuda(narrow);
    CHECK(std::isfinite(banded.loss.get(0)) && std::isnan(banded.loss.get(1)));
    CHECK(banded.loss.get(2) == kInf && std::isnan(banded.am.get({1, 1, 3})));
}

// With the sanitizers on, this is what says that no kernel reads or writes beyond the arrays.
SEQFRONT_TEST(cuda_simple, whatever_lengths_and_targets_are) {
    Random random(7);
    constexpr int32_t kOdd[] = {-1, 6, 1 << 20, INT32_MIN, INT32_MAX};
    for (int trial = 0; trial < 100; ++trial) {
        use_host_device({kThreadOrders[trial % 3], 32, 2, false});
        SimpleProblem p(SF_FLOAT32, {4, 4, 4}, {3, 3, 3}, 5, 8);
        p.cuda = true;
        p.attributes[kTopology] = trial % 2;
        p.attributes[kAmOnly] = trial % 4 / 2 * 0.5;
        p.attributes[kBand] = trial % 5;
        bool valid[3];
        for (size_t b = 0; b < 3; ++b) {
            p.frames[b] = random.below(5) == 0 ? kOdd[random.below(5)] : random.below(5);
            p.labels[b] = random.below(5) == 0 ? kOdd[random.below(5)] : random.below(4);
            valid[b] = p.frames[b] >= 0 && p.frames[b] <= 5 && p.labels[b] >= 0 && p.labels[b] <= 4;
            if (random.below(4) == 0) p.targets[4 * b] = kOdd[random.below(5)];
        }
        const SimpleResult result = run(p);
        for (size_t b = 0; b < 3; ++b) {
            const auto i = static_cast<int64_t>(b);
            if (!valid[b]) CHECK(std::isnan(result.loss.get(i)));
            for (int64_t t = 0; t < p.most_frames; ++t) {
                const int32_t start = SimpleProblem::at(result.starts, i * p.most_frames + t);
                CHECK(start >= 0 && start <= p.most_labels);
            }
        }
    }
}

SEQFRONT_TEST(cuda_simple, empty_sizes_and_refused_options) {
    use_host_device();
    SimpleProblem p(SF_FLOAT32, {0, 0}, {0, 1}, 7, 12);
    const SimpleResult result = run_on_cuda(p);
    CHECK(result.loss.get(0) == 0 && result.loss.get(1) == kInf);
    CHECK(result.lm.get({0, 0, 3}) == 0 && result.am.get({0, 0, 6}) == 0);
    p.cuda = true;
    p.attributes[kTopology] = 2;
    CHECK(p.call().run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "rnnt_simple: topology is 2, needed 0 (regular) or 1 (modified)");
}
