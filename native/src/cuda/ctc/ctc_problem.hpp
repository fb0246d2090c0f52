// CTC on a GPU: what a call asks for, as plain data that kernels take by value. As in RNN-T, the
// host does not look at lengths and targets, and what is out of range gives NaN.
#ifndef SEQFRONT_CUDA_CTC_CTC_PROBLEM_HPP_
#define SEQFRONT_CUDA_CTC_CTC_PROBLEM_HPP_

#include "cuda/probability.hpp"
#include "cuda/starts.hpp"

namespace seqfront {
namespace cuda {

struct CtcSequence {
    int64_t index;
    int64_t start;   // where its labels begin in the targets
    int32_t frames;  // as many as there are
    int32_t labels;
    bool in_range;

    SF_DEVICE int32_t positions() const { return labels + 1; }  // a blank, and the label after it
};

struct CtcProblem {
    // Frames or labels. With more, what goes a little beyond, or the number of a state, would not
    // be an int32.
    static constexpr int64_t kMost = INT32_MAX / 2 - 64;
    // Elements before those of the labels in a row of scores; see CtcBlankScore.
    static constexpr int kHeader = 4;

    int64_t batch, frames, classes, blank;
    int64_t target_rows, target_columns;  // batch rows, or 1 with all targets one after another
    const int64_t* starts;                // [batch], by SequenceStarts; null: a row each
    const int32_t* targets;
    const int32_t* frame_lengths;      // [batch]
    const int32_t* label_lengths;      // [batch]
    int32_t most_frames, most_labels;  // that a sequence may have
    int64_t star;                      // if has_star
    bool has_star, star_any, normalized, label_loop;

    SF_EVERYWHERE int64_t rows() const { return batch * frames; }
    // Of a frame, in tables.
    SF_EVERYWHERE int64_t positions() const { return target_columns + 1; }
    // Elements from one row of scores to the next: rows begin at 16 bytes.
    SF_EVERYWHERE int64_t pitch() const { return (kHeader + positions() + 3) / 4 * 4; }

    SF_DEVICE CtcSequence sequence(int64_t b) const {
        const int32_t t = frame_lengths[b], count = label_lengths[b];
        const int64_t start = starts == nullptr ? b * target_columns : starts[b];
        int32_t left = most_labels;
        if (starts != nullptr) left = static_cast<int32_t>(within(target_columns - start, left));
        const int32_t seen = within(t, most_frames), used = within(count, left);
        return {b, start, seen, used, seen == t && used == count};
    }
    // The sequence that has element i of the targets, or of which that is padding.
    SF_DEVICE int64_t sequence_of(int64_t i) const {
        if (starts == nullptr) return divided(i, target_columns);
        return sequence_at(starts, batch, i);
    }

    SF_DEVICE int64_t target(const CtcSequence& s, int64_t k) const { return targets[s.start + k]; }
    SF_DEVICE bool is_label(int64_t target) const {
        return target >= 0 && target < classes && target != blank;
    }
    SF_DEVICE bool is_star(int64_t target) const { return has_star && target == star; }
    // Whether a path may go from label k - 1 to label k without a blank.
    SF_DEVICE bool skips(const CtcSequence& s, int64_t k) const {
        return k > 0 && k < s.labels && (!label_loop || target(s, k) != target(s, k - 1));
    }

    template <class V>
    static SF_EVERYWHERE V within(V value, decltype(V{}) limit) {
        return value < 0 ? 0 : value > limit ? limit : value;
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

// A blank and the label after it. At most 16 bytes are loaded at once.
template <class V>
struct alignas(2 * sizeof(V) < 16 ? 2 * sizeof(V) : 16) CtcPair {
    V blank, label;
};

// What is kept of each frame: the parts of its normaliser, and with star_any the log-prob of all
// classes but the blank. `top` is NaN if a score of the frame is NaN or +inf.
template <class L>
struct CtcNormaliser {
    L top, log_sum, any;
};

// How a row of scores begins. Every position takes the blank, so its exponential is there.
template <class L>
struct alignas(16) CtcBlankScore {
    Probability<L> probability;
    L score, unused;
};

// Finds of each label the next that is the same: labels that occur again share an element of the
// gradient, and the first of them writes it for all.
struct CtcLinks {
    static constexpr int kMostThreads = 256;

    struct Args {
        CtcProblem problem;
        int32_t* next;  // as the targets: how far it is, 0 if there is none; of a label that is not
                        // the first, -1 less that
    };

    static Grid grid(const CtcProblem& p) {
        const int64_t count = p.target_rows * p.target_columns;
        return {p.batch == 0 ? 0 : (count + kMostThreads - 1) / kMostThreads, 1, kMostThreads, 0};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const CtcProblem& p = args.problem;
        const int64_t count = p.target_rows * p.target_columns;
        for (int64_t first = block.x() * kMostThreads; first < count;
             first += block.count_x() * kMostThreads) {
            block.each([&](int thread) {
                const int64_t i = first + thread;
                if (i >= count) return;
                const CtcSequence s = p.sequence(p.sequence_of(i));
                if (i - s.start >= s.labels) return;
                args.next[i] = link(p.targets + s.start, s.labels, static_cast<int>(i - s.start));
            });
        }
    }

  private:
    // Looks at all, so that no load waits for the one before.
    static SF_DEVICE int32_t link(const int32_t* targets, int32_t count, int32_t k) {
        const int32_t own = targets[k];
        int32_t next = count;
        bool before = false;
        for (int32_t j = 0; j < count; ++j) {
            const bool same = targets[j] == own;
            before |= same && j < k;
            next = same && j > k && j < next ? j : next;
        }
        const int32_t distance = next < count ? next - k : 0;
        return before ? -1 - distance : distance;
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_PROBLEM_HPP_
