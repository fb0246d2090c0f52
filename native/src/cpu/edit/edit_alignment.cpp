// The alignment of two sequences with the fewest edits, and how many of each kind there are.
//
// The matrix of distances has a row for each token of the reference and a column for each of the
// hypothesis; strips of 64 rows run over it (see edit_strip.hpp). The way back needs the columns of
// a strip. Keeping those of all strips would take rows * columns / 4 bytes, so what is kept is the
// border below each strip, 2 bits a column, rows * columns / 256 bytes in all; strip after strip,
// from the last to the first, runs again from the border above it, up to the column where the way
// back enters it, and then its columns are kept. (The last strip runs only once.)
//
// Of several best alignments it takes the one found from the ends, after what the two sequences
// begin and end with alike is matched, by the first that is possible of: deletion, substitution,
// insertion, match.
#include <algorithm>
#include <vector>

#include "edit/edit_strip.hpp"
#include "edit/tokens.hpp"
#include "op.hpp"
#include "problem.hpp"
#include "thread_pool.hpp"

namespace seqfront {
namespace {

enum Input { kHypothesis, kHypothesisLengths, kReference, kReferenceLengths };
enum Output { kCounts, kHypothesisPositions, kReferencePositions };
enum Edit { kSubstitutions, kDeletions, kInsertions, kEdits };

constexpr int64_t kWordBits = 64;
constexpr int32_t kNone = -1;

// What one sequence of a pair is aligned with, one entry for each token.
struct Pairs {
    int32_t* of_reference;
    int32_t* of_hypothesis;
    int32_t* counts;

    void align(int64_t reference, int64_t hypothesis) const {
        of_reference[reference] = static_cast<int32_t>(hypothesis);
        of_hypothesis[hypothesis] = static_cast<int32_t>(reference);
    }
};

// Differences along a border, a bit for each column.
struct Border {
    uint64_t* rises;
    uint64_t* falls;
};

class Aligner {
  public:
    // For sequences up to these sizes.
    Aligner(int64_t reference, int64_t hypothesis)
        : words_(hypothesis / kWordBits + 1),
          table_(reference),
          reference_ids_(allocate<int32_t>(reference)),
          hypothesis_ids_(allocate<int32_t>(hypothesis)),
          matches_(allocate<uint64_t>(reference + 1)),
          columns_(allocate<EditStrip>(hypothesis + 1)),
          borders_(allocate<uint64_t>(2 * words_ * (reference / kStripRows + 1))) {}

    // The offsets of the sequences (which begin and end differently) are those of `pairs`.
    void align(const Tokens& reference, const Tokens& hypothesis, int64_t offset,
               const Pairs& pairs) {
        number(reference, hypothesis);
        int64_t row = reference.size, column = hypothesis.size;
        const int64_t last = (row - 1) / kStripRows;
        for (int64_t strip = 0; row > 0 && strip < last; ++strip) {
            run<false>(strip, reference.size, column);
        }
        for (int64_t strip = last; row > 0 && column > 0; --strip) {
            run<true>(strip, reference.size, column);
            const int64_t top = strip * kStripRows;
            while (row > top && column > 0) {
                if (columns_[column].up >> (row - 1 - top) & 1) {
                    --row;
                    ++pairs.counts[kDeletions];
                } else if (columns_[column - 1].down >> (row - 1 - top) & 1) {
                    --column;
                    ++pairs.counts[kInsertions];
                } else {
                    --row;
                    --column;
                    pairs.counts[kSubstitutions] += reference_ids_[row] != hypothesis_ids_[column];
                    pairs.align(offset + row, offset + column);
                }
            }
        }
        pairs.counts[kDeletions] += static_cast<int32_t>(row);
        pairs.counts[kInsertions] += static_cast<int32_t>(column);
    }

  private:
    void number(const Tokens& reference, const Tokens& hypothesis) {
        table_.clear(reference.size);
        for (int64_t i = 0; i < reference.size; ++i) {
            reference_ids_[i] = table_.add(reference.begin[i]);
        }
        for (int64_t j = 0; j < hypothesis.size; ++j) {
            hypothesis_ids_[j] = table_.id(hypothesis.begin[j]);
        }
        std::fill_n(matches_.get(), table_.count() + 1, uint64_t{0});
    }

    Border border_below(int64_t strip) const {
        uint64_t* const rises = borders_.get() + 2 * words_ * strip;
        return {rises, rises + words_};
    }

