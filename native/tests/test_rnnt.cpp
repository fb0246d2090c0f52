// RNN-T against the enumeration of all alignments, and its edge cases.
#include "rnnt_problem.hpp"

using namespace testing;

namespace {

// Log-probs of all alignments from cell (t, u) on.
void enumerate(const RnntProblem& p, int64_t b, const Rows& log_probs, int64_t t, int64_t u,
               double score, std::vector<double>& out) {
    const std::vector<double>& row =
        log_probs[static_cast<size_t>(t * (p.label_length(b) + 1) + u)];
    const double blank = score + row[static_cast<size_t>(p.blank)];
    if (u < p.label_length(b)) {
        const double label = score + row[static_cast<size_t>(p.target(b, u))];
        enumerate(p, b, log_probs, t, u + 1, label, out);
    }
    if (t + 1 < p.frame_length(b)) {
        enumerate(p, b, log_probs, t + 1, u, blank, out);
    } else if (u == p.label_length(b)) {
        out.push_back(blank);
    }
}

double brute_force(const RnntProblem& p, int64_t b, Rows rows) {
    if (p.frame_length(b) == 0) return p.label_length(b) == 0 ? 0 : kInf;
    if (!p.normalized) {
        for (std::vector<double>& row : rows) row = log_softmax(row);
    }
    std::vector<double> scores;
    enumerate(p, b, rows, 0, 0, 0.0, scores);
    return -log_sum(scores);
}

void check_against_brute_force(const RnntProblem& p, const LatticeArray& upstream,
                               const RnntResult& result) {
    const double allowed = tolerance(p.logits.dtype());
    for (int64_t b = 0; b < p.batch(); ++b) {
        const Rows rows = p.rows(b);
        CHECK_CLOSE(result.loss.get(b), brute_force(p, b, rows), 3e-6);
        const Rows expected =
            finite_differences(rows, [&](const Rows& r) { return brute_force(p, b, r); });
        for (int64_t t = 0; t < p.frames; ++t) {
            for (int64_t u = 0; u <= p.labels; ++u) {
                const bool inside = t < p.frame_length(b) && u <= p.label_length(b);
                for (int64_t v = 0; v < p.classes; ++v) {
                    const double value = result.grad.get({b, t, u, v});
                    if (!inside) {
                        CHECK(value == 0);
                        continue;
                    }
                    const auto row = static_cast<size_t>(t * (p.label_length(b) + 1) + u);
                    const double factor = upstream.get(b);
                    CHECK_CLOSE(value, factor * expected[row][static_cast<size_t>(v)],
                                allowed * std::fmax(1, std::fabs(factor)));
                }
            }
        }
    }
}

}  // namespace

SEQFRONT_TEST(rnnt, brute_force) {
    unsigned seed = 0;
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const sf_dtype dtype : kDtypes) {
            for (int variant = 0; variant < 24; ++variant) {
                const auto layout = static_cast<Tensor::Layout>(variant % 3);
                const int64_t classes = variant < 20 ? 5 : 37;
                RnntProblem p(dtype, {4, 1, 3, 0, 2, 1, 0, 4}, {3, 2, 0, 0, 3, 0, 1, 1}, 4, 3,
                              classes, variant % classes, ++seed, layout);
                p.normalized = variant % 2 != 0;
                p.threads = 1 + variant / 3 % 2;
                LatticeArray upstream(dtype, p.batch(), 1);
                for (int64_t b = 0; b < p.batch(); ++b) upstream.set(b, b % 4 - 1.5 + variant % 2);
                const bool in_place = variant / 6 % 2 != 0;
                context() =
                    isa + " dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
                const auto grad_layout = static_cast<Tensor::Layout>(variant / 2 % 3);
                const RnntResult result = run(p, upstream, in_place, grad_layout);
                check_against_brute_force(p, upstream, result);
            }
        }
    }
}

SEQFRONT_TEST(rnnt, more_labels_than_frames_and_longer_than_a_vector) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        context() = isa;
        for (const auto& [frames, labels] :
             {std::pair<int, int>{2, 40}, {40, 2}, {1, 33}, {60, 1}}) {
            RnntProblem p(SF_FLOAT64, {frames}, {labels}, frames, labels, 3, 2, 5);
            const RnntResult result = run(p, ones(p));
            check_against_brute_force(p, ones(p), result);
        }
    }
}

