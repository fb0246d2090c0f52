// RNN-T on a GPU: what a call asks for, as plain data that kernels take by value.
//
// The host never looks at lengths and targets, for that would be a wait for the device. So a kernel
// reads nothing outside of the arrays whatever they are, and a sequence whose lengths or targets
// are out of range gets a loss and a gradient of NaN.
//
// A step of the lattice takes the cells whose t + skew * u is the same: along anti-diagonals, or,
// where a label takes its frame (the modified topology), frame by frame. Cells lie as they are
// taken: cell (t, u) of a sequence of T frames is element (t + skew * u) % T * positions + u of
// each column.
//
// Of a band (pruned RNN-T) rows are stored for some positions of a frame, from its start on; cells
// are those of all positions.
//
// Packed rows are those of one sequence after another, without padding: SequenceStarts finds where
// each begins. Rows behind the last have no sequence, and get zeros.
#ifndef SEQFRONT_CUDA_TRANSDUCER_RNNT_PROBLEM_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_RNNT_PROBLEM_HPP_

#include "cpu/transducer/transducer_options.hpp"
#include "cuda/probability.hpp"
#include "cuda/starts.hpp"

namespace seqfront {
namespace cuda {

struct RnntSequence {
    int64_t index, frames, labels;  // lengths within the arrays
    bool in_range;                  // whether they were before
    int skew;                       // 1: a label stays in its frame; 0: it goes to the next
    int64_t first_cell;             // of its tables, among those of all

    SF_DEVICE int64_t positions() const { return labels + 1; }
    SF_DEVICE int64_t cells() const { return frames * positions(); }
    // Where step n begins: its cell of position u is element begin(n) + u.
    SF_DEVICE int64_t begin(int64_t n) const {
        return (n - divided(n, frames) * frames) * positions();
    }
    SF_DEVICE int64_t cell(int64_t t, int64_t u) const { return begin(t + skew * u) + u; }
    // The step of the last cell.
    SF_DEVICE int64_t last_step() const { return frames - 1 + skew * labels; }
};

// Steps of a lattice are counted in 32 bits, for registers are scarce there.
constexpr int64_t kMostFrames = 0x7fffffff - 4096;

struct RnntProblem {
    int64_t batch, frames, labels, classes, blank;  // frames: if packed, of all rows
    bool packed;
    const int64_t* starts;         // [batch], if packed: where its rows begin
    const int32_t* targets;        // [batch, labels]
    const int32_t* frame_lengths;  // [batch]
    const int32_t* label_lengths;  // [batch]
    const int32_t* windows;        // [batch, labels, 2] or null
    bool normalized, hat;
    int skew;
    bool pays_next_blank;  // a label pays the blank after it, too (the constrained topology)
    double fastemit, clamp, delay_penalty, sigma;
    double loss_factor;
    int64_t star;  // see Star
    double star_weight;
    const int32_t* big_blanks;  // [big_blank_count, 2]: class, duration
    int64_t big_blank_count;
    const int32_t* durations;  // [duration_count] (TDT)
    int64_t duration_count;
    const int32_t* band_starts = nullptr;  // [batch, frames]; null: all positions are stored
    int64_t band = 0;

    // Whether a blank of one frame and a label are all arcs.
    bool standard() const { return star == kNoStar && big_blank_count + duration_count == 0; }
    // Of saved.
    SF_EVERYWHERE int64_t columns() const { return kFirstExtra + big_blank_count + duration_count; }

    // All cells, those of padding too; and the rows of logits.
    SF_EVERYWHERE int64_t rows() const { return packed ? frames : batch * frames * (labels + 1); }
    SF_EVERYWHERE int64_t stored_rows() const {
        return band_starts == nullptr ? rows() : batch * frames * band;
    }

    SF_DEVICE RnntSequence sequence(int64_t b) const {
        const int64_t t = frame_lengths[b], u = label_lengths[b];
        const int64_t start = packed ? starts[b] : b * frames * (labels + 1);
        const int64_t most = within(frames, kMostFrames);
        const bool labels_fit = u == within(u, labels);
        if (!packed) {
            const bool fits = labels_fit && t == within(t, most);
            return {b, within(t, most), within(u, labels), fits, skew, start};
        }
        const bool fits = labels_fit && t == within(t, most) && t * (u + 1) <= frames - start;
        return {b, fits ? t : 0, within(u, labels), fits, skew, start};
    }

    // The sequence of a packed row.
    SF_DEVICE int64_t sequence_of(int64_t row) const { return sequence_at(starts, batch, row); }

