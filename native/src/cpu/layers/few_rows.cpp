// A linear layer over few rows: a step of a recurrent layer, of a search, or of a stream.
#include "layers/few_rows.hpp"

#include "head/linear_head.hpp"

namespace seqfront {
namespace {

enum Input { kX, kWeight, kBias };

void run(const Call& call) {
    const int64_t rows = call.size(kX, 0), features = call.size(kX, 1);
    const int64_t classes = call.size(kWeight, 1);
    check_element_count(call.name(), {rows, classes});
    with_element_type(call.input(kX).dtype, [&](auto element) {
        using T = decltype(element);
        const bool biased = call.has(kBias);
        const Widened<T> x(call.in<T>(kX), rows * features);
        const Widened<T> bias(call.in<T>(kBias), biased ? classes : 0);
        const Accumulated<T> y(call.out<T>(0), rows * classes);
        const FewRowsLayer<T> layer(call, kWeight, biased ? bias.data() : nullptr, call.flag(0));
        layer.run(x.data(), rows, y.data());
        y.finish();
    });
}

}  // namespace

const Op& few_rows_op() {
    static const Op op = {
        "few_rows",
        {{"x", "T", "rows features", 0},
         {"weight", "T", "features classes", 0},
         {"bias", "T", "classes", SF_OPTIONAL}},
        {{"y", "T", "rows classes", 0}},
        {{"panels", "bool", 0}},
        run,
        nullptr,
    };
    return op;
}

}  // namespace seqfront
