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

RnntProblem small_rnnt() { return RnntProblem(SF_FLOAT32, {3, 2}, {2, 1}, 3, 2, 5, 0, 1); }

// A small problem with something wrong in it, and the message of that.
void expect_rnnt(const std::function<void(RnntProblem&)>& change, const char* message) {
    RnntProblem p = small_rnnt();
    change(p);
    expect(p.call().run(), message);
}

// The same with something wrong in the arrays.
void expect_call(const std::function<void(OpCall&)>& change, const char* message) {
    RnntProblem p = small_rnnt();
    OpCall call = p.call();
    change(call);
    expect(call.run(), message);
}

}  // namespace

SEQFRONT_TEST(errors, rnnt) {
    using P = RnntProblem&;
    expect_rnnt([](P p) { p.targets[2] = 5; },
                "rnnt: targets[1, 0] is 5, needed 0..4 and not the blank 0");
    expect_rnnt([](P p) { p.targets[1] = 0; },
                "rnnt: targets[0, 1] is 0, needed 0..4 and not the blank 0");
    expect_rnnt([](P p) { p.targets[0] = -1; },
                "rnnt: targets[0, 0] is -1, needed 0..4 and not the blank 0");
    expect_rnnt([](P p) { p.frame_lengths[1] = 4; }, "rnnt: frame_lengths[1] is 4, needed 0..3");
    expect_rnnt([](P p) { p.label_lengths[0] = -1; }, "rnnt: label_lengths[0] is -1, needed 0..2");
    expect_rnnt([](P p) { p.blank = 5; }, "rnnt: blank is 5, needed 0..4");
    expect_rnnt([](P p) { p.blank = -1; }, "rnnt: blank is -1, needed 0..4");
    RnntProblem p = small_rnnt();
    expect(p.call().run(-2), "rnnt: threads is -2, needed 0 or more");
    CHECK(p.call().run() == SF_OK);
    CHECK_TEXT(sf_last_error(), "");
}

SEQFRONT_TEST(errors, arrays) {
    using C = OpCall&;
    expect_call([](C c) { c.input("targets").data = nullptr; }, "rnnt: targets is a null pointer");
    expect_call([](C c) { c.input("logits").dtype = 9; }, "rnnt: logits has dtype 9, needed 0..4");
    expect_call([](C c) { c.input("logits").dtype = SF_INT32; },
                "rnnt: logits is int32, needed a floating type");
    expect_call([](C c) { c.input("targets").dtype = SF_FLOAT32; },
                "rnnt: targets is float32, needed int32");
    expect_call([](C c) { c.input("logits").rank = 3; },
                "rnnt: logits must be [batch, frames, labels+1, classes], but is [2, 3, 3].");
    expect_call([](C c) { c.input("logits").rank = 6; },
                "rnnt: logits must be [batch, frames, "
                "labels+1, classes], but is [2, 3, 3, 5, 0, ...].");
    expect_call([](C c) { c.input("targets").shape[0] = 3; },
                "rnnt: targets must be [batch, labels] = [2, 2], but is [3, 2].");
    expect_call([](C c) { c.input("label_lengths").shape[0] = 1; },
                "rnnt: label_lengths must be [batch] = [2], but is [1].");
    expect_call([](C c) { c.input("logits").shape[2] = 0; },
                "rnnt: logits must be [batch, frames, labels+1, classes] = [2, 3, ?, ?], but is "
                "[2, 3, 0, 5].");
    expect_call([](C c) { c.input("targets").stride[1] = 2; },
                "rnnt: targets has stride 2 along axis 1, needed 1");
    expect_call([](C c) { c.input("logits").stride[3] = 2; },
                "rnnt: logits has stride 2 along axis 3, needed 1");
    expect_call([](C c) { c.attribute("normalized", 2); }, "rnnt: normalized is 2, needed 0 or 1");
    expect_call([](C c) { c.attribute("blank", 0.5); },
                "rnnt: blank is 0.5, needed a whole number");
}

