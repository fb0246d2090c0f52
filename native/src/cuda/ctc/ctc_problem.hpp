// CTC on a GPU: what a call asks for, as plain data that kernels take by value. As in RNN-T, the
// host does not look at lengths and targets, and what is out of range gives NaN.
#ifndef SEQFRONT_CUDA_CTC_CTC_PROBLEM_HPP_
#define SEQFRONT_CUDA_CTC_CTC_PROBLEM_HPP_

#include "cuda/probability.hpp"

namespace seqfront {
namespace cuda {

// What is known of a sequence's labels before its lattice runs.
struct CtcLabels {
    int64_t start;   // where they begin in the targets
    int32_t count;   // as many of them as are there
    int32_t frames;  // as many as there are
    int32_t in_range;
};

struct CtcSequence {
    int64_t index, start, frames, labels;
    bool in_range;

    SF_DEVICE int64_t positions() const { return labels + 1; }  // a blank, and the label after it
};

struct CtcProblem {
    int64_t batch, frames, classes, blank;
    int64_t target_rows, target_columns;  // batch rows, or 1 with all targets one after another
    const int32_t* targets;
    const int32_t* frame_lengths;  // [batch]
    const int32_t* label_lengths;  // [batch]
    const CtcLabels* sequences;    // [batch], by CtcPrepare
    bool normalized, label_loop;

    SF_EVERYWHERE int64_t rows() const { return batch * frames; }
    // Of a frame, in the tables.
    SF_EVERYWHERE int64_t positions() const { return target_columns + 1; }

    SF_DEVICE CtcSequence sequence(int64_t b) const {
        const CtcLabels of = sequences[b];
        return {b, of.start, of.frames, of.count, of.in_range != 0};
    }
    SF_DEVICE int64_t target(const CtcSequence& s, int64_t k) const { return targets[s.start + k]; }
    SF_DEVICE bool is_label(int64_t target) const {
        return target >= 0 && target < classes && target != blank;
    }
    // Whether a path may go from label k - 1 to label k without a blank.
    SF_DEVICE bool skips(const CtcSequence& s, int64_t k) const {
        return k > 0 && k < s.labels && (!label_loop || target(s, k) != target(s, k - 1));
    }
    // Where the positions of a frame lie.
    SF_DEVICE int64_t row(const CtcSequence& s, int64_t t) const {
        return (s.index * frames + t) * positions();
    }
};

// The frame that is number i of all, those of padding too.
struct CtcFrameAt {
    CtcSequence sequence;
    int64_t t;

    SF_DEVICE bool inside() const { return t < sequence.frames; }
};

SF_DEVICE CtcFrameAt ctc_frame(const CtcProblem& p, int64_t i) {
    const int64_t b = divided(i, p.frames);
    return {p.sequence(b), i - b * p.frames};
}

// Sum over all alignments, and whether all scores were numbers below +inf.
template <class L>
struct CtcLikelihood {
    Probability<L> value;
    int32_t valid;
};

// A blank and the label after it.
template <class V>
struct CtcPair {
    V blank, label;
};

// Finds where sequences begin, and of each label the next that is the same: labels that occur again
// share an element of the gradient, and the first of them writes it for all.
struct CtcPrepare {
    static constexpr int kMostThreads = 256;

    struct Args {
        CtcProblem problem;
        CtcLabels* sequences;  // [batch]
        int32_t* next;         // [batch, target_columns]: 0 none; negative if it is not the first
    };

    static Grid grid(int64_t batch) { return {batch, 1, kMostThreads, 0}; }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const CtcProblem& p = args.problem;
        for (int64_t b = block.x(); b < p.batch; b += block.count_x()) {
            block.each([&](int thread) {
                const CtcLabels of = labels(p, b);
                if (thread == 0) args.sequences[b] = of;
                int32_t* const next = args.next + b * p.target_columns;
                for (int32_t k = thread; k < of.count; k += block.threads()) {
                    next[k] = link(p.targets + of.start, of.count, k);
                }
            });
        }
    }

  private:
    static SF_DEVICE CtcLabels labels(const CtcProblem& p, int64_t b) {
        const int64_t frames = p.frame_lengths[b], count = p.label_lengths[b];
        int64_t start = b * p.target_columns, left = p.target_columns;
        if (p.target_rows != p.batch) {
            start = 0;
            for (int64_t i = 0; i < b; ++i)
                start += p.label_lengths[i] > 0 ? p.label_lengths[i] : 0;
            if (start > left) start = left;
            left -= start;
        }
        const int64_t used = count < 0 ? 0 : count > left ? left : count;
        const int64_t seen = frames < 0 ? 0 : frames > p.frames ? p.frames : frames;
        return {start, static_cast<int32_t>(used), static_cast<int32_t>(seen),
                used == count && seen == frames};
    }

    // How far it is to the next equal label; the same as -1 - distance if there is one before, too.
    static SF_DEVICE int32_t link(const int32_t* targets, int32_t count, int32_t k) {
        int32_t next = k + 1, before = k - 1;
        while (next < count && targets[next] != targets[k]) ++next;
        while (before >= 0 && targets[before] != targets[k]) --before;
        const int32_t distance = next < count ? next - k : 0;
        return before >= 0 ? -1 - distance : distance;
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_PROBLEM_HPP_
