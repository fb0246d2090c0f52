// Scores of all labels from states of an automaton with failure arcs, and steps along its arcs.
//
// A row of scores starts as that of its root (kept from row to row, for most have the same one),
// and the states between root and state then write their arcs over it, the state itself last. So a
// row costs what its classes and arcs are, however many labels fail.
#include "search/automaton.hpp"

#include <atomic>
#include <cinttypes>
#include <vector>

#include "problem.hpp"
#include "status.hpp"
#include "thread_pool.hpp"

namespace seqfront {
namespace {

// Refuses states that are none, and states whose way to the root makes no sense. Gives the length
// of the longest of these ways.
template <class W, class S>
int64_t longest_chain(const Call& call, const Automaton<W, S>& automaton) {
    const int32_t* const state = call.in<int32_t>(0);
    int64_t longest = 0;
    for (int64_t row = 0; row < call.size(0, 0); ++row) {
        if (state[row] < 0 || state[row] >= automaton.states()) {
            invalid("%s: state[%" PRId64 "] is %" PRId32 ", needed 0..%" PRId64, call.name(), row,
                    state[row], automaton.states() - 1);
        }
        const int64_t length = automaton.chain(state[row]);
        if (length == 0) {
            invalid("%s: the arcs or failures of state %" PRId32 " make no sense", call.name(),
                    state[row]);
        }
        longest = std::max(longest, length);
    }
    return longest;
}

// -- scores ---------------------------------------------------------------------------------------

// A state on the way to the root, and the weights of the failures that lead to it.
template <class S>
struct Stop {
    int64_t state;
    S weight;
};

// Memory of one thread.
template <class S>
struct Workspace {
    Workspace(int64_t chain, int64_t classes) : stops(allocate<Stop<S>>(chain)) {
        root_row = allocate<S>(classes);
    }
    Buffer<Stop<S>> stops;
    Buffer<S> root_row;
    int64_t root = -1;  // whose row that is
};

// Writes arcs into a row. Whether all their labels are classes.
template <class W, class S>
bool write_arcs(const Automaton<W, S>& automaton, const Stop<S>& stop, S* row) {
    const Arcs arcs = automaton.arcs(stop.state);
    bool known = true;
    for (int64_t arc = arcs.begin; arc < arcs.end; ++arc) {
        const int64_t label = automaton.label(arc);
        if (label < 0 || label >= automaton.classes()) {
            known = false;
        } else {
            row[label] = stop.weight + automaton.weight(arc);
        }
    }
    return known;
}

template <class W, class S>
bool write_row(const Automaton<W, S>& automaton, int64_t state, Workspace<S>& work, S* row) {
    const int64_t classes = automaton.classes();
    Stop<S>* const stops = work.stops.get();
    int64_t count = 0;
    S weight = 0;
    for (; automaton.failure(state) >= 0; state = automaton.failure(state)) {
        stops[count++] = {state, weight};
        weight += automaton.failure_weight(state);
    }
    bool known = true;
    if (work.root != state) {
        for (int64_t v = 0; v < classes; ++v) work.root_row[v] = automaton.missing(v);
        known = write_arcs(automaton, Stop<S>{state, S{0}}, work.root_row.get());
        work.root = known ? state : -1;
    }
    for (int64_t v = 0; v < classes; ++v) row[v] = weight + work.root_row[v];
    while (count > 0) known = write_arcs(automaton, stops[--count], row) && known;
    return known;
}

template <class W, class S>
void scores(const Call& call) {
    const Automaton<W, S> automaton(call, 1);
    const int64_t rows = call.size(0, 0), classes = automaton.classes();
    check_element_count(call.name(), {rows, classes});
    const int64_t chain = longest_chain(call, automaton);
    const int32_t* const state = call.in<int32_t>(0);
    S* const out = call.out<S>(0);
    const int64_t work = 16 + 4 * classes;
    const int32_t threads = useful_threads(rows, work, usable_threads(call.threads()));
    std::vector<Workspace<S>> workspaces;
    for (int32_t i = 0; i < threads; ++i) workspaces.emplace_back(chain, classes);
    std::atomic<bool> known{true};
    parallel_for(rows, work, threads, [&](int32_t slot, int64_t begin, int64_t end) {
        Workspace<S>& own = workspaces[static_cast<size_t>(slot)];
        for (int64_t row = begin; row < end; ++row) {
            if (!write_row(automaton, state[row], own, out + row * classes)) known = false;
        }
    });
    if (!known) {
        invalid("%s: an arc has a label that is none of 0..%" PRId64, call.name(), classes - 1);
    }
}

// -- steps ----------------------------------------------------------------------------------------

constexpr int kArcTarget = 8;

template <class W, class S>
void advance(const Call& call) {
    const Automaton<W, S> automaton(call, 2);
    const int64_t rows = call.size(0, 0);
    longest_chain(call, automaton);
    const int32_t* const states = call.in<int32_t>(0);
    const int32_t* const labels = call.in<int32_t>(1);
    const int32_t* const target = call.in<int32_t>(kArcTarget);
    for (int64_t row = 0; row < rows; ++row) {
        const int32_t label = labels[row];
        if (label < 0 || label >= automaton.classes()) {
            invalid("%s: label[%" PRId64 "] is %" PRId32 ", needed 0..%" PRId64, call.name(), row,
                    label, automaton.classes() - 1);
        }
        int64_t state = states[row], arc;
        S weight = 0;
        while ((arc = automaton.find(state, label)) < 0 && automaton.failure(state) >= 0) {
            weight += automaton.failure_weight(state);
            state = automaton.failure(state);
        }
        const int64_t next = arc < 0 ? state : target[arc];
        if (next < 0 || next >= automaton.states()) {
            invalid("%s: arc_target[%" PRId64 "] is %" PRId64 ", needed 0..%" PRId64, call.name(),
                    arc, next, automaton.states() - 1);
        }
        call.out<int32_t>(0)[row] = static_cast<int32_t>(next);
        call.out<S>(1)[row] = weight + (arc < 0 ? automaton.missing(label) : automaton.weight(arc));
    }
}

// -- ops ------------------------------------------------------------------------------------------

void run_scores(const Call& call) {
    with_element_type(call.input(3).dtype, [&](auto element) {
        scores<decltype(element), decltype(widen(element))>(call);
    });
}

void run_advance(const Call& call) {
    with_element_type(call.input(4).dtype, [&](auto element) {
        advance<decltype(element), decltype(widen(element))>(call);
    });
}

}  // namespace

const Op& automaton_advance_op() {
    static const Op op = {
        "automaton_advance",
        {{"state", "int32", "rows", 0},
         {"label", "int32", "rows", 0},
         {"first_arc", "int32", "states+1", 0},
         {"arc_label", "int32", "arcs", 0},
         {"arc_weight", "T", "arcs", 0},
         {"failure", "int32", "states", 0},
         {"failure_weight", "T", "states", 0},
         {"missing", "T", "classes", 0},
         {"arc_target", "int32", "arcs", 0}},
        {{"next_state", "int32", "rows", 0}, {"weight", "L", "rows", 0}},
        {},
        run_advance,
        nullptr,
    };
    return op;
}

const Op& automaton_scores_op() {
    static const Op op = {
        "automaton_scores",
        {{"state", "int32", "rows", 0},
         {"first_arc", "int32", "states+1", 0},
         {"arc_label", "int32", "arcs", 0},
         {"arc_weight", "T", "arcs", 0},
         {"failure", "int32", "states", 0},
         {"failure_weight", "T", "states", 0},
         {"missing", "T", "classes", 0}},
        {{"score", "L", "rows classes", 0}},
        {},
        run_scores,
        nullptr,
    };
    return op;
}

}  // namespace seqfront
