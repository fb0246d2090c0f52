// One step of an LSTM whose gates and cell are normalised (Ba et al. 2016, arXiv:1607.06450), for
// few rows: its weights are read once, and nothing else costs much. `gates` is the input,
// projected.
//
//     i, f, g, o = norm(gates + h U);  c' = norm(sigmoid(f) c + sigmoid(i) tanh(g));
//     h' = sigmoid(o) tanh(c')
#include "head/linear_head.hpp"
#include "layers/few_rows.hpp"
#include "layers/normalisation.hpp"

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
          normalise_gates_(call, kEpsilon, 4 * units_, gates_scale_.data(), gates_bias_.data()),
          normalise_cell_(call, kEpsilon, units_, cell_scale_.data(), cell_bias_.data()),
          gates_(allocate<L>(rows_ * 4 * units_)) {}

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

    // From the gates of a row, which are used up.
    void finish(L* gates, const L* before, L* hidden, L* cell) const {
        const auto& kernel = lattice_kernels<L>(kernels());
        normalise_gates_(gates, gates);
        kernel.lstm_cell(gates, before, units_, cell);
        normalise_cell_(cell, cell);
        kernel.lstm_hidden(gates, cell, units_, hidden);
    }

    const Call& call_;
    int64_t rows_, units_;
    Widened<T> hidden_, cell_;
    FewRowsLayer<T> hidden_weight_;
    Widened<T> gates_scale_, gates_bias_, cell_scale_, cell_bias_;
    Normalisation<L> normalise_gates_, normalise_cell_;
    Buffer<L> gates_;
};

void run(const Call& call) {
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
