// CTC against the enumeration of all strings over the classes, and its edge cases.
#include "ctc_problem.hpp"

using namespace testing;

namespace {

// Whether a string of classes, one for each frame, stands for the targets.
bool stands_for_targets(const CtcProblem& p, int64_t b, const std::vector<int32_t>& string) {
    std::vector<int32_t> labels;
    for (size_t t = 0; t < string.size(); ++t) {
        const bool repeats = p.label_loop && t > 0 && string[t] == string[t - 1];
        if (string[t] != p.blank && !repeats) labels.push_back(string[t]);
    }
    if (static_cast<int64_t>(labels.size()) != p.label_length(b)) return false;
    for (int64_t k = 0; k < p.label_length(b); ++k) {
        if (labels[static_cast<size_t>(k)] != p.target(b, k)) return false;
    }
    return true;
}

double brute_force(const CtcProblem& p, int64_t b, Rows rows) {
    if (!p.normalized) {
        for (std::vector<double>& row : rows) row = log_softmax(row);
    }
    std::vector<int32_t> string(rows.size(), 0);
    std::vector<double> scores;
    for (;;) {
        if (stands_for_targets(p, b, string)) {
            double score = 0;
            for (size_t t = 0; t < rows.size(); ++t)
                score += rows[t][static_cast<size_t>(string[t])];
            scores.push_back(score);
        }
        size_t t = 0;
        for (; t < string.size() && ++string[t] == p.classes; ++t) string[t] = 0;
        if (t == string.size()) break;
    }
    if (!p.max_approx) return -log_sum(scores);
    double best = -kInf;
    for (const double score : scores) best = std::fmax(best, score);
    return -best;
}

void check_against_brute_force(const CtcProblem& p, const LatticeArray& upstream,
                               const CtcResult& result) {
    const double allowed = tolerance(p.logits.dtype());
    for (int64_t b = 0; b < p.batch(); ++b) {
        const Rows rows = p.rows(b);
        const double loss = brute_force(p, b, rows);
        CHECK_CLOSE(result.loss.get(b), loss, 3e-6);
        Rows expected =
            finite_differences(rows, [&](const Rows& r) { return brute_force(p, b, r); });
        for (int64_t t = 0; t < p.frames; ++t) {
            for (int64_t v = 0; v < p.classes; ++v) {
                const double value = result.grad.get({b, t, v});
                if (t >= p.frame_length(b) || loss == kInf) {
                    CHECK(value == 0);
                    continue;
                }
                const double factor = upstream.get(b);
                CHECK_CLOSE(value,
                            factor * expected[static_cast<size_t>(t)][static_cast<size_t>(v)],
                            allowed * std::fmax(1, std::fabs(factor)));
            }
        }
    }
}

}  // namespace

SEQFRONT_TEST(ctc, brute_force) {
    unsigned seed = 0;
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const sf_dtype dtype : kDtypes) {
            for (int variant = 0; variant < 24; ++variant) {
                const auto layout = static_cast<Tensor::Layout>(variant % 3);
                CtcProblem p(dtype, {5, 1, 3, 0, 2, 1, 0, 5, 4}, {3, 2, 0, 0, 3, 1, 1, 1, 2}, 5, 3,
                             3, variant % 3, ++seed, layout);
                p.normalized = variant % 2 != 0;
                p.threads = 1 + variant / 3 % 2;
                p.max_approx = variant / 4 % 2 != 0;
                p.label_loop = variant / 8 % 2 == 0;
                LatticeArray upstream(dtype, p.batch(), 1);
                for (int64_t b = 0; b < p.batch(); ++b) upstream.set(b, b % 4 - 1.5 + variant % 2);
                context() =
                    isa + " dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
                const auto grad_layout = static_cast<Tensor::Layout>(variant / 2 % 3);
                const CtcResult result = run(p, upstream, variant / 6 % 2 != 0, grad_layout);
                check_against_brute_force(p, upstream, result);
            }
        }
    }
}

SEQFRONT_TEST(ctc, instruction_sets_agree_on_long_targets) {
    CtcProblem p(SF_FLOAT64, {150, 99, 71}, {70, 48, 33}, 150, 70, 9, 4, 8);
    for (const bool label_loop : {true, false}) {
        p.label_loop = label_loop;
        CHECK(sf_set_isa("baseline") == SF_OK);
        const CtcResult expected = run(p, ones(p));
        CHECK(std::isfinite(expected.loss.get(0)));
        for (const std::string& isa : usable_isas()) {
            CHECK(sf_set_isa(isa.c_str()) == SF_OK);
            context() = isa;
            const CtcResult result = run(p, ones(p));
            for (int64_t b = 0; b < 3; ++b) {
                CHECK_CLOSE(result.loss.get(b), expected.loss.get(b), 1e-12);
                for (int64_t t = 0; t < 150; ++t) {
                    double sum = 0;
                    for (int64_t v = 0; v < 9; ++v) {
                        CHECK_CLOSE(result.grad.get({b, t, v}), expected.grad.get({b, t, v}),
                                    1e-11);
                        sum += result.grad.get({b, t, v});
                    }
                    CHECK_CLOSE(sum, 0, 1e-12);
                }
            }
        }
    }
}

