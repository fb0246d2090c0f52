// Bad arguments of the transducer family: the full message of each.
#include <functional>

#include "transducer_problem.hpp"

using namespace testing;

namespace {

using P = TransducerProblem&;

void expect(Family family, const std::function<void(P)>& change, const char* message) {
    const std::vector<int32_t> durations =
        family == Family::kTdt ? std::vector<int32_t>{0, 1, 2} : std::vector<int32_t>{};
    TransducerProblem p(family, SF_FLOAT32, {{3, 2}, {2, 1}, 3, 2, 7, 0}, 1, Tensor::kDense,
                        durations);
    p.targets = {1, 2, 3, -7};
    change(p);
    CHECK(p.call().run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), message);
}

void expect_attribute(Family family, const char* name, double value, const char* message) {
    expect(family, [&](P p) { p.attributes[name] = value; }, message);
}

}  // namespace

SEQFRONT_TEST(transducer_errors, attributes) {
    expect_attribute(Family::kDense, "topology", 3, "rnnt: topology is 3, needed 0, 1 or 2");
    expect_attribute(Family::kDense, "star", -1, "rnnt: star is -1, needed 0, 1 or 2");
    expect_attribute(Family::kDense, "fastemit", -0.5,
                     "rnnt: fastemit is -0.5, needed a finite number, 0 or more");
    expect_attribute(Family::kPacked, "clamp", kInf,
                     "rnnt_packed: clamp is inf, needed a finite number, 0 or more");
    expect_attribute(Family::kTdt, "sigma", kInf, "tdt: sigma is inf, needed a finite number");
    expect_attribute(Family::kDense, "delay_penalty", -kInf,
                     "rnnt: delay_penalty is -inf, needed a finite number");
    expect_attribute(Family::kDense, "star_weight", -kInf,
                     "rnnt: star_weight is -inf, needed a finite number");
}

SEQFRONT_TEST(transducer_errors, combinations) {
    expect(
        Family::kDense, [](P p) { p.attributes = {{"hat", 1}, {"normalized", 1}}; },
        "rnnt: hat makes log-probs of its own, so the logits cannot be normalized");
    expect(
        Family::kDense,
        [](P p) {
            p.attributes["hat"] = 1;
            p.big_blanks = {6, 2};
        },
        "rnnt: hat has one blank, so it cannot go with big_blanks");
    expect_attribute(Family::kPruned, "topology", 2,
                     "rnnt_pruned: topology is 2 (constrained), needed 0 or 1: the blank after a "
                     "label may lie outside the band");
    expect_attribute(Family::kPruned, "star", 1,
                     "rnnt_pruned: star is 1, needed 0: skipped frames leave the band");
}

SEQFRONT_TEST(transducer_errors, big_blanks) {
    const auto with = [](std::vector<int32_t> values) {
        return [values](P p) { p.big_blanks = values; };
    };
    expect(Family::kDense, with({7, 2}),
           "rnnt: big_blanks[0, 0] is 7, needed 0..6, and no other blank");
    expect(Family::kDense, with({6, 2, 6, 4}),
           "rnnt: big_blanks[1, 0] is 6, needed 0..6, and no other blank");
    expect(Family::kDense, with({0, 2}),
           "rnnt: big_blanks[0, 0] is 0, needed 0..6, and no other blank");
    expect(Family::kDense, with({6, 1}), "rnnt: big_blanks[0, 1] is 1, needed 2 or more frames");
    expect(Family::kDense, with({3, 2}), "rnnt: targets[1, 0] is 3, a big blank");
}

SEQFRONT_TEST(transducer_errors, storage) {
    expect(
        Family::kPruned, [](P p) { p.starts[4] = 3; },
        "rnnt_pruned: starts[1, 1] is 3, needed 0..2");
    expect(
        Family::kPruned, [](P p) { p.starts[0] = -1; },
        "rnnt_pruned: starts[0, 0] is -1, needed 0..2");
    expect(
        Family::kPacked, [](P p) { p.sizes.frame_lengths[1] = 1; },
        "rnnt_packed: logits has 13 rows, but the sequences have 11: frame_length * "
        "(label_length + 1) each");
    expect(
        Family::kPacked, [](P p) { p.sizes.frame_lengths[1] = 3; },
        "rnnt_packed: logits has 13 rows, too few for sequence 1: it has frame_length * "
        "(label_length + 1) after those before");
}

SEQFRONT_TEST(transducer_errors, durations) {
    const auto with = [](std::vector<int32_t> values) {
        return [values](P p) { p.durations = values; };
    };
    expect(Family::kTdt, with({0, 2, 2}), "tdt: durations[2] is 2, needed 3 or more: they ascend");
    expect(Family::kTdt, with({-1, 0, 1}),
           "tdt: durations[0] is -1, needed 0 or more: they ascend");
    expect(
        Family::kTdt,
        [](P p) {
            p.durations = {0};
            p.duration_logits = Tensor(SF_FLOAT32, {2, 3, 3, 1});
        },
        "tdt: durations has none above 0, so no path gets to the last frame");
}
