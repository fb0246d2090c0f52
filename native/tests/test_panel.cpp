// A few rows times a matrix in panels, against the plain sums: any sizes, each instruction set, the
// same bits for any number of threads.
#include "panels.hpp"

using namespace testing;

namespace {

struct Problem {
    Tensor x, weight, bias;

    Problem(sf_dtype dtype, int64_t rows, int64_t depth, int64_t outputs)
        : x(dtype, {rows, depth}), weight(dtype, {1, depth * outputs}), bias(dtype, {outputs}) {
        Random random(static_cast<unsigned>(rows * 7 + depth * 3 + outputs));
        for (int64_t i = 0; i < rows * depth; ++i) x.set({0, i}, random.normal(1));
        for (int64_t i = 0; i < depth * outputs; ++i) weight.set({0, i}, random.normal(1));
        for (int64_t j = 0; j < outputs; ++j) bias.set({j}, random.normal(1));
    }
};

// What the op makes of it, in `y`.
void run(Problem& p, Tensor& y, bool with_bias, int32_t threads) {
    const int64_t depth = p.x.shape()[1], outputs = p.bias.shape()[0];
    OpCall call("few_rows", p.x.dtype());
    call.attribute("panels", 1);
    call.input("x", array_of(p.x));
    call.input("weight", row_major(p.weight.data(), p.x.dtype(), {depth, outputs}));
    if (with_bias) call.input("bias", array_of(p.bias));
    call.output("y", array_of(y));
    CHECK(call.run(threads) == SF_OK);
}

void check_product(const Problem& p, const Tensor& y, bool with_bias) {
    const int64_t rows = p.x.shape()[0], depth = p.x.shape()[1], outputs = p.bias.shape()[0];
    const sf_dtype dtype = p.x.dtype();
    for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < outputs; ++j) {
            double sum = with_bias ? p.bias.get({j}) : 0, size = std::fabs(sum) + 1;
            for (int64_t k = 0; k < depth; ++k) {
                const double term =
                    p.x.get({i, k}) * p.weight.get({0, panel_place(k, j, depth, outputs)});
                sum += term;
                size += std::fabs(term);
            }
            CHECK_CLOSE(y.get({i, j}) / size, sum / size, tolerance(dtype));
        }
    }
}

void check(sf_dtype dtype, int64_t rows, int64_t depth, int64_t outputs, bool with_bias) {
    context() = std::string(sf_isa()) + " dtype " + std::to_string(dtype) + " " +
                std::to_string(rows) + "x" + std::to_string(depth) + "x" + std::to_string(outputs);
    Problem p(dtype, rows, depth, outputs);
    Tensor y(dtype, {rows, outputs}), again(dtype, {rows, outputs});
    run(p, y, with_bias, 1);
    run(p, again, with_bias, 3);
    CHECK(y.bytes() == again.bytes());
    check_product(p, y, with_bias);
}

}  // namespace

SEQFRONT_TEST(panel, is_the_plain_product) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const sf_dtype dtype : kDtypes) {
            for (const int64_t rows : {1, 2, 5, 11, 12, 13, 25}) {
                for (const int64_t outputs : {1, 15, 16, 31, 32, 33, 64, 100}) {
                    check(dtype, rows, 1 + (rows * outputs) % 19, outputs, outputs % 2 == 0);
                }
            }
            check(dtype, 5, 600, 70, true);  // more than are added up at once
        }
    }
}

// Zeros of a ReLU: some features are zero in all rows, some in a few.
SEQFRONT_TEST(panel, what_meets_only_zeros_is_left_out) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const sf_dtype dtype : kDtypes) {
            constexpr int64_t rows = 25, depth = 300, outputs = 70;
            context() = isa + " dtype " + std::to_string(dtype);
            Problem p(dtype, rows, depth, outputs);
            for (int64_t i = 0; i < rows * depth; ++i) {
                if (i % depth % 3 == 0 || p.x.get({0, i}) < 0) p.x.set({0, i}, 0);
            }
            Tensor y(dtype, {rows, outputs});
            run(p, y, true, 1);
            check_product(p, y, true);
            // Each row by itself, with all that is zero: the same bits.
            for (int64_t i = 0; i < rows; ++i) {
                Problem alone(dtype, 1, depth, outputs);
                for (int64_t k = 0; k < depth; ++k) alone.x.set({0, k}, p.x.get({i, k}));
                for (int64_t k = 0; k < depth * outputs; ++k) {
                    alone.weight.set({0, k}, p.weight.get({0, k}));
                }
                for (int64_t j = 0; j < outputs; ++j) alone.bias.set({j}, p.bias.get({j}));
                Tensor row(dtype, {1, outputs});
                run(alone, row, true, 1);
                for (int64_t j = 0; j < outputs; ++j) CHECK(row.get({0, j}) == y.get({i, j}));
            }
            for (int64_t k = 0; k < depth; k += 3) {
                for (int64_t j = 0; j < outputs; ++j) {
                    p.weight.set({0, panel_place(k, j, depth, outputs)}, kNan);
                }
            }
            Tensor again(dtype, {rows, outputs});
            run(p, again, true, 1);
            CHECK(again.bytes() == y.bytes());
        }
    }
}

SEQFRONT_TEST(panel, rows_of_zeros) {
    Problem p(SF_FLOAT32, 13, 40, 33);
    for (int64_t i = 0; i < 13 * 40; ++i) p.x.set({0, i}, 0);
    Tensor y(SF_FLOAT32, {13, 33});
    run(p, y, true, 1);
    check_product(p, y, true);
}

SEQFRONT_TEST(panel, of_nothing) {
    for (const bool with_bias : {false, true}) {
        Problem p(SF_FLOAT32, 2, 0, 40);
        Tensor y(SF_FLOAT32, {2, 40}), none(SF_FLOAT32, {0, 40});
        run(p, y, with_bias, 1);
        for (int64_t j = 0; j < 40; ++j) CHECK(y.get({1, j}) == (with_bias ? p.bias.get({j}) : 0));
        Problem empty(SF_FLOAT32, 0, 3, 40);
        run(empty, none, with_bias, 1);
    }
}
