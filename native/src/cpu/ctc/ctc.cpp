// CTC: the op. The lattice itself is in simd_ctc.hpp, and for the best path alone in
// ctc_best_path.hpp; what lies between it and the logits, in ctc_rows.hpp.
#include <type_traits>

#include "ctc/ctc_backward.hpp"
#include "ctc/ctc_best_path.hpp"
#include "ctc/ctc_forward.hpp"
#include "ctc/ctc_sum.hpp"
#include "op.hpp"

namespace seqfront {
namespace {

// Calls body(T{}, lattice type).
template <class Body>
void with_lattice(const Call& call, const CtcProblem& p, Body&& body) {
    with_element_type(call.input(ctc::kLogits).dtype, [&](auto element) {
        using L = typename RowKernelsOf<decltype(element)>::Lattice;
        if (p.max_approx) {
            body(element, static_cast<CtcBestPath<L>*>(nullptr));
        } else {
            body(element, static_cast<CtcSum<L>*>(nullptr));
        }
    });
}

void run_forward(const Call& call) {
    const CtcProblem p(call, call.flag(ctc::kMaxApprox));
    with_lattice(call, p, [&](auto element, auto* lattice) {
        using T = decltype(element);
        using L = typename RowKernelsOf<T>::Lattice;
        for (const int output : {2, 3}) call.clear(output);  // short sequences use but a part
        CtcForward<T, std::remove_pointer_t<decltype(lattice)>>(p, call.in<T>(ctc::kLogits),
                                                                call.out<L>(0), call.out<L>(1),
                                                                call.out<L>(2), call.out<L>(3))
            .run();
    });
}

void run_backward(const Call& call) {
    const CtcProblem p(call, call.flag(ctc::kMaxApprox));
    with_lattice(call, p, [&](auto element, auto* lattice) {
        CtcBackward<decltype(element), std::remove_pointer_t<decltype(lattice)>>(p, call).run();
    });
}

}  // namespace

const Op& ctc_op() {
    static const Op op = {
        "ctc",
        {{"logits", "T", "batch frames classes", SF_DIFFERENTIABLE | SF_STRIDED | SF_REUSABLE},
         {"targets", "int32", "rows labels", 0},
         {"frame_lengths", "int32", "batch", 0},
         {"label_lengths", "int32", "batch", 0},
         {"log_prior", "L", "classes", SF_OPTIONAL}},
        {{"loss", "L", "batch", SF_DIFFERENTIABLE},
         {"saved_frames", "L", "batch frames 3", SF_SAVED},
         {"saved_states", "L", "16 rows 4*labels", SF_SAVED},
         {"saved_ends", "L", "batch 34", SF_SAVED}},
        {{"blank", "int", 0},
         {"normalized", "bool", 0},
         {"label_loop", "bool", 1},
         {"prior_scale", "float", 1},
         {"star", "int", static_cast<double>(ctc::kNoStar)},
         {"star_any", "bool", 0},
         {"star_score", "float", 0},
         {"max_approx", "bool", 0}},
        run_forward,
        run_backward,
    };
    return op;
}

}  // namespace seqfront
