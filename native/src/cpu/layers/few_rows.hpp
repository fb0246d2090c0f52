// A linear layer over few rows, y = x W + b with W [features, classes]: what a step of a recurrent
// layer, of a search or of a stream computes. Reading W is what it costs.
//
// W lies in rows, as any array; or, for those who can lay it out once and use it often, in panels:
// its columns in groups of kPanelColumns (the last may have fewer), one group [features, columns]
// after another. Then it is read from start to end, which memory likes best.
#ifndef SEQFRONT_CPU_FEW_ROWS_HPP_
#define SEQFRONT_CPU_FEW_ROWS_HPP_

#include <algorithm>

#include "layers/live_features.hpp"
#include "op.hpp"
#include "problem.hpp"
#include "simd/dispatch.hpp"
#include "thread_pool.hpp"
#include "widened.hpp"

namespace seqfront {

template <class T>
class FewRowsLayer {
  public:
    using L = typename RowKernelsOf<T>::Lattice;

    // `bias` is null for none.
    FewRowsLayer(const Call& call, int weight, const L* bias, bool panels)
        : features_(call.size(weight, 0)),
          classes_(call.size(weight, 1)),
          panels_(panels ? call.in<T>(weight) : nullptr),
          rows_(panels ? nullptr : call.in<T>(weight), panels ? 0 : features_ * classes_),
          bias_(bias),
          threads_(call.threads()) {}

    // y [rows, classes] += x [rows, features] W. Threads share the columns.
    void add(const L* x, int64_t rows, L* y) const {
        const Operand operand(*this, x, rows);
        for_each_columns(rows,
                         [&](int64_t first, int64_t last) { add(operand, rows, y, first, last); });
    }

    // y = x W + b.
    void run(const L* x, int64_t rows, L* y) const {
        const Operand operand(*this, x, rows);
        for_each_columns(rows, [&](int64_t first, int64_t last) {
            for (int64_t row = 0; row < rows; ++row) start(y + row * classes_, first, last);
            add(operand, rows, y, first, last);
        });
    }

  private:
    // x as the product reads it.
    struct Operand {
        Operand(const FewRowsLayer& layer, const L* x, int64_t rows)
            : x(x), live(x, layer.panels_ == nullptr ? 0 : rows, layer.features_) {}
        const L* x;
        LiveFeatures<L> live;
    };

    // Calls body(first, last) for ranges of columns. Of rows a thread reads a range as one: the
    // longer, the better.
    template <class Body>
    void for_each_columns(int64_t rows, Body&& body) const {
        const int64_t block = panels_ != nullptr ? kPanelColumns : 1024;
        const int64_t blocks = (classes_ + block - 1) / block;
        const int64_t work = 1 + block * features_ * (1 + rows / 8) / 4;
        parallel_for(blocks, work, usable_threads(threads_),
                     [&](int32_t, int64_t begin, int64_t end) {
                         body(begin * block, std::min(end * block, classes_));
                     });
    }

    void start(L* row, int64_t first, int64_t last) const {
        if (bias_ != nullptr) {
            std::copy(bias_ + first, bias_ + last, row + first);
        } else {
            std::fill(row + first, row + last, L{0});
        }
    }

    void add(const Operand& operand, int64_t rows, L* y, int64_t first, int64_t last) const {
        if (panels_ == nullptr) {
            lattice_kernels<L>(kernels()).few_rows({rows, last - first, features_, operand.x,
                                                    features_, rows_.data() + first, classes_,
                                                    y + first, classes_});
            return;
        }
        const auto multiply = RowKernelsOf<T>::in(kernels()).multiply_panel;
        for (int64_t at = first; at < last; at += kPanelColumns) {
            PanelProduct<L> product = {};
            product.columns = std::min(kPanelColumns, last - at);
            product.panel = panels_ + at * features_;
            product.y_row = classes_;
            for (int64_t group = 0; group < operand.live.groups(); ++group) {
                product.y = y + operand.live.first_row(group) * classes_ + at;
                operand.live.put(group, product);
                multiply(product);
            }
        }
    }

    int64_t features_, classes_;
    const T* panels_;  // null: in rows
    Widened<T> rows_;
    const L* bias_;
    int32_t threads_;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_FEW_ROWS_HPP_
