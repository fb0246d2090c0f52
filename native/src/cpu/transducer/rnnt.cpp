// RNN-T: the ops, one for each way the rows of logits may lie in memory.
#include "op.hpp"
#include "transducer/transducer_run.hpp"

namespace seqfront {
namespace {

// Where an op has its inputs; what follows them are saved and grad_loss.
struct Layout {
    Storage storage;
    TransducerInputs inputs;
    int saved;
};

constexpr Layout kDenseLayout = {Storage::kDense, {0, 1, -1, 4, 5, -1, -1}, 6};
constexpr Layout kPackedLayout = {Storage::kPacked, {0, 1, -1, 4, 5, -1, -1}, 6};
constexpr Layout kPrunedLayout = {Storage::kBand, {0, 1, 4, 5, 6, -1, -1}, 7};

TransducerProblem problem(const Call& call, const Layout& layout) {
    return TransducerProblem(call, layout.storage, layout.inputs);
}

template <const Layout& layout>
void run_forward(const Call& call) {
    const TransducerProblem p = problem(call, layout);
    with_element_type(call.input(0).dtype, [&](auto element) {
        using T = decltype(element);
        using L = typename RowKernelsOf<T>::Lattice;
        transducer_forward<T>(p, call.in<T>(0), nullptr, call.out<L>(0), call.out<L>(1));
    });
}

template <const Layout& layout>
void run_backward(const Call& call) {
    const TransducerProblem p = problem(call, layout);
    with_element_type(call.input(0).dtype, [&](auto element) {
        using T = decltype(element);
        using L = typename RowKernelsOf<T>::Lattice;
        const TransducerArrays<T> arrays = {call.in<T>(0), call.out<T>(0), nullptr,
                                            call.output(0).stride, nullptr};
        transducer_backward<T>(p, arrays, call.in<L>(layout.saved), call.in<L>(layout.saved + 1));
    });
}

// An op over logits and saved of these shapes, with more inputs after the lengths.
template <const Layout& layout>
Op declaration(const char* name, const char* logits, const char* saved,
               std::initializer_list<sf_array_spec> more) {
    Op op = {
        name,
        {{"logits", "T", logits, SF_DIFFERENTIABLE | SF_STRIDED | SF_REUSABLE},
         {"targets", "int32", "batch labels", 0},
         {"frame_lengths", "int32", "batch", 0},
         {"label_lengths", "int32", "batch", 0}},
        {{"loss", "L", "batch", SF_DIFFERENTIABLE}, {"saved", "L", saved, SF_SAVED}},
        {{"blank", "int", 0},
         {"normalized", "bool", 0},
         {"topology", "int", kRegular},
         {"hat", "bool", 0},
         {"fastemit", "float", 0},
         {"fastemit_scale", "bool", 0},
         {"clamp", "float", 0},
         {"delay_penalty", "float", 0},
         {"sigma", "float", 0},
         {"star", "int", kNoStar},
         {"star_weight", "float", 0}},
        run_forward<layout>,
        run_backward<layout>,
    };
    op.inputs.insert(op.inputs.end(), more);
    op.inputs.push_back({"windows", "int32", "batch labels 2", SF_OPTIONAL});
    op.inputs.push_back({"big_blanks", "int32", "blanks 2", SF_OPTIONAL});
    return op;
}

}  // namespace

const Op& rnnt_op() {
    static const Op op = declaration<kDenseLayout>("rnnt", "batch frames labels+1 classes",
                                                   "batch frames labels+1 blanks+3", {});
    return op;
}

const Op& rnnt_packed_op() {
    static const Op op =
        declaration<kPackedLayout>("rnnt_packed", "cells classes", "cells blanks+3", {});
    return op;
}

const Op& rnnt_pruned_op() {
    static const Op op = declaration<kPrunedLayout>("rnnt_pruned", "batch frames band classes",
                                                    "batch frames band blanks+3",
                                                    {{"starts", "int32", "batch frames", 0}});
    return op;
}

}  // namespace seqfront
