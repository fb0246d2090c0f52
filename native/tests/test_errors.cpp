// Bad arguments: the status and the full message of each.
#include <functional>

#include "ctc_problem.hpp"
#include "rnnt_problem.hpp"

using namespace testing;

namespace {

void expect(sf_status status, const char* message) {
    CHECK(status == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), message);
}

sf_status rnnt_with(const std::function<void(RnntProblem&, sf_rnnt_problem&)>& change) {
    RnntProblem p(SF_FLOAT32, {3, 2}, {2, 1}, 3, 2, 5, 0, 1);
    sf_rnnt_problem d = p.description();
    change(p, d);
    float loss[2], saved[2 * 3 * 3 * 3];
    return sf_rnnt_forward(&d, p.logits.data(), loss, saved);
}

}  // namespace

SEQFRONT_TEST(errors, rnnt) {
    using P = RnntProblem&;
    using D = sf_rnnt_problem&;
    expect(rnnt_with([](P p, D) { p.targets[2] = 5; }),
           "rnnt: targets[1, 0] is 5, needed 0..4 and not the blank 0");
    expect(rnnt_with([](P p, D) { p.targets[1] = 0; }),
           "rnnt: targets[0, 1] is 0, needed 0..4 and not the blank 0");
    expect(rnnt_with([](P p, D) { p.targets[0] = -1; }),
           "rnnt: targets[0, 0] is -1, needed 0..4 and not the blank 0");
    expect(rnnt_with([](P p, D) { p.frame_lengths[1] = 4; }),
           "rnnt: frame_lengths[1] is 4, needed 0..3");
    expect(rnnt_with([](P p, D) { p.label_lengths[0] = -1; }),
           "rnnt: label_lengths[0] is -1, needed 0..2");
    expect(rnnt_with([](P, D d) { d.blank = 5; }), "rnnt: blank is 5, needed 0..4");
    expect(rnnt_with([](P, D d) { d.blank = -1; }), "rnnt: blank is -1, needed 0..4");
    expect(rnnt_with([](P, D d) { d.batch = -2; }), "rnnt: batch is -2, needed 0 or more");
    expect(rnnt_with([](P, D d) { d.threads = -2; }), "rnnt: threads is -2, needed 0 or more");
    expect(rnnt_with([](P, D d) { d.targets = nullptr; }), "rnnt: targets is a null pointer");
    expect(rnnt_with([](P, D d) { d.dtype = 9; }),
           "rnnt: dtype is 9, needed 0 (float32), 1 (float64), 2 (bfloat16) or 3 (float16)");
    expect(rnnt_with([](P, D d) { d.batch = d.frames = int64_t{1} << 40; }),
           "rnnt: the sizes are too large: more than 2^56 elements");
    expect(rnnt_with([](P, D d) { d.labels = std::numeric_limits<int64_t>::max(); }),
           "rnnt: labels is 9223372036854775807, needed 0..72057594037927936");
    expect(rnnt_with([](P, D d) {
               d.batch = 0;
               d.frames = d.labels = int64_t{1} << 56;
           }),
           "rnnt: the sizes are too large: more than 2^56 elements");
    CHECK(rnnt_with([](P, D) {}) == SF_OK);
    CHECK_TEXT(sf_last_error(), "");
}

SEQFRONT_TEST(errors, gradient_layout) {
    RnntProblem p(SF_FLOAT32, {3, 2}, {2, 1}, 3, 2, 5, 0, 1);
    const sf_rnnt_problem d = p.description();
    float loss[2], saved[2 * 3 * 3 * 3], upstream[2] = {1, 1}, grad[2 * 3 * 3 * 5];
    CHECK(sf_rnnt_forward(&d, p.logits.data(), loss, saved) == SF_OK);
    const int64_t overlapping[3] = {45, 0, 5}, other[3] = {45, 5, 15};
    expect(sf_rnnt_backward(&d, p.logits.data(), saved, upstream, grad, overlapping),
           "rnnt: grad_stride[1] is 0: gradients must not overlap");
    expect(sf_rnnt_backward(&d, p.logits.data(), saved, upstream, p.logits.data(), other),
           "rnnt: grad_stride[1] is 5, needed 15, the stride of the logits that grad overwrites");
}

SEQFRONT_TEST(errors, ctc) {
    CtcProblem p(SF_FLOAT32, {3, 2}, {2, 1}, 3, 2, 5, 4, 1);
    const sf_ctc_problem d = p.description();
    float loss[2], saved[2 * 3 * 4];
    p.targets[2] = 4;
    expect(sf_ctc_forward(&d, p.logits.data(), loss, saved),
           "ctc: targets[1, 0] is 4, needed 0..4 and not the blank 4");
    expect(sf_ctc_forward(&d, nullptr, loss, saved), "ctc: logits is a null pointer");
    sf_ctc_problem large = d;
    large.labels = large.classes = std::numeric_limits<int64_t>::max();
    expect(sf_ctc_forward(&large, p.logits.data(), loss, saved),
           "ctc: labels is 9223372036854775807, needed 0..72057594037927936");
    p.frame_lengths[0] = 77;
    expect(sf_ctc_forward(&d, p.logits.data(), loss, saved),
           "ctc: frame_lengths[0] is 77, needed 0..3");
}

SEQFRONT_TEST(errors, edit_distance) {
    const int32_t tokens[4] = {1, 2, 3, 4}, lengths[2] = {2, 3};
    int32_t distance[2];
    expect(sf_edit_distance(2, tokens, 2, 2, lengths, tokens, 2, 2, lengths, distance, 0),
           "edit_distance: a_lengths[1] is 3, needed 0..2");
    constexpr int64_t large = int64_t{1} << 56;
    expect(sf_edit_distance(0, nullptr, 0, large, nullptr, nullptr, 0, large, nullptr, nullptr, 0),
           "edit_distance: the sizes are too large: more than 2^56 elements");
}

SEQFRONT_TEST(errors, settings) {
    expect(sf_set_isa("mmx"),
           "set_isa: 'mmx' is not an instruction set of this processor and build");
    expect(sf_set_default_threads(0), "set_default_threads: threads is 0, needed 1 or more");
    CHECK_TEXT(sf_version(), "0.1.0");
}
