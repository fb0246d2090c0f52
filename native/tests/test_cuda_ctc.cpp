// The CUDA kernels of CTC, run on the host, against the CPU's; see test_cuda_rnnt.cpp.
#include "ctc_problem.hpp"
#include "host_device.hpp"

using namespace testing;

namespace {

CtcResult run_on_cuda(CtcProblem p, const LatticeArray& upstream, bool in_place = false,
                      Tensor::Layout layout = Tensor::kDense) {
    p.cuda = true;
    return run(p, upstream, in_place, layout);
}

void check_same(const CtcProblem& p, const CtcResult& result, const CtcResult& expected,
                double scale = 1) {
    const bool wide = p.logits.dtype() == SF_FLOAT64;
    const double allowed = wide ? 1e-12 : tolerance(p.logits.dtype());
    for (int64_t b = 0; b < p.batch(); ++b) {
        CHECK_CLOSE(result.loss.get(b), expected.loss.get(b), wide ? 1e-13 : 3e-6);
    }
    for (int64_t i = 0; i < p.batch() * p.frames * p.classes; ++i) {
        const int64_t v = i % p.classes, t = i / p.classes % p.frames, b = i / p.classes / p.frames;
        CHECK_CLOSE(result.grad.get({b, t, v}), expected.grad.get({b, t, v}), allowed * scale);
    }
}

LatticeArray random_upstream(const CtcProblem& p, Random& random) {
    LatticeArray upstream(p.logits.dtype(), p.batch(), 1);
    for (int64_t b = 0; b < p.batch(); ++b) upstream.set(b, b % 5 == 4 ? 0 : random.normal(1));
    return upstream;
}

void compare(const CtcProblem& p, Random& random, bool in_place = false,
             Tensor::Layout layout = Tensor::kDense) {
    const LatticeArray upstream = random_upstream(p, random);
    check_same(p, run_on_cuda(p, upstream, in_place, layout), run(p, upstream), 4);
}

}  // namespace

SEQFRONT_TEST(cuda_ctc, is_as_on_the_cpu) {
    unsigned seed = 0;
    Random random(1);
    for (const sf_dtype dtype : kDtypes) {
        for (int variant = 0; variant < 24; ++variant) {
            const auto layout = static_cast<Tensor::Layout>(variant % 3);
            use_host_device(
                {kThreadOrders[variant / 2 % 3], 32, variant % 5 + 1, variant % 2 != 0});
            const int64_t classes[] = {2, 5, 31, 64, 67, 1030};
            const int64_t count = classes[variant % 6];
            // Some have no alignment, some no frames or labels; few classes make labels repeat.
            CtcProblem p(dtype, {9, 5, 7, 0, 2, 3, 0, 21}, {3, 2, 0, 0, 5, 2, 1, 7}, 21, 7, count,
                         variant % count, ++seed, layout);
            p.normalized = variant % 4 == 1;
            p.label_loop = variant % 5 != 2;
            p.max_approx = variant % 3 == 1;
            context() = "dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
            compare(p, random, variant / 6 % 2 != 0, static_cast<Tensor::Layout>(variant / 2 % 3));
        }
    }
}

SEQFRONT_TEST(cuda_ctc, strips_of_positions) {
    Random random(2);
    for (const int labels : {31, 32, 33, 63, 64, 97}) {
        for (const ThreadOrder order : kThreadOrders) {
            for (const sf_dtype dtype : {SF_FLOAT32, SF_FLOAT64}) {
                use_host_device({order, 32, 7, false});
                context() = std::to_string(labels) + " labels";
                CtcProblem p(dtype, {230, labels, 205, 5}, {labels, labels / 2, labels, 64}, 230,
                             std::max(labels, 64), 6, 2, 3);
                p.label_loop = labels % 2 != 0;
                compare(p, random);
                p.max_approx = true;
                compare(p, random);
            }
        }
    }
}

SEQFRONT_TEST(cuda_ctc, more_positions_than_a_block_has_threads) {
    Random random(3);
    use_host_device();
    CtcProblem p(SF_FLOAT32, {1900, 1100}, {1500, 1023}, 1900, 1500, 40, 0, 4);
    compare(p, random);
    p.max_approx = true;
    compare(p, random);
}

SEQFRONT_TEST(cuda_ctc, bits_do_not_depend_on_the_order_of_threads_and_blocks) {
    CtcProblem p(SF_FLOAT32, {90, 40, 77}, {37, 3, 70}, 90, 70, 1067, 3, 5);
    for (const bool max_approx : {false, true}) {
        p.max_approx = max_approx;
        use_host_device();
        const CtcResult expected = run_on_cuda(p, ones(p));
        for (const ThreadOrder order : kThreadOrders) {
            use_host_device({order, 1024, 3, true});
            for (const bool in_place : {false, true}) {
                const CtcResult result = run_on_cuda(p, ones(p), in_place);
                CHECK(result.grad.bytes() == expected.grad.bytes());
                for (int64_t b = 0; b < 3; ++b) CHECK(result.loss.get(b) == expected.loss.get(b));
            }
        }
    }
}

