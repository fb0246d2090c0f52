// The CUDA kernels of CTC with stars and priors, and of alignments and posteriors, run on the host,
// against the CPU's; see test_cuda_rnnt.cpp.
#include "ctc_problem.hpp"
#include "host_device.hpp"

using namespace testing;

namespace {

constexpr int32_t kStar = -3;

// A call of any op over a CTC problem, and its result.
struct Weighted {
    CtcProblem p;
    std::vector<double> prior;
    std::vector<float> float_prior;
    bool star = false, star_any = false, in_one_row = false;
    std::vector<int32_t> packed;

    explicit Weighted(CtcProblem problem) : p(std::move(problem)) {}

    void use_star(Random& random) {
        star = true;
        for (int64_t b = 0; b < p.batch(); ++b) {
            for (int64_t k = 0; k < p.label_length(b); ++k) {
                if (random.below(3) == 0) p.targets[static_cast<size_t>(b * p.labels + k)] = kStar;
            }
        }
    }
    void use_prior(Random& random) {
        for (int64_t v = 0; v < p.classes; ++v) prior.push_back(random.normal(1));
        float_prior.assign(prior.begin(), prior.end());
    }

    OpCall call(const char* op, bool cuda) {
        OpCall made(op, p.logits.dtype());
        if (in_one_row) {
            packed.clear();
            for (int64_t b = 0; b < p.batch(); ++b) {
                for (int64_t k = 0; k < p.label_length(b); ++k) packed.push_back(p.target(b, k));
            }
            packed.insert(packed.end(), {-9, -9});
        }
        made.on_cuda(cuda)
            .input("logits", array_of(p.logits))
            .input("targets", in_one_row
                                  ? array_of(packed, {1, static_cast<int64_t>(packed.size())})
                                  : array_of(p.targets, {p.batch(), p.labels}))
            .input("frame_lengths", array_of(p.frame_lengths, {p.batch()}))
            .input("label_lengths", array_of(p.label_lengths, {p.batch()}))
            .attribute("blank", static_cast<double>(p.blank))
            .attribute("normalized", p.normalized)
            .attribute("label_loop", p.label_loop);
        if (op == std::string("ctc")) made.attribute("max_approx", p.max_approx);
        if (star) {
            made.attribute("star", kStar)
                .attribute("star_any", star_any)
                .attribute("star_score", star_any ? -0.25 : -1.5);
        }
        if (!prior.empty()) {
            const bool wide = p.logits.dtype() == SF_FLOAT64;
            made.input("log_prior", wide ? row_major(prior.data(), SF_FLOAT64, {p.classes})
                                         : row_major(float_prior.data(), SF_FLOAT32, {p.classes}))
                .attribute("prior_scale", 0.375);
        }
        return made;
    }

    void compare(const char* op) {
        OpCall expected = call(op, false), result = call(op, true);
        if (!CHECK(expected.run() == SF_OK && result.run() == SF_OK)) std::puts(sf_last_error());
        check_same(op, result, expected, 3e-6);
        if (op != std::string("ctc")) return;
        LatticeArray upstream(p.logits.dtype(), p.batch());
        for (int64_t b = 0; b < p.batch(); ++b) {
            upstream.set(b, b % 5 == 4 ? 0 : 0.5 * static_cast<double>(b) - 0.75);
        }
        Tensor grads[2] = {{p.logits.dtype(), p.logits.shape()},
                           {p.logits.dtype(), p.logits.shape()}};
        for (const bool cuda : {false, true}) {
            OpCall backward = (cuda ? result : expected).backward();
            backward.input("grad_loss", array_of(upstream, p.logits.dtype(), p.batch()))
                .output("grad_logits", array_of(grads[cuda]));
            if (!CHECK(backward.run() == SF_OK)) std::puts(sf_last_error());
        }
        const bool wide = p.logits.dtype() == SF_FLOAT64;
        const double allowed = wide ? 1e-11 : 4 * tolerance(p.logits.dtype());
        for (int64_t i = 0; i < p.batch() * p.frames * p.classes; ++i) {
            const int64_t v = i % p.classes, t = i / p.classes % p.frames;
            const int64_t b = i / p.classes / p.frames;
            CHECK_CLOSE(grads[1].get({b, t, v}), grads[0].get({b, t, v}), allowed);
        }
    }

