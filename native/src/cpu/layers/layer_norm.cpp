// Rows, normalised (Ba et al. 2016, arXiv:1607.06450): y = (x - mean) / sqrt(variance + epsilon) *
// scale + bias. For steps of a search, which are too short to ask a framework.
#include "head/linear_head.hpp"
#include "layers/normalisation.hpp"
#include "widened.hpp"

namespace seqfront {
namespace {

enum Input { kX, kScale, kBias };

void run(const Call& call) {
    const int64_t rows = call.size(kX, 0), features = call.size(kX, 1);
    check_element_count(call.name(), {rows, features});
    with_element_type(call.input(kX).dtype, [&](auto element) {
        using T = decltype(element);
        using L = typename RowKernelsOf<T>::Lattice;
        const Widened<T> x(call.in<T>(kX), rows * features);
        const Widened<T> scale(call.in<T>(kScale), features);
        const Widened<T> bias(call.in<T>(kBias), features);
        const Normalisation<L> normalise(call, 0, features, scale.data(), bias.data());
        const Accumulated<T> y(call.out<T>(0), rows * features);
        for (int64_t i = 0; i < rows * features; i += features) {
            normalise(x.data() + i, y.data() + i);
        }
        y.finish();
    });
}

}  // namespace

const Op& layer_norm_op() {
    static const Op op = {
        "layer_norm",
        {{"x", "T", "rows features", 0},
         {"scale", "T", "features", 0},
         {"bias", "T", "features", 0}},
        {{"y", "T", "rows features", 0}},
        {{"epsilon", "float", 1e-5}},
        run,
        nullptr,
    };
    return op;
}

}  // namespace seqfront
