// Where sequences begin that stand one after another, against the plain sum: more of them than a
// warp has threads, with lengths that are out of range.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "cuda/starts.hpp"
#include "host_block.hpp"
#include "tensors.hpp"
#include "testing.hpp"

using namespace testing;
using namespace seqfront::cuda;

namespace {

std::vector<int64_t> starts_of(const SequenceSizes& sizes) {
    std::vector<int64_t> starts(static_cast<size_t>(sizes.batch), -1);
    HostLauncher(0, nullptr)
        .run<SequenceStarts>(SequenceStarts::grid(sizes), {sizes, starts.data()});
    return starts;
}

void compare(const std::vector<int32_t>& lengths, const std::vector<int32_t>& labels,
             int64_t most) {
    const auto batch = static_cast<int64_t>(lengths.size());
    const std::vector<int64_t> starts =
        starts_of({batch, most, lengths.data(), labels.empty() ? nullptr : labels.data()});
    int64_t start = 0;
    for (size_t b = 0; b < lengths.size(); ++b) {
        CHECK(starts[b] == start);
        const int64_t others = labels.empty() ? 0 : labels[b];
        const bool none = lengths[b] < 0 || others < 0;
        const int64_t count = none ? 0 : std::min(lengths[b] * (others + 1), most);
        for (int64_t i = start; i < std::min(start + count, most); ++i) {
            CHECK(sequence_at(starts.data(), batch, i) == static_cast<int64_t>(b));
        }
        start = std::min(start + count, most);
    }
}

}  // namespace

SEQFRONT_TEST(cuda_starts, sequences_of_any_number) {
    Random random(7);
    for (const size_t batch : {1, 2, 31, 32, 33, 100}) {
        std::vector<int32_t> lengths(batch), labels(batch);
        for (size_t b = 0; b < batch; ++b) {
            lengths[b] = random.below(7) + 1;
            labels[b] = random.below(4);
        }
        for (const int64_t most : {10, 100000}) {
            compare(lengths, {}, most);
            compare(lengths, labels, most);
        }
    }
}

SEQFRONT_TEST(cuda_starts, lengths_that_are_out_of_range) {
    constexpr int32_t large = INT32_MAX;
    std::vector<int32_t> lengths(70, 2), labels(70, 1);
    for (size_t b = 0; b < lengths.size(); b += 3) lengths[b] = -5;
    for (size_t b = 1; b < labels.size(); b += 5) labels[b] = -large;
    compare(lengths, {}, 1000);
    compare(lengths, labels, 1000);
    for (size_t b = 40; b < lengths.size(); ++b) lengths[b] = labels[b] = large;
    compare(lengths, {}, 1000);
    compare(lengths, labels, 1000);
    CHECK(starts_of({0, 5, nullptr, nullptr}).empty());
}
