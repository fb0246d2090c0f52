// What searches ask for: the best labels of rows, composed and fused with a joint network.
#include <algorithm>

#include "panels.hpp"

using namespace testing;

namespace {

constexpr int64_t kRanks = 4;
const std::vector<int32_t> kFirst = {0, 1, 2, 3};

// The labels other than the blank, the best first; of equals the lower one. Impossible ones are
// out.
std::vector<int32_t> ranked(const std::vector<double>& row, int64_t blank) {
    std::vector<int32_t> labels;
    for (int32_t v = 0; v < static_cast<int32_t>(row.size()); ++v) {
        if (v != blank && row[static_cast<size_t>(v)] > -kInf) labels.push_back(v);
    }
    std::stable_sort(labels.begin(), labels.end(), [&](int32_t a, int32_t b) {
        return row[static_cast<size_t>(a)] > row[static_cast<size_t>(b)];
    });
    return labels;
}

void check_row(const OpCall& call, int64_t row, const std::vector<double>& logits, int64_t blank,
               double tolerance) {
    const std::vector<double> expected = log_softmax(logits);
    const std::vector<int32_t> labels = ranked(logits, blank);
    CHECK_CLOSE(call.value("blank_log_probs", row), expected[static_cast<size_t>(blank)],
                tolerance);
    for (int64_t i = 0; i < kRanks; ++i) {
        const bool there = i < static_cast<int64_t>(labels.size());
        const int32_t label = there ? labels[static_cast<size_t>(i)] : static_cast<int32_t>(blank);
        const double value = there ? expected[static_cast<size_t>(label)] : -kInf;
        CHECK(call.value("labels", row * kRanks + i) == label);
        CHECK_CLOSE(call.value("log_probs", row * kRanks + i), value, tolerance);
    }
}

// Rows of every kind: normal ones, ties, impossible classes, none possible.
std::vector<double> make_row(Random& random, int64_t row, int64_t classes) {
    std::vector<double> x;
    for (int64_t v = 0; v < classes; ++v) {
        x.push_back(row % 4 == 1   ? random.below(3)
                    : row % 4 == 2 ? (random.below(3) == 0 ? random.below(9) : -kInf)
                    : row % 4 == 3 && row % 8 == 3 ? -kInf
                                                   : random.below(64) * 0.25);
    }
    return x;
}

void check_top_labels(sf_dtype dtype, int64_t classes, Tensor::Layout layout) {
    constexpr int64_t rows = 8;
    const int64_t blank = classes / 2;
    Random random(static_cast<unsigned>(classes));
    Tensor logits(dtype, {rows, classes}, layout);
    Rows expected;
    for (int64_t row = 0; row < rows; ++row) {
        expected.push_back(make_row(random, row, classes));
        for (int64_t v = 0; v < classes; ++v) {
            logits.set({row, v}, expected.back()[static_cast<size_t>(v)]);
        }
    }
    OpCall call("top_labels", dtype);
    call.input("logits", array_of(logits)).input("ranks", array_of(kFirst, {kRanks}));
    CHECK(call.attribute("blank", static_cast<double>(blank)).run(2) == SF_OK);
    for (int64_t row = 0; row < rows; ++row) {
        check_row(call, row, expected[static_cast<size_t>(row)], blank, 3e-6);
    }
}

double activated(double x, int activation) {
    return activation == 1 ? std::tanh(x) : activation == 2 ? std::fmax(x, 0) : x;
}

double precision(sf_dtype dtype) { return dtype == SF_FLOAT64 ? 1e-12 : 1e-4; }

// A joint network of a few sizes, and what the ops say of it.
struct Joint {
    Joint(sf_dtype dtype, int64_t pairs, int64_t classes, bool biased)
        : random(static_cast<unsigned>(pairs * 100 + classes)),
          dtype(dtype),
          pairs(pairs),
          classes(classes),
          biased(biased),
          source(normal_tensor(random, dtype, {5, kFeatures})),
          prediction(normal_tensor(random, dtype, {3, kFeatures})),
          weight(normal_tensor(random, dtype, {kFeatures, classes})),
          weight_in_panels(in_panels(weight)),
          bias(normal_tensor(random, dtype, {classes})) {
        for (int64_t i = 0; i < pairs; ++i) {
            frames.push_back(random.below(5));
            nodes.push_back(random.below(3));
        }
    }

