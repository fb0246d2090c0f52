// The best labels of rows of logits, and the blank: what a search reads of a softmax.
#include "search/row_summary.hpp"
#include "thread_pool.hpp"

namespace seqfront {
namespace {

enum Input { kLogits, kRanks };
enum Output { kBlankLogProbs, kLogProbs, kLabels };

void run(const Call& call) {
    const int64_t rows = call.size(kLogits, 0), classes = call.size(kLogits, 1);
    const Ranking ranking(call, kRanks, call.integer(0), classes);
    const int64_t stride = call.input(kLogits).stride[0];
    with_element_type(call.input(kLogits).dtype, [&](auto element) {
        using T = decltype(element);
        using L = typename RowKernelsOf<T>::Lattice;
        const RowSummaries<L> to = {call.out<L>(kBlankLogProbs), call.out<L>(kLogProbs),
                                    call.out<int32_t>(kLabels)};
        const T* const logits = call.in<T>(kLogits);
        parallel_for(rows, 4 * classes, usable_threads(call.threads()),
                     [&](int32_t, int64_t begin, int64_t end) {
                         for (int64_t row = begin; row < end; ++row) {
                             summarise(logits + row * stride, classes, ranking, to, row);
                         }
                     });
    });
}

}  // namespace

const Op& top_labels_op() {
    static const Op op = {
        "top_labels",
        {{"logits", "T", "rows classes", SF_STRIDED}, {"ranks", "int32", "ranks", 0}},
        // Of the blank; and of the label at each of the ranks, of which 0 is the best.
        {{"blank_log_probs", "L", "rows", 0},
         {"log_probs", "L", "rows ranks", 0},
         {"labels", "int32", "rows ranks", 0}},
        {{"blank", "int", 0}},
        run,
        nullptr,
    };
    return op;
}

}  // namespace seqfront
