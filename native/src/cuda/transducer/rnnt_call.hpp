// RNN-T on a GPU: from a call to its problem, and the launches over rows of logits.
#ifndef SEQFRONT_CUDA_TRANSDUCER_RNNT_CALL_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_RNNT_CALL_HPP_

#include "cpu/problem.hpp"
#include "cpu/status.hpp"
#include "cuda/transducer/rnnt_rows.hpp"

namespace seqfront {
namespace cuda {

namespace rnnt {
enum Input {
    kLogits,
    kTargets,
    kFrameLengths,
    kLabelLengths,
    kWindows,
    kBigBlanks,
    kSaved,  // of TDT too
    kGradLoss
};

// Of an op that has other inputs between.
struct Inputs {
    int windows = kWindows, big_blanks = kBigBlanks, saved = kSaved, grad_loss = kGradLoss;
};
}  // namespace rnnt

// The problem as far as targets and attributes say it. Input `targets` has the targets, and lengths
// of frames and labels come after it.
inline RnntProblem transducer_problem(const Call& call, int targets, int64_t frames,
                                      int64_t classes) {
    const TransducerOptions o(call);
    RnntProblem p = {};
    p.batch = call.size(targets, 0);
    p.frames = frames;
    p.labels = call.size(targets, 1);
    p.classes = classes;
    p.blank = call.integer(0);
    check_blank(call.name(), p.blank, p.classes);
    p.targets = call.in<int32_t>(targets);
    p.frame_lengths = call.in<int32_t>(targets + 1);
    p.label_lengths = call.in<int32_t>(targets + 2);
    p.normalized = o.normalized;
    p.hat = o.hat;
    p.skew = o.topology == kRegular ? 1 : 0;
    p.pays_next_blank = o.topology == kConstrained;
    p.fastemit = o.fastemit;
    p.clamp = o.clamp;
    p.delay_penalty = o.delay_penalty;
    p.sigma = o.sigma;
    p.loss_factor = o.fastemit_scale ? 1 + o.fastemit : 1;
    p.star = o.star;
    p.star_weight = o.star_weight;
    return p;
}

// Adds the inputs that a call may leave out.
inline void add_optional(const Call& call, int windows, int big_blanks, RnntProblem& p) {
    if (call.has(windows)) p.windows = call.in<int32_t>(windows);
    if (!call.has(big_blanks)) return;
    TransducerOptions(call).check_big_blanks(call.name());
    p.big_blanks = call.in<int32_t>(big_blanks);
    p.big_blank_count = call.size(big_blanks, 0);
}

inline RnntProblem rnnt_problem(const Call& call, const rnnt::Inputs& at = {}) {
    const bool packed = call.input(rnnt::kLogits).rank == 2;
    RnntProblem p = transducer_problem(call, rnnt::kTargets, call.size(rnnt::kLogits, !packed),
                                       call.size(rnnt::kLogits, packed ? 1 : 3));
    add_optional(call, at.windows, at.big_blanks, p);
    p.packed = packed;
    if (packed && p.batch == 0 && p.frames > 0) {
        invalid("%s: logits has rows, but there are no sequences", call.name());
    }
    return p;
}

// The problem, with what has to be found out first.
template <class Launcher>
RnntProblem prepared(const Launcher& launcher, RnntProblem p, int64_t* starts) {
    if (!p.packed) return p;
    const SequenceSizes sizes = {p.batch, p.frames, p.frame_lengths, p.label_lengths};
    launcher.template run<SequenceStarts>(SequenceStarts::grid(sizes), {sizes, starts});
    p.starts = starts;
    return p;
}

// The columns that lattices take, of all rows.
template <class T, bool kBigBlanks, class Launcher>
void save_rnnt_rows(const Launcher& launcher, const Call& call, const RnntProblem& p,
                    LatticeType<T>* saved) {
    using Rows = RnntSaveRows<T, kBigBlanks>;
    using Logits = RnntRowArray<const T>;
    run_rows<Rows>(launcher, p.stored_rows(),
                   {p, RowGroups::of(p.classes), Logits::of(call.input(rnnt::kLogits)), saved});
}

// The gradient of the logits; `from` says of what.
template <class Rows, class T, class Launcher>
void write_rnnt_rows(const Launcher& launcher, const Call& call, typename Rows::Args from) {
    from.groups = RowGroups::of(from.problem.classes);
    from.logits = RnntRowArray<const T>::of(call.input(rnnt::kLogits));
    from.grad = RnntRowArray<T>::of(call.output(0));
    run_rows<Rows>(launcher, from.problem.stored_rows(), from);
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_RNNT_CALL_HPP_
