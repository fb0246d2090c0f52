// Automata with failure arcs on a GPU: see cpu/search/automaton.hpp for the tables. The host does
// not look at states and labels; where one is out of range, or the tables make no sense on the way,
// the weights of the row are NaN and its next state is -1.
#ifndef SEQFRONT_CUDA_SEARCH_AUTOMATON_HPP_
#define SEQFRONT_CUDA_SEARCH_AUTOMATON_HPP_

#include <algorithm>

#include "cpu/problem.hpp"
#include "cpu/search/search_inputs.hpp"
#include "cuda/numbers.hpp"
#include "op.hpp"

namespace seqfront {
namespace cuda {

// A state on the way to the root, and the weights of the failures that lead to it.
template <class L>
struct Stop {
    int64_t state;
    L weight;
};

template <class T>
struct Automaton {
    using L = LatticeType<T>;

    const int32_t* first_arc;  // [states + 1]
    const int32_t* arc_label;  // [arcs]
    const T* arc_weight;       // [arcs]
    const int32_t* failure;    // [states]
    const T* failure_weight;   // [states]
    const T* missing;          // [classes]
    int64_t states, arcs, classes;

    static Automaton of(const Call& call, int first) {
        using In = AutomatonInput;
        return {
            call.in<int32_t>(at(first, In::kFirstArc)), call.in<int32_t>(at(first, In::kArcLabel)),
            call.in<T>(at(first, In::kArcWeight)),      call.in<int32_t>(at(first, In::kFailure)),
            call.in<T>(at(first, In::kFailureWeight)),  call.in<T>(at(first, In::kMissing)),
            call.size(at(first, In::kFailure), 0),      call.size(at(first, In::kArcLabel), 0),
            call.size(at(first, In::kMissing), 0)};
    }

    SF_DEVICE bool is_state(int64_t state) const { return state >= 0 && state < states; }
    SF_DEVICE bool is_label(int64_t label) const { return label >= 0 && label < classes; }
    SF_DEVICE bool is_root(int64_t state) const { return failure[state] == -1; }
    // Whether its arcs are some, and its failure is none or a state of a lower number.
    SF_DEVICE bool makes_sense(int64_t state) const {
        const int32_t begin = first_arc[state], end = first_arc[state + 1];
        return begin >= 0 && begin <= end && end <= arcs && failure[state] >= -1 &&
               failure[state] < state;
    }
    SF_DEVICE Stop<L> after(const Stop<L>& stop) const {
        return {failure[stop.state], stop.weight + L{widened(failure_weight[stop.state])}};
    }

    // The arc of a label, -1 if there is none.
    SF_DEVICE int64_t find(int64_t state, int32_t label) const {
        int64_t begin = first_arc[state], end = first_arc[state + 1];
        const int64_t last = end;
        while (begin < end) {
            const int64_t middle = (begin + end) / 2;
            if (arc_label[middle] < label) {
                begin = middle + 1;
            } else {
                end = middle;
            }
        }
        return begin < last && arc_label[begin] == label ? begin : -1;
    }
};

// Scores of all labels: a block for each row. It takes what the root gives to all, and then the
// states from the root on write their arcs over it, the state itself last: so a row is written
// about once, coalesced, and of the automaton only the arcs on the way are read.
template <class T>
struct AutomatonScores {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = 256;

    struct Args {
        Automaton<T> automaton;
        const int32_t* state;  // [rows]
        int64_t rows;
        L* score;  // [rows, classes]
    };

    static Grid grid(int64_t rows, int threads) { return {rows, 1, threads, sizeof(Shared)}; }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        for (int64_t row = block.x(); row < args.rows; row += block.count_x()) {
            Row<Block>(block, args, row).run();
        }
    }

  private:
    static constexpr int kStops = 32;  // of a long way, at once

    struct Shared {
        int64_t count;  // of all stops; 0: the row has no scores
        L weight;       // of all failures
        Stop<L> stops[kStops];
    };

    template <class Block>
    class Row {
      public:
        SF_DEVICE Row(Block& block, const Args& args, int64_t row)
            : block_(block),
              args_(args),
              start_(args.state[row]),
              score_(args.score + row * args.automaton.classes),
              shared_(*block.template shared<Shared>()),
              wrong_(block) {}

        SF_DEVICE void run() {
            block_.phase([&](int thread) {
                wrong_[thread] = false;
                if (thread == 0) measure();
            });
            const int64_t count = shared_.count;
            block_.phase([&](int thread) { start_row(thread); });
            for (int64_t end = count; end > 0; end -= kStops) {
                const int64_t begin = end > kStops ? end - kStops : 0;
                block_.phase([&](int thread) {
                    if (thread == 0) note_stops(begin, end);
                });
                for (int64_t i = end; i-- > begin;) {
                    block_.phase([&](int thread) { write_arcs(shared_.stops[i - begin], thread); });
                }
            }
            if (block_.any([&](int thread) { return count == 0 || wrong_[thread]; })) {
                block_.phase([&](int thread) { fill(not_a_number<L>(), thread); });
            }
        }

