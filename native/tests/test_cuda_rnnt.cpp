// The CUDA kernels of RNN-T, run on the host, against the CPU's: random problems, every dtype and
// layout, more positions than threads, and threads in several orders.
//
// That a GPU runs them as the host does is what native/src/cuda/block.hpp promises; nothing here
// ran on one.
#include "cuda_transducer.hpp"

using namespace testing;

SEQFRONT_TEST(cuda_rnnt, is_as_on_the_cpu) {
    unsigned seed = 0;
    Random random(1);
    for (const sf_dtype dtype : kDtypes) {
        for (int variant = 0; variant < 24; ++variant) {
            const auto layout = static_cast<Tensor::Layout>(variant % 3);
            use_host_device(
                {kThreadOrders[variant / 2 % 3], 32, variant % 5 + 1, variant % 2 != 0});
            const int64_t classes[] = {2, 5, 31, 64, 67, 1030};
            const TransducerSizes sizes = {
                {4, 1, 7, 0, 2, 1, 0, 9}, {3, 2, 0, 0, 5, 0, 1, 7},      9, 7,
                classes[variant % 6],     variant % classes[variant % 6]};
            const Family family = variant % 5 > 2 ? Family::kPacked : Family::kDense;
            TransducerProblem p(family, dtype, sizes, ++seed, layout);
            p.attributes["normalized"] = variant % 4 == 1;
            context() = "dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
            compare(p, random, variant / 6 % 2 != 0, static_cast<Tensor::Layout>(variant / 2 % 3));
        }
    }
}

SEQFRONT_TEST(cuda_rnnt, strips_of_positions) {
    Random random(2);
    for (const auto& [frames, labels] : {std::pair<int, int>{33, 31},
                                         {3, 32},
                                         {36, 33},
                                         {70, 63},
                                         {70, 64},
                                         {131, 100},
                                         {1, 97},
                                         {35, 32}}) {
        for (const ThreadOrder order : kThreadOrders) {
            for (const sf_dtype dtype : {SF_FLOAT32, SF_FLOAT64}) {
                use_host_device({order, 32, 7, false});
                context() = std::to_string(frames) + " x " + std::to_string(labels);
                const TransducerSizes sizes = {{frames, frames / 2, frames},
                                               {labels, labels, labels / 2},
                                               frames,
                                               labels,
                                               5,
                                               2};
                TransducerProblem p(Family::kDense, dtype, sizes, 3);
                compare(p, random);
                compare(TransducerProblem(Family::kPacked, dtype, sizes, 3), random);
                p.attributes["topology"] = frames % 2 + 1;
                compare(p, random);
            }
        }
    }
}

SEQFRONT_TEST(cuda_rnnt, more_positions_than_a_block_has_threads) {
    Random random(3);
    use_host_device();
    const TransducerSizes sizes = {{3, 5}, {1500, 1023}, 5, 1500, 4, 0};
    compare(TransducerProblem(Family::kDense, SF_FLOAT32, sizes, 4), random);
    compare(TransducerProblem(Family::kDense, SF_FLOAT64, sizes, 4), random);
}

SEQFRONT_TEST(cuda_rnnt, variants) {
    Random random(4);
    unsigned seed = 0;
    for (const sf_dtype dtype : kDtypes) {
        for (int variant = 0; variant < 32; ++variant) {
            use_host_device({kThreadOrders[variant % 3], 32, 3, false});
            const TransducerSizes sizes = {{6, 3, 4, 43}, {3, 4, 0, 40}, 43, 40, 12, variant % 10};
            const Family family = variant % 8 > 4 ? Family::kPacked : Family::kDense;
            TransducerProblem p(family, dtype, sizes, ++seed);
            set_options(p, variant, random);
            p.attributes["topology"] = variant / 2 % 3;
            context() = "dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
            compare(p, random);
        }
    }
}

SEQFRONT_TEST(cuda_rnnt, bits_do_not_depend_on_the_order_of_threads_and_blocks) {
    const TransducerSizes sizes = {{40, 13, 40}, {37, 70, 0}, 40, 70, 67, 3};
    check_bits_in_all_orders(TransducerProblem(Family::kDense, SF_FLOAT32, sizes, 5));
}

