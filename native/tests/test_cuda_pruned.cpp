// The CUDA kernels of pruned RNN-T, run on the host, against the CPU's.
#include "cuda_transducer.hpp"

using namespace testing;

namespace {

TransducerProblem problem(sf_dtype dtype, const TransducerSizes& sizes, unsigned seed,
                          Tensor::Layout layout = Tensor::kDense) {
    return TransducerProblem(Family::kPruned, dtype, sizes, seed, layout);
}

}  // namespace

SEQFRONT_TEST(cuda_pruned, is_as_on_the_cpu) {
    unsigned seed = 0;
    Random random(1);
    for (const sf_dtype dtype : kDtypes) {
        for (int variant = 0; variant < 24; ++variant) {
            use_host_device(
                {kThreadOrders[variant / 2 % 3], 32, variant % 5 + 1, variant % 2 != 0});
            const int64_t classes[] = {2, 5, 31, 64, 67, 1030};
            const TransducerSizes sizes = {{4, 1, 7, 0, 2, 1, 0, 9},
                                           {3, 2, 0, 0, 5, 0, 1, 7},
                                           9,
                                           7,
                                           classes[variant % 6],
                                           variant % classes[variant % 6],
                                           variant % 4 + 1};
            const auto layout = static_cast<Tensor::Layout>(variant % 3);
            TransducerProblem p = problem(dtype, sizes, ++seed, layout);
            p.attributes["normalized"] = variant % 4 == 1;
            context() = "dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
            compare(p, random, variant / 6 % 2 != 0, static_cast<Tensor::Layout>(variant / 2 % 3));
        }
    }
}

SEQFRONT_TEST(cuda_pruned, options) {
    Random random(4);
    unsigned seed = 0;
    for (const sf_dtype dtype : kDtypes) {
        for (int variant = 0; variant < 32; ++variant) {
            use_host_device({kThreadOrders[variant % 3], 32, 3, false});
            const TransducerSizes sizes = {{6, 3, 4, 43}, {3, 4, 0, 40},  43, 40, 12,
                                           variant % 10,  variant % 3 + 2};
            TransducerProblem p = problem(dtype, sizes, ++seed);
            set_options(p, variant, random);
            p.attributes["topology"] = variant / 2 % 2;
            if (variant % 3 == 1 && p.attribute("hat") == 0) p.big_blanks = {10, 2, 11, 4};
            context() = "dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
            compare(p, random);
        }
    }
}

// Bands may step back, or to where a sequence has no positions, and be wider than all of them.
SEQFRONT_TEST(cuda_pruned, any_starts) {
    Random random(5);
    for (int trial = 0; trial < 60; ++trial) {
        use_host_device({kThreadOrders[trial % 3], 32, 2, false});
        const TransducerSizes sizes = {{6, 4, 2}, {3, 0, 4}, 6, 4, 7, 2, trial % 7 + 1};
        TransducerProblem p = problem(trial % 2 != 0 ? SF_FLOAT32 : SF_FLOAT64, sizes, 6);
        p.attributes["topology"] = trial / 2 % 2;
        if (trial % 5 == 0) p.big_blanks = {6, 2};
        for (int64_t i = 0; i < 3 * 6; ++i) {
            p.starts[static_cast<size_t>(i)] = random.below(i % 6 < p.frames(i / 6) ? 5 : 1 << 30);
            for (int64_t r = 0; r < sizes.band; ++r) {
                for (int64_t v = 0; v < 7; ++v) {
                    const bool stored = p.stores(i / 6, i % 6, p.start(i / 6, i % 6) + r);
                    p.logits.set({i / 6, i % 6, r, v}, stored ? random.normal(1) : kNan);
                }
            }
        }
        context() = "trial " + std::to_string(trial);
        compare(p, random);
    }
}

SEQFRONT_TEST(cuda_pruned, bits_do_not_depend_on_the_order_of_threads_and_blocks) {
    for (const bool big_blanks : {false, true}) {
        TransducerProblem p = problem(SF_FLOAT32, {{40, 13, 40}, {37, 70, 0}, 40, 70, 67, 3, 5}, 5);
        if (big_blanks) p.big_blanks = {65, 2, 66, 3};
        check_bits_in_all_orders(p);
    }
}

// More positions than a block has threads.
SEQFRONT_TEST(cuda_pruned, strips_of_positions) {
    Random random(6);
    for_each_strip_size([&](sf_dtype dtype, TransducerSizes sizes) {
        sizes.band = 4;
        TransducerProblem p = problem(dtype, sizes, 3);
        compare(p, random);
        p.attributes["topology"] = 1;
        compare(p, random);
    });
}

SEQFRONT_TEST(cuda_pruned, nan_and_infinity_stay_in_their_sequence) {
    use_host_device();
    for (const double bad : {kNan, kInf}) {
        for (const sf_dtype dtype : kDtypes) {
            TransducerProblem p = problem(dtype, {{5, 5, 5}, {2, 2, 2}, 5, 2, 40, 0, 3}, 1);
            p.starts.assign(p.starts.size(), 0);
            for (int64_t i = 0; i < 3 * 5 * 3 * 40; ++i) {
                p.logits.set({i / 600, i / 120 % 5, i / 40 % 3, i % 40}, 0.01 * (i % 40));
            }
            p.logits.set({1, 2, 1, 33}, bad);
            const TransducerResult result = run_on_cuda(p, ones(p));
            CHECK(std::isnan(result.loss.get(1)) && std::isnan(result.grad.get({1, 4, 2, 39})));
            CHECK(std::isfinite(result.loss.get(0)));
            check_same(p, result, run(p, ones(p)));
        }
    }
}