SEQFRONT_TEST(cuda_ctc, targets_one_after_another) {
    use_host_device();
    for (const bool max_approx : {false, true}) {
        CtcProblem p(SF_FLOAT32, {99, 5, 7, 8, 0}, {3, 2, 0, 4, 0}, 99, 4, 6, 0, 1);
        p.max_approx = max_approx;
        const CtcResult expected = run(p, ones(p));
        std::vector<int32_t> packed;
        for (int64_t b = 0; b < p.batch(); ++b) {
            for (int64_t k = 0; k < p.label_length(b); ++k) packed.push_back(p.target(b, k));
        }
        packed.push_back(-9);  // what nobody reads
        p.cuda = true;
        CtcResult result{{SF_FLOAT32, 5, -5}, Tensor(SF_FLOAT32, p.logits.shape())};
        LatticeArray upstream = ones(p);
        OpCall forward = p.call();
        forward.input("targets", array_of(packed, {1, static_cast<int64_t>(packed.size())}))
            .output("loss", array_of(result.loss, SF_FLOAT32, 5));
        CHECK(forward.run() == SF_OK);
        OpCall backward = forward.backward();
        backward.input("grad_loss", array_of(upstream, SF_FLOAT32, 5))
            .output("grad_logits", array_of(result.grad));
        CHECK(backward.run() == SF_OK);
        check_same(p, result, expected);
    }
}

SEQFRONT_TEST(cuda_ctc, long_sequences_keep_their_precision) {
    use_host_device();
    const CtcProblem p(SF_FLOAT32, {1500}, {200}, 1500, 200, 12, 0, 6);
    CtcProblem wide(SF_FLOAT64, {1500}, {200}, 1500, 200, 12, 0, 6);
    for (int64_t i = 0; i < 1500 * 12; ++i) {
        wide.logits.set({0, i / 12, i % 12}, p.logits.get({0, i / 12, i % 12}));
    }
    check_same(p, run_on_cuda(p, ones(p)), run(wide, ones(wide)), 2);
}

SEQFRONT_TEST(cuda_ctc, nan_and_infinity_stay_in_their_sequence) {
    use_host_device();
    for (const double bad : {kNan, kInf}) {
        for (const sf_dtype dtype : kDtypes) {
            for (const bool max_approx : {false, true}) {
                CtcProblem p(dtype, {9, 9, 9}, {4, 4, 4}, 9, 4, 40, 0, 1);
                p.max_approx = max_approx;
                p.logits.set({1, 2, 33}, bad);
                const CtcResult result = run_on_cuda(p, ones(p));
                CHECK(std::isnan(result.loss.get(1)) && std::isnan(result.grad.get({1, 8, 39})));
                check_same(p, result, run(p, ones(p)));
            }
        }
    }
}

SEQFRONT_TEST(cuda_ctc, impossible_classes_and_upstream_gradients) {
    use_host_device();
    for (const sf_dtype dtype : kDtypes) {
        CtcProblem p(dtype, {6, 6, 6, 6}, {2, 2, 2, 2}, 6, 2, 5, 0, 1);
        for (int64_t t = 0; t < 6; ++t) {
            for (int64_t v = 0; v < 5; ++v) {
                const bool needed = v == 0 || v == p.target(0, 0) || v == p.target(0, 1);
                if (!needed) p.logits.set({0, t, v}, -kInf);
                if (t == 3) p.logits.set({1, t, v}, -kInf);  // a whole row
                if (v == p.target(2, 1)) p.logits.set({2, t, v}, -kInf);
            }
        }
        LatticeArray upstream(dtype, 4, 1);
        upstream.set(3, kNan);
        const CtcResult result = run_on_cuda(p, upstream);
        CHECK(result.loss.get(1) == kInf && result.loss.get(2) == kInf);
        check_same(p, result, run(p, upstream));
    }
}

