// One step of an LSTM whose gates and cell are normalised (Ba et al. 2016, arXiv:1607.06450), for
// few rows: its weights are read once, and nothing else costs much. `gates` is the input,
// projected.
//
//     i, f, g, o = norm(gates + h U);  c' = norm(sigmoid(f) c + sigmoid(i) tanh(g));
//     h' = sigmoid(o) tanh(c')
#include <cmath>

#include "head/linear_head.hpp"
#include "layers/few_rows.hpp"
#include "op.hpp"
#include "status.hpp"

namespace seqfront {
namespace {

enum Input {
    kGates,
    kHidden,
    kCell,
    kHiddenWeight,
    kGatesScale,
    kGatesBias,
    kCellScale,
    kCellBias
};
enum Output { kNextHidden, kNextCell };
enum Attribute { kEpsilon, kPanels };

// The sum of value(i), in eight parts.
template <class L, class Value>
L sum_of(int64_t count, Value&& value) {
    L parts[8] = {};
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        for (int64_t k = 0; k < 8; ++k) parts[k] += value(i + k);
    }
    for (; i < count; ++i) parts[0] += value(i);
    return ((parts[0] + parts[4]) + (parts[2] + parts[6])) +
           ((parts[1] + parts[5]) + (parts[3] + parts[7]));
}

// x = (x - mean) / sqrt(variance + epsilon) * scale + bias, in place.
template <class L>
void normalise(L* x, int64_t count, const L* scale, const L* bias, double epsilon) {
    const L mean = sum_of<L>(count, [x](int64_t i) { return x[i]; }) / static_cast<L>(count);
    const L squares = sum_of<L>(count, [x, mean](int64_t i) {
        const L centred = x[i] - mean;
        return centred * centred;
    });
    const L variance = squares / static_cast<L>(count);
    const L factor = 1 / std::sqrt(variance + static_cast<L>(epsilon));
    for (int64_t i = 0; i < count; ++i) x[i] = (x[i] - mean) * factor * scale[i] + bias[i];
}

template <class T>
class Step {
  public:
    using L = typename RowKernelsOf<T>::Lattice;

    explicit Step(const Call& call)
        : call_(call),
          rows_(call.size(kGates, 0)),
          units_(call.size(kHidden, 1)),
          hidden_(widened(kHidden)),
          cell_(widened(kCell)),
          hidden_weight_(call, kHiddenWeight, nullptr, call.flag(kPanels)),
          gates_scale_(widened(kGatesScale)),
          gates_bias_(widened(kGatesBias)),
          cell_scale_(widened(kCellScale)),
          cell_bias_(widened(kCellBias)),
          gates_(allocate<L>(rows_ * 4 * units_)),
          zeros_(allocate<L>(units_)) {
        std::fill_n(zeros_.get(), units_, L{0});
    }

    void run() {
        const Accumulated<T> hidden(call_.out<T>(kNextHidden), rows_ * units_);
        const Accumulated<T> cell(call_.out<T>(kNextCell), rows_ * units_);
        const Widened<T> gates = widened(kGates);
        std::copy_n(gates.data(), rows_ * 4 * units_, gates_.get());
        hidden_weight_.add(hidden_.data(), rows_, gates_.get());
        for (int64_t row = 0; row < rows_; ++row) {
            finish(gates_.get() + row * 4 * units_, cell_.data() + row * units_,
                   hidden.data() + row * units_, cell.data() + row * units_);
        }
        hidden.finish();
        cell.finish();
    }

  private:
    Widened<T> widened(int input) const {
        const sf_array& array = call_.input(input);
        int64_t count = 1;
        for (int32_t axis = 0; axis < array.rank; ++axis) count *= array.shape[axis];
        return Widened<T>(call_.in<T>(input), count);
    }

    void tanh(const L* x, L* to) const {
        lattice_kernels<L>(kernels()).joint(x, zeros_.get(), units_, kTanh, to);
    }
    // In place: (1 + tanh(x / 2)) / 2.
    void sigmoid(L* x) const {
        for (int64_t i = 0; i < units_; ++i) x[i] /= 2;
        tanh(x, x);
        for (int64_t i = 0; i < units_; ++i) x[i] = (1 + x[i]) / 2;
    }

    // From the gates of a row, which are used up.
    void finish(L* gates, const L* before, L* hidden, L* cell) const {
        const double epsilon = call_.number(kEpsilon);
        normalise(gates, 4 * units_, gates_scale_.data(), gates_bias_.data(), epsilon);
        L* const keep = gates + units_;
        L* const value = gates + 2 * units_;
        L* const out = gates + 3 * units_;
        sigmoid(gates);
        sigmoid(keep);
        tanh(value, value);
        sigmoid(out);
        for (int64_t i = 0; i < units_; ++i) cell[i] = keep[i] * before[i] + gates[i] * value[i];
        normalise(cell, units_, cell_scale_.data(), cell_bias_.data(), epsilon);
        tanh(cell, hidden);
        for (int64_t i = 0; i < units_; ++i) hidden[i] *= out[i];
    }

    const Call& call_;
    int64_t rows_, units_;
    Widened<T> hidden_, cell_;
    FewRowsLayer<T> hidden_weight_;
    Widened<T> gates_scale_, gates_bias_, cell_scale_, cell_bias_;
    Buffer<L> gates_, zeros_;
};

void run(const Call& call) {
    if (!(call.number(kEpsilon) >= 0)) {
        invalid("%s: epsilon is %g, needed 0 or more", call.name(), call.number(kEpsilon));
    }
    check_element_count(call.name(), {call.size(kGates, 0), 4, call.size(kHidden, 1)});
    with_element_type(call.input(kGates).dtype,
                      [&](auto element) { Step<decltype(element)>(call).run(); });
}

}  // namespace

const Op& normalized_lstm_op() {
    static const Op op = {
        "normalized_lstm",
        {{"gates", "T", "rows 4*units", 0},
         {"hidden", "T", "rows units", 0},
         {"cell", "T", "rows units", 0},
         {"hidden_weight", "T", "units 4*units", 0},
         {"gates_scale", "T", "4*units", 0},
         {"gates_bias", "T", "4*units", 0},
         {"cell_scale", "T", "units", 0},
         {"cell_bias", "T", "units", 0}},
        {{"next_hidden", "T", "rows units", 0}, {"next_cell", "T", "rows units", 0}},
        {{"epsilon", "float", 1e-5}, {"panels", "bool", 0}},
        run,
        nullptr,
    };
    return op;
}

}  // namespace seqfront
