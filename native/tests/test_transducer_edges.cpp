// The transducer family at its edges: nothing to align, impossible and broken logits, long
// lattices.
#include "transducer_paths.hpp"

using namespace testing;

namespace {

constexpr Family kFamilies[] = {Family::kDense, Family::kPacked, Family::kPruned, Family::kTdt};

std::vector<int32_t> steps(Family family) {
    return family == Family::kTdt ? std::vector<int32_t>{0, 1, 2} : std::vector<int32_t>{};
}

TransducerProblem problem(Family family, sf_dtype dtype, const TransducerSizes& sizes,
                          unsigned seed = 3) {
    return TransducerProblem(family, dtype, sizes, seed, Tensor::kDense, steps(family));
}

// One variant with as many options as go together, for each kernel there is.
std::vector<TransducerProblem> variants(sf_dtype dtype, const TransducerSizes& sizes) {
    std::vector<TransducerProblem> out;
    for (const Family family : kFamilies) {
        out.push_back(problem(family, dtype, sizes));
        out.push_back(out.back());
        out.back().attributes = {{"fastemit", 0.5}, {"clamp", 0.25}};
        if (family == Family::kTdt) continue;
        out.push_back(problem(family, dtype, sizes));
        out.back().attributes = {{"topology", 1}, {"sigma", 0.5}};
        out.push_back(problem(family, dtype, sizes));
        out.back().attributes = {{"hat", 1}, {"delay_penalty", 0.25}};
    }
    return out;
}

// Calls body(gradient, expected gradient of the same element) for all elements of one sequence.
template <class Body>
void for_each_logit(const TransducerProblem& p, int64_t b, Body&& body) {
    for (int64_t t = 0; t < p.frames(b); ++t) {
        for (int64_t u = 0; u <= p.labels(b); ++u) {
            for (int64_t v = 0; p.stores(b, t, u) && v < p.sizes.classes; ++v) body(t, u, v);
        }
    }
}

void check_zero(const TransducerProblem& p, const TransducerResult& result, int64_t b) {
    for_each_logit(
        p, b, [&](int64_t t, int64_t u, int64_t v) { CHECK(p.get(result.grad, b, t, u, v) == 0); });
}

}  // namespace

SEQFRONT_TEST(transducer_edges, threads_and_reuse_change_no_bit) {
    for (const sf_dtype dtype : kDtypes) {
        for (TransducerProblem p : variants(dtype, {{20, 13, 7}, {9, 11, 2}, 20, 11, 67, 0, 8})) {
            const TransducerResult expected = run(p, ones(p));
            CHECK(run(p, ones(p), true).grad.bytes() == expected.grad.bytes());
            for (const int32_t threads : {2, 3}) {
                p.threads = threads;
                const TransducerResult result = run(p, ones(p));
                CHECK(result.grad.bytes() == expected.grad.bytes());
                CHECK(result.grad_durations.bytes() == expected.grad_durations.bytes());
                for (int64_t b = 0; b < 3; ++b) {
                    CHECK(result.loss.get(b) == expected.loss.get(b));
                }
            }
        }
    }
}

SEQFRONT_TEST(transducer_edges, broken_logits_stay_in_their_sequence) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const TransducerProblem& clean :
             variants(SF_FLOAT32, {{5, 5, 5}, {4, 4, 4}, 5, 4, 40, 0, 5})) {
            for (const double bad : {kNan, kInf}) {
                TransducerProblem p = clean;
                p.set(p.logits, 1, 2, p.start(1, 2), 39, bad);
                const TransducerResult result = run(p, ones(p)), expected = run(clean, ones(clean));
                context() = isa + " family " + std::to_string(static_cast<int>(p.family));
                CHECK(std::isnan(result.loss.get(1)));
                CHECK(std::isnan(p.get(result.grad, 1, 4, 4, 39)));
                for (const int64_t b : {0, 2}) {
                    CHECK(result.loss.get(b) == expected.loss.get(b));
                    for_each_logit(p, b, [&](int64_t t, int64_t u, int64_t v) {
                        CHECK(p.get(result.grad, b, t, u, v) == p.get(expected.grad, b, t, u, v));
                    });
                }
            }
        }
    }
}

SEQFRONT_TEST(transducer_edges, upstream_zero_and_nan) {
    for (TransducerProblem p : variants(SF_FLOAT32, {{3, 3, 3}, {2, 2, 2}, 3, 2, 5, 0, 3})) {
        p.set(p.logits, 1, 0, 0, 3, kNan);
        LatticeArray upstream(SF_FLOAT32, 3, 0);
        upstream.set(0, kNan);
        const TransducerResult result = run(p, upstream);
        check_zero(p, result, 1);
        check_zero(p, result, 2);
        for_each_logit(p, 0, [&](int64_t t, int64_t u, int64_t v) {
            CHECK(std::isnan(p.get(result.grad, 0, t, u, v)));
        });
    }
}

SEQFRONT_TEST(transducer_edges, impossible_classes) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (TransducerProblem p : variants(SF_FLOAT64, {{3, 3, 3}, {2, 2, 2}, 3, 2, 7, 0, 3})) {
            context() = isa + " family " + std::to_string(static_cast<int>(p.family));
            for_each_logit(p, 0, [&](int64_t t, int64_t u, int64_t v) {
                if (v > 4) p.set(p.logits, 0, t, u, v, -kInf);  // masked, but not needed
                p.set(p.logits, 1, t, u, v, -kInf);             // whole rows
                // No alignment is left.
                if (v == p.target(2, 1)) p.set(p.logits, 2, t, std::min<int64_t>(u, 1), v, -kInf);
            });
            const TransducerResult result = run(p, ones(p));
            CHECK_CLOSE(result.loss.get(0), reported_loss(p, 0), 1e-9);
            CHECK(result.loss.get(1) == kInf && result.loss.get(2) == kInf);
            check_zero(p, result, 1);
            check_zero(p, result, 2);
            for_each_logit(p, 0, [&](int64_t t, int64_t u, int64_t v) {
                const double value = p.get(result.grad, 0, t, u, v);
                CHECK(v > 4 ? value == 0 : std::isfinite(value));
            });
        }
    }
}

