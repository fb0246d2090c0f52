// Levenshtein distance, 64 rows of the matrix in a word (see edit_strip.hpp).
//
// The matrix has a row for each token of the pattern, the shorter sequence, and a column for each
// of the text. A band of several strips runs over the whole text before the next begins: one strip
// would wait for its own last column all the time. Bands go into vectors as long as there are rows
// for them, the rest is up to four words side by side. Between bands go the differences from column
// to column along the border. So the memory is linear in both lengths, and tokens may be any int32.
#include <algorithm>
#include <utility>
#include <vector>

#include "edit/edit_strip.hpp"
#include "edit/tokens.hpp"
#include "op.hpp"
#include "problem.hpp"
#include "simd/dispatch.hpp"
#include "thread_pool.hpp"

namespace seqfront {
namespace {

constexpr int64_t kStrips = 4;   // of a band of words
constexpr int64_t kMargin = 16;  // tokens around the text; more than any kernel's strips

// Memory of one thread.
struct Workspace {
    Workspace(const Kernels& kernels, int64_t pattern, int64_t text)
        : kernel(kernels),
          table(pattern),
          pattern_ids(allocate<int32_t>(pattern)),
          text_memory(allocate<int32_t>(text + 2 * kMargin)),
          matches(allocate<uint64_t>(std::max(kStrips, kernels.edit_strips) * (pattern + 1))),
          border(allocate<uint8_t>(text)) {}

    int32_t* text_ids() const { return text_memory.get() + kMargin; }

    const Kernels& kernel;
    TokenTable table;
    Buffer<int32_t> pattern_ids;
    Buffer<int32_t> text_memory;
    Buffer<uint64_t> matches;  // for each token, a word for each strip: the rows that have it
    Buffer<uint8_t> border;    // along the last row of a band, for each column: 1 rises, 2 falls
};

// Runs a band of Strips strips over the text; `last` is the last row of the last strip. Returns by
// how much the border rises in all.
template <int64_t Strips>
int64_t run_words(const EditBand& band, int64_t last) {
    EditStrip strips[Strips];
    int64_t sum = 0;
    for (int64_t j = 0; j < band.columns; ++j) {
        const uint64_t* const match = band.matches + band.text[j] * Strips;
        uint64_t rises = band.border[j] & 1, falls = band.border[j] >> 1;
        for (int64_t k = 0; k < Strips; ++k) {
            const Horizontal row = strips[k].advance(match[k], rises, falls);
            const int64_t bit = k + 1 < Strips ? kStripRows - 1 : last;
            rises = row.rises >> bit & 1;
            falls = row.falls >> bit & 1;
        }
        band.border[j] = static_cast<uint8_t>(rises | falls << 1);
        sum += static_cast<int64_t>(rises) - static_cast<int64_t>(falls);
    }
    return sum;
}

// A band of `strips` strips that has `rows` rows; by vectors if these are what they take.
int64_t run_band(const Kernels& kernel, const EditBand& band, int64_t strips, int64_t rows) {
    if (strips == kernel.edit_strips && rows == strips * kStripRows) return kernel.edit_band(band);
    const int64_t last = (rows - 1) % kStripRows;
    switch (strips) {
        case 1:
            return run_words<1>(band, last);
        case 2:
            return run_words<2>(band, last);
        case 3:
            return run_words<3>(band, last);
        default:
            return run_words<kStrips>(band, last);
    }
}

int64_t distance(Tokens a, Tokens b, Workspace& work) {
    if (a.size > b.size) std::swap(a, b);
    const int64_t prefix = common_prefix(a, b);
    a = a.without(prefix, 0);
    b = b.without(prefix, 0);
    const int64_t suffix = common_suffix(a, b);
    a = a.without(0, suffix);
    b = b.without(0, suffix);
    if (a.size == 0) return b.size;
    work.table.clear(a.size);
    int32_t* const text = work.text_ids();
    uint64_t* const matches = work.matches.get();
    for (int64_t i = 0; i < a.size; ++i) work.pattern_ids[i] = work.table.add(a.begin[i]);
    for (int64_t j = 0; j < b.size; ++j) text[j] = work.table.id(b.begin[j]);
    std::fill_n(text - kMargin, kMargin, 0);
    std::fill_n(text + b.size, kMargin, 0);
    std::fill_n(work.border.get(), b.size, uint8_t{1});  // the first row of the matrix: 0, 1, 2 ..
    const int64_t all = (a.size + kStripRows - 1) / kStripRows, wide = work.kernel.edit_strips;
    std::fill_n(matches, std::min(all, std::max(kStrips, wide)) * (work.table.count() + 1),
                uint64_t{0});
    int64_t sum = 0;
    for (int64_t begin = 0, rows = 0; begin < a.size; begin += rows) {
        const int64_t left = a.size - begin, few = std::min(kStrips, (left - 1) / kStripRows + 1);
        const int64_t strips = left >= wide * kStripRows && wide > few ? wide : few;
        rows = std::min(left, strips * kStripRows);
        const int32_t* const ids = work.pattern_ids.get() + begin;
        for (int64_t i = 0; i < rows; ++i) {
            matches[ids[i] * strips + i / kStripRows] |= uint64_t{1} << i % kStripRows;
        }
        sum = run_band(work.kernel, {matches, text, b.size, work.border.get()}, strips, rows);
        for (int64_t i = 0; i < rows; ++i) matches[ids[i] * strips + i / kStripRows] = 0;
    }
    return a.size + sum;
}

enum Input { kA, kALengths, kB, kBLengths };

void run(const Call& call) {
    const int64_t batch = call.size(kA, 0), a_size = call.size(kA, 1), b_size = call.size(kB, 1);
    const int32_t* a_lengths = call.in<int32_t>(kALengths);
    const int32_t* b_lengths = call.in<int32_t>(kBLengths);
    check_element_count(call.name(), {batch, a_size, b_size});  // of the matrices
    check_lengths(call.name(), "a_lengths", a_lengths, batch, a_size);
    check_lengths(call.name(), "b_lengths", b_lengths, batch, b_size);
    const int32_t* const a = call.in<int32_t>(kA);
    const int32_t* const b = call.in<int32_t>(kB);
    int32_t* const distances = call.out<int32_t>(0);
    const int64_t shorter = std::min(a_size, b_size), longer = std::max(a_size, b_size);
    const int64_t work = 1 + (shorter / kStripRows + 1) * longer * 2;
    const int32_t threads = useful_threads(batch, work, usable_threads(call.threads()));
    std::vector<Workspace> workspaces;
    for (int32_t i = 0; i < threads; ++i) workspaces.emplace_back(kernels(), shorter, longer);
    parallel_for(batch, work, threads, [&](int32_t slot, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const Tokens x{a_size > 0 ? a + i * a_size : nullptr, a_lengths[i]};
            const Tokens y{b_size > 0 ? b + i * b_size : nullptr, b_lengths[i]};
            distances[i] =
                static_cast<int32_t>(distance(x, y, workspaces[static_cast<size_t>(slot)]));
        }
    });
}

}  // namespace

const Op& edit_distance_op() {
    static const Op op = {
        "edit_distance",
        {{"a", "int32", "batch a_size", 0},
         {"a_lengths", "int32", "batch", 0},
         {"b", "int32", "batch b_size", 0},
         {"b_lengths", "int32", "batch", 0}},
        {{"distance", "int32", "batch", 0}},
        {},
        run,
        nullptr,
    };
    return op;
}

}  // namespace seqfront
