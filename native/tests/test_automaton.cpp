// Automata with failure arcs: a small one by hand, random ones against a walk label by label.
#include <string>

#include "op_call.hpp"

using namespace testing;

namespace {

struct Tables {
    std::vector<int32_t> first_arc, arc_label, arc_target, failure;
    std::vector<double> arc_weight, failure_weight, missing;

    int64_t states() const { return static_cast<int64_t>(failure.size()); }
    int64_t arcs() const { return static_cast<int64_t>(arc_label.size()); }
    int64_t classes() const { return static_cast<int64_t>(missing.size()); }
};

// Label by label, as the definition has it.
struct Found {
    int32_t next;
    double weight;
};
Found walk(const Tables& t, int32_t state, int32_t label) {
    double weight = 0;
    for (;;) {
        const auto s = static_cast<size_t>(state);
        for (auto a = static_cast<size_t>(t.first_arc[s]);
             a < static_cast<size_t>(t.first_arc[s + 1]); ++a) {
            if (t.arc_label[a] == label) return {t.arc_target[a], weight + t.arc_weight[a]};
        }
        if (t.failure[s] < 0) return {state, weight + t.missing[static_cast<size_t>(label)]};
        weight += t.failure_weight[s];
        state = t.failure[s];
    }
}

// Several roots; weights are multiples of 1/8, so that sums are exact in every dtype.
Tables random_tables(Random& random, int64_t states, int64_t classes) {
    Tables t;
    const auto eighths = [&] { return (random.below(33) - 16) / 8.0; };
    t.first_arc.push_back(0);
    for (int64_t s = 0; s < states; ++s) {
        for (int32_t v = 0; v < classes; ++v) {
            if (random.below(3) > 0) continue;
            t.arc_label.push_back(v);
            t.arc_target.push_back(random.below(states));
            t.arc_weight.push_back(eighths());
        }
        t.first_arc.push_back(static_cast<int32_t>(t.arc_label.size()));
        t.failure.push_back(s == 0 || random.below(4) == 0 ? -1 : random.below(s));
        t.failure_weight.push_back(eighths());
    }
    for (int64_t v = 0; v < classes; ++v) t.missing.push_back(eighths());
    return t;
}

class Weights {
  public:
    Weights(sf_dtype dtype, const std::vector<double>& values)
        : tensor_(dtype, {static_cast<int64_t>(values.size())}) {
        for (size_t i = 0; i < values.size(); ++i) {
            tensor_.set({static_cast<int64_t>(i)}, values[i]);
        }
    }
    sf_array array() { return array_of(tensor_); }

  private:
    Tensor tensor_;
};

// What a call needs, kept alive while it runs.
class Prepared {
  public:
    Prepared(const char* op, sf_dtype dtype, const Tables& t, const std::vector<int32_t>& states)
        : arc_weight_(dtype, t.arc_weight),
          failure_weight_(dtype, t.failure_weight),
          missing_(dtype, t.missing),
          call(op, dtype) {
        call.input("state", array_of(states, {static_cast<int64_t>(states.size())}));
        call.input("first_arc", array_of(t.first_arc, {t.states() + 1}));
        call.input("arc_label", array_of(t.arc_label, {t.arcs()}));
        call.input("failure", array_of(t.failure, {t.states()}));
        call.input("arc_weight", arc_weight_.array());
        call.input("failure_weight", failure_weight_.array());
        call.input("missing", missing_.array());
    }

  private:
    Weights arc_weight_, failure_weight_, missing_;

  public:
    OpCall call;
};

// Root 0 knows labels 0 and 1; state 1 follows label 1, state 2 follows 1 0.
const Tables kSmall = {{0, 2, 3, 3},       {0, 1, 0},         {0, 1, 2},   {-1, 0, 1},
                       {-1.0, -2.0, -0.5}, {0, -0.25, -0.75}, {-8, -8, -9}};

std::string refusal(const char* op, Tables tables, std::vector<int32_t> states,
                    std::vector<int32_t> labels = {}) {
    Prepared made(op, SF_FLOAT32, tables, states);
    if (op == std::string("automaton_advance")) {
        made.call.input("label", array_of(labels, {static_cast<int64_t>(labels.size())}));
        made.call.input("arc_target", array_of(tables.arc_target, {tables.arcs()}));
    }
    CHECK(made.call.run() == SF_INVALID_ARGUMENT);
    return sf_last_error();
}

}  // namespace

