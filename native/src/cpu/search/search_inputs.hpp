// What steps of searches take, on the CPU and on a GPU.
#ifndef SEQFRONT_CPU_SEARCH_INPUTS_HPP_
#define SEQFRONT_CPU_SEARCH_INPUTS_HPP_

#include <cstdint>

namespace seqfront {

// Ranks are below.
constexpr int64_t kMostRanks = 64;

// Where an op has the tables of an automaton among its inputs: in this order, from `first` on.
enum class AutomatonInput { kFirstArc, kArcLabel, kArcWeight, kFailure, kFailureWeight, kMissing };

constexpr int at(int first, AutomatonInput input) { return first + static_cast<int>(input); }

}  // namespace seqfront

#endif  // SEQFRONT_CPU_SEARCH_INPUTS_HPP_