SEQFRONT_TEST(cuda_rnnt, long_sequences_keep_their_precision) {
    use_host_device();
    const TransducerSizes sizes = {{700}, {90}, 700, 90, 8, 0};
    const TransducerProblem p(Family::kDense, SF_FLOAT32, sizes, 6);
    TransducerProblem wide(Family::kDense, SF_FLOAT64, sizes, 6);
    for (int64_t i = 0; i < 700 * 91 * 8; ++i) {
        const int64_t t = i / 8 / 91, u = i / 8 % 91;
        wide.logits.set({0, t, u, i % 8}, p.logits.get({0, t, u, i % 8}));
    }
    const TransducerResult result = run_on_cuda(p, ones(p)), expected = run(wide, ones(wide));
    check_same(p, result, expected);
}

SEQFRONT_TEST(cuda_rnnt, nan_and_infinity_stay_in_their_sequence) {
    use_host_device();
    for (const double bad : {kNan, kInf}) {
        for (const sf_dtype dtype : kDtypes) {
            const TransducerSizes sizes = {{5, 5, 5}, {4, 4, 4}, 5, 4, 40, 0};
            TransducerProblem p(Family::kDense, dtype, sizes, 1);
            p.logits.set({1, 2, 1, 33}, bad);
            const TransducerResult result = run_on_cuda(p, ones(p));
            CHECK(std::isnan(result.loss.get(1)) && std::isnan(result.grad.get({1, 4, 4, 39})));
            check_same(p, result, run(p, ones(p)));
        }
    }
}

SEQFRONT_TEST(cuda_rnnt, impossible_classes) {
    use_host_device();
    for (const sf_dtype dtype : kDtypes) {
        for (const double hat : {0, 1}) {
            const TransducerSizes sizes = {{3, 3, 3}, {2, 2, 2}, 3, 2, 5, 0};
            TransducerProblem p(Family::kDense, dtype, sizes, 1);
            p.attributes["hat"] = hat;
            for (int64_t i = 0; i < 3 * 3 * 5; ++i) {
                const int64_t t = i / 15, u = i / 5 % 3, v = i % 5;
                if (v != 0 && v != p.target(0, 0) && v != p.target(0, 1)) {
                    p.logits.set({0, t, u, v}, -kInf);  // masked, but not needed
                }
                p.logits.set({1, t, u, v}, -kInf);                           // whole rows
                if (v == p.target(2, 1)) p.logits.set({2, t, u, v}, -kInf);  // no path is left
            }
            const TransducerResult result = run_on_cuda(p, ones(p));
            CHECK(result.loss.get(1) == kInf && result.loss.get(2) == kInf);
            check_same(p, result, run(p, ones(p)));
        }
    }
}

SEQFRONT_TEST(cuda_rnnt, upstream_gradients) {
    use_host_device();
    const TransducerSizes sizes = {{3, 3, 3}, {2, 2, 2}, 3, 2, 5, 0};
    TransducerProblem p(Family::kDense, SF_FLOAT32, sizes, 1);
    p.logits.set({1, 0, 0, 3}, kNan);
    LatticeArray upstream(SF_FLOAT32, 3, 0);
    upstream.set(0, kNan);
    check_same(p, run_on_cuda(p, upstream), run(p, upstream));
}

// The host does not look at them, so the kernels have to.
SEQFRONT_TEST(cuda_rnnt, lengths_and_targets_out_of_range_give_nan) {
    use_host_device();
    const TransducerSizes sizes = {{3, 3, 3, 3, 3, 3, 3}, {2, 2, 2, 2, 2, 2, 2}, 3, 2, 5, 1};
    const TransducerProblem good(Family::kDense, SF_FLOAT32, sizes, 1);
    const TransducerResult expected = run_on_cuda(good, ones(good));
    TransducerProblem p = good;
    p.sizes.frame_lengths[1] = 4;
    p.sizes.frame_lengths[2] = -1;
    p.sizes.label_lengths[3] = 1 << 30;
    p.targets[4 * 2 + 1] = 5;
    p.targets[5 * 2] = -1;
    p.targets[6 * 2 + 1] = 1;  // the blank
    const TransducerResult result = run_on_cuda(p, ones(p));
    CHECK(result.loss.get(0) == expected.loss.get(0));
    CHECK(result.grad.get({0, 2, 1, 3}) == expected.grad.get({0, 2, 1, 3}));
    for (int64_t b = 1; b < p.batch(); ++b) {
        context() = "sequence " + std::to_string(b);
        CHECK(std::isnan(result.loss.get(b)));
        if (b != 2) CHECK(std::isnan(result.grad.get({b, 1, 1, 3})));
    }
}