    // The label that leaves position u.
    SF_DEVICE int64_t target(const RnntSequence& s, int64_t u) const {
        return targets[s.index * labels + u];
    }
    SF_DEVICE bool is_label(int64_t target) const {
        return target >= 0 && target < classes && target != blank;
    }
    SF_DEVICE bool is_big_blank(int64_t target) const {
        bool is = false;
        for (int64_t i = 0; i < big_blank_count; ++i) is |= target == big_blanks[2 * i];
        return is;
    }

    static SF_DEVICE int64_t within(int64_t value, int64_t limit) {
        return value < 0 ? 0 : value > limit ? limit : value;
    }
};

// A row of logits: position u of frame t.
struct RnntRow {
    RnntSequence sequence;
    int64_t t, u;
    int64_t start = 0;  // the position of the first row of its frame

    SF_DEVICE bool inside() const { return t < sequence.frames && u <= sequence.labels; }
    SF_DEVICE int64_t cell() const { return sequence.cell(t, u); }
};

// The position of a row of a frame, the frames of all sequences counted; one beyond the last if the
// band of the frame begins nowhere.
SF_DEVICE int64_t position_of(const RnntProblem& p, int64_t frame, int64_t number) {
    if (p.band_starts == nullptr) return number;
    const int64_t start = p.band_starts[frame];
    return start < 0 || start > p.labels ? p.labels + 1 : start + number;
}

// The row that is number i of all, those of padding too.
SF_DEVICE RnntRow row_of(const RnntProblem& p, int64_t i) {
    if (p.packed) {
        const RnntSequence s = p.sequence(p.sequence_of(i));
        const int64_t row = i - s.first_cell, t = divided(row, s.positions());
        return {s, t, row - t * s.positions()};
    }
    const int64_t width = p.band_starts == nullptr ? p.labels + 1 : p.band;
    const int64_t frame = divided(i, width), b = divided(frame, p.frames);
    const int64_t number = i - frame * width, u = position_of(p, frame, number);
    return {p.sequence(b), frame - b * p.frames, u, u - number};
}

// Log-probs of the blank, the next label and, if labels pay it, the blank after that.
template <class L>
struct RnntSaved {
    L blank, label, next_blank;
};

template <class L>
SF_DEVICE RnntSaved<L> saved_at(const RnntProblem& p, const RnntSequence& s, const L* saved,
                                int64_t cell, int64_t u) {
    const L* const columns = saved + s.first_cell * kFirstExtra;
    const L* const blank = columns + kBlankColumn * s.cells() + cell;
    return {blank[0], columns[kLabelColumn * s.cells() + cell],
            p.pays_next_blank && u < s.labels ? blank[1] : 0};
}

// Weights of the arcs that leave a cell, or their posteriors.
template <class L>
struct RnntArcs {
    L blank, label;
};

// The log-prob of a blank. HAT saves a logit, which a sigmoid makes a probability.
template <class L>
SF_DEVICE L log_sigmoid(L logit) {
    return minimum(logit, L{0}) - log1p(exp(-absolute(logit)));
}
template <class L>
SF_DEVICE L blank_log_prob(const RnntProblem& p, L saved) {
    return p.hat ? log_sigmoid(saved) : saved;
}

// What a label gets for frame t. The difference of frames to the middle is exact, the product
// rounded once.
template <class L>
SF_DEVICE L label_delay(const RnntProblem& p, const RnntSequence& s, int64_t t) {
    return static_cast<L>(p.delay_penalty) * (static_cast<L>(s.frames - 1 - 2 * t) / 2);
}
// Whether label u may be emitted at frame t.
SF_DEVICE bool in_window(const RnntProblem& p, const RnntSequence& s, int64_t t, int64_t u) {
    if (p.windows == nullptr) return true;
    const int32_t* const window = p.windows + (s.index * p.labels + u) * 2;
    return t >= window[0] && t <= window[1];
}

// What the arcs of cell (t, u) weigh. With HAT, labels have what the blank leaves.
template <class L>
SF_DEVICE RnntArcs<L> weighed(const RnntProblem& p, const RnntSequence& s, int64_t t, int64_t u,
                              const RnntSaved<L>& saved) {
    const L sigma = static_cast<L>(p.sigma);
    RnntArcs<L> arcs = {blank_log_prob(p, saved.blank) - sigma, saved.label - sigma};
    if (p.hat) arcs.label += log_sigmoid(-saved.blank);
    if (u == s.labels) return arcs;
    arcs.label += label_delay<L>(p, s, t);
    if (p.pays_next_blank) arcs.label += blank_log_prob(p, saved.next_blank) - sigma;
    if (!in_window(p, s, t, u)) arcs.label += -infinity<L>();
    return arcs;
}

// Sum over all paths, and whether all weights were numbers below +inf.
template <class L>
struct RnntLikelihood {
    Probability<L> value;
    int32_t valid;
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_RNNT_PROBLEM_HPP_
