// How probable it is, given the labels, that a path through a transducer's lattice emits a label or
// a blank in a cell.
#include <algorithm>
#include <limits>

#include "transducer/transducer_path.hpp"

namespace seqfront {
namespace {

enum Output { kScore, kBlanks, kLabels };

// Adds the arcs of one sequence to the cells of the results; rows of a frame are `positions` and
// one less apart.
template <class L>
void add_arcs(const TransducerProblem& p, const TransducerSequence& s, const L* arcs, L* blanks,
              L* labels) {
    for (const TransducerArc& arc : p.arcs) {
        for (int64_t t = 0; t < s.frames; ++t, arcs += s.positions()) {
            if (arc.labels > 0) {
                for (int64_t u = 0; u < s.labels; ++u) labels[t * p.labels + u] += arcs[u];
            } else {
                L* const row = blanks + t * (p.labels + 1);
                for (int64_t u = 0; u <= s.labels; ++u) row[u] += arcs[u];
            }
        }
    }
}

template <class L>
void fill_nan(const TransducerProblem& p, const TransducerSequence& s, L* blanks, L* labels) {
    constexpr L nan = std::numeric_limits<L>::quiet_NaN();
    for (int64_t t = 0; t < s.frames; ++t) {
        std::fill_n(blanks + t * (p.labels + 1), s.positions(), nan);
        std::fill_n(labels + t * p.labels, s.labels, nan);
    }
}

template <class T>
void posteriors(const Call& call, const TransducerProblem& p) {
    using L = typename RowKernelsOf<T>::Lattice;
    constexpr L infinity = std::numeric_limits<L>::infinity();
    const int64_t blank_cells = p.frames * (p.labels + 1), label_cells = p.frames * p.labels;
    std::fill_n(call.out<L>(kBlanks), p.batch * blank_cells, L{0});
    std::fill_n(call.out<L>(kLabels), p.batch * label_cells, L{0});
    const TransducerArcTables<T> tables(call, p);
    tables.for_each([&](int32_t slot, const TransducerSequence& s) {
        L* const blanks = call.out<L>(kBlanks) + s.index * blank_cells;
        L* const labels = call.out<L>(kLabels) + s.index * label_cells;
        L loss = s.labels == 0 ? 0 : infinity;
        if (s.frames > 0) loss = tables.posteriors(slot, s);
        call.out<L>(kScore)[s.index] = 0 - loss;
        if (loss != loss) {
            fill_nan(p, s, blanks, labels);
        } else if (s.frames > 0 && loss < infinity) {
            add_arcs(p, s, tables.arcs(slot), blanks, labels);
        }
    });
}

void run(const Call& call, const TransducerProblem& p) {
    with_element_type(call.input(0).dtype,
                      [&](auto element) { posteriors<decltype(element)>(call, p); });
}

std::vector<sf_array_spec> outputs() {
    return {{"score", "L", "batch", 0},  // log p
            {"blanks", "L", "batch frames labels+1", 0},
            {"labels", "L", "batch frames labels", 0}};
}

}  // namespace

const Op& rnnt_posteriors_op() {
    static const Op op = {"rnnt_posteriors",
                          rnnt_path_inputs(),
                          outputs(),
                          rnnt_path_attributes(),
                          [](const Call& call) { run(call, rnnt_path_problem(call)); },
                          nullptr};
    return op;
}

const Op& tdt_posteriors_op() {
    static const Op op = {"tdt_posteriors",
                          tdt_path_inputs(),
                          outputs(),
                          tdt_path_attributes(),
                          [](const Call& call) { run(call, tdt_path_problem(call)); },
                          nullptr};
    return op;
}

}  // namespace seqfront