// With the sanitizers on, this is what says that no kernel reads or writes beyond the arrays.
SEQFRONT_TEST(cuda_rnnt, whatever_lengths_and_targets_are) {
    Random random(7);
    const TransducerSizes sizes = {{4, 4, 4}, {3, 3, 3}, 4, 3, 5, 1};
    for (int trial = 0; trial < 300; ++trial) {
        use_host_device({kThreadOrders[trial % 3], 32, 2, false});
        const Family family = trial % 2 != 0 ? Family::kPacked : Family::kDense;
        TransducerProblem p(family, SF_FLOAT32, sizes, 8);
        p.attributes["topology"] = trial % 3;
        const std::vector<bool> valid = spoil(p, random);
        const LatticeArray loss = run_whatever_it_is(p);
        for (int64_t b = 0; b < 3 && family == Family::kDense; ++b) {
            CHECK(std::isnan(loss.get(b)) == !valid[static_cast<size_t>(b)]);
        }
    }
}

SEQFRONT_TEST(cuda_rnnt, packed_rows_that_are_too_few_or_too_many) {
    use_host_device();
    const TransducerSizes sizes = {{3, 3, 2}, {2, 1, 2}, 3, 2, 5, 0};
    const TransducerProblem good(Family::kPacked, SF_FLOAT32, sizes, 1);
    const TransducerResult expected = run_on_cuda(good, ones(good));
    TransducerProblem p = good;
    p.sizes.frame_lengths[2] = 3;  // 18 rows, of which there are 15 + 6
    p.sizes.frame_lengths[1] = 1;
    p.sizes.frame_lengths[0] = 6;
    TransducerResult result = run_on_cuda(p, ones(p));
    CHECK(std::isfinite(result.loss.get(0)) && std::isfinite(result.loss.get(1)));
    CHECK(std::isnan(result.loss.get(2)));
    p = good;
    p.sizes.frame_lengths[2] = 1;
    result = run_on_cuda(p, ones(p));
    CHECK(result.loss.get(0) == expected.loss.get(0));
    CHECK(std::isfinite(result.loss.get(2)));
    for (int64_t row = 18; row < 21; ++row) CHECK(result.grad.get({row, 3}) == 0);
    CHECK(result.grad.get({17, 3}) != 0);
}

SEQFRONT_TEST(cuda_rnnt, empty_sizes) {
    use_host_device();
    const TransducerProblem no_batch(Family::kDense, SF_FLOAT32, {{}, {}, 3, 2, 5, 0}, 1);
    run_on_cuda(no_batch, ones(no_batch));
    const TransducerProblem no_frames(Family::kDense, SF_FLOAT32, {{0, 0}, {2, 0}, 0, 2, 5, 0}, 1);
    const TransducerResult result = run_on_cuda(no_frames, ones(no_frames));
    CHECK(result.loss.get(0) == kInf && result.loss.get(1) == 0);
    const TransducerProblem no_labels(Family::kDense, SF_BFLOAT16, {{2, 1}, {0, 0}, 2, 0, 5, 4}, 1);
    check_same(no_labels, run_on_cuda(no_labels, ones(no_labels)), run(no_labels, ones(no_labels)));
}

SEQFRONT_TEST(cuda_rnnt, what_is_refused) {
    use_host_device();
    const TransducerSizes sizes = {{3}, {2}, 3, 2, 5, 0};
    TransducerProblem p(Family::kDense, SF_FLOAT32, sizes, 1);
    p.cuda = true;
    p.attributes["topology"] = 3;
    CHECK(p.call().run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "rnnt: topology is 3, needed 0, 1 or 2");
    p.attributes["topology"] = 0;
    p.attributes["blank"] = 5;
    CHECK(p.call().run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "rnnt: blank is 5, needed 0..4");
}
