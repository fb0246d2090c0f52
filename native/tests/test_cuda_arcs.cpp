// The CUDA kernels of RNN-T with other arcs (big blanks, free rides), run on the host, against the
// CPU's.
#include "cuda_transducer.hpp"

using namespace testing;

namespace {

// With big blanks, free rides, or both; and some of the other options.
TransducerProblem random_problem(sf_dtype dtype, int variant, const TransducerSizes& sizes,
                                 Tensor::Layout layout = Tensor::kDense) {
    Random random(static_cast<unsigned>(variant));
    const Family family = variant % 5 > 2 ? Family::kPacked : Family::kDense;
    TransducerProblem p(family, dtype, sizes, static_cast<unsigned>(variant), layout);
    const auto last = static_cast<int32_t>(sizes.classes - 1);
    if (variant % 3 != 0) {
        p.big_blanks = {last, 2 + random.below(3), last - 1, 2 + random.below(40)};
        if (variant % 2 != 0) p.big_blanks.resize(2);
    }
    p.attributes["star"] = variant % 3 == 1 ? 0 : 1 + variant / 3 % 2;
    p.attributes["star_weight"] = variant % 4 - 3;
    p.attributes["topology"] = variant / 2 % 3;
    if (variant % 7 < 2) p.attributes["fastemit"] = 0.3;
    if (variant % 6 < 2) p.attributes["clamp"] = 0.05;
    if (variant % 8 < 3) p.attributes["delay_penalty"] = 0.2;
    if (variant % 9 < 3) p.attributes["sigma"] = 0.1;
    if (variant % 5 < 2) p.attributes["fastemit_scale"] = 1;
    if (variant % 11 < 3 && p.big_blanks.empty()) p.attributes["hat"] = 1;
    if (variant % 7 > 4 && p.attribute("hat") == 0) p.attributes["normalized"] = 1;
    for (int64_t i = 0; variant % 5 == 1 && i < p.batch() * p.sizes.labels; ++i) {
        const int32_t first = random.below(3) - 1;
        p.windows.push_back(first);
        p.windows.push_back(first + 4 + random.below(4));
    }
    return p;
}

}  // namespace

SEQFRONT_TEST(cuda_arcs, is_as_on_the_cpu) {
    Random random(1);
    for (const sf_dtype dtype : kDtypes) {
        for (int variant = 0; variant < 60; ++variant) {
            const int threads[] = {32, 64, 512};
            use_host_device({kThreadOrders[variant / 2 % 3], threads[variant % 3], variant % 5 + 1,
                             variant % 2 != 0});
            const int64_t classes[] = {4, 31, 67};
            const TransducerSizes sizes = {{4, 1, 7, 0, 2, 1, 0, 9},
                                           {3, 2, 0, 0, 5, 0, 1, 7},
                                           9,
                                           7,
                                           classes[variant / 4 % 3],
                                           variant % 2};
            const auto layout = static_cast<Tensor::Layout>(variant % 3);
            context() = "dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
            compare(random_problem(dtype, variant, sizes, layout), random, variant / 6 % 2 != 0,
                    static_cast<Tensor::Layout>(variant / 2 % 3));
        }
    }
}

// Blanks farther than the ring of shared memory, and cells of the strip before.
SEQFRONT_TEST(cuda_arcs, strips_of_positions_and_long_blanks) {
    Random random(2);
    int variant = 0;
    for_each_strip_size([&](sf_dtype dtype, const TransducerSizes& sizes) {
        TransducerProblem p = random_problem(dtype, ++variant, sizes);
        p.windows.clear();
        if (p.attribute("hat") == 0) p.big_blanks = {5, 4, 4, 34 + variant};
        compare(p, random);
    });
}

SEQFRONT_TEST(cuda_arcs, more_positions_than_a_block_has_threads) {
    Random random(3);
    use_host_device();
    TransducerProblem p(Family::kDense, SF_FLOAT32, {{3, 5}, {1100, 511}, 5, 1100, 4, 0}, 4);
    p.big_blanks = {3, 2};
    p.attributes["star"] = 1;
    compare(p, random);
}

