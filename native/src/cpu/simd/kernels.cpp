// Sizes that every instruction set agrees on.
#include "simd/kernels.hpp"

namespace seqfront {

// A table of n probabilities is 2 * (n + 2 * kLatticePad) elements (see simd_table.hpp).
int64_t rnnt_scratch(int64_t frames, int64_t positions) {
    return 3 * 2 * (frames * positions + 2 * kLatticePad) + 2 * 2 * (positions + 3 * kLatticePad);
}

int64_t arcs_scratch(int64_t labels, int64_t cells, int64_t history) {
    return 2 * (cells + 1 + 4 * kLatticePad) + 2 * history * (labels + 1 + 3 * kLatticePad);
}

int64_t ctc_padded(int64_t labels) { return (labels / kLatticePad + 1) * kLatticePad; }

int64_t ctc_states(int64_t labels) { return 4 * ctc_padded(labels); }

int64_t gemm_scratch() { return kGemmRows * kGemmStride + kGemmDepth * kGemmColumns; }

int64_t ctc_best_states(int64_t labels) { return 2 * labels + 2; }

}  // namespace seqfront
