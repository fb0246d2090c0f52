// The CUDA kernels of TDT, run on the host, against the CPU's.
#include "cuda_transducer.hpp"

using namespace testing;

namespace {

const std::vector<int32_t> kDurations[] = {{0, 1, 2, 3, 4}, {1},    {0, 2},
                                           {1, 2, 40},      {0, 1}, {3, 5}};

}  // namespace

SEQFRONT_TEST(cuda_tdt, is_as_on_the_cpu) {
    Random random(1);
    for (const sf_dtype dtype : kDtypes) {
        for (int variant = 0; variant < 48; ++variant) {
            const int threads[] = {32, 64, 512};
            use_host_device({kThreadOrders[variant / 2 % 3], threads[variant % 3], variant % 5 + 1,
                             variant % 2 != 0});
            const int64_t classes[] = {3, 31, 67, 1030};
            const TransducerSizes sizes = {
                {4, 1, 7, 0, 2, 1, 0, 9}, {3, 2, 0, 0, 5, 0, 1, 7},          9, 7,
                classes[variant % 4],     variant / 4 % classes[variant % 4]};
            TransducerProblem p(Family::kTdt, dtype, sizes, static_cast<unsigned>(variant),
                                static_cast<Tensor::Layout>(variant % 3), kDurations[variant % 6]);
            if (variant & 1) p.attributes["fastemit"] = 0.3;
            if (variant & 2) p.attributes["clamp"] = 0.05;
            if (variant & 4) p.attributes["sigma"] = 0.05;
            if (variant & 8) p.attributes["normalized"] = 1;
            if (variant & 16) p.attributes["fastemit_scale"] = 1;
            context() = "dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
            compare(p, random, variant / 6 % 2 != 0, static_cast<Tensor::Layout>(variant / 2 % 3));
        }
    }
}

SEQFRONT_TEST(cuda_tdt, strips_of_positions) {
    Random random(2);
    int variant = 0;
    for_each_strip_size([&](sf_dtype dtype, const TransducerSizes& sizes) {
        const std::vector<int32_t>& durations = kDurations[++variant % 6];
        compare(TransducerProblem(Family::kTdt, dtype, sizes, 3, Tensor::kDense, durations),
                random);
    });
}

SEQFRONT_TEST(cuda_tdt, more_positions_than_a_block_has_threads) {
    Random random(3);
    use_host_device();
    const TransducerSizes sizes = {{3, 5}, {1100, 511}, 5, 1100, 4, 0};
    compare(TransducerProblem(Family::kTdt, SF_FLOAT32, sizes, 4, Tensor::kDense, {0, 1, 2}),
            random);
}

SEQFRONT_TEST(cuda_tdt, many_durations) {
    Random random(4);
    std::vector<int32_t> durations;
    for (int32_t i = 0; i < 200; ++i) durations.push_back(i + i / 3);
    for (const int threads : {32, 512}) {
        use_host_device({ThreadOrder::kMixed, threads, 3, false});
        compare(TransducerProblem(Family::kTdt, SF_FLOAT32, {{19, 4}, {4, 3}, 19, 4, 5, 0}, 5,
                                  Tensor::kGaps, durations),
                random);
    }
}

SEQFRONT_TEST(cuda_tdt, bits_do_not_depend_on_the_order_of_threads_and_blocks) {
    const TransducerSizes sizes = {{40, 13, 40}, {37, 70, 0}, 40, 70, 67, 3};
    check_bits_in_all_orders(
        TransducerProblem(Family::kTdt, SF_FLOAT32, sizes, 5, Tensor::kDense, kDurations[0]));
}

SEQFRONT_TEST(cuda_tdt, nan_and_infinity_stay_in_their_sequence) {
    use_host_device();
    for (const double bad : {kNan, kInf}) {
        for (const sf_dtype dtype : kDtypes) {
            for (const bool of_duration : {false, true}) {
                TransducerProblem p(Family::kTdt, dtype, {{5, 5, 5}, {4, 4, 4}, 5, 4, 40, 0}, 1,
                                    Tensor::kDense, kDurations[0]);
                (of_duration ? p.duration_logits : p.logits).set({1, 2, 1, 3}, bad);
                const TransducerResult result = run_on_cuda(p, ones(p));
                CHECK(std::isnan(result.loss.get(1)) && std::isnan(result.grad.get({1, 4, 4, 39})));
                CHECK(std::isnan(result.grad_durations.get({1, 4, 4, 4})));
                check_same(p, result, run(p, ones(p)));
            }
        }
    }
}

SEQFRONT_TEST(cuda_tdt, impossible_durations_and_upstream_gradients) {
    use_host_device();
    for (const sf_dtype dtype : kDtypes) {
        TransducerProblem p(Family::kTdt, dtype, {{3, 3, 3}, {2, 2, 2}, 3, 2, 6, 0}, 1,
                            Tensor::kDense, {0, 1, 2});
        for (int64_t i = 0; i < 3 * 3 * 3; ++i) {
            const int64_t t = i / 9, u = i / 3 % 3, d = i % 3;
            p.duration_logits.set({1, t, u, d}, -kInf);             // whole rows
            if (d > 0) p.duration_logits.set({2, t, u, d}, -kInf);  // no path is left
            if (d == 2) p.duration_logits.set({0, t, u, d}, -kInf);
        }
        const TransducerResult result = run_on_cuda(p, ones(p));
        CHECK(result.loss.get(1) == kInf && result.loss.get(2) == kInf);
        check_same(p, result, run(p, ones(p)));
        LatticeArray upstream(dtype, 3, 0);
        upstream.set(0, kNan);
        check_same(p, run_on_cuda(p, upstream), run(p, upstream));
    }
}

