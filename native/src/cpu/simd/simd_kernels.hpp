// The table of kernels of one instruction set. Included by kernels_*.cpp only.
#include "simd/simd_arcs.hpp"
#include "simd/simd_ctc.hpp"
#include "simd/simd_ctc_best.hpp"
#include "simd/simd_edit.hpp"
#include "simd/simd_exponentials.hpp"
#include "simd/simd_few_rows.hpp"
#include "simd/simd_gemm.hpp"
#include "simd/simd_joint.hpp"
#include "simd/simd_lstm.hpp"
#include "simd/simd_panel.hpp"
#include "simd/simd_rnnt.hpp"
#include "simd/simd_rows.hpp"

namespace seqfront {
namespace SF_ISA {

template <class L>
void exp_array(const L* x, L* y, int64_t count) {
    for (int64_t i = 0; i < count; i += Simd<L>::lanes) {
        const int64_t part = count - i < Simd<L>::lanes ? count - i : Simd<L>::lanes;
        store_part<L>(y + i, exp<L>(load_part<L>(x + i, part, 0)), part);
    }
}

template <class L>
void log_array(const L* x, L* y, int64_t count) {
    for (int64_t i = 0; i < count; i += Simd<L>::lanes) {
        const int64_t part = count - i < Simd<L>::lanes ? count - i : Simd<L>::lanes;
        store_part<L>(y + i, log<L>(load_part<L>(x + i, part, 1)), part);
    }
}

template <class T>
constexpr RowKernels<Lattice<T>> row_kernels = {
    normalisers<T>,  softmax_gradient<T>, clamped_gradient<T>, maxima<T>,
    exponentials<T>, store_row<T>,        next_above<T>,       multiply_panel<T>};

template <class L>
constexpr LatticeKernels<L> lattice_kernels = {rnnt_likelihood<L>,  rnnt_gradient<L>,
                                               arcs_likelihood<L>,  arcs_posteriors<L>,
                                               ctc_advance<L>,      ctc_likelihood<L>,
                                               ctc_retreat<L>,      exp_array<L>,
                                               log_array<L>,        gemm<L>,
                                               few_rows<L>,         joint<L>,
                                               joint_gradient<L>,   add<L>,
                                               ctc_best_advance<L>, normalise<L>,
                                               lstm_cell<L>,        lstm_hidden<L>};

constexpr Kernels make_kernels(const char* name) {
    return {name,
            row_kernels<float>,
            row_kernels<double>,
            row_kernels<BFloat16>,
            row_kernels<Float16>,
            lattice_kernels<float>,
            lattice_kernels<double>,
            kEditStrips,
            edit_band};
}

}  // namespace SF_ISA
}  // namespace seqfront