    // Runs a strip over `columns` columns; keeps the columns, or else the border below.
    template <bool KeepColumns>
    void run(int64_t strip, int64_t rows, int64_t columns) {
        const int32_t* const ids = reference_ids_.get() + strip * kStripRows;
        const int64_t count = std::min(kStripRows, rows - strip * kStripRows);
        for (int64_t i = 0; i < count; ++i) matches_[ids[i]] |= uint64_t{1} << i;
        EditStrip state;
        if (KeepColumns) columns_[0] = state;
        for (int64_t begin = 0; begin < columns; begin += kWordBits) {
            const int64_t word = begin / kWordBits;
            // The first row of the matrix: 0, 1, 2 ...
            uint64_t rises = strip == 0 ? ~uint64_t{0} : border_below(strip - 1).rises[word];
            uint64_t falls = strip == 0 ? 0 : border_below(strip - 1).falls[word];
            Horizontal below = {0, 0};
            const int64_t size = std::min(kWordBits, columns - begin);
            for (int64_t j = 0; j < size; ++j, rises >>= 1, falls >>= 1) {
                const uint64_t match = matches_[hypothesis_ids_[begin + j]];
                const Horizontal row = state.advance(match, rises & 1, falls & 1);
                if (KeepColumns) {
                    columns_[begin + j + 1] = state;
                } else {
                    below.rises |= row.rises >> (kStripRows - 1) << j;
                    below.falls |= row.falls >> (kStripRows - 1) << j;
                }
            }
            if (KeepColumns) continue;
            border_below(strip).rises[word] = below.rises;
            border_below(strip).falls[word] = below.falls;
        }
        for (int64_t i = 0; i < count; ++i) matches_[ids[i]] = 0;
    }

    int64_t words_;
    TokenTable table_;
    Buffer<int32_t> reference_ids_;
    Buffer<int32_t> hypothesis_ids_;
    Buffer<uint64_t> matches_;  // for each token: the rows of the strip that have it
    Buffer<EditStrip> columns_;
    Buffer<uint64_t> borders_;
};

void align(Tokens reference, Tokens hypothesis, Aligner& aligner, const Pairs& pairs) {
    const int64_t prefix = common_prefix(reference, hypothesis);
    for (int64_t i = 0; i < prefix; ++i) pairs.align(i, i);
    const int64_t suffix =
        common_suffix(reference.without(prefix, 0), hypothesis.without(prefix, 0));
    for (int64_t i = 1; i <= suffix; ++i) pairs.align(reference.size - i, hypothesis.size - i);
    aligner.align(reference.without(prefix, suffix), hypothesis.without(prefix, suffix), prefix,
                  pairs);
}

void run(const Call& call) {
    const int64_t batch = call.size(kHypothesis, 0);
    const int64_t columns = call.size(kHypothesis, 1), rows = call.size(kReference, 1);
    const int32_t* const hypothesis_lengths = call.in<int32_t>(kHypothesisLengths);
    const int32_t* const reference_lengths = call.in<int32_t>(kReferenceLengths);
    check_element_count(call.name(), {batch, rows, columns});  // of the matrices
    check_lengths(call.name(), "hypothesis_lengths", hypothesis_lengths, batch, columns);
    check_lengths(call.name(), "reference_lengths", reference_lengths, batch, rows);
    std::fill_n(call.out<int32_t>(kCounts), batch * kEdits, 0);
    std::fill_n(call.out<int32_t>(kHypothesisPositions), batch * rows, kNone);
    std::fill_n(call.out<int32_t>(kReferencePositions), batch * columns, kNone);
    const int64_t work = 1 + (rows / kStripRows + 1) * columns * 8;
    const int32_t threads = useful_threads(batch, work, usable_threads(call.threads()));
    std::vector<Aligner> aligners;
    for (int32_t i = 0; i < threads; ++i) aligners.emplace_back(rows, columns);
    parallel_for(batch, work, threads, [&](int32_t slot, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const Tokens reference{call.in<int32_t>(kReference) + i * rows, reference_lengths[i]};
            const Tokens hypothesis{call.in<int32_t>(kHypothesis) + i * columns,
                                    hypothesis_lengths[i]};
            align(reference, hypothesis, aligners[static_cast<size_t>(slot)],
                  {call.out<int32_t>(kHypothesisPositions) + i * rows,
                   call.out<int32_t>(kReferencePositions) + i * columns,
                   call.out<int32_t>(kCounts) + i * kEdits});
        }
    });
}

}  // namespace

const Op& edit_alignment_op() {
    static const Op op = {
        "edit_alignment",
        {{"hypothesis", "int32", "batch hypothesis", 0},
         {"hypothesis_lengths", "int32", "batch", 0},
         {"reference", "int32", "batch reference", 0},
         {"reference_lengths", "int32", "batch", 0}},
        {{"counts", "int32", "batch 3", 0},  // substitutions, deletions, insertions
                                             // Of each token, where the one it is aligned with
                                             // stands; -1: there is none, or padding.
         {"hypothesis_positions", "int32", "batch reference", 0},
         {"reference_positions", "int32", "batch hypothesis", 0}},
        {},
        run,
        nullptr,
    };
    return op;
}

}  // namespace seqfront