// The host does not look at them, so the kernels have to.
SEQFRONT_TEST(cuda_tdt, durations_out_of_range_give_nan) {
    use_host_device();
    const TransducerSizes sizes = {{3, 3}, {2, 2}, 3, 2, 7, 1};
    const std::vector<int32_t> wrong[] = {
        {-1, 1}, {1, 1}, {2, 1}, {0, 0}, {0}, {INT32_MIN, 5}, {INT32_MAX, INT32_MAX}};
    for (const auto& durations : wrong) {
        const TransducerProblem p(Family::kTdt, SF_FLOAT32, sizes, 1, Tensor::kDense, durations);
        const TransducerResult result = run_on_cuda(p, ones(p));
        for (int64_t b = 0; b < 2; ++b) {
            CHECK(std::isnan(result.loss.get(b)) && std::isnan(result.grad.get({b, 0, 0, 0})));
            CHECK(std::isnan(result.grad_durations.get({b, 0, 0, 0})));
        }
    }
    const TransducerProblem p(Family::kTdt, SF_FLOAT32, sizes, 1, Tensor::kDense,
                              {0, 1, INT32_MAX});
    check_same(p, run_on_cuda(p, ones(p)), run(p, ones(p)));
}

// With the sanitizers on, this is what says that no kernel reads or writes beyond the arrays.
SEQFRONT_TEST(cuda_tdt, whatever_lengths_and_targets_are) {
    Random random(7);
    for (int trial = 0; trial < 200; ++trial) {
        use_host_device({kThreadOrders[trial % 3], trial % 4 == 0 ? 512 : 32, 2, false});
        TransducerProblem p(Family::kTdt, SF_FLOAT32, {{4, 4, 4}, {3, 3, 3}, 4, 3, 5, 1}, 8,
                            Tensor::kDense, kDurations[trial % 6]);
        const std::vector<bool> valid = spoil(p, random);
        const LatticeArray loss = run_whatever_it_is(p);
        for (int64_t b = 0; b < 3; ++b) {
            CHECK(std::isnan(loss.get(b)) == !valid[static_cast<size_t>(b)]);
        }
    }
}

SEQFRONT_TEST(cuda_tdt, empty_sizes) {
    use_host_device();
    const auto of = [](const TransducerSizes& sizes) {
        return TransducerProblem(Family::kTdt, SF_FLOAT32, sizes, 1, Tensor::kDense, {0, 1, 2});
    };
    const TransducerProblem no_batch = of({{}, {}, 3, 2, 5, 0});
    run_on_cuda(no_batch, ones(no_batch));
    const TransducerProblem no_frames = of({{0, 0}, {2, 0}, 0, 2, 5, 0});
    const TransducerResult result = run_on_cuda(no_frames, ones(no_frames));
    CHECK(result.loss.get(0) == kInf && result.loss.get(1) == 0);
    const TransducerProblem no_labels = of({{4, 1}, {0, 0}, 4, 0, 5, 4});
    check_same(no_labels, run_on_cuda(no_labels, ones(no_labels)), run(no_labels, ones(no_labels)));
}

SEQFRONT_TEST(cuda_tdt, long_sequences_keep_their_precision) {
    use_host_device();
    const TransducerSizes sizes = {{400}, {60}, 400, 60, 8, 0};
    const std::vector<int32_t>& durations = kDurations[0];
    TransducerProblem p(Family::kTdt, SF_FLOAT32, sizes, 6, Tensor::kDense, durations);
    TransducerProblem wide(Family::kTdt, SF_FLOAT64, sizes, 6, Tensor::kDense, durations);
    for (int64_t i = 0; i < 400 * 61; ++i) {
        const int64_t t = i / 61, u = i % 61;
        for (int64_t v = 0; v < 8; ++v) {
            wide.logits.set({0, t, u, v}, p.logits.get({0, t, u, v}));
            if (v >= 5) continue;
            wide.duration_logits.set({0, t, u, v}, p.duration_logits.get({0, t, u, v}));
        }
    }
    check_same(p, run_on_cuda(p, ones(p)), run(wide, ones(wide)));
}

SEQFRONT_TEST(cuda_tdt, what_is_refused) {
    use_host_device();
    TransducerProblem p(Family::kTdt, SF_FLOAT32, {{3}, {2}, 3, 2, 5, 0}, 1);
    p.cuda = true;
    CHECK(p.call().run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(),
               "tdt: durations has none above 0, so no path gets to the last frame");
    p = TransducerProblem(Family::kTdt, SF_FLOAT32, {{3}, {2}, 3, 2, 5, 5}, 1, Tensor::kDense, {1});
    p.cuda = true;
    CHECK(p.call().run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "tdt: blank is 5, needed 0..4");
}