SEQFRONT_TEST(cuda_ctc, lengths_and_targets_out_of_range_give_nan) {
    use_host_device();
    const CtcProblem good(SF_FLOAT32, {6, 6, 6, 6, 6, 6, 6}, {2, 2, 2, 2, 2, 2, 2}, 6, 2, 5, 1, 1);
    const CtcResult expected = run_on_cuda(good, ones(good));
    CtcProblem p = good;
    p.frame_lengths[1] = 7;
    p.frame_lengths[2] = -1;
    p.label_lengths[3] = 1 << 30;
    p.targets[4 * 2 + 1] = 5;
    p.targets[5 * 2] = -1;
    p.targets[6 * 2 + 1] = 1;  // the blank
    const CtcResult result = run_on_cuda(p, ones(p));
    CHECK(result.loss.get(0) == expected.loss.get(0));
    CHECK(result.grad.get({0, 2, 3}) == expected.grad.get({0, 2, 3}));
    for (int64_t b = 1; b < p.batch(); ++b) {
        context() = "sequence " + std::to_string(b);
        CHECK(std::isnan(result.loss.get(b)));
        if (b != 2) CHECK(std::isnan(result.grad.get({b, 1, 3})));
    }
}

// With the sanitizers on, this is what says that no kernel reads or writes beyond the arrays.
SEQFRONT_TEST(cuda_ctc, whatever_lengths_and_targets_are) {
    Random random(7);
    constexpr int32_t kOdd[] = {-1, 5, 1 << 20, INT32_MIN, INT32_MAX};
    const CtcProblem whole(SF_FLOAT32, {9, 9, 9}, {3, 3, 3}, 9, 3, 5, 1, 8);
    for (int trial = 0; trial < 300; ++trial) {
        use_host_device({kThreadOrders[trial % 3], 32, 2, false});
        CtcProblem p = whole;
        p.cuda = true;
        p.max_approx = trial % 4 > 1;
        bool valid[3];
        for (size_t b = 0; b < 3; ++b) {
            int32_t &t = p.frame_lengths[b], &u = p.label_lengths[b];
            t = random.below(5) == 0 ? kOdd[random.below(5)] : random.below(10);
            u = random.below(5) == 0 ? kOdd[random.below(5)] : random.below(4);
            int32_t& target = p.targets[3 * b];
            if (random.below(4) == 0) target = kOdd[random.below(5)];
            valid[b] = t >= 0 && t <= 9 && u >= 0 && u <= 3;
            valid[b] = valid[b] && (t == 0 || u == 0 || (target >= 0 && target < 5));
        }
        LatticeArray loss(SF_FLOAT32, 3, -5), upstream = ones(p);
        Tensor grad(SF_FLOAT32, p.logits.shape());
        OpCall forward = p.call();
        if (trial % 2 != 0) forward.input("targets", array_of(p.targets, {1, 9}));
        forward.output("loss", array_of(loss, SF_FLOAT32, 3));
        CHECK(forward.run() == SF_OK);
        OpCall backward = forward.backward();
        backward.input("grad_loss", array_of(upstream, SF_FLOAT32, 3))
            .output("grad_logits", array_of(grad));
        CHECK(backward.run() == SF_OK);
        for (int64_t b = 0; b < 3 && trial % 2 == 0; ++b) {
            CHECK(std::isnan(loss.get(b)) == !valid[b]);
        }
    }
}

SEQFRONT_TEST(cuda_ctc, empty_sizes) {
    use_host_device();
    const CtcProblem no_batch(SF_FLOAT32, {}, {}, 3, 2, 5, 0, 1);
    run_on_cuda(no_batch, ones(no_batch));
    const CtcProblem no_frames(SF_FLOAT32, {0, 0}, {2, 0}, 0, 2, 5, 0, 1);
    const CtcResult result = run_on_cuda(no_frames, ones(no_frames));
    CHECK(result.loss.get(0) == kInf && result.loss.get(1) == 0);
    const CtcProblem no_labels(SF_BFLOAT16, {2, 1}, {0, 0}, 2, 0, 5, 4, 1);
    check_same(no_labels, run_on_cuda(no_labels, ones(no_labels)), run(no_labels, ones(no_labels)));
}

SEQFRONT_TEST(cuda_ctc, refusals) {
    use_host_device();
    CtcProblem p(SF_FLOAT32, {3}, {1}, 3, 1, 5, 0, 1);
    p.cuda = true;
    OpCall rows = p.call();
    rows.input("targets", array_of(p.targets, {1, 1})).input("targets").shape[0] = 0;
    CHECK(rows.run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(),
               "ctc: targets has 0 rows, needed 1, or 1 with all sequences one after another");
    OpCall star = p.call();
    star.attribute("star", 4);
    CHECK(star.run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "ctc: star is the class 4, needed none of 0..4");
    OpCall posteriors("ctc_posteriors", SF_FLOAT32);
    const std::vector<int32_t> lengths = {0, 0};
    Tensor logits(SF_FLOAT32, {2, 3, 5});
    posteriors.on_cuda()
        .input("logits", array_of(logits))
        .input("targets", array_of(p.targets, {1, 1}))
        .input("frame_lengths", array_of(lengths, {2}))
        .input("label_lengths", array_of(lengths, {2}));
    CHECK(posteriors.run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "ctc_posteriors: targets has 1 rows, needed 2");
}