    OpCall call(int activation, double temperature, bool panels = false) {
        OpCall call("joint_top_labels", dtype);
        call.input("source", array_of(source)).input("prediction", array_of(prediction));
        Tensor& laid_out = panels ? weight_in_panels : weight;
        call.input("weight", row_major(laid_out.data(), dtype, {kFeatures, classes}));
        if (biased) call.input("bias", array_of(bias));
        call.input("frame_index", array_of(frames, {pairs}));
        call.input("node_index", array_of(nodes, {pairs}));
        call.input("ranks", array_of(kFirst, {kRanks}));
        call.attribute("blank", 1).attribute("activation", activation);
        call.attribute("panels", panels);
        return call.attribute("temperature", temperature);
    }

    std::vector<double> logits(int64_t pair, int activation, double temperature) const {
        std::vector<double> row;
        const int64_t frame = frames[static_cast<size_t>(pair)];
        const int64_t node = nodes[static_cast<size_t>(pair)];
        for (int64_t v = 0; v < classes; ++v) {
            double sum = biased ? bias.get({v}) : 0;
            for (int64_t f = 0; f < kFeatures; ++f) {
                const double x = source.get({frame, f}) + prediction.get({node, f});
                sum += activated(x, activation) * weight.get({f, v});
            }
            row.push_back(sum / temperature);
        }
        return row;
    }

    static constexpr int64_t kFeatures = 70;
    Random random;
    sf_dtype dtype;
    int64_t pairs, classes;
    bool biased;
    Tensor source, prediction, weight, weight_in_panels, bias;
    std::vector<int32_t> frames, nodes;
};

std::vector<double> all_values(const OpCall& call, const char* name, int64_t count) {
    std::vector<double> found;
    for (int64_t i = 0; i < count; ++i) found.push_back(call.value(name, i));
    return found;
}

}  // namespace

SEQFRONT_TEST(search, best_labels_of_rows) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const sf_dtype dtype : kDtypes) {
            for (const int64_t classes : {1, 2, 3, 5, 16, 33, 64, 65, 200, 4100}) {
                context() =
                    isa + " dtype " + std::to_string(dtype) + " classes " + std::to_string(classes);
                check_top_labels(dtype, classes, Tensor::kDense);
                check_top_labels(dtype, classes, Tensor::kGaps);
            }
        }
    }
}

// Whole stretches of the row are -inf, and what is possible is below 0.
SEQFRONT_TEST(search, few_of_many_labels_are_possible) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const int64_t possible : {1, 3, 4, 40}) {
            context() = isa + " possible " + std::to_string(possible);
            constexpr int64_t classes = 5000;
            std::vector<double> row(classes, -kInf);
            Tensor logits(SF_FLOAT32, {1, classes});
            for (int64_t i = 0; i < possible; ++i) {
                row[static_cast<size_t>(i * 113 % classes)] = -3 - 0.25 * static_cast<double>(i);
            }
            for (int64_t v = 0; v < classes; ++v) logits.set({0, v}, row[static_cast<size_t>(v)]);
            OpCall call("top_labels", SF_FLOAT32);
            call.input("logits", array_of(logits)).input("ranks", array_of(kFirst, {kRanks}));
            CHECK(call.attribute("blank", 0).run() == SF_OK);
            check_row(call, 0, row, 0, 3e-6);
        }
    }
}

SEQFRONT_TEST(search, ranks_in_any_order) {
    Tensor logits(SF_FLOAT32, {1, 4});
    for (int64_t v = 0; v < 4; ++v) logits.set({0, v}, static_cast<double>(v));
    const std::vector<int32_t> ranks = {2, 0, 0, 63};
    OpCall call("top_labels", SF_FLOAT32);
    call.input("logits", array_of(logits)).input("ranks", array_of(ranks, {4}));
    CHECK(call.attribute("blank", 3).run() == SF_OK);
    const std::vector<double> expected = {0, 2, 2, 3};
    CHECK(all_values(call, "labels", 4) == expected);
    CHECK(call.value("log_probs", 3) == -kInf);
}