SEQFRONT_TEST(automaton, by_hand) {
    const std::vector<int32_t> states = {0, 1, 2};
    Prepared made("automaton_scores", SF_FLOAT32, kSmall, states);
    CHECK(made.call.run() == SF_OK);
    const double expected[] = {-1, -2, -9, -0.5, -2.25, -9.25, -1.25, -3, -10};
    for (int64_t i = 0; i < 9; ++i) CHECK(made.call.value("score", i) == expected[i]);
}

SEQFRONT_TEST(automaton, walks) {
    Random random(3);
    for (const sf_dtype dtype : kDtypes) {
        for (const int32_t threads : {1, 3}) {
            const Tables t = random_tables(random, 1 + random.below(30), 1 + random.below(300));
            std::vector<int32_t> states, labels;
            for (int i = 0; i < 200; ++i) {
                states.push_back(random.below(t.states()));
                labels.push_back(random.below(t.classes()));
            }
            Prepared scores("automaton_scores", dtype, t, states);
            Prepared advance("automaton_advance", dtype, t, states);
            advance.call.input("label", array_of(labels, {200}));
            advance.call.input("arc_target", array_of(t.arc_target, {t.arcs()}));
            CHECK(scores.call.run(threads) == SF_OK);
            CHECK(advance.call.run(threads) == SF_OK);
            for (size_t i = 0; i < 200; ++i) {
                const auto row = static_cast<int64_t>(i);
                for (int32_t v = 0; v < t.classes(); ++v) {
                    CHECK(scores.call.value("score", row * t.classes() + v) ==
                          walk(t, states[i], v).weight);
                }
                const Found found = walk(t, states[i], labels[i]);
                CHECK(advance.call.value("next_state", row) == found.next);
                CHECK(advance.call.value("weight", row) == found.weight);
            }
        }
    }
}

SEQFRONT_TEST(automaton, nothing) {
    Prepared no_rows("automaton_scores", SF_FLOAT32, kSmall, {});
    CHECK(no_rows.call.run() == SF_OK);
    const std::vector<int32_t> states = {0};
    const Tables bare = {{0, 0}, {}, {}, {-1}, {}, {0}, {-3}};
    Prepared no_arcs("automaton_scores", SF_FLOAT64, bare, states);
    CHECK(no_arcs.call.run(2) == SF_OK);
    CHECK(no_arcs.call.value("score", 0) == -3);
}

SEQFRONT_TEST(automaton, refusals) {
    CHECK_TEXT(refusal("automaton_scores", kSmall, {0, 3}),
               "automaton_scores: state[1] is 3, needed 0..2");
    Tables bad = kSmall;
    bad.failure = {-1, 1, 1};  // a circle
    CHECK_TEXT(refusal("automaton_scores", bad, {2}),
               "automaton_scores: the arcs or failures of state 2 make no sense");
    bad = kSmall;
    bad.first_arc = {0, 2, 4, 4};  // beyond the arcs
    CHECK_TEXT(refusal("automaton_advance", bad, {1}, {0}),
               "automaton_advance: the arcs or failures of state 1 make no sense");
    bad = kSmall;
    bad.arc_label[2] = 3;
    CHECK_TEXT(refusal("automaton_scores", bad, {1}),
               "automaton_scores: an arc has a label that is none of 0..2");
    CHECK_TEXT(refusal("automaton_advance", kSmall, {0}, {3}),
               "automaton_advance: label[0] is 3, needed 0..2");
    bad = kSmall;
    bad.arc_target[2] = 3;
    CHECK_TEXT(refusal("automaton_advance", bad, {1}, {0}),
               "automaton_advance: arc_target[2] is 3, needed 0..2");
}
