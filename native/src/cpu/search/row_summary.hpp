// What a search needs of a row of logits: the log-probs of the blank and of the best labels. The
// row of log-probs itself is never made.
#ifndef SEQFRONT_CPU_ROW_SUMMARY_HPP_
#define SEQFRONT_CPU_ROW_SUMMARY_HPP_

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "float16.hpp"
#include "gradient_rows.hpp"
#include "op.hpp"
#include "problem.hpp"
#include "search/search_inputs.hpp"
#include "simd/dispatch.hpp"
#include "status.hpp"

namespace seqfront {

// The outputs of an op: a row of each for each row of logits.
template <class L>
struct RowSummaries {
    L* blank;         // [rows]
    L* log_probs;     // [rows, count]
    int32_t* labels;  // [rows, count]
};

// Which ranks among the labels are wanted (0 is the best), and which class is the blank.
struct Ranking {
    Ranking(const Call& call, int input, int64_t blank, int64_t classes)
        : ranks(call.in<int32_t>(input)), count(call.size(input, 0)), blank(blank) {
        check_blank(call.name(), blank, classes);
        for (int64_t i = 0; i < count; ++i) {
            if (ranks[i] < 0 || ranks[i] >= kMostRanks) {
                invalid("%s: ranks[%d] is %d, needed 0..%d", call.name(), static_cast<int>(i),
                        ranks[i], static_cast<int>(kMostRanks - 1));
            }
            depth = std::max<int64_t>(depth, ranks[i] + 1);
        }
    }

    const int32_t* ranks;
    int64_t count, blank;
    int64_t depth = 0;  // how many labels are looked for
};

// The best labels so far, the best one first; of equal ones the lower label.
template <class L>
class BestLabels {
  public:
    BestLabels(int64_t depth, int32_t nobody) : depth_(depth) {
        std::fill_n(values_, depth, -std::numeric_limits<L>::infinity());
        std::fill_n(labels_, depth, nobody);
    }
    L threshold() const { return values_[depth_ - 1]; }
    L value(int64_t rank) const { return values_[rank]; }
    int32_t label(int64_t rank) const { return labels_[rank]; }

    // One that is above the threshold.
    void add(L value, int64_t label) {
        int64_t at = depth_ - 1;
        for (; at > 0 && value > values_[at - 1]; --at) {
            values_[at] = values_[at - 1];
            labels_[at] = labels_[at - 1];
        }
        values_[at] = value;
        labels_[at] = static_cast<int32_t>(label);
    }

  private:
    int64_t depth_;
    L values_[kMostRanks];
    int32_t labels_[kMostRanks];
};

// What at least `depth` labels of a row are above, mostly: as many chunks of it have a maximum that
// is. (One more, for the blank.) -inf where that does not pay.
template <class T, class L = typename RowKernelsOf<T>::Lattice>
L floor_of_best(const T* x, int64_t classes, int64_t depth) {
    constexpr int64_t chunks = 64;
    const int64_t size = classes / chunks;
    if (size < 16 || depth >= chunks / 2) return -std::numeric_limits<L>::infinity();
    L maxima[chunks];
    RowKernelsOf<T>::in(kernels()).maxima(x, size, chunks, size, maxima);
    std::nth_element(maxima, maxima + depth, maxima + chunks, std::greater<L>());
    return std::nextafter(maxima[depth], -std::numeric_limits<L>::infinity());
}

// Takes in the labels of a row that are above `floor`.
template <class T, class L = typename RowKernelsOf<T>::Lattice>
void find_best(const T* x, int64_t classes, int64_t blank, L floor, BestLabels<L>& best) {
    const RowKernels<L>& kernel = RowKernelsOf<T>::in(kernels());
    int64_t at = 0;
    while ((at = kernel.next_above(x, at, classes, std::max(floor, best.threshold()))) < classes) {
        if (at != blank) best.add(widen(x[at]), at);
        ++at;
    }
}

// Row `row` of the outputs. Ranks that no possible label has get -inf and the blank.
template <class T, class L = typename RowKernelsOf<T>::Lattice>
void summarise(const T* x, int64_t classes, const Ranking& ranking, const RowSummaries<L>& to,
               int64_t row) {
    const RowKernels<L>& kernel = RowKernelsOf<T>::in(kernels());
    L maximum, log_sum;
    kernel.normalisers(x, classes, 1, classes, &maximum, &log_sum);
    to.blank[row] = log_prob<L>(widen(x[ranking.blank]), maximum, log_sum);
    if (ranking.depth == 0) return;
    constexpr L lowest = -std::numeric_limits<L>::infinity();
    const auto nobody = static_cast<int32_t>(ranking.blank);
    BestLabels<L> best(ranking.depth, nobody);
    const L floor = std::isnan(log_sum) ? lowest : floor_of_best(x, classes, ranking.depth);
    find_best(x, classes, ranking.blank, floor, best);
    if (floor > lowest && best.threshold() == lowest) {  // too high: many labels are impossible
        best = BestLabels<L>(ranking.depth, nobody);
        find_best(x, classes, ranking.blank, lowest, best);
    }
    for (int64_t i = 0; i < ranking.count; ++i) {
        const int64_t rank = ranking.ranks[i];
        to.log_probs[row * ranking.count + i] = log_prob<L>(best.value(rank), maximum, log_sum);
        to.labels[row * ranking.count + i] = best.label(rank);
    }
}

}  // namespace seqfront

#endif  // SEQFRONT_CPU_ROW_SUMMARY_HPP_
