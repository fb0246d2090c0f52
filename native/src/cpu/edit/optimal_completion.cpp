// Optimal completions (Sabour et al. 2018, arXiv:1810.01398): after each prefix of a hypothesis,
// the prefixes of the reference that are nearest to it. What follows one of those in the reference
// is a token that can still lead to the least distance.
#include <algorithm>
#include <vector>

#include "op.hpp"
#include "problem.hpp"
#include "thread_pool.hpp"

namespace seqfront {
namespace {

enum Input { kHypothesis, kHypothesisLengths, kReference, kReferenceLengths };
enum Output { kOptimal, kDistance };

// The row of the matrix of distances after one more token, in place.
void advance(int32_t* row, const int32_t* reference, int64_t size, int32_t token) {
    int32_t diagonal = row[0]++;
    for (int64_t j = 0; j < size; ++j) {
        const int32_t above = row[j + 1];
        const int32_t substituted = diagonal + (reference[j] != token);
        row[j + 1] = std::min(std::min(above, row[j]) + 1, substituted);
        diagonal = above;
    }
}

void run(const Call& call) {
    const int64_t batch = call.size(kHypothesis, 0);
    const int64_t prefixes = call.size(kHypothesis, 1) + 1, width = call.size(kReference, 1) + 1;
    const int32_t* const hypothesis_lengths = call.in<int32_t>(kHypothesisLengths);
    const int32_t* const reference_lengths = call.in<int32_t>(kReferenceLengths);
    check_lengths(call.name(), "hypothesis_lengths", hypothesis_lengths, batch, prefixes - 1);
    check_lengths(call.name(), "reference_lengths", reference_lengths, batch, width - 1);
    std::fill_n(call.out<int32_t>(kOptimal), batch * prefixes * width, 0);
    std::fill_n(call.out<int32_t>(kDistance), batch * prefixes, 0);
    const int64_t work = 1 + prefixes * width * 8;
    const int32_t threads = useful_threads(batch, work, usable_threads(call.threads()));
    std::vector<std::vector<int32_t>> rows(static_cast<size_t>(threads),
                                           std::vector<int32_t>(static_cast<size_t>(width)));
    parallel_for(batch, work, threads, [&](int32_t slot, int64_t begin, int64_t end) {
        int32_t* const row = rows[static_cast<size_t>(slot)].data();
        for (int64_t b = begin; b < end; ++b) {
            const int32_t* const hypothesis = call.in<int32_t>(kHypothesis) + b * (prefixes - 1);
            const int32_t* const reference = call.in<int32_t>(kReference) + b * (width - 1);
            const int64_t size = reference_lengths[b];
            for (int64_t j = 0; j <= size; ++j) row[j] = static_cast<int32_t>(j);
            for (int64_t i = 0; i <= hypothesis_lengths[b]; ++i) {
                if (i > 0) advance(row, reference, size, hypothesis[i - 1]);
                const int32_t least = *std::min_element(row, row + size + 1);
                int32_t* const optimal = call.out<int32_t>(kOptimal) + (b * prefixes + i) * width;
                for (int64_t j = 0; j <= size; ++j) optimal[j] = row[j] == least;
                call.out<int32_t>(kDistance)[b * prefixes + i] = least;
            }
        }
    });
}

}  // namespace

const Op& optimal_completion_op() {
    static const Op op = {
        "optimal_completion",
        {{"hypothesis", "int32", "batch hypothesis", 0},
         {"hypothesis_lengths", "int32", "batch", 0},
         {"reference", "int32", "batch reference", 0},
         {"reference_lengths", "int32", "batch", 0}},
        // 1 where the prefix of the reference of that length is nearest; padding is 0.
        {{"optimal", "int32", "batch hypothesis+1 reference+1", 0},
         {"distance", "int32", "batch hypothesis+1", 0}},
        {},
        run,
        nullptr,
    };
    return op;
}

}  // namespace seqfront