SEQFRONT_TEST(errors, sizes) {
    RnntProblem p = small_rnnt();
    OpCall call = p.call();
    float loss[2], saved[2 * 3 * 3 * 3];  // never written
    call.output("loss", row_major(loss, SF_FLOAT32, {2}))
        .output("saved", row_major(saved, SF_FLOAT32, {2, 3, 3, 3}));
    call.input("logits").shape[1] = call.input("logits").shape[3] = int64_t{1} << 40;
    expect(call.run(), "rnnt: logits is too large: more than 2^56 elements");
    call.input("logits").shape[3] = -1;
    expect(call.run(), "rnnt: logits has a negative size");
    CHECK(sf_find_op("nothing") == nullptr && sf_op(-1) == nullptr);
    CHECK(sf_op(sf_op_count()) == nullptr && sf_op(0) == sf_find_op(sf_op(0)->name));
    const sf_op_spec unknown = *sf_find_op("rnnt");
    expect(sf_call(&unknown, nullptr, nullptr, nullptr, 0),
           "sf_call: op is none of sf_op or sf_find_op");
}

SEQFRONT_TEST(errors, gradient_layout) {
    RnntProblem p = small_rnnt();
    OpCall forward = p.call();
    CHECK(forward.run() == SF_OK);
    LatticeArray upstream = ones(p);
    Tensor grad(SF_FLOAT32, p.logits.shape());
    sf_array overlapping = array_of(grad), other = array_of(p.logits);
    overlapping.stride[1] = 0;
    other.stride[1] = 5;
    other.stride[2] = 15;
    const auto backward_into = [&](const sf_array& array) {
        OpCall backward = forward.backward();
        backward.input("grad_loss", array_of(upstream, SF_FLOAT32, 2)).output("grad_logits", array);
        return backward.run();
    };
    expect(backward_into(overlapping),
           "rnnt_backward: grad_logits has stride 0 along axis 1: gradients must not overlap");
    expect(backward_into(other),
           "rnnt_backward: grad_logits has other strides than logits, which "
           "it overwrites");
    CHECK(backward_into(array_of(grad)) == SF_OK);
}

SEQFRONT_TEST(errors, ctc) {
    CtcProblem p(SF_FLOAT32, {3, 2}, {2, 1}, 3, 2, 5, 4, 1);
    p.targets[2] = 4;
    expect(p.call().run(), "ctc: targets[1, 0] is 4, needed 0..4 and not the blank 4");
    OpCall call = p.call();
    call.input("logits").data = nullptr;
    expect(call.run(), "ctc: logits is a null pointer");
    p.frame_lengths[0] = 77;
    expect(p.call().run(), "ctc: frame_lengths[0] is 77, needed 0..3");
}

SEQFRONT_TEST(errors, edit_distance) {
    const std::vector<int32_t> tokens = {1, 2, 3, 4}, lengths = {2, 3};
    OpCall call("edit_distance", SF_FLOAT32);
    call.input("a", array_of(tokens, {2, 2})).input("a_lengths", array_of(lengths, {2}));
    call.input("b", array_of(tokens, {2, 2})).input("b_lengths", array_of(lengths, {2}));
    expect(call.run(), "edit_distance: a_lengths[1] is 3, needed 0..2");
    constexpr int64_t large = int64_t{1} << 56;
    const std::vector<int32_t> none;
    call.input("a", array_of(none, {0, large})).input("a_lengths", array_of(none, {0}));
    call.input("b", array_of(none, {0, large})).input("b_lengths", array_of(none, {0}));
    call.output("distance", row_major(nullptr, SF_INT32, {0}));
    expect(call.run(), "edit_distance: the sizes are too large: more than 2^56 elements");
}

SEQFRONT_TEST(errors, settings) {
    expect(sf_set_isa("mmx"),
           "set_isa: 'mmx' is not an instruction set of this processor and build");
    expect(sf_set_default_threads(0), "set_default_threads: threads is 0, needed 1 or more");
    CHECK_TEXT(sf_version(), "0.1.0");
}
