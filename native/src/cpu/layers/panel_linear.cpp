// A few rows times a matrix that lies in panels: what a stream computes for every chunk.
//
// The weight [features, outputs] is given as its columns in groups of kPanelColumns (the last may
// have fewer), one group [features, columns] after another: so it is read from start to end. Which
// thread takes a panel changes no bit.
#include <algorithm>

#include "op.hpp"
#include "problem.hpp"
#include "simd/dispatch.hpp"
#include "thread_pool.hpp"
#include "widened.hpp"

namespace seqfront {
namespace {

enum Input { kX, kWeight, kBias };

template <class T>
void multiply(const Call& call) {
    using L = typename RowKernelsOf<T>::Lattice;
    const int64_t rows = call.size(kX, 0), depth = call.size(kX, 1);
    const int64_t outputs = call.size(kWeight, 1);
    const Widened<T> x(call.in<T>(kX), rows * depth);
    const Widened<T> bias(call.in<T>(kBias), call.has(kBias) ? outputs : 0);
    const RowKernels<L>& kernels = RowKernelsOf<T>::in(seqfront::kernels());
    const int64_t panels = (outputs + kPanelColumns - 1) / kPanelColumns;
    const int64_t work = 1 + depth * kPanelColumns / 4 * (1 + rows / 8);
    parallel_for(
        panels, work, usable_threads(call.threads()), [&](int32_t, int64_t begin, int64_t end) {
            for (int64_t at = begin * kPanelColumns; at < end * kPanelColumns;
                 at += kPanelColumns) {
                const int64_t columns = std::min(kPanelColumns, outputs - at);
                kernels.multiply_panel(
                    {rows, depth, columns, x.data(), call.in<T>(kWeight) + at * depth,
                     call.has(kBias) ? bias.data() + at : nullptr, call.out<T>(0) + at, outputs});
            }
        });
}

void run(const Call& call) {
    with_element_type(call.input(kX).dtype,
                      [&](auto element) { multiply<decltype(element)>(call); });
}

}  // namespace

const Op& panel_linear_op() {
    static const Op op = {
        "panel_linear",
        {{"x", "T", "rows features", 0},
         {"weight", "T", "features outputs", 0},
         {"bias", "T", "outputs", SF_OPTIONAL}},
        {{"y", "T", "rows outputs", 0}},
        {},
        run,
        nullptr,
    };
    return op;
}

}  // namespace seqfront
