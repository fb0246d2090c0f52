// The CUDA kernels of steps of searches, run on the host, against the CPU's ops.
#include <algorithm>

#include "host_device.hpp"
#include "op_call.hpp"

using namespace testing;

namespace {

void use_order(int variant) {
    use_host_device({kThreadOrders[variant % 3], 32, variant % 4 + 1, variant % 2 != 0});
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// -- best labels ----------------------------------------------------------------------------------

// Rows with ties, impossible labels, few possible ones or none, and all possible ones descending,
// of which one thread has the first.
void fill(Tensor& logits, Random& random) {
    const int64_t classes = logits.shape()[1];
    for (int64_t row = 0; row < logits.shape()[0]; ++row) {
        for (int64_t v = 0; v < classes; ++v) {
            const double value = row % 6 == 0   ? random.below(3)
                                 : row % 6 == 1 ? (random.below(3) == 0 ? random.below(9) : -kInf)
                                 : row % 6 == 2 ? (v % 32 == 7 ? 8.0 - v / 512.0 : 0)
                                 : row % 6 == 3 ? (row % 12 == 3 ? -kInf : 1)
                                                : random.below(64) * 0.25;
            logits.set({row, v}, value);
        }
    }
}

OpCall top_labels(Tensor& logits, const std::vector<int32_t>& ranks, int64_t blank, bool cuda) {
    OpCall call("top_labels", logits.dtype());
    call.input("logits", array_of(logits));
    call.input("ranks", array_of(ranks, {static_cast<int64_t>(ranks.size())}));
    CHECK(call.attribute("blank", static_cast<double>(blank)).on_cuda(cuda).run() == SF_OK);
    return call;
}

void compare(Tensor& logits, const std::vector<int32_t>& ranks, int64_t blank) {
    const auto count = static_cast<int64_t>(ranks.size());
    const OpCall found = top_labels(logits, ranks, blank, true);
    const OpCall expected = top_labels(logits, ranks, blank, false);
    const double allowed = logits.dtype() == SF_FLOAT64 ? 1e-13 : 2e-6;
    const auto close = [&](const char* output, int64_t i) {
        const double a = found.value(output, i), b = expected.value(output, i);
        return same(a, b) || std::abs(a - b) <= allowed * std::max(1.0, std::abs(b));
    };
    for (int64_t row = 0; row < logits.shape()[0]; ++row) {
        CHECK(close("blank_log_probs", row));
        for (int64_t i = row * count; i < (row + 1) * count; ++i) {
            CHECK(found.value("labels", i) == expected.value("labels", i));
            CHECK(close("log_probs", i));
        }
    }
}

std::vector<int32_t> first_ranks(int32_t count) {
    std::vector<int32_t> ranks;
    for (int32_t i = 0; i < count; ++i) ranks.push_back(i);
    return ranks;
}

// -- automata -------------------------------------------------------------------------------------

struct Tables {
    std::vector<int32_t> first_arc = {0}, arc_label, arc_target, failure;
    std::vector<double> arc_weight, failure_weight, missing;

    int64_t states() const { return static_cast<int64_t>(failure.size()); }
    int64_t classes() const { return static_cast<int64_t>(missing.size()); }
};

// Each state fails to one that is at most `step` before, so that ways may be long.
Tables random_tables(Random& random, int32_t states, int32_t classes, int32_t step) {
    Tables t;
    for (int32_t s = 0; s < states; ++s) {
        for (int32_t v = 0; v < classes; ++v) {
            if (random.below(3) > 0) continue;
            t.arc_label.push_back(v);
            t.arc_target.push_back(random.below(states));
            t.arc_weight.push_back(random.normal(1));
        }
        t.first_arc.push_back(static_cast<int32_t>(t.arc_label.size()));
        const bool root = s == 0 || (step > 1 && random.below(4) == 0);
        t.failure.push_back(root ? -1 : s - 1 - random.below(std::min(step, s)));
        t.failure_weight.push_back(random.normal(1));
    }
    for (int32_t v = 0; v < classes; ++v) t.missing.push_back(random.normal(1));
    return t;
}

class Step {
  public:
    Step(const char* op, sf_dtype dtype, const Tables& t, const std::vector<int32_t>& states,
         const std::vector<int32_t>& labels)
        : weights_{tensor(dtype, t.arc_weight), tensor(dtype, t.failure_weight),
                   tensor(dtype, t.missing)},
          call(op, dtype) {
        const auto arcs = static_cast<int64_t>(t.arc_label.size());
        const auto rows = static_cast<int64_t>(states.size());
        call.input("state", array_of(states, {rows}));
        call.input("first_arc", array_of(t.first_arc, {t.states() + 1}));
        call.input("arc_label", array_of(t.arc_label, {arcs}));
        call.input("failure", array_of(t.failure, {t.states()}));
        call.input("arc_weight", array_of(weights_[0]));
        call.input("failure_weight", array_of(weights_[1]));
        call.input("missing", array_of(weights_[2]));
        if (op == std::string("automaton_advance")) {
            call.input("label", array_of(labels, {rows}));
            call.input("arc_target", array_of(t.arc_target, {arcs}));
        }
    }

  private:
    static Tensor tensor(sf_dtype dtype, const std::vector<double>& values) {
        Tensor made(dtype, {static_cast<int64_t>(values.size())});
        for (size_t i = 0; i < values.size(); ++i) made.set({static_cast<int64_t>(i)}, values[i]);
        return made;
    }

    std::vector<Tensor> weights_;

  public:
    OpCall call;
};

// Scores and steps of all rows.
struct Results {
    std::vector<double> score, next, weight;
};

Results results(sf_dtype dtype, const Tables& t, const std::vector<int32_t>& states,
                const std::vector<int32_t>& labels, bool cuda) {
    Step scores("automaton_scores", dtype, t, states, labels);
    Step advance("automaton_advance", dtype, t, states, labels);
    CHECK(scores.call.on_cuda(cuda).run() == SF_OK);
    CHECK(advance.call.on_cuda(cuda).run() == SF_OK);
    Results found;
    const auto rows = static_cast<int64_t>(states.size());
    for (int64_t i = 0; i < rows * t.classes(); ++i) {
        found.score.push_back(scores.call.value("score", i));
    }
    for (int64_t i = 0; i < rows; ++i) {
        found.next.push_back(advance.call.value("next_state", i));
        found.weight.push_back(advance.call.value("weight", i));
    }
    return found;
}

}  // namespace

SEQFRONT_TEST(cuda_search, best_labels_are_as_on_the_cpu) {
    Random random(1);
    int variant = 0;
    for (const sf_dtype dtype : kDtypes) {
        for (const int64_t classes : {1, 2, 3, 31, 33, 200, 1030, 2100}) {
            for (const int32_t count : {1, 5, 64}) {
                if (classes > 1024 && count == 64 && dtype != SF_FLOAT32) continue;
                use_order(++variant);
                context() = "dtype " + std::to_string(dtype) + ", " + std::to_string(classes) +
                            " classes, " + std::to_string(count) + " labels";
                const auto layout = variant % 2 == 0 ? Tensor::kDense : Tensor::kGaps;
                Tensor logits(dtype, {classes > 1024 ? 7 : 19, classes}, layout);
                fill(logits, random);
                compare(logits, first_ranks(count), variant % classes);
            }
        }
    }
}

SEQFRONT_TEST(cuda_search, ranks_in_any_order) {
    use_host_device();
    Random random(2);
    Tensor logits(SF_FLOAT32, {13, 40});
    fill(logits, random);
    compare(logits, {2, 0, 0, 63, 17}, 3);
    compare(logits, {}, 3);
    // Of ranks that are none, -1 and NaN; the others are as before.
    const std::vector<int32_t> odd = {1, -1, 64, INT32_MAX, 0, INT32_MIN},
                               good = {1, 1, 1, 1, 0, 1};
    const OpCall found = top_labels(logits, odd, 3, true);
    const OpCall expected = top_labels(logits, good, 3, false);
    for (int64_t i = 0; i < 13 * 6; ++i) {
        const bool is_rank = i % 6 == 0 || i % 6 == 4;
        CHECK(found.value("labels", i) == (is_rank ? expected.value("labels", i) : -1));
        CHECK(std::isnan(found.value("log_probs", i)) == !is_rank);
    }
}

SEQFRONT_TEST(cuda_search, nan_and_infinity_stay_in_their_row) {
    Random random(3);
    for (const int64_t classes : {40, 1500}) {
        for (const double bad : {kNan, kInf}) {
            use_order(static_cast<int>(classes));
            Tensor logits(SF_BFLOAT16, {6, classes});
            fill(logits, random);
            logits.set({1, 33}, bad);
            logits.set({4, 2}, bad);
            const OpCall found = top_labels(logits, first_ranks(3), 2, true);
            CHECK(std::isnan(found.value("blank_log_probs", 1)));
            CHECK(std::isnan(found.value("log_probs", 4 * 3 + 2)));
            compare(logits, first_ranks(3), 2);
        }
    }
}

SEQFRONT_TEST(cuda_search, no_rows_and_a_blank_that_is_none) {
    use_host_device();
    Tensor nothing(SF_FLOAT32, {0, 4}), logits(SF_FLOAT32, {1, 4});
    compare(nothing, {0}, 1);
    OpCall call("top_labels", SF_FLOAT32);
    const std::vector<int32_t> ranks = {0};
    call.input("logits", array_of(logits)).input("ranks", array_of(ranks, {1}));
    CHECK(call.attribute("blank", 4).on_cuda().run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "top_labels: blank is 4, needed 0..3");
}

SEQFRONT_TEST(cuda_search, automata_are_as_on_the_cpu) {
    Random random(4);
    for (int variant = 0; variant < 24; ++variant) {
        const sf_dtype dtype = kDtypes[variant % 4];
        use_order(variant);
        context() = "variant " + std::to_string(variant);
        // One root far away, or several near.
        const Tables t = random_tables(random, 1 + random.below(90), 1 + random.below(100),
                                       variant / 4 % 2 == 0 ? 1 : 20);
        std::vector<int32_t> states, labels;
        for (int i = 0; i < 50; ++i) {
            states.push_back(random.below(static_cast<int32_t>(t.states())));
            labels.push_back(random.below(static_cast<int32_t>(t.classes())));
        }
        const Results found = results(dtype, t, states, labels, true);
        const Results expected = results(dtype, t, states, labels, false);
        CHECK(found.score == expected.score);
        CHECK(found.next == expected.next);
        CHECK(found.weight == expected.weight);
    }
}

SEQFRONT_TEST(cuda_search, automata_without_rows_or_arcs) {
    use_host_device();
    const Tables bare = {{0, 0}, {}, {}, {-1}, {}, {0}, {-3}};
    const Results found = results(SF_FLOAT64, bare, {0}, {0}, true);
    CHECK(found.score[0] == -3 && found.next[0] == 0 && found.weight[0] == -3);
    CHECK(results(SF_FLOAT32, bare, {}, {}, true).score.empty());
}

// Rows that the CPU would refuse have NaN, and -1 for a state.
SEQFRONT_TEST(cuda_search, what_makes_no_sense_is_nan) {
    // Root 0 knows labels 0 and 1; state 1 follows label 1, state 2 follows 1 0.
    const Tables good = {{0, 2, 3, 3},       {0, 1, 0},         {0, 1, 2},   {-1, 0, 1},
                         {-1.0, -2.0, -0.5}, {0, -0.25, -0.75}, {-8, -8, -9}};
    const auto row_is = [](const Results& r, size_t row, bool scored, bool advanced) {
        for (size_t v = 0; v < 3; ++v) CHECK(std::isnan(r.score[row * 3 + v]) == !scored);
        CHECK(std::isnan(r.weight[row]) == !advanced);
        CHECK((r.next[row] == -1) == !advanced);
    };
    for (const ThreadOrder order : kThreadOrders) {
        use_host_device({order, 32, 1, false});
        Results r =
            results(SF_FLOAT32, good, {3, 2, -1, INT32_MIN, 2, 2}, {0, 0, 0, 0, 3, -1}, true);
        for (const size_t row : {0, 2, 3}) row_is(r, row, false, false);
        row_is(r, 1, true, true);
        for (const size_t row : {4, 5}) row_is(r, row, true, false);
        Tables bad = good;
        bad.failure = {-1, 1, 1};  // a circle
        r = results(SF_FLOAT32, bad, {2, 0}, {2, 2}, true);
        row_is(r, 0, false, false);
        row_is(r, 1, true, true);
        bad.failure = {-1, -2, 1};
        row_is(results(SF_FLOAT32, bad, {2}, {2}, true), 0, false, false);
        bad = good;
        bad.first_arc = {0, 2, 4, 4};  // beyond the arcs
        row_is(results(SF_FLOAT32, bad, {1}, {0}, true), 0, false, false);
        bad.first_arc = {0, 2, 1, 3};
        row_is(results(SF_FLOAT32, bad, {1}, {0}, true), 0, false, false);
        bad = good;
        bad.arc_label[2] = 3;
        row_is(results(SF_FLOAT32, bad, {1}, {2}, true), 0, false, true);
        bad = good;
        bad.arc_target[2] = 3;
        row_is(results(SF_FLOAT32, bad, {1}, {0}, true), 0, true, false);
    }
}

// With the sanitizers on, this is what says that nothing outside of the tables is read or written.
SEQFRONT_TEST(cuda_search, whatever_the_tables_hold) {
    Random random(5);
    constexpr int32_t kOdd[] = {-1, -2, 9, 1 << 20, INT32_MIN, INT32_MAX};
    for (int trial = 0; trial < 300; ++trial) {
        use_order(trial);
        Tables t = random_tables(random, 8, 5, 3);
        std::vector<int32_t> states, labels;
        for (int i = 0; i < 6; ++i) {
            states.push_back(random.below(4) == 0 ? kOdd[random.below(6)] : random.below(8));
            labels.push_back(random.below(4) == 0 ? kOdd[random.below(6)] : random.below(5));
        }
        for (auto* const table : {&t.first_arc, &t.arc_label, &t.arc_target, &t.failure}) {
            for (int32_t& value : *table) {
                if (random.below(8) == 0) value = kOdd[random.below(6)];
            }
        }
        const Results found = results(SF_FLOAT32, t, states, labels, true);
        for (const double next : found.next) CHECK(next >= -1 && next < 8);
    }
}
