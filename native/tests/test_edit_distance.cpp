// Edit distance against the textbook recurrence, around the word boundaries.
#include <algorithm>

#include "op_call.hpp"

using namespace testing;

namespace {

int32_t textbook(const int32_t* a, int64_t n, const int32_t* b, int64_t m) {
    std::vector<int32_t> row(static_cast<size_t>(m + 1));
    for (size_t j = 0; j < row.size(); ++j) row[j] = static_cast<int32_t>(j);
    for (int64_t i = 0; i < n; ++i) {
        int32_t diagonal = row[0]++;
        for (int64_t j = 0; j < m; ++j) {
            int32_t& here = row[static_cast<size_t>(j + 1)];
            const int32_t step = std::min(here, row[static_cast<size_t>(j)]) + 1;
            const int32_t substitution = diagonal + (a[i] != b[j]);
            diagonal = here;
            here = std::min(step, substitution);
        }
    }
    return row.back();
}

// Of rows of a and b, of these widths.
std::vector<int32_t> distances(const std::vector<int32_t>& a, int64_t a_size,
                               const std::vector<int32_t>& a_lengths, const std::vector<int32_t>& b,
                               int64_t b_size, const std::vector<int32_t>& b_lengths,
                               int32_t threads) {
    const auto batch = static_cast<int64_t>(a_lengths.size());
    std::vector<int32_t> distance(a_lengths.size(), -1);
    OpCall call("edit_distance", SF_FLOAT32);
    call.input("a", array_of(a, {batch, a_size})).input("a_lengths", array_of(a_lengths, {batch}));
    call.input("b", array_of(b, {batch, b_size})).input("b_lengths", array_of(b_lengths, {batch}));
    CHECK(call.output("distance", array_of(distance, {batch})).run(threads) == SF_OK);
    return distance;
}

}  // namespace

SEQFRONT_TEST(edit_distance, textbook) {
    Random random(1);
    const std::vector<int32_t> lengths = {0,   1,   2,   31,  62,  63,  64,  65,
                                          100, 127, 128, 129, 191, 192, 193, 260};
    for (const int32_t alphabet : {1, 2, 4, 30, 1000000}) {
        const int64_t n = static_cast<int64_t>(lengths.size()), width = 260;
        std::vector<int32_t> a, b, a_lengths, b_lengths;
        for (const int32_t x : lengths) {
            for (const int32_t y : lengths) {
                a_lengths.push_back(x);
                b_lengths.push_back(y);
                for (int64_t i = 0; i < width; ++i) {
                    a.push_back(random.below(alphabet) - alphabet / 2);
                    const bool copied = random.below(3) > 0;
                    b.push_back(copied ? a.back() : random.below(alphabet) - alphabet / 2);
                }
            }
        }
        for (const int32_t threads : {1, 2}) {
            const std::vector<int32_t> distance =
                distances(a, width, a_lengths, b, width, b_lengths, threads);
            for (int64_t i = 0; i < n * n; ++i) {
                const auto at = static_cast<size_t>(i);
                CHECK(distance[at] == textbook(a.data() + i * width, a_lengths[at],
                                               b.data() + i * width, b_lengths[at]));
            }
        }
    }
}

SEQFRONT_TEST(edit_distance, extreme_tokens) {
    constexpr int32_t low = std::numeric_limits<int32_t>::min(), high = -(low + 1);
    const std::vector<int32_t> a = {low, high, 0, -1, -1, 0}, b = {high, low, low, 0};
    CHECK(distances(a, 3, {3, 3}, b, 2, {2, 0}, 1) == (std::vector<int32_t>{2, 3}));
    CHECK(distances({}, 0, {}, {}, 0, {}, 1).empty());
    CHECK(distances({}, 0, {0}, {7, 8}, 2, {2}, 1) == std::vector<int32_t>{2});
}
