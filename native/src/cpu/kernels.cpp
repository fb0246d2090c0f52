// Sizes that every instruction set agrees on.
#include "kernels.hpp"

namespace seqfront {

// A table of n probabilities is 2 * (n + 2 * kLatticePad) elements (see simd_table.hpp).
int64_t rnnt_scratch(int64_t frames, int64_t positions) {
    return 3 * 2 * (frames * positions + 2 * kLatticePad) + 2 * 2 * (positions + 3 * kLatticePad);
}

int64_t ctc_padded(int64_t labels) { return (labels / kLatticePad + 1) * kLatticePad; }

int64_t ctc_states(int64_t labels) { return 4 * ctc_padded(labels); }

}  // namespace seqfront
