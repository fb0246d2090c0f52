// The transducer family: what a call asks for.
//
// All variants are one thing. A row of logits has a few special classes (blank, next label, big
// blanks), arcs between cells of the lattice carry their log-probs and constants, and each cell's
// gradient is occupancy * softmax - posteriors. They differ in where the rows lie (Storage) and in
// which arcs leave a cell (TransducerArc).
#ifndef SEQFRONT_CPU_TRANSDUCER_HPP_
#define SEQFRONT_CPU_TRANSDUCER_HPP_

#include <vector>

#include "problem.hpp"
#include "transducer/transducer_options.hpp"

namespace seqfront {

enum class Storage {
    kDense,   // [batch, frames, labels + 1, classes]
    kPacked,  // [cells, classes]: frame_length * (label_length + 1) rows for each sequence
    kBand     // [batch, frames, band, classes]: row r of a frame is position start + r
};

// An arc from (t, u) to (t + frames, u + labels).
struct TransducerArc {
    int64_t frames, labels;
    int token;     // column of its class
    int duration;  // column of its duration (TDT), or 0
};

// A sequence of a checked problem.
struct TransducerSequence {
    int64_t index, frames, labels;
    int64_t width;  // rows stored of each frame
    bool band;
    const int32_t* targets;
    const int32_t* starts;   // [frames]; null: all positions are stored
    const int32_t* windows;  // [labels, 2] or null

    int64_t positions() const { return labels + 1; }
    int64_t cells() const { return frames * width; }
    int64_t start(int64_t t) const { return starts == nullptr ? 0 : starts[t]; }
    // How many of the rows of frame t are positions of this sequence.
    int64_t rows(int64_t t) const {
        const int64_t left = positions() - start(t);
        return left < 0 ? 0 : left < width ? left : width;
    }
    // Where row r of frame t stands in a column: along anti-diagonals (see RnntLattice) or, in a
    // band, frame by frame.
    int64_t cell(int64_t t, int64_t r) const {
        return band ? t * width + r : (t + r) % frames * width + r;
    }
};

// The cells of frame t, row after row: `cell` without its division.
class CellWalk {
  public:
    CellWalk(const TransducerSequence& s, int64_t t)
        : cells_(s.cells()),
          step_(s.band ? 1 : s.width + 1),
          rows_to_wrap_(s.band ? s.width + 1 : s.frames - t),
          frames_(s.frames),
          cell_(s.cell(t, 0)) {}

    int64_t cell() const { return cell_; }
    void next() {
        cell_ += step_;
        if (--rows_to_wrap_ == 0) {
            cell_ -= cells_;
            rows_to_wrap_ = frames_;
        }
    }

  private:
    int64_t cells_, step_, rows_to_wrap_, frames_, cell_;
};

// Where the rows of a sequence lie in an array, in elements.
struct RowPlace {
    int64_t base, frame_stride, row_stride;
};

// Inputs of an op; -1 for what it has not.
struct TransducerInputs {
    int logits, targets, starts, windows, big_blanks, duration_logits, durations;
    int weight = -1;  // of the layer that makes the logits; then `logits` is what goes into it
};

struct TransducerProblem : LatticeProblem {
    TransducerProblem(const Call& call, Storage storage, const TransducerInputs& at);

    Storage storage;
    TransducerOptions options;
    const int32_t* starts;
    const int32_t* windows;
    const int32_t* big_blanks;  // [.., 2]: class, duration
    const int32_t* durations;
    int64_t big_blank_count, duration_count;
    int64_t row_stride[3];           // of the logits
    int64_t duration_row_stride[3];  // of the duration logits
    int64_t width;                   // rows stored of a frame; the most of one, if packed
    std::vector<TransducerArc> arcs;
    int64_t columns;  // of saved, and of the gradient

    // Arcs of the standard lattice only, so that its own kernel will do.
    bool standard() const;
    // Nothing but log-probs weighs them, and nothing but their posteriors goes into the gradient.
    bool plain() const;

    TransducerSequence sequence(int64_t b) const;
    RowPlace place(const TransducerSequence& s, const int64_t* stride) const;
    int64_t first_cell(int64_t b) const;  // of the sequence, among all
    int64_t total_cells() const { return first_cell(batch); }
    int64_t most_cells;  // of a sequence, with what a band that steps back skips

    // Whether the rows of an array with these strides lie one after another.
    bool is_dense(const int64_t* stride) const;

    // With those of padding.
    int64_t stored_frames(const TransducerSequence& s) const {
        return storage == Storage::kPacked ? s.frames : frames;
    }
    int64_t stored_rows(const TransducerSequence& s) const {
        return storage == Storage::kPacked ? s.width : width;
    }

    // The stored frames of all sequences, numbered.
    struct Frame {
        int64_t b, t;
    };
    int64_t frame_count() const;
    Frame frame(int64_t i) const;
    int64_t frame_work() const;  // of one frame, in elements of logits read

  private:
    void pack(const Call& call);
    void check_options(const char* op) const;
    void check_big_blanks(const char* op) const;
    void check_starts(const char* op);
    void check_durations(const char* op) const;
    void make_arcs();

    std::vector<int64_t> first_cell_, first_frame_;  // packed: of each sequence, and the end
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_TRANSDUCER_HPP_