      private:
        SF_DEVICE void measure() {
            const Automaton<T>& automaton = args_.automaton;
            Stop<L> stop = {start_, 0};
            shared_.count = 0;
            if (!automaton.is_state(start_)) return;
            for (int64_t count = 1; automaton.makes_sense(stop.state); ++count) {
                if (automaton.is_root(stop.state)) {
                    shared_.count = count;
                    shared_.weight = stop.weight;
                    return;
                }
                stop = automaton.after(stop);
            }
        }

        SF_DEVICE void start_row(int thread) {
            const Automaton<T>& automaton = args_.automaton;
            for (int64_t v = thread; shared_.count > 0 && v < automaton.classes;
                 v += block_.threads()) {
                score_[v] = shared_.weight + L{widened(automaton.missing[v])};
            }
        }

        // Stops begin .. end - 1, counted from the state.
        SF_DEVICE void note_stops(int64_t begin, int64_t end) {
            Stop<L> stop = {start_, 0};
            for (int64_t i = 0; i < end; ++i) {
                if (i > 0) stop = args_.automaton.after(stop);
                if (i >= begin) shared_.stops[i - begin] = stop;
            }
        }

        SF_DEVICE void write_arcs(const Stop<L>& stop, int thread) {
            const Automaton<T>& automaton = args_.automaton;
            const int64_t begin = automaton.first_arc[stop.state];
            const int64_t end = automaton.first_arc[stop.state + 1];
            for (int64_t arc = begin + thread; arc < end; arc += block_.threads()) {
                const int64_t label = automaton.arc_label[arc];
                // Of two arcs with one label, either might be the last that writes.
                const bool ascends = arc == begin || automaton.arc_label[arc - 1] < label;
                if (automaton.is_label(label) && ascends) {
                    score_[label] = stop.weight + L{widened(automaton.arc_weight[arc])};
                } else {
                    wrong_[thread] = true;
                }
            }
        }

        SF_DEVICE void fill(L value, int thread) {
            for (int64_t v = thread; v < args_.automaton.classes; v += block_.threads()) {
                score_[v] = value;
            }
        }

        Block& block_;
        const Args& args_;
        const int64_t start_;
        L* const score_;
        Shared& shared_;
        typename Block::template PerThread<bool> wrong_;
    };
};

// Steps along arcs: a thread for each row.
template <class T>
struct AutomatonAdvance {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = 128;

    struct Args {
        Automaton<T> automaton;
        const int32_t* state;   // [rows]
        const int32_t* label;   // [rows]
        const int32_t* target;  // [arcs]
        int64_t rows;
        int32_t* next;  // [rows]
        L* weight;      // [rows]
    };

    static Grid grid(int64_t rows, int threads) {
        return {(rows + threads - 1) / threads, 1, threads, 0};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const int64_t threads = block.threads();
        for (int64_t first = block.x() * threads; first < args.rows;
             first += block.count_x() * threads) {
            block.each([&](int thread) {
                const int64_t row = first + thread;
                if (row >= args.rows) return;
                const Stop<L> end = walk(args, args.state[row], args.label[row]);
                args.next[row] = static_cast<int32_t>(end.state);
                args.weight[row] = end.weight;
            });
        }
    }

  private:
    static SF_DEVICE Stop<L> walk(const Args& args, int64_t state, int32_t label) {
        const Automaton<T>& automaton = args.automaton;
        const Stop<L> nowhere = {-1, not_a_number<L>()};
        if (!automaton.is_state(state) || !automaton.is_label(label)) return nowhere;
        Stop<L> stop = {state, 0};
        while (automaton.makes_sense(stop.state)) {
            const int64_t arc = automaton.find(stop.state, label);
            if (arc >= 0) {
                const int64_t next = args.target[arc];
                if (!automaton.is_state(next)) return nowhere;
                return {next, stop.weight + L{widened(automaton.arc_weight[arc])}};
            }
            if (automaton.is_root(stop.state)) {
                return {stop.state, stop.weight + L{widened(automaton.missing[label])}};
            }
            stop = automaton.after(stop);
        }
        return nowhere;
    }
};

class AutomatonScoresForward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using Kernel = AutomatonScores<T>;
        const auto automaton = Automaton<T>::of(call, 1);
        const int64_t rows = call.size(0, 0);
        check_element_count(call.name(), {rows, automaton.classes});
        const int threads =
            block_threads<Kernel, Launcher>(std::max<int64_t>(automaton.classes, 1));
        launcher.template run<Kernel>(
            Kernel::grid(rows, threads),
            {automaton, call.in<int32_t>(0), rows, call.out<LatticeType<T>>(0)});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call&) {
        return 0;
    }
};

class AutomatonAdvanceForward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using Kernel = AutomatonAdvance<T>;
        const int64_t rows = call.size(0, 0);
        const int threads = block_threads<Kernel, Launcher>(std::max<int64_t>(rows, 1));
        launcher.template run<Kernel>(Kernel::grid(rows, threads),
                                      {Automaton<T>::of(call, 2), call.in<int32_t>(0),
                                       call.in<int32_t>(1), call.in<int32_t>(kArcTarget), rows,
                                       call.out<int32_t>(0), call.out<LatticeType<T>>(1)});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call&) {
        return 0;
    }

  private:
    static constexpr int kArcTarget = 8;  // input
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_SEARCH_AUTOMATON_HPP_