SEQFRONT_TEST(rnnt, in_place_is_bit_identical) {
    for (const sf_dtype dtype : kDtypes) {
        const RnntProblem p(dtype, {20, 13}, {9, 11}, 20, 11, 67, 0, 3);
        CHECK(run(p, ones(p)).grad.bytes() == run(p, ones(p), true).grad.bytes());
    }
}

SEQFRONT_TEST(rnnt, zero_upstream_gives_zeros_whatever_the_loss) {
    RnntProblem p(SF_FLOAT32, {3, 3, 3}, {2, 2, 2}, 3, 2, 5, 0, 1);
    p.logits.set({1, 0, 0, 3}, kNan);
    LatticeArray upstream(SF_FLOAT32, 3, 0);
    upstream.set(0, kNan);
    const RnntResult result = run(p, upstream);
    for (int64_t i = 0; i < 3 * 3 * 5; ++i) {
        for (int64_t b = 1; b < 3; ++b) CHECK(result.grad.get({b, i / 15, i / 5 % 3, i % 5}) == 0);
    }
    CHECK(std::isnan(result.grad.get({0, 0, 0, 0})));
}

SEQFRONT_TEST(rnnt, nan_and_infinity_stay_in_their_sequence) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const double bad : {kNan, kInf}) {
            const RnntProblem clean(SF_FLOAT32, {5, 5, 5}, {4, 4, 4}, 5, 4, 40, 0, 1);
            RnntProblem p = clean;
            p.logits.set({1, 2, 1, 33}, bad);
            const RnntResult result = run(p, ones(p)), expected = run(clean, ones(p));
            CHECK(std::isnan(result.loss.get(1)));
            CHECK(std::isnan(result.grad.get({1, 4, 4, 39})));
            for (const int64_t b : {0, 2}) {
                CHECK(result.loss.get(b) == expected.loss.get(b));
                CHECK(result.grad.get({b, 2, 1, 33}) == expected.grad.get({b, 2, 1, 33}));
            }
        }
    }
}

SEQFRONT_TEST(rnnt, impossible_classes) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        context() = isa;
        for (const sf_dtype dtype : kDtypes) {
            RnntProblem p(dtype, {3, 3, 3}, {2, 2, 2}, 3, 2, 5, 0, 1);
            for (int64_t t = 0; t < 3; ++t) {
                for (int64_t u = 0; u < 3; ++u) {
                    for (int64_t v = 0; v < 5; ++v) {
                        if (v != 0 && v != p.target(0, 0) && v != p.target(0, 1)) {
                            p.logits.set({0, t, u, v}, -kInf);  // masked, but not needed
                        }
                        p.logits.set({1, t, u, v}, -kInf);  // whole rows
                    }
                    p.logits.set({2, t, u, p.target(2, 1)}, -kInf);  // no alignment is left
                }
            }
            const RnntResult result = run(p, ones(p));
            CHECK_CLOSE(result.loss.get(0), brute_force(p, 0, p.rows(0)), 3e-6);
            CHECK(result.loss.get(1) == kInf && result.loss.get(2) == kInf);
            for (int64_t i = 0; i < 3 * 3 * 5; ++i) {
                const int64_t t = i / 15, u = i / 5 % 3, v = i % 5;
                CHECK(std::isfinite(result.grad.get({0, t, u, v})));
                if (p.logits.get({0, t, u, v}) == -kInf) CHECK(result.grad.get({0, t, u, v}) == 0);
                CHECK(result.grad.get({1, t, u, v}) == 0 && result.grad.get({2, t, u, v}) == 0);
            }
        }
    }
}

SEQFRONT_TEST(rnnt, empty_sizes) {
    const RnntProblem no_batch(SF_FLOAT32, {}, {}, 3, 2, 5, 0, 1);
    run(no_batch, ones(no_batch));
    const RnntProblem no_frames(SF_FLOAT32, {0, 0}, {2, 0}, 0, 2, 5, 0, 1);
    const RnntResult result = run(no_frames, ones(no_frames));
    CHECK(result.loss.get(0) == kInf && result.loss.get(1) == 0);
    RnntProblem no_labels(SF_FLOAT32, {2, 1}, {0, 0}, 2, 0, 5, 0, 1);
    no_labels.threads = 1 << 30;
    check_against_brute_force(no_labels, ones(no_labels), run(no_labels, ones(no_labels)));
    const RnntProblem one_class(SF_FLOAT32, {3}, {0}, 3, 0, 1, 0, 1);
    CHECK(run(one_class, ones(one_class)).loss.get(0) == 0);
}