SEQFRONT_TEST(transducer_edges, too_few_frames) {
    TransducerProblem p = problem(Family::kDense, SF_FLOAT32, {{2, 3}, {3, 3}, 3, 3, 5, 0});
    p.attributes["topology"] = 1;
    const TransducerResult result = run(p, ones(p));
    CHECK(result.loss.get(0) == kInf && std::isfinite(result.loss.get(1)));
    check_zero(p, result, 0);
    TransducerProblem late = problem(Family::kPruned, SF_FLOAT32, {{2}, {3}, 2, 3, 5, 0});
    late.starts = {1, 2};  // the start is outside the band
    CHECK(run(late, ones(late)).loss.get(0) == kInf);
    TransducerProblem closed = problem(Family::kDense, SF_FLOAT32, {{3}, {1}, 3, 1, 5, 0});
    closed.windows = {2, 1};
    CHECK(run(closed, ones(closed)).loss.get(0) == kInf);
}

// A band that steps back, or over positions, has cells that no path may use.
SEQFRONT_TEST(transducer_edges, any_band) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (unsigned seed = 1; seed <= 40; ++seed) {
            Random random(seed);
            TransducerProblem p(Family::kPruned, SF_FLOAT64, {{6}, {4}, 6, 4, 5, 0, 3}, seed);
            for (int64_t t = 1; t < 6; ++t) {
                p.starts[static_cast<size_t>(t)] = std::min(random.below(5), random.below(5));
            }
            p.attributes["topology"] = seed % 2;
            for (int64_t t = 0; t < 6; ++t) {
                for (int64_t u = 0; u <= 4; ++u) {
                    for (int64_t v = 0; p.stores(0, t, u) && v < 5; ++v) {
                        p.set(p.logits, 0, t, u, v, random.normal(1));
                    }
                }
            }
            context() = isa + " seed " + std::to_string(seed);
            const TransducerResult result = run(p, ones(p));
            CHECK_CLOSE(result.loss.get(0), reported_loss(p, 0), 1e-9);
            const Rows expected = expected_gradient(p, 0);
            size_t row = 0;
            for (int64_t t = 0; t < 6; ++t) {
                for (int64_t u = 0; u <= 4; ++u) {
                    for (int64_t v = 0; p.stores(0, t, u) && v < 5; ++v) {
                        CHECK_CLOSE(p.get(result.grad, 0, t, u, v),
                                    expected[row][static_cast<size_t>(v)], 1e-7);
                    }
                    row += p.stores(0, t, u);
                }
            }
        }
    }
}

SEQFRONT_TEST(transducer_edges, empty_sizes) {
    for (const Family family : kFamilies) {
        const TransducerProblem no_batch = problem(family, SF_FLOAT32, {{}, {}, 3, 2, 5, 0});
        run(no_batch, ones(no_batch));
        const TransducerProblem no_frames =
            problem(family, SF_FLOAT32, {{0, 0}, {2, 0}, 0, 2, 5, 0});
        const TransducerResult result = run(no_frames, ones(no_frames));
        CHECK(result.loss.get(0) == kInf && result.loss.get(1) == 0);
        const TransducerProblem no_labels =
            problem(family, SF_FLOAT64, {{2, 1}, {0, 0}, 2, 0, 5, 0, 1});
        for (int64_t b = 0; b < 2; ++b) {
            CHECK_CLOSE(run(no_labels, ones(no_labels)).loss.get(b), reported_loss(no_labels, b),
                        1e-9);
        }
    }
}

// Single precision against double on the same logits, for the general lattice kernel.
SEQFRONT_TEST(transducer_edges, precision_of_1500_frames) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const Family family : {Family::kDense, Family::kTdt}) {
            const TransducerSizes sizes = {{1500}, {200}, 1500, 200, 6, 0};
            TransducerProblem p = problem(family, SF_FLOAT32, sizes);
            TransducerProblem wide = problem(family, SF_FLOAT64, sizes);
            if (family == Family::kDense) {
                p.attributes["topology"] = wide.attributes["topology"] = 1;
                p.big_blanks = wide.big_blanks = {5, 2, 4, 8};
            }
            for_each_logit(p, 0, [&](int64_t t, int64_t u, int64_t v) {
                wide.set(wide.logits, 0, t, u, v, 4 * p.get(p.logits, 0, t, u, v));
                p.set(p.logits, 0, t, u, v, 4 * p.get(p.logits, 0, t, u, v));
            });
            const TransducerResult result = run(p, ones(p)), exact = run(wide, ones(wide));
            double worst = 0;
            for_each_logit(p, 0, [&](int64_t t, int64_t u, int64_t v) {
                worst = std::max(worst, std::fabs(p.get(result.grad, 0, t, u, v) -
                                                  p.get(exact.grad, 0, t, u, v)));
            });
            std::printf("       %s: loss %.2f relative error %.1e, gradient error %.1e\n",
                        isa.c_str(), exact.loss.get(0),
                        std::fabs(result.loss.get(0) / exact.loss.get(0) - 1), worst);
            CHECK(worst < 2e-5);
            CHECK_CLOSE(result.loss.get(0), exact.loss.get(0), 5e-7);
        }
    }
}
