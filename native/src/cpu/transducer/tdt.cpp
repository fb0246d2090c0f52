// TDT, the token-and-duration transducer: each symbol says how many frames it takes.
// (Xu et al. 2023, arXiv:2304.06795)
#include "op.hpp"
#include "transducer/transducer_run.hpp"

namespace seqfront {
namespace {

enum Input {
    kLogits,
    kDurationLogits,
    kTargets,
    kFrameLengths,
    kLabelLengths,
    kDurations,
    kSaved,
    kGradLoss
};

TransducerProblem problem(const Call& call) {
    const TransducerInputs at = {kLogits, kTargets, -1, -1, -1, kDurationLogits, kDurations};
    return TransducerProblem(call, Storage::kDense, at);
}

void run_forward(const Call& call) {
    const TransducerProblem p = problem(call);
    with_element_type(call.input(kLogits).dtype, [&](auto element) {
        using T = decltype(element);
        using L = typename RowKernelsOf<T>::Lattice;
        transducer_forward<T>(p, call.in<T>(kLogits), call.in<T>(kDurationLogits), call.out<L>(0),
                              call.out<L>(1));
    });
}

void run_backward(const Call& call) {
    const TransducerProblem p = problem(call);
    with_element_type(call.input(kLogits).dtype, [&](auto element) {
        using T = decltype(element);
        using L = typename RowKernelsOf<T>::Lattice;
        const TransducerArrays<T> arrays = {call.in<T>(kLogits), call.out<T>(0), call.out<T>(1),
                                            call.output(0).stride, call.output(1).stride};
        transducer_backward<T>(p, arrays, call.in<L>(kSaved), call.in<L>(kGradLoss));
    });
}

}  // namespace

const Op& tdt_op() {
    static const Op op = {
        "tdt",
        {{"logits", "T", "batch frames labels+1 classes",
          SF_DIFFERENTIABLE | SF_STRIDED | SF_REUSABLE},
         {"duration_logits", "T", "batch frames labels+1 durations",
          SF_DIFFERENTIABLE | SF_STRIDED | SF_REUSABLE},
         {"targets", "int32", "batch labels", 0},
         {"frame_lengths", "int32", "batch", 0},
         {"label_lengths", "int32", "batch", 0},
         {"durations", "int32", "durations", 0}},
        {{"loss", "L", "batch", SF_DIFFERENTIABLE},
         {"saved", "L", "batch frames labels+1 durations+3", SF_SAVED}},
        {{"blank", "int", 0},
         {"normalized", "bool", 0},
         {"sigma", "float", 0},
         {"fastemit", "float", 0},
         {"fastemit_scale", "bool", 0},
         {"clamp", "float", 0}},
        run_forward,
        run_backward,
    };
    return op;
}

}  // namespace seqfront
