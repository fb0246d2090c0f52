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

inline RnntProblem rnnt_problem(const Call& call, const rnnt::Inputs& at = {}) {
    const TransducerOptions o(call);
    const bool packed = call.input(rnnt::kLogits).rank == 2;
    const int64_t batch = call.size(rnnt::kTargets, 0), frames = call.size(rnnt::kLogits, !packed);
    const int64_t classes = call.size(rnnt::kLogits, packed ? 1 : 3), blank = call.integer(0);
    const bool big_blanks = call.has(at.big_blanks);
    check_blank(call.name(), blank, classes);
    if (big_blanks) o.check_big_blanks(call.name());
    if (packed && batch == 0 && frames > 0) {
        invalid("%s: logits has rows, but there are no sequences", call.name());
    }
    return {batch,
            frames,
            call.size(rnnt::kTargets, 1),
            classes,
            blank,
            packed,
            nullptr,
            call.in<int32_t>(rnnt::kTargets),
            call.in<int32_t>(rnnt::kFrameLengths),
            call.in<int32_t>(rnnt::kLabelLengths),
            call.has(at.windows) ? call.in<int32_t>(at.windows) : nullptr,
            o.normalized,
            o.hat,
            o.topology == kRegular ? 1 : 0,
            o.topology == kConstrained,
            o.fastemit,
            o.clamp,
            o.delay_penalty,
            o.sigma,
            o.fastemit_scale ? 1 + o.fastemit : 1,
            o.star,
            o.star_weight,
            big_blanks ? call.in<int32_t>(at.big_blanks) : nullptr,
            big_blanks ? call.size(at.big_blanks, 0) : 0,
            nullptr,
            0};
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