// The host does not look at them, so the kernels have to.
SEQFRONT_TEST(cuda_pruned, what_the_cpu_refuses_gives_nan) {
    use_host_device();
    const TransducerSizes sizes = {{3, 3, 3, 3, 3, 3, 3}, {2, 2, 2, 2, 2, 2, 2}, 3, 2, 5, 1, 3};
    TransducerProblem good = problem(SF_FLOAT32, sizes, 1);
    const TransducerResult expected = run_on_cuda(good, ones(good));
    for (const bool big_blanks : {false, true}) {
        TransducerProblem p = good;
        if (big_blanks) p.big_blanks = {4, 3};
        p.sizes.frame_lengths[1] = 4;
        p.sizes.frame_lengths[2] = -1;
        p.sizes.label_lengths[3] = 1 << 30;
        p.targets[4 * 2 + 1] = 5;
        p.starts[5 * 3 + 1] = -1;
        p.starts[6 * 3 + 2] = 3;
        const TransducerResult result = run_on_cuda(p, ones(p));
        if (!big_blanks) {
            CHECK(result.loss.get(0) == expected.loss.get(0));
            CHECK(result.grad.get({0, 2, 0, 3}) == expected.grad.get({0, 2, 0, 3}));
        }
        for (int64_t b = 1; b < p.batch(); ++b) {
            context() = "sequence " + std::to_string(b);
            CHECK(std::isnan(result.loss.get(b)));
            if (b != 2) CHECK(std::isnan(result.grad.get({b, 0, 0, 3})));
        }
        // Nobody knows what the rows of a band that begins nowhere are.
        CHECK(result.grad.get({5, 1, 0, 3}) == 0 && result.grad.get({6, 2, 0, 3}) == 0);
    }
}

// With the sanitizers on, this is what says that no kernel reads or writes beyond the arrays.
SEQFRONT_TEST(cuda_pruned, whatever_lengths_targets_and_starts_are) {
    Random random(7);
    constexpr int32_t kOdd[] = {-1, 4, 1 << 20, INT32_MIN, INT32_MAX};
    for (int trial = 0; trial < 300; ++trial) {
        use_host_device({kThreadOrders[trial % 3], 32, 2, false});
        TransducerProblem p =
            problem(SF_FLOAT32, {{4, 4, 4}, {3, 3, 3}, 4, 3, 5, 1, trial % 4 + 1}, 8);
        p.attributes["topology"] = trial % 2;
        if (trial % 3 == 0) p.big_blanks = {3, 2};
        spoil(p, random);
        bool valid[3];
        for (size_t b = 0; b < 3; ++b) {
            const int32_t t = p.sizes.frame_lengths[b], u = p.sizes.label_lengths[b];
            valid[b] = t >= 0 && t <= 4 && u >= 0 && u <= 3;
            for (int32_t i = 0; i < 4; ++i) {
                if (random.below(6) > 0) continue;
                p.starts[4 * b + static_cast<size_t>(i)] = kOdd[random.below(5)];
                valid[b] = valid[b] && i >= t;
            }
        }
        const TransducerResult result = run_on_cuda(p, ones(p));
        for (size_t b = 0; b < 3; ++b) {
            if (!valid[b]) CHECK(std::isnan(result.loss.get(static_cast<int64_t>(b))));
        }
    }
}

SEQFRONT_TEST(cuda_pruned, empty_sizes) {
    use_host_device();
    const TransducerProblem no_batch = problem(SF_FLOAT32, {{}, {}, 3, 2, 5, 0, 2}, 1);
    run_on_cuda(no_batch, ones(no_batch));
    const TransducerProblem no_frames = problem(SF_FLOAT32, {{0, 0}, {2, 0}, 0, 2, 5, 0, 2}, 1);
    const TransducerResult none = run_on_cuda(no_frames, ones(no_frames));
    CHECK(none.loss.get(0) == kInf && none.loss.get(1) == 0);
    const TransducerProblem no_labels = problem(SF_BFLOAT16, {{2, 1}, {0, 0}, 2, 0, 5, 4, 1}, 1);
    check_same(no_labels, run_on_cuda(no_labels, ones(no_labels)), run(no_labels, ones(no_labels)));
}

SEQFRONT_TEST(cuda_pruned, refused) {
    use_host_device();
    TransducerProblem p = problem(SF_FLOAT32, {{3}, {2}, 3, 2, 5, 0, 2}, 1);
    for (const bool cuda : {false, true}) {
        p.cuda = cuda;
        p.attributes = {{"topology", 2}};
        CHECK(p.call().run() == SF_INVALID_ARGUMENT);
        CHECK_TEXT(sf_last_error(),
                   "rnnt_pruned: topology is 2 (constrained), needed 0 or 1: the blank after a "
                   "label may lie outside the band");
        p.attributes = {{"star", 1}};
        CHECK(p.call().run() == SF_INVALID_ARGUMENT);
        CHECK_TEXT(sf_last_error(),
                   "rnnt_pruned: star is 1, needed 0: skipped frames leave the band");
    }
}
