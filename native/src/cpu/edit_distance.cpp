// Levenshtein distance, 64 rows of the matrix at a time (Myers 1999; Hyyro 2003).
//
// The matrix has a row for each token of the pattern, the shorter sequence, and a column for each
// of the text. Neighbours differ by at most one, so a column of 64 rows is two words: where it goes
// up, and where down, from row to row. A strip of 64 rows runs over the whole text before the next
// begins; between them go the differences from column to column along the border. So the memory is
// linear in both lengths, and tokens may be any int32.
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "op.hpp"
#include "problem.hpp"
#include "thread_pool.hpp"

namespace seqfront {
namespace {

constexpr int64_t kWord = 64;

struct Tokens {
    const int32_t* begin;
    int64_t size;

    void drop_first() {
        ++begin;
        --size;
    }
    int32_t last() const { return begin[size - 1]; }
};

// A number for each distinct token of the pattern, by open addressing.
class TokenTable {
  public:
    explicit TokenTable(int64_t pattern_size) {
        while (slots_ < 2 * pattern_size) slots_ *= 2;
        keys_ = allocate<int32_t>(slots_);
        ids_ = allocate<int32_t>(slots_);
    }

    // Forgets all, and makes room for `pattern_size` tokens.
    void clear(int64_t pattern_size) {
        int64_t used = 16;
        while (used < 2 * pattern_size) used *= 2;
        mask_ = static_cast<uint64_t>(used - 1);
        std::memset(ids_.get(), 0, static_cast<size_t>(used) * sizeof(int32_t));
        count_ = 0;
    }

    int32_t add(int32_t token) {
        const int64_t slot = find(token);
        if (ids_[slot] == 0) {
            keys_[slot] = token;
            ids_[slot] = ++count_;
        }
        return ids_[slot];
    }

    // 0 for tokens that the pattern does not have.
    int32_t id(int32_t token) const { return ids_[find(token)]; }

  private:
    int64_t find(int32_t token) const {
        uint64_t slot = static_cast<uint32_t>(token) * uint64_t{0x9E3779B97F4A7C15} >> 32 & mask_;
        while (ids_[slot] != 0 && keys_[slot] != token) slot = (slot + 1) & mask_;
        return static_cast<int64_t>(slot);
    }

    int64_t slots_ = 16;
    uint64_t mask_ = 0;
    int32_t count_ = 0;
    Buffer<int32_t> keys_;
    Buffer<int32_t> ids_;
};

// Memory of one thread.
struct Workspace {
    Workspace(int64_t pattern, int64_t text)
        : table(pattern),
          pattern_ids(allocate<int32_t>(pattern)),
          text_ids(allocate<int32_t>(text)),
          matches(allocate<uint64_t>(pattern + 1)),
          border(allocate<int8_t>(text)) {}

    TokenTable table;
    Buffer<int32_t> pattern_ids;
    Buffer<int32_t> text_ids;
    Buffer<uint64_t> matches;  // for each token: the rows of the strip that have it
    Buffer<int8_t> border;     // column-to-column difference along the last row of a strip
};

// Runs one strip over the text; `last` is its last row. Returns the sum of the border.
int64_t run_strip(const Workspace& work, int64_t text_size, int64_t last) {
    uint64_t up = ~uint64_t{0}, down = 0;
    int64_t sum = 0;
    for (int64_t j = 0; j < text_size; ++j) {
        const int above = work.border[j];
        const auto rises = static_cast<uint64_t>(above > 0),
                   falls = static_cast<uint64_t>(above < 0);
        uint64_t match = work.matches[work.text_ids[j]];
        const uint64_t vertical = match | down;
        match |= falls;
        const uint64_t horizontal = (((match & up) + up) ^ up) | match;
        uint64_t plus = down | ~(horizontal | up);
        uint64_t minus = up & horizontal;
        const int below = static_cast<int>(plus >> last & 1) - static_cast<int>(minus >> last & 1);
        work.border[j] = static_cast<int8_t>(below);
        sum += below;
        plus = plus << 1 | rises;
        minus = minus << 1 | falls;
        up = minus | ~(vertical | plus);
        down = plus & vertical;
    }
    return sum;
}

int64_t distance(Tokens a, Tokens b, Workspace& work) {
    if (a.size > b.size) std::swap(a, b);
    while (a.size > 0 && a.begin[0] == b.begin[0]) {
        a.drop_first();
        b.drop_first();
    }
    while (a.size > 0 && a.last() == b.last()) {
        --a.size;
        --b.size;
    }
    if (a.size == 0) return b.size;
    work.table.clear(a.size);
    for (int64_t i = 0; i < a.size; ++i) work.pattern_ids[i] = work.table.add(a.begin[i]);
    for (int64_t j = 0; j < b.size; ++j) work.text_ids[j] = work.table.id(b.begin[j]);
    std::fill_n(work.matches.get(), a.size + 1, uint64_t{0});
    std::fill_n(work.border.get(), b.size, int8_t{1});  // the first row of the matrix is 0, 1, 2 ..
    int64_t sum = 0;
    for (int64_t begin = 0; begin < a.size; begin += kWord) {
        const int64_t rows = std::min(kWord, a.size - begin);
        for (int64_t i = 0; i < rows; ++i) {
            work.matches[work.pattern_ids[begin + i]] |= uint64_t{1} << i;
        }
        sum = run_strip(work, b.size, rows - 1);
        for (int64_t i = 0; i < rows; ++i) work.matches[work.pattern_ids[begin + i]] = 0;
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
    const int64_t work = 1 + (shorter / kWord + 1) * longer * 2;
    const int32_t threads = useful_threads(batch, work, usable_threads(call.threads()));
    std::vector<Workspace> workspaces;
    for (int32_t i = 0; i < threads; ++i) workspaces.emplace_back(shorter, longer);
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
