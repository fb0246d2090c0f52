// Long sequences: single precision against double on the same logits.
#include <algorithm>

#include "ctc_problem.hpp"
#include "rnnt_problem.hpp"

using namespace testing;

namespace {

// The same numbers in double.
template <class Problem>
Problem widened(const Problem& p) {
    Problem wide(SF_FLOAT64, p.frame_lengths, p.label_lengths, p.frames, p.labels, p.classes,
                 p.blank, 1);
    wide.targets = p.targets;
    wide.normalized = p.normalized;
    return wide;
}

}  // namespace

SEQFRONT_TEST(precision, rnnt_1500_frames) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const double scale : {0.5, 3.0, 10.0}) {
            const RnntProblem p(SF_FLOAT32, {1500}, {200}, 1500, 200, 12, 0, 4, Tensor::kDense,
                                scale);
            RnntProblem wide = widened(p);
            for (int64_t i = 0; i < 1500 * 201 * 12; ++i) {
                const int64_t t = i / (201 * 12), u = i / 12 % 201, v = i % 12;
                wide.logits.set({0, t, u, v}, p.logits.get({0, t, u, v}));
            }
            const RnntResult result = run(p, ones(p)), exact = run(wide, ones(wide));
            double worst = 0;
            for (int64_t i = 0; i < 1500 * 201 * 12; ++i) {
                const int64_t t = i / (201 * 12), u = i / 12 % 201, v = i % 12;
                worst = std::max(
                    worst, std::fabs(result.grad.get({0, t, u, v}) - exact.grad.get({0, t, u, v})));
            }
            const double loss = exact.loss.get(0);
            std::printf("       %s, scale %g: loss %.2f relative error %.1e, gradient error %.1e\n",
                        isa.c_str(), scale, loss, std::fabs(result.loss.get(0) / loss - 1), worst);
            CHECK(worst < 2e-5);
            CHECK_CLOSE(result.loss.get(0), loss, 5e-7);
        }
    }
}

SEQFRONT_TEST(precision, ctc_3000_frames) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const double scale : {0.5, 3.0, 10.0}) {
            const CtcProblem p(SF_FLOAT32, {3000}, {500}, 3000, 500, 50, 0, 4, Tensor::kDense,
                               scale);
            CtcProblem wide = widened(p);
            for (int64_t i = 0; i < 3000 * 50; ++i) {
                wide.logits.set({0, i / 50, i % 50}, p.logits.get({0, i / 50, i % 50}));
            }
            const CtcResult result = run(p, ones(p)), exact = run(wide, ones(wide));
            double worst = 0;
            for (int64_t i = 0; i < 3000 * 50; ++i) {
                worst = std::max(worst, std::fabs(result.grad.get({0, i / 50, i % 50}) -
                                                  exact.grad.get({0, i / 50, i % 50})));
            }
            const double loss = exact.loss.get(0);
            std::printf("       %s, scale %g: loss %.2f relative error %.1e, gradient error %.1e\n",
                        isa.c_str(), scale, loss, std::fabs(result.loss.get(0) / loss - 1), worst);
            CHECK(worst < 2e-5);
            CHECK_CLOSE(result.loss.get(0), loss, 5e-7);
        }
    }
}

// Alignments far below the smallest double, and masks such as -1e30 on the only way.
SEQFRONT_TEST(precision, extreme_probabilities) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        context() = isa;
        for (const double mask : {-1e4, -1e9, -1e30}) {
            CtcProblem p(SF_FLOAT32, {40}, {30}, 40, 30, 6, 0, 4);
            RnntProblem r(SF_FLOAT32, {20}, {30}, 20, 30, 6, 0, 4);
            double expected = 0;
            for (int64_t t = 0; t < 40; ++t) p.logits.set({0, t, 0}, 0);
            for (int64_t k = 0; k < 30; ++k) expected -= mask;
            for (int64_t v = 1; v < 6; ++v) {
                for (int64_t t = 0; t < 40; ++t) p.logits.set({0, t, v}, mask);
                for (int64_t i = 0; i < 20 * 31; ++i) {
                    r.logits.set({0, i / 31, i % 31, v}, mask);
                    r.logits.set({0, i / 31, i % 31, 0}, 0);
                }
            }
            for (int64_t k = 0; k < 30; ++k) p.targets[static_cast<size_t>(k)] = 1 + k % 5;
            const CtcResult ctc = run(p, ones(p));
            const RnntResult rnnt = run(r, ones(r));
            CHECK_CLOSE(ctc.loss.get(0) / expected, 1, 1e-3);
            CHECK_CLOSE(rnnt.loss.get(0) / expected, 1, 1e-3);
            for (int64_t i = 0; i < 40 * 6; ++i) {
                CHECK(std::fabs(ctc.grad.get({0, i / 6, i % 6})) <= 1.001);
            }
        }
    }
}