  private:
    // All outputs but what is saved.
    static void check_same(const char* op, const OpCall& result, const OpCall& expected,
                           double allowed) {
        const sf_op_spec& spec = *sf_find_op(op);
        for (int32_t i = 0; i < spec.output_count; ++i) {
            if ((spec.outputs[i].flags & SF_SAVED) != 0) continue;
            const char* const name = spec.outputs[i].name;
            const sf_array& array = expected.output(name);
            int64_t count = 1;
            for (int32_t axis = 0; axis < array.rank; ++axis) count *= array.shape[axis];
            for (int64_t at = 0; at < count; ++at) {
                testing::check(close(result.value(name, at), expected.value(name, at), allowed),
                               __FILE__, __LINE__, "%s[%d] is %.9g, expected %.9g", name,
                               static_cast<int>(at), result.value(name, at),
                               expected.value(name, at));
            }
        }
    }
};

// Steps of 1/8, which add up without rounding: there are ties.
void round_logits(CtcProblem& p) {
    for (int64_t i = 0; i < p.batch() * p.frames; ++i) {
        const int64_t b = i / p.frames, t = i % p.frames;
        for (int64_t v = 0; t < p.frame_length(b) && v < p.classes; ++v) {
            p.logits.set({b, t, v}, std::round(p.logits.get({b, t, v}) * 2) / 8);
        }
    }
}

}  // namespace

SEQFRONT_TEST(cuda_ctc_weights, all_ops_are_as_on_the_cpu) {
    unsigned seed = 0;
    Random random(1);
    for (const sf_dtype dtype : kDtypes) {
        for (int variant = 0; variant < 48; ++variant) {
            const auto layout = static_cast<Tensor::Layout>(variant % 3);
            use_host_device(
                {kThreadOrders[variant / 2 % 3], 32, variant % 5 + 1, variant % 2 != 0});
            const bool wide = variant % 7 == 6;
            const int64_t classes = wide ? 1030 : 2 + variant % 7 * 3, frames = wide ? 13 : 77;
            std::vector<int32_t> frame_lengths = {9, 5, 77, 0, 2, 40, 0, 21};
            for (int32_t& t : frame_lengths) t = std::min<int32_t>(t, frames);
            Weighted w(CtcProblem(dtype, frame_lengths, {3, 2, 5, 0, 5, 38, 1, 7}, frames, 40,
                                  classes, variant % classes, ++seed, layout));
            w.p.normalized = variant % 4 == 1;
            w.p.label_loop = variant % 5 != 2;
            w.p.max_approx = variant % 3 == 1;
            if (variant % 8 < 5) w.use_star(random);
            w.star_any = variant % 8 < 3;
            if (variant % 6 > 2) w.use_prior(random);
            context() = "dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
            w.compare("ctc");
            w.compare("ctc_posteriors");
            w.in_one_row = variant % 9 > 5;
            w.compare("ctc");
            if (w.p.normalized && w.prior.empty()) round_logits(w.p);
            w.compare("ctc_align");
        }
    }
}

SEQFRONT_TEST(cuda_ctc_weights, ties_are_broken_as_on_the_cpu) {
    for (const ThreadOrder order : kThreadOrders) {
        use_host_device({order, 32, 3, false});
        for (const int labels : {1, 31, 32, 70}) {
            Weighted w(CtcProblem(SF_FLOAT32, {230, labels, 150, 33}, {labels, labels, labels, 1},
                                  230, labels, 4, 1, 2));
            w.p.normalized = true;
            round_logits(w.p);
            for (const bool label_loop : {true, false}) {
                w.p.label_loop = label_loop;
                w.compare("ctc_align");
            }
            for (int64_t i = 0; i < 4 * 230 * 4; ++i) {  // all alike
                const int64_t b = i / 4 / 230, t = i / 4 % 230;
                if (t < w.p.frame_length(b)) w.p.logits.set({b, t, i % 4}, -1);
            }
            w.compare("ctc_align");
        }
    }
}

SEQFRONT_TEST(cuda_ctc_weights, more_positions_than_a_block_has_threads) {
    use_host_device();
    Weighted w(CtcProblem(SF_FLOAT32, {1700, 1100}, {1100, 1023}, 1700, 1100, 40, 0, 4));
    w.compare("ctc_align");
    w.compare("ctc_posteriors");
}

SEQFRONT_TEST(cuda_ctc_weights, a_star_beside_a_certain_blank) {
    use_host_device();
    for (const double blank : {60.0, -60.0, -kInf}) {
        Weighted w(CtcProblem(SF_FLOAT32, {1, 3}, {1, 2}, 3, 2, 4, 1, 1));
        w.star = w.star_any = true;
        w.p.targets = {kStar, -7, kStar, 2};
        for (int64_t i = 0; i < 6; ++i) w.p.logits.set({i / 3, i % 3, 1}, blank);
        w.compare("ctc");
        for (const int64_t v : {0, 2, 3}) w.p.logits.set({0, 0, v}, -kInf);
        w.compare("ctc");
        w.compare("ctc_posteriors");
        w.star_any = false;
        w.p.logits.set({0, 0, 1}, -kInf);
        w.compare("ctc");
    }
}