SEQFRONT_TEST(cuda_arcs, many_classes_and_many_big_blanks) {
    Random random(4);
    for (const int threads : {32, 512}) {
        use_host_device({ThreadOrder::kMixed, threads, 3, false});
        TransducerProblem p(Family::kDense, SF_FLOAT32, {{9, 4}, {4, 3}, 9, 4, 1040, 7}, 5);
        for (int32_t i = 0; i < 300; ++i) {
            p.big_blanks.push_back(1039 - i);
            p.big_blanks.push_back(2 + i % 8);
        }
        for (int32_t& target : p.targets) target %= 7;
        compare(p, random);
        compare(p, random, true);
    }
}

SEQFRONT_TEST(cuda_arcs, bits_do_not_depend_on_the_order_of_threads_and_blocks) {
    const TransducerSizes sizes = {{40, 13, 40}, {37, 70, 0}, 40, 70, 67, 3};
    TransducerProblem p(Family::kDense, SF_FLOAT32, sizes, 5);
    p.big_blanks = {66, 2, 65, 4, 64, 8};
    p.attributes["star"] = 2;
    for (int32_t& target : p.targets) target %= 3;
    check_bits_in_all_orders(p);
}

SEQFRONT_TEST(cuda_arcs, nan_and_infinity_stay_in_their_sequence) {
    use_host_device();
    for (const double bad : {kNan, kInf}) {
        for (const sf_dtype dtype : kDtypes) {
            for (const double normalized : {0, 1}) {
                TransducerProblem p(Family::kDense, dtype, {{5, 5, 5}, {4, 4, 4}, 5, 4, 40, 0}, 1);
                p.big_blanks = {39, 3};
                p.attributes["star"] = 1;
                p.attributes["normalized"] = normalized;
                p.logits.set({1, 4, 1, 39}, bad);  // the big blank, that leads nowhere from there
                const TransducerResult result = run_on_cuda(p, ones(p));
                CHECK(std::isnan(result.loss.get(1)) && std::isnan(result.grad.get({1, 4, 4, 39})));
                check_same(p, result, run(p, ones(p)));
            }
        }
    }
}

