// What searches ask for: the best labels of rows, composed and fused with a joint network; and
// steps of layers over few rows.
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

Tensor normal_tensor(Random& random, sf_dtype dtype, std::vector<int64_t> shape) {
    Tensor x(dtype, shape);
    const int64_t columns = shape.size() > 1 ? shape[1] : 1;
    for (int64_t i = 0; i < shape[0]; ++i) {
        for (int64_t j = 0; j < columns; ++j) {
            if (shape.size() > 1) {
                x.set({i, j}, random.normal(1));
            } else {
                x.set({i}, random.normal(1));
            }
        }
    }
    return x;
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

void check_few_rows(sf_dtype dtype, int64_t rows, int64_t features, int64_t classes, bool biased) {
    Random random(static_cast<unsigned>(rows * 1000 + classes));
    Tensor x = normal_tensor(random, dtype, {rows, features});
    Tensor weight = normal_tensor(random, dtype, {features, classes});
    Tensor bias = normal_tensor(random, dtype, {classes});
    Tensor y(dtype, {rows, classes});
    OpCall call("few_rows", dtype);
    call.input("x", array_of(x)).input("weight", array_of(weight)).output("y", array_of(y));
    if (biased) call.input("bias", array_of(bias));
    CHECK(call.run(3) == SF_OK);
    for (int64_t i = 0; i < rows; ++i) {
        for (int64_t v = 0; v < classes; ++v) {
            double sum = biased ? bias.get({v}) : 0;
            for (int64_t f = 0; f < features; ++f) sum += x.get({i, f}) * weight.get({f, v});
            const double unit = dtype == SF_BFLOAT16 ? 0.05 : precision(dtype);
            CHECK_CLOSE(y.get({i, v}), sum, unit);
        }
    }
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

std::vector<double> normalised(std::vector<double> x, const Tensor& scale, const Tensor& bias) {
    double mean = 0, variance = 0;
    for (const double v : x) mean += v / static_cast<double>(x.size());
    for (const double v : x) variance += (v - mean) * (v - mean) / static_cast<double>(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
        const auto at = static_cast<int64_t>(i);
        x[i] = (x[i] - mean) / std::sqrt(variance + 0.25) * scale.get({at}) + bias.get({at});
    }
    return x;
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

SEQFRONT_TEST(search, products_of_few_rows) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const int64_t rows : {0, 1, 2, 6, 7, 11, 12, 13, 25}) {
            for (const int64_t features : {0, 1, 15, 70, 130}) {
                for (const int64_t classes : {1, 8, 31, 32, 33, 65}) {
                    context() = isa + " " + std::to_string(rows) + "x" + std::to_string(features) +
                                "x" + std::to_string(classes);
                    check_few_rows(SF_FLOAT32, rows, features, classes, rows % 2 == 0);
                    check_few_rows(SF_FLOAT64, rows, features, classes, rows % 2 == 1);
                }
            }
        }
        check_few_rows(SF_FLOAT32, 3, 20, 2500, true);
        check_few_rows(SF_BFLOAT16, 3, 7, 40, true);
    }
}

void check_normalized_lstm(bool panels) {
    constexpr int64_t rows = 3, units = 21;
    Random random(3);
    Tensor gates = normal_tensor(random, SF_FLOAT32, {rows, 4 * units});
    Tensor hidden = normal_tensor(random, SF_FLOAT32, {rows, units});
    Tensor cell = normal_tensor(random, SF_FLOAT32, {rows, units});
    const Tensor weight = normal_tensor(random, SF_FLOAT32, {units, 4 * units});
    Tensor laid_out = panels ? in_panels(weight) : weight;
    Tensor gates_scale = normal_tensor(random, SF_FLOAT32, {4 * units});
    Tensor gates_bias = normal_tensor(random, SF_FLOAT32, {4 * units});
    Tensor cell_scale = normal_tensor(random, SF_FLOAT32, {units});
    Tensor cell_bias = normal_tensor(random, SF_FLOAT32, {units});
    Tensor next_hidden(SF_FLOAT32, {rows, units}), next_cell(SF_FLOAT32, {rows, units});
    OpCall call("normalized_lstm", SF_FLOAT32);
    call.input("gates", array_of(gates)).input("hidden", array_of(hidden));
    call.input("cell", array_of(cell));
    call.input("hidden_weight", row_major(laid_out.data(), SF_FLOAT32, {units, 4 * units}));
    call.input("gates_scale", array_of(gates_scale)).input("gates_bias", array_of(gates_bias));
    call.input("cell_scale", array_of(cell_scale)).input("cell_bias", array_of(cell_bias));
    call.output("next_hidden", array_of(next_hidden)).output("next_cell", array_of(next_cell));
    CHECK(call.attribute("epsilon", 0.25).attribute("panels", panels).run(2) == SF_OK);
    for (int64_t row = 0; row < rows; ++row) {
        std::vector<double> x;
        for (int64_t g = 0; g < 4 * units; ++g) {
            x.push_back(gates.get({row, g}));
            for (int64_t k = 0; k < units; ++k)
                x.back() += hidden.get({row, k}) * weight.get({k, g});
        }
        x = normalised(x, gates_scale, gates_bias);
        const auto gate = [&](int64_t which, int64_t k) {
            return x[static_cast<size_t>(which * units + k)];
        };
        std::vector<double> c;
        for (int64_t k = 0; k < units; ++k) {
            c.push_back(sigmoid(gate(1, k)) * cell.get({row, k}) +
                        sigmoid(gate(0, k)) * std::tanh(gate(2, k)));
        }
        c = normalised(c, cell_scale, cell_bias);
        for (int64_t k = 0; k < units; ++k) {
            const double value = c[static_cast<size_t>(k)];
            CHECK_CLOSE(next_cell.get({row, k}), value, 1e-5);
            CHECK_CLOSE(next_hidden.get({row, k}), sigmoid(gate(3, k)) * std::tanh(value), 1e-5);
        }
    }
}

SEQFRONT_TEST(search, a_step_of_a_normalized_lstm) {
    for (const bool panels : {false, true}) check_normalized_lstm(panels);
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