SEQFRONT_TEST(cuda_ctc_weights, what_is_wrong_stays_in_its_sequence) {
    use_host_device();
    Random random(3);
    for (const double bad : {kNan, kInf, -kInf}) {
        for (const bool normalized : {false, true}) {
            Weighted w(CtcProblem(SF_FLOAT32, {9, 9, 9}, {4, 4, 4}, 9, 4, 6, 0, 1));
            w.p.normalized = normalized;
            for (int64_t v = 0; v < 6; ++v) w.p.logits.set({1, 2, v}, bad);
            for (const bool star : {false, true}) {
                if (star) w.use_star(random);
                w.star_any = star;
                for (const char* op : {"ctc", "ctc_align", "ctc_posteriors"}) w.compare(op);
            }
        }
    }
}

// With the sanitizers on, this is what says that no kernel reads or writes beyond the arrays.
SEQFRONT_TEST(cuda_ctc_weights, whatever_lengths_and_targets_are) {
    Random random(7);
    constexpr int32_t kOdd[] = {-1, 5, 1 << 20, INT32_MIN, INT32_MAX};
    const CtcProblem whole(SF_FLOAT32, {9, 9, 9}, {3, 3, 3}, 9, 3, 5, 1, 8);
    for (int trial = 0; trial < 300; ++trial) {
        use_host_device({kThreadOrders[trial % 3], 32, 2, false});
        Weighted w(whole);
        w.p.max_approx = trial % 4 > 1;
        if (trial % 5 > 2) w.use_star(random);
        bool valid[3];
        for (size_t b = 0; b < 3; ++b) {
            int32_t &t = w.p.frame_lengths[b], &u = w.p.label_lengths[b];
            t = random.below(5) == 0 ? kOdd[random.below(5)] : random.below(10);
            u = random.below(5) == 0 ? kOdd[random.below(5)] : random.below(4);
            int32_t& target = w.p.targets[3 * b];
            if (random.below(4) == 0) target = kOdd[random.below(5)];
            valid[b] = t >= 0 && t <= 9 && u >= 0 && u <= 3;
            const bool label = (target >= 0 && target < 5) || (w.star && target == kStar);
            valid[b] = valid[b] && (t == 0 || u == 0 || label);
        }
        const bool one_row = trial % 2 != 0;
        for (const char* op : {"ctc_align", "ctc_posteriors"}) {
            if (one_row && op == std::string("ctc_posteriors")) continue;
            OpCall call = w.call(op, true);
            if (one_row) call.input("targets", array_of(w.p.targets, {1, 9}));
            CHECK(call.run() == SF_OK);
            for (int64_t b = 0; b < 3 && !one_row; ++b) {
                CHECK(std::isnan(call.value("score", b)) == !valid[b]);
            }
        }
    }
}

SEQFRONT_TEST(cuda_ctc_weights, bits_do_not_depend_on_the_order_of_threads_and_blocks) {
    Weighted w(CtcProblem(SF_FLOAT32, {90, 40, 77}, {37, 3, 70}, 90, 70, 67, 3, 5));
    const auto bits = [&](const char* op) {
        std::vector<double> all;
        OpCall call = w.call(op, true);
        CHECK(call.run() == SF_OK);
        const bool align = op == std::string("ctc_align");
        for (int64_t b = 0; b < 3; ++b) all.push_back(call.value("score", b));
        for (int64_t i = 0; i < 270; ++i)
            all.push_back(call.value(align ? "positions" : "blanks", i));
        for (int64_t k = 0; k < 210; ++k) {
            all.push_back(call.value(align ? "label_scores" : "labels", k));
        }
        return all;
    };
    for (const char* op : {"ctc_align", "ctc_posteriors"}) {
        use_host_device();
        const std::vector<double> expected = bits(op);
        for (const ThreadOrder order : kThreadOrders) {
            use_host_device({order, 1024, 3, true});
            CHECK(bits(op) == expected);
        }
    }
}

SEQFRONT_TEST(cuda_ctc_weights, empty_sizes) {
    use_host_device();
    for (const char* op : {"ctc_align", "ctc_posteriors", "ctc"}) {
        Weighted(CtcProblem(SF_FLOAT32, {}, {}, 3, 2, 5, 0, 1)).compare(op);
        Weighted(CtcProblem(SF_FLOAT32, {0, 0}, {2, 0}, 0, 2, 5, 0, 1)).compare(op);
        Weighted(CtcProblem(SF_BFLOAT16, {2, 1}, {0, 0}, 2, 0, 5, 4, 1)).compare(op);
    }
    Weighted none(CtcProblem(SF_FLOAT32, {}, {}, 3, 2, 5, 0, 1));
    none.in_one_row = true;
    none.compare("ctc_align");
    none.compare("ctc");
}