SEQFRONT_TEST(cuda_arcs, impossible_classes_and_upstream_gradients) {
    use_host_device();
    for (const sf_dtype dtype : kDtypes) {
        TransducerProblem p(Family::kDense, dtype, {{3, 3, 3}, {2, 2, 2}, 3, 2, 6, 0}, 1);
        p.big_blanks = {5, 2};
        for (int64_t i = 0; i < 3 * 3 * 6; ++i) {
            const int64_t t = i / 18, u = i / 6 % 3, v = i % 6;
            p.logits.set({1, t, u, v}, -kInf);                           // whole rows
            if (v == p.target(2, 1)) p.logits.set({2, t, u, v}, -kInf);  // no path is left
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
SEQFRONT_TEST(cuda_arcs, big_blanks_out_of_range_give_nan) {
    use_host_device();
    const TransducerSizes sizes = {{3, 3}, {2, 2}, 3, 2, 7, 1};
    const std::vector<int32_t> wrong[] = {
        {7, 2},       {-1, 2},        {1, 2},         {6, 1},       {6, -5},
        {6, 2, 6, 3}, {6, INT32_MIN}, {INT32_MAX, 2}, {5, 2, 6, 0}, {6, 2, 1, 2}};
    for (const auto& blanks : wrong) {
        TransducerProblem p(Family::kDense, SF_FLOAT32, sizes, 1);
        p.big_blanks = blanks;
        const TransducerResult result = run_on_cuda(p, ones(p));
        for (int64_t b = 0; b < 2; ++b) {
            CHECK(std::isnan(result.loss.get(b)) && std::isnan(result.grad.get({b, 0, 0, 0})));
        }
    }
    TransducerProblem p(Family::kDense, SF_FLOAT32, sizes, 1);
    p.big_blanks = {6, INT32_MAX};  // leads nowhere
    check_same(p, run_on_cuda(p, ones(p)), run(p, ones(p)));
    p.targets[3] = 6;
    const TransducerResult result = run_on_cuda(p, ones(p));
    CHECK(std::isfinite(result.loss.get(0)) && std::isnan(result.loss.get(1)));
}

// With the sanitizers on, this is what says that no kernel reads or writes beyond the arrays.
SEQFRONT_TEST(cuda_arcs, whatever_lengths_targets_and_big_blanks_are) {
    Random random(7);
    for (int trial = 0; trial < 200; ++trial) {
        use_host_device({kThreadOrders[trial % 3], trial % 4 == 0 ? 512 : 32, 2, false});
        const Family family = trial % 2 != 0 ? Family::kPacked : Family::kDense;
        TransducerProblem p(family, SF_FLOAT32, {{4, 4, 4}, {3, 3, 3}, 4, 3, 7, 1}, 8);
        p.attributes["topology"] = trial % 3;
        p.attributes["star"] = trial / 3 % 3;
        p.big_blanks = {6, 2, 5, 3};
        const std::vector<bool> valid = spoil(p, random);
        const bool known = trial % 5 > 0 && family == Family::kDense;
        if (trial % 5 == 0) p.big_blanks[static_cast<size_t>(trial % 4)] = p.targets[3];
        const LatticeArray loss = run_whatever_it_is(p);
        for (int64_t b = 0; b < 3 && known; ++b) {
            const bool has_label = p.sizes.frame_lengths[static_cast<size_t>(b)] > 0 &&
                                   p.sizes.label_lengths[static_cast<size_t>(b)] > 0;
            const bool big = has_label && p.target(b, 0) == 5;
            CHECK(std::isnan(loss.get(b)) == (big || !valid[static_cast<size_t>(b)]));
        }
    }
}

SEQFRONT_TEST(cuda_arcs, empty_sizes) {
    use_host_device();
    const auto with_blanks = [](const TransducerSizes& sizes) {
        TransducerProblem p(Family::kDense, SF_FLOAT32, sizes, 1);
        p.big_blanks = {4, 2};
        return p;
    };
    const TransducerProblem no_batch = with_blanks({{}, {}, 3, 2, 5, 0});
    run_on_cuda(no_batch, ones(no_batch));
    TransducerProblem no_frames = with_blanks({{0, 0}, {2, 0}, 0, 2, 5, 0});
    no_frames.attributes["fastemit"] = no_frames.attributes["fastemit_scale"] = 1;
    const TransducerResult result = run_on_cuda(no_frames, ones(no_frames));
    CHECK(result.loss.get(0) == kInf && result.loss.get(1) == 0);
    const TransducerProblem no_labels = with_blanks({{4, 1}, {0, 0}, 4, 0, 5, 1});
    check_same(no_labels, run_on_cuda(no_labels, ones(no_labels)), run(no_labels, ones(no_labels)));
}

SEQFRONT_TEST(cuda_arcs, long_sequences_keep_their_precision) {
    use_host_device();
    const TransducerSizes sizes = {{500}, {60}, 500, 60, 8, 0};
    TransducerProblem p(Family::kDense, SF_FLOAT32, sizes, 6);
    TransducerProblem wide(Family::kDense, SF_FLOAT64, sizes, 6);
    p.big_blanks = wide.big_blanks = {7, 2, 6, 4};
    for (int64_t i = 0; i < 500 * 61 * 8; ++i) {
        const int64_t t = i / 8 / 61, u = i / 8 % 61;
        wide.logits.set({0, t, u, i % 8}, p.logits.get({0, t, u, i % 8}));
    }
    check_same(p, run_on_cuda(p, ones(p)), run(wide, ones(wide)));
}

SEQFRONT_TEST(cuda_arcs, what_is_refused) {
    use_host_device();
    TransducerProblem p(Family::kDense, SF_FLOAT32, {{3}, {2}, 3, 2, 5, 0}, 1);
    p.cuda = true;
    p.big_blanks = {4, 2};
    p.attributes["hat"] = 1;
    CHECK(p.call().run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "rnnt: hat has one blank, so it cannot go with big_blanks");
}
