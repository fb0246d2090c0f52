// CTC on a GPU: what its ops have in common. From a call to a problem, and to the scores of it.
#ifndef SEQFRONT_CUDA_CTC_CTC_CALL_HPP_
#define SEQFRONT_CUDA_CTC_CTC_CALL_HPP_

#include <algorithm>

#include "cpu/ctc/ctc_problem.hpp"
#include "cuda/ctc/ctc_best.hpp"
#include "cuda/ctc/ctc_gather.hpp"
#include "cuda/ctc/ctc_lattice.hpp"
#include "cuda/workspace.hpp"

namespace seqfront {
namespace cuda {

inline CtcProblem ctc_problem(const Call& call) {
    check_ctc_options(call);
    const bool has_star = call.integer(ctc::kStar) != ctc::kNoStar;
    return {call.size(ctc::kLogits, 0),
            call.size(ctc::kLogits, 1),
            call.size(ctc::kLogits, 2),
            call.integer(ctc::kBlank),
            call.size(ctc::kTargets, 0),
            call.size(ctc::kTargets, 1),
            nullptr,
            call.in<int32_t>(ctc::kTargets),
            call.in<int32_t>(ctc::kFrameLengths),
            call.in<int32_t>(ctc::kLabelLengths),
            static_cast<int32_t>(std::min(call.size(ctc::kLogits, 1), CtcProblem::kMost)),
            static_cast<int32_t>(std::min(call.size(ctc::kTargets, 1), CtcProblem::kMost)),
            call.integer(ctc::kStar),
            has_star,
            has_star && call.flag(ctc::kStarAny),
            call.flag(ctc::kNormalized),
            call.flag(ctc::kLabelLoop)};
}

template <class L>
CtcWeights<L> ctc_weights(const Call& call) {
    return {call.has(ctc::kLogPrior) ? call.in<L>(ctc::kLogPrior) : nullptr,
            static_cast<L>(call.number(ctc::kPriorScale)),
            static_cast<L>(call.number(ctc::kStarScore))};
}

// What every op has in its workspace.
template <class L>
struct CtcMemory {
    CtcMemory(const CtcProblem& p, void* memory)
        : workspace(memory),
          packed(p.target_rows != p.batch),
          starts(workspace.take<int64_t>(packed ? p.batch : 0)),
          scores(workspace.take<L>(p.rows() * p.pitch())) {}

    Workspace workspace;
    bool packed;
    int64_t* starts;
    L* scores;
};

// What blocks of a kernel that sweeps have in theirs, with so many sweeps of a sequence at a time.
template <class Kernel, class State>
struct CtcSweeps {
    template <class Launcher>
    static CtcSweeps of(const CtcProblem& p, int64_t sweeps, Workspace& workspace) {
        const int threads = block_threads<Kernel, Launcher>(p.positions());
        const int64_t border = p.positions() > threads ? sweeps * p.rows() : 0;
        return {threads, workspace.take<State>(border)};
    }

    int threads;
    State* border;  // of more positions than threads
};

template <class L>
using CtcLatticeSweeps = CtcSweeps<CtcLattice<L>, CtcStates<L>>;

// What every call begins with: where the labels of each sequence begin.
template <class L, class Launcher>
CtcProblem ctc_started(const Launcher& launcher, const Call& call, const CtcMemory<L>& memory) {
    CtcProblem p = ctc_problem(call);
    if (memory.packed) {
        const SequenceSizes sizes = {p.batch, p.target_columns, p.label_lengths, nullptr};
        launcher.template run<SequenceStarts>(SequenceStarts::grid(sizes), {sizes, memory.starts});
        p.starts = memory.starts;
    }
    return p;
}

// And the scores, with all normalisers.
template <class T, class Launcher>
CtcProblem ctc_scored(const Launcher& launcher, const Call& call,
                      const CtcMemory<LatticeType<T>>& memory,
                      CtcNormaliser<LatticeType<T>>* normalisers) {
    const CtcProblem p = ctc_started(launcher, call, memory);
    using Logits = RowArray<const T, 2>;
    run_rows<CtcScores<T>>(launcher, p.rows(),
                           {p, RowGroups::of(p.classes), ctc_weights<LatticeType<T>>(call),
                            Logits::of(call.input(ctc::kLogits)), normalisers, memory.scores});
    return p;
}

// The posteriors, from the checkpoints of the loss.
template <class L, class Source, class Launcher>
struct CtcPosteriorMemory {
    CtcPosteriorMemory(const CtcProblem& p, Workspace& workspace)
        : sweeps(Sweeps::template of<Launcher>(p, 1, workspace)),
          alpha(workspace.take<CtcStates<L>>(p.rows() * p.positions())),
          posteriors(workspace.take<CtcPair<L>>(p.rows() * p.positions())) {}

    void run(const Launcher& launcher, const CtcProblem& p, const Source& source, const L* scores,
             const CtcCheckpoints<L>& kept, const L* grad_loss) const {
        launcher.template run<Segments>(
            Segments::grid(p.batch, sweeps.threads),
            {p, source, scores, kept, grad_loss, alpha, posteriors, sweeps.border});
    }

    using Segments = CtcSegments<L, Source>;
    using Sweeps = CtcSweeps<Segments, CtcStates<L>>;
    Sweeps sweeps;
    CtcStates<L>* alpha;
    CtcPair<L>* posteriors;
};

// The best path. Without `path` only how good it is.
template <class L, class Launcher>
struct CtcPathMemory {
    CtcPathMemory(const CtcProblem& p, bool wants_path, Workspace& workspace)
        : sweeps(Sweeps::template of<Launcher>(p, 1, workspace)) {
        if (!wants_path) return;
        moves.words = workspace.take<CtcMoves::Word>(CtcMoves::count(p));
        last = workspace.take<int32_t>(p.batch);
        path = workspace.take<int32_t>(p.rows());
        traces = true;
    }

    void run(const Launcher& launcher, const CtcProblem& p, const L* scores,
             const CtcNormaliser<L>* normalisers, const CtcBestResult<L>& result) const {
        using Best = CtcBest<L>;
        launcher.template run<Best>(Best::grid(p.batch, sweeps.threads),
                                    {p, scores, normalisers, moves, result, last, sweeps.border});
        if (traces)
            launcher.template run<CtcTrace>(CtcTrace::grid(p.batch), {p, moves, last, path});
    }

    using Sweeps = CtcSweeps<CtcBest<L>, CtcPair<double>>;
    Sweeps sweeps;
    CtcMoves moves = {nullptr};
    int32_t* last = nullptr;
    int32_t* path = nullptr;
    bool traces = false;
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_CALL_HPP_
