// A weighted deterministic automaton with failure arcs: an n-gram language model, or the phrases
// of a biasing list.
//
// Arcs of state s are arcs first_arc[s] .. first_arc[s + 1] - 1, by ascending label. A label
// without an arc goes on from state failure[s] and costs failure_weight[s] before; at a root, whose
// failure is -1, it has weight missing[label] and leads to the root. A failure always is a state of
// a lower number, so that every chain of them ends.
//
// Whatever the tables hold, nothing outside of them is read: the states of a call are checked
// before it starts, and labels and targets as they are met.
#ifndef SEQFRONT_CPU_SEARCH_AUTOMATON_HPP_
#define SEQFRONT_CPU_SEARCH_AUTOMATON_HPP_

#include <algorithm>
#include <cstdint>

#include "float16.hpp"
#include "op.hpp"
#include "search/search_inputs.hpp"

namespace seqfront {

struct Arcs {
    int64_t begin, end;
};

// Weights of type W, sums of type S, which is W or float.
template <class W, class S>
class Automaton {
  public:
    Automaton(const Call& call, int first)
        : first_arc_(call.in<int32_t>(at(first, AutomatonInput::kFirstArc))),
          arc_label_(call.in<int32_t>(at(first, AutomatonInput::kArcLabel))),
          arc_weight_(call.in<W>(at(first, AutomatonInput::kArcWeight))),
          failure_(call.in<int32_t>(at(first, AutomatonInput::kFailure))),
          failure_weight_(call.in<W>(at(first, AutomatonInput::kFailureWeight))),
          missing_(call.in<W>(at(first, AutomatonInput::kMissing))),
          states_(call.size(at(first, AutomatonInput::kFailure), 0)),
          arcs_(call.size(at(first, AutomatonInput::kArcLabel), 0)),
          classes_(call.size(at(first, AutomatonInput::kMissing), 0)) {}

    int64_t states() const { return states_; }
    int64_t classes() const { return classes_; }

    // Number of states from this one to its root; 0 if the tables make no sense on the way.
    int64_t chain(int64_t state) const {
        for (int64_t count = 1;; ++count) {
            const int32_t begin = first_arc_[state], end = first_arc_[state + 1];
            if (begin < 0 || begin > end || end > arcs_) return 0;
            const int32_t failure = failure_[state];
            if (failure == -1) return count;
            if (failure < 0 || failure >= state) return 0;
            state = failure;
        }
    }

    int64_t failure(int64_t state) const { return failure_[state]; }
    S failure_weight(int64_t state) const { return widen(failure_weight_[state]); }
    S missing(int64_t label) const { return widen(missing_[label]); }
    Arcs arcs(int64_t state) const { return {first_arc_[state], first_arc_[state + 1]}; }
    int64_t label(int64_t arc) const { return arc_label_[arc]; }
    S weight(int64_t arc) const { return widen(arc_weight_[arc]); }

    // The arc of a label, -1 if there is none.
    int64_t find(int64_t state, int32_t label) const {
        const Arcs range = arcs(state);
        const int32_t* const end = arc_label_ + range.end;
        const int32_t* const found = std::lower_bound(arc_label_ + range.begin, end, label);
        return found < end && *found == label ? found - arc_label_ : -1;
    }

  private:
    const int32_t* first_arc_;
    const int32_t* arc_label_;
    const W* arc_weight_;
    const int32_t* failure_;
    const W* failure_weight_;
    const W* missing_;
    int64_t states_, arcs_, classes_;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_SEARCH_AUTOMATON_HPP_
