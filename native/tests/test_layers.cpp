// Layers over few rows, as steps of searches ask for them.
#include "panels.hpp"

using namespace testing;

namespace {

double precision(sf_dtype dtype) {
    switch (dtype) {
        case SF_FLOAT64:
            return 1e-12;
        case SF_FLOAT32:
            return 1e-4;
        case SF_FLOAT16:
            return 0.006;
        default:
            return 0.05;
    }
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
            CHECK_CLOSE(y.get({i, v}), sum, precision(dtype));
        }
    }
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Epsilon is 0.25.
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

void check_layer_norm(sf_dtype dtype, int64_t rows, int64_t features) {
    Random random(static_cast<unsigned>(rows * 1000 + features));
    Tensor x = normal_tensor(random, dtype, {rows, features});
    Tensor scale = normal_tensor(random, dtype, {features});
    Tensor bias = normal_tensor(random, dtype, {features});
    Tensor y(dtype, {rows, features});
    OpCall call("layer_norm", dtype);
    call.input("x", array_of(x)).input("scale", array_of(scale)).input("bias", array_of(bias));
    CHECK(call.output("y", array_of(y)).attribute("epsilon", 0.25).run(2) == SF_OK);
    for (int64_t i = 0; i < rows; ++i) {
        std::vector<double> expected;
        for (int64_t k = 0; k < features; ++k) expected.push_back(x.get({i, k}));
        expected = normalised(expected, scale, bias);
        for (int64_t k = 0; k < features; ++k) {
            CHECK_CLOSE(y.get({i, k}), expected[static_cast<size_t>(k)], precision(dtype));
        }
    }
}

void check_normalized_lstm(bool panels, int64_t rows, int64_t units) {
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

}  // namespace

SEQFRONT_TEST(layers, products_of_few_rows) {
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

SEQFRONT_TEST(layers, normalised_rows) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const sf_dtype dtype : kDtypes) {
            for (const int64_t features : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 100}) {
                context() = isa + " " + std::to_string(features);
                for (const int64_t rows : {0, 1, 3}) check_layer_norm(dtype, rows, features);
            }
            check_layer_norm(dtype, 3, 0);
        }
    }
}

SEQFRONT_TEST(layers, a_constant_row_normalised) {
    Tensor x(SF_FLOAT32, {1, 20}), scale(SF_FLOAT32, {20}), bias(SF_FLOAT32, {20});
    for (int64_t k = 0; k < 20; ++k) {
        x.set({0, k}, 1e6);
        scale.set({k}, 1);
        bias.set({k}, static_cast<double>(k));
    }
    Tensor y(SF_FLOAT32, {1, 20});
    OpCall call("layer_norm", SF_FLOAT32);
    call.input("x", array_of(x)).input("scale", array_of(scale)).input("bias", array_of(bias));
    CHECK(call.output("y", array_of(y)).attribute("epsilon", 1e-5).run(1) == SF_OK);
    for (int64_t k = 0; k < 20; ++k) CHECK(y.get({0, k}) == static_cast<double>(k));
}

SEQFRONT_TEST(layers, a_step_of_a_normalized_lstm) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const int64_t units : {1, 8, 16, 21}) {
            for (const bool panels : {false, true}) check_normalized_lstm(panels, 3, units);
        }
    }
}

SEQFRONT_TEST(layers, a_negative_epsilon_is_refused) {
    Tensor x(SF_FLOAT32, {1, 2}), weight(SF_FLOAT32, {2}), y(SF_FLOAT32, {1, 2});
    OpCall call("layer_norm", SF_FLOAT32);
    call.input("x", array_of(x)).input("scale", array_of(weight)).input("bias", array_of(weight));
    CHECK(call.output("y", array_of(y)).attribute("epsilon", -1).run(1) == SF_INVALID_ARGUMENT);
    CHECK(std::string(sf_last_error()) == "layer_norm: epsilon is -1, needed 0 or more");
}