SEQFRONT_TEST(ctc, in_place_is_bit_identical) {
    for (const sf_dtype dtype : kDtypes) {
        const CtcProblem p(dtype, {40, 33}, {9, 11}, 40, 11, 67, 0, 3);
        CHECK(run(p, ones(p)).grad.bytes() == run(p, ones(p), true).grad.bytes());
    }
}

SEQFRONT_TEST(ctc, infeasible_is_infinite_without_gradient) {
    for (const bool max_approx : {false, true}) {
        // Two equal labels need a blank between them: three frames.
        CtcProblem p(SF_FLOAT32, {2, 3, 2}, {2, 2, 3}, 3, 3, 4, 0, 1);
        p.targets = {2, 2, -1, 2, 2, -1, 1, 2, 3};
        p.max_approx = max_approx;
        const CtcResult result = run(p, ones(p));
        CHECK(result.loss.get(0) == kInf && result.loss.get(2) == kInf);
        CHECK(std::isfinite(result.loss.get(1)));
        for (int64_t i = 0; i < 2 * 4; ++i) {
            CHECK(result.grad.get({0, i / 4, i % 4}) == 0 &&
                  result.grad.get({2, i / 4, i % 4}) == 0);
        }
        p.label_loop = false;  // then they do not
        CHECK(std::isfinite(run(p, ones(p)).loss.get(0)));
    }
}

SEQFRONT_TEST(ctc, nan_and_infinity_stay_in_their_sequence) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const bool max_approx : {false, true}) {
            for (const double bad : {kNan, kInf}) {
                CtcProblem clean(SF_FLOAT32, {9, 9, 9}, {4, 4, 4}, 9, 4, 40, 0, 1);
                clean.max_approx = max_approx;
                CtcProblem p = clean;
                p.logits.set({1, 2, 33}, bad);
                LatticeArray upstream = ones(p);
                const CtcResult result = run(p, upstream), expected = run(clean, upstream);
                CHECK(std::isnan(result.loss.get(1)) && std::isnan(result.grad.get({1, 8, 39})));
                for (const int64_t b : {0, 2}) {
                    CHECK(result.loss.get(b) == expected.loss.get(b));
                    CHECK(result.grad.get({b, 2, 33}) == expected.grad.get({b, 2, 33}));
                }
                upstream.set(1, 0);
                CHECK(run(p, upstream).grad.get({1, 2, 33}) == 0);
            }
        }
    }
}

SEQFRONT_TEST(ctc, impossible_classes) {
    for (const bool max_approx : {false, true}) {
        CtcProblem p(SF_FLOAT32, {6, 6, 6}, {2, 2, 2}, 6, 2, 5, 0, 1);
        p.targets = {1, 2, 1, 2, 1, 2};
        p.max_approx = max_approx;
        for (int64_t t = 0; t < 6; ++t) {
            p.logits.set({0, t, 3}, -kInf);  // masked, but not needed
            p.logits.set({1, t, 2}, -kInf);  // no alignment is left
            for (int64_t v = 0; v < 5; ++v) p.logits.set({2, t, v}, -kInf);
        }
        const CtcResult result = run(p, ones(p));
        CHECK_CLOSE(result.loss.get(0), brute_force(p, 0, p.rows(0)), 3e-6);
        CHECK(result.loss.get(1) == kInf && result.loss.get(2) == kInf);
        for (int64_t i = 0; i < 6 * 5; ++i) {
            CHECK(std::isfinite(result.grad.get({0, i / 5, i % 5})));
            CHECK(result.grad.get({1, i / 5, i % 5}) == 0 &&
                  result.grad.get({2, i / 5, i % 5}) == 0);
        }
        for (int64_t t = 0; t < 6; ++t) CHECK(result.grad.get({0, t, 3}) == 0);
    }
}

SEQFRONT_TEST(ctc, empty_sizes) {
    const CtcProblem no_batch(SF_FLOAT32, {}, {}, 3, 2, 5, 0, 1);
    run(no_batch, ones(no_batch));
    const CtcProblem no_frames(SF_FLOAT32, {0, 0}, {2, 0}, 0, 2, 5, 0, 1);
    const CtcResult result = run(no_frames, ones(no_frames));
    CHECK(result.loss.get(0) == kInf && result.loss.get(1) == 0);
    CtcProblem no_labels(SF_FLOAT32, {2, 1}, {0, 0}, 2, 0, 5, 0, 1);
    no_labels.threads = 1 << 30;
    check_against_brute_force(no_labels, ones(no_labels), run(no_labels, ones(no_labels)));
}
