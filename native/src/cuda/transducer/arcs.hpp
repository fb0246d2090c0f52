// Transducers with other arcs than a blank of one frame and a label, on a GPU: which arcs leave a
// cell, and what they weigh.
//
// Durations and big blanks lie on the device, and the host never looks at them: ArcPrepare makes
// the list, in the workspace, and an empty one if they are out of range.
#ifndef SEQFRONT_CUDA_TRANSDUCER_ARCS_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_ARCS_HPP_

#include "cuda/transducer/rnnt_problem.hpp"

namespace seqfront {
namespace cuda {

// An arc from (t, u) to (t + frames, u + labels).
struct alignas(16) Arc {
    int32_t frames, labels;
    int32_t token;     // column of its class
    int32_t duration;  // column of its duration (TDT), or 0
};

struct ArcList {
    Arc* arcs;       // [most], in the order of the CPU's
    int32_t* count;  // of those there are; 0: durations or big blanks are out of range
    int64_t most;

    static SF_EVERYWHERE int64_t most_arcs(const RnntProblem& p) {
        return p.duration_count > 0 ? 2 * p.duration_count : 2 + p.big_blank_count;
    }
};

struct ArcPrepare {
    static constexpr int kMostThreads = kWarp;

    struct Args {
        RnntProblem problem;
        ArcList list;
    };

    static Grid grid() { return {1, 1, kWarp, 0}; }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RnntProblem& p = args.problem;
        const bool wrong = block.any([&](int thread) {
            bool found = false;
            for (int64_t i = thread; i < p.duration_count; i += kWarp) found |= !is_duration(p, i);
            for (int64_t i = thread; i < p.big_blank_count; i += kWarp) {
                found |= !is_big_blank(p, i);
            }
            return found;
        });
        block.each([&](int thread) {
            const int64_t none = p.duration_count > 0 && p.durations[0] == 0;
            for (int64_t i = thread; i < p.duration_count; i += kWarp) {
                list_duration(p, i, args.list.arcs, 2 * i - none);
            }
            for (int64_t i = thread; i < p.big_blank_count; i += kWarp) {
                const auto column = static_cast<int32_t>(kFirstExtra + i);
                args.list.arcs[2 + i] = {limited(p.big_blanks[2 * i + 1]), 0, column, 0};
            }
            if (thread > 0) return;
            if (p.duration_count == 0) list_standard(p, args.list.arcs);
            *args.list.count = wrong ? 0 : static_cast<int32_t>(args.list.most - none);
        });
    }

  private:
    // They ascend, and one leads to the next frame.
    static SF_DEVICE bool is_duration(const RnntProblem& p, int64_t i) {
        const int32_t frames = p.durations[i];
        return frames >= 0 && (i == 0 || frames > p.durations[i - 1]) &&
               (i < p.duration_count - 1 || frames > 0);
    }
    static SF_DEVICE bool is_big_blank(const RnntProblem& p, int64_t i) {
        const int32_t value = p.big_blanks[2 * i];
        bool fits = value >= 0 && value < p.classes && value != p.blank;
        for (int64_t j = 0; j < i; ++j) fits &= p.big_blanks[2 * j] != value;
        return fits && p.big_blanks[2 * i + 1] >= 2;
    }

    // More frames than any sequence has lead nowhere, whatever they are.
    static SF_DEVICE int32_t limited(int32_t frames) {
        constexpr auto most = static_cast<int32_t>(kMostFrames + 1);
        return frames < most ? frames : most;
    }

    // The blank of a duration, unless it is none, and the label.
    static SF_DEVICE void list_duration(const RnntProblem& p, int64_t i, Arc* to, int64_t at) {
        const int32_t frames = limited(p.durations[i]);
        const auto column = static_cast<int32_t>(kFirstExtra + i);
        if (frames != 0) to[at] = {frames, 0, kBlankColumn, column};
        to[at + 1] = {frames, 1, kLabelColumn, column};
    }
    static SF_DEVICE void list_standard(const RnntProblem& p, Arc* to) {
        to[0] = {1, 0, kBlankColumn, 0};
        to[1] = {1 - p.skew, 1, kLabelColumn, 0};
    }
};

// What is saved of an arc.
template <class L>
struct ArcSaved {
    L token, duration;
};

// What the arcs of a sequence weigh. `cell` is where (t, u) stands in a column.
template <class L>
class ArcWeights {
  public:
    SF_DEVICE ArcWeights(const RnntProblem& p, const RnntSequence& s, const L* saved)
        : p_(p), s_(s), columns_(saved + s.first_cell * p.columns()) {}

    SF_DEVICE L column(int k, int64_t cell) const { return columns_[k * s_.cells() + cell]; }
    SF_DEVICE ArcSaved<L> saved(const Arc& arc, int64_t cell) const {
        return {column(arc.token, cell), arc.duration == 0 ? 0 : column(arc.duration, cell)};
    }

    SF_DEVICE L weight(const Arc& arc, int64_t t, int64_t u, int64_t cell,
                       const ArcSaved<L>& saved) const {
        const L sigma = static_cast<L>(p_.sigma);
        L weight = arc.token == kBlankColumn ? blank_log_prob(p_, saved.token) : saved.token;
        weight = weight - sigma + saved.duration;
        return arc.labels == 0 || u == s_.labels ? weight : labelled(arc, t, u, cell, weight);
    }

  private:
    SF_DEVICE L labelled(const Arc& arc, int64_t t, int64_t u, int64_t cell, L weight) const {
        if (p_.hat) weight += log_sigmoid(-column(kBlankColumn, cell));
        if (p_.delay_penalty != 0) weight += label_delay<L>(p_, s_, t);
        if (p_.pays_next_blank) {
            weight += blank_log_prob(p_, column(kBlankColumn, cell + 1)) - static_cast<L>(p_.sigma);
        }
        // A label of TDT ends no path.
        const bool ends = arc.duration != 0 && t + arc.frames >= s_.frames;
        return ends || !in_window(p_, s_, t, u) ? weight - infinity<L>() : weight;
    }

    const RnntProblem& p_;
    const RnntSequence& s_;
    const L* columns_;
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_ARCS_HPP_