SEQFRONT_TEST(search, a_nan_spoils_its_own_row) {
    Tensor logits(SF_FLOAT32, {2, 4});
    for (int64_t v = 0; v < 4; ++v) {
        logits.set({0, v}, v == 2 ? kNan : 1);
        logits.set({1, v}, 1);
    }
    OpCall call("top_labels", SF_FLOAT32);
    call.input("logits", array_of(logits)).input("ranks", array_of(kFirst, {kRanks}));
    CHECK(call.run() == SF_OK);
    CHECK(std::isnan(call.value("blank_log_probs", 0)) && std::isnan(call.value("log_probs", 0)));
    CHECK_CLOSE(call.value("log_probs", kRanks), std::log(0.25), 1e-6);
}

SEQFRONT_TEST(search, best_labels_of_a_joint_network) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const sf_dtype dtype : {SF_FLOAT32, SF_FLOAT64}) {
            for (const int64_t pairs : {1, 5, 13, 130}) {
                for (const int64_t classes : {2, 40, 71}) {
                    const int activation = static_cast<int>((pairs + classes) % 3);
                    const double temperature = pairs == 5 ? 1.5 : 1;
                    context() = isa + " pairs " + std::to_string(pairs) + " classes " +
                                std::to_string(classes);
                    Joint joint(dtype, pairs, classes, pairs != 13);
                    OpCall call = joint.call(activation, temperature, classes == 71);
                    CHECK(call.run(2) == SF_OK);
                    for (int64_t i = 0; i < pairs; ++i) {
                        check_row(call, i, joint.logits(i, activation, temperature), 1,
                                  precision(dtype));
                    }
                }
            }
        }
    }
}

// Whoever is asked about at the same time.
SEQFRONT_TEST(search, pairs_do_not_depend_on_others_and_threads) {
    for (const bool panels : {false, true}) {
        Joint joint(SF_FLOAT32, 37, 3000, true);
        OpCall all = joint.call(1, 1, panels);
        CHECK(all.run(1) == SF_OK);
        OpCall threaded = joint.call(1, 1, panels);
        CHECK(threaded.run(3) == SF_OK);
        CHECK(all_values(all, "log_probs", 37 * kRanks) ==
              all_values(threaded, "log_probs", 37 * kRanks));
        joint.pairs = 1;
        OpCall first = joint.call(1, 1, panels);
        CHECK(first.run(1) == SF_OK);
        CHECK(all_values(first, "log_probs", kRanks) == all_values(all, "log_probs", kRanks));
    }
}

SEQFRONT_TEST(search, what_is_out_of_range_is_refused) {
    Tensor logits(SF_FLOAT32, {1, 4});
    const std::vector<int32_t> ranks = {0, 64};
    OpCall call("top_labels", SF_FLOAT32);
    call.input("logits", array_of(logits)).input("ranks", array_of(ranks, {2}));
    CHECK(call.run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "top_labels: ranks[1] is 64, needed 0..63");
    OpCall other("top_labels", SF_FLOAT32);
    other.input("logits", array_of(logits)).input("ranks", array_of(kFirst, {kRanks}));
    CHECK(other.attribute("blank", 4).run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "top_labels: blank is 4, needed 0..3");

    Joint joint(SF_FLOAT32, 2, 4, true);
    joint.frames[1] = 5;
    CHECK(joint.call(1, 1).run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "joint_top_labels: frame_index[1] is 5, needed 0..4");
    joint.frames[1] = 0;
    joint.nodes[0] = -1;
    CHECK(joint.call(1, 1).run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "joint_top_labels: node_index[0] is -1, needed 0..2");
    joint.nodes[0] = 0;
    CHECK(joint.call(3, 1).run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "joint_top_labels: activation is 3, needed 0, 1 or 2");
    CHECK(joint.call(1, 0).run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), "joint_top_labels: temperature is 0, needed above 0");
}
