// CTC on a GPU: which kernels a call of the loss or of its gradient runs, in which memory.
//
//     loss          CtcScores, CtcLattice
//     gradient      CtcLinks, CtcScores, CtcSegments, CtcGradientRows
//     best path     CtcScores, CtcBest
//     its gradient  CtcLinks, CtcScores, CtcBest, CtcTrace, CtcGradientRows
//
// With targets one after another, CtcStarts goes before. Bytes of the logits: the loss reads them
// once, the gradient reads and writes them once. The gradient takes the scores from them again, a
// sector of 32 bytes for each label that no other of the frame shares. Beside that, the scores are
// written once and read twice in each half (4 bytes of each label and frame), and in the gradient
// the states and posteriors written and read once (16 and 8).
#ifndef SEQFRONT_CUDA_CTC_CTC_HPP_
#define SEQFRONT_CUDA_CTC_CTC_HPP_

#include <optional>

#include "cuda/ctc/ctc_call.hpp"
#include "cuda/ctc/ctc_gradient.hpp"

namespace seqfront {
namespace cuda {

class CtcForward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const Memory<L, Launcher> memory(call);
        auto* const normalisers = reinterpret_cast<CtcNormaliser<L>*>(call.out<L>(1));
        const CtcProblem p = ctc_scored<T, false>(launcher, call, memory, normalisers);
        L *const loss = call.out<L>(0), *const ends = call.out<L>(3);
        if (memory.best) {
            memory.best->run(launcher, p, memory.scores, normalisers, {nullptr, loss, ends});
            return;
        }
        const CtcCheckpoints<L> kept = {reinterpret_cast<CtcStates<L>*>(call.out<L>(2)), ends};
        launcher.template run<CtcLattice<L>>(
            CtcLattice<L>::grid(p.batch, memory.sum->threads),
            {p, memory.scores, normalisers, kept, loss, nullptr, memory.sum->border});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return Memory<LatticeType<T>, Launcher>(call).workspace.bytes();
    }

  private:
    template <class L, class Launcher>
    struct Memory : CtcMemory<L> {
        explicit Memory(const Call& call) : Memory(ctc_problem(call), call) {}
        Memory(const CtcProblem& p, const Call& call) : CtcMemory<L>(p, call.workspace()) {
            if (call.flag(ctc::kMaxApprox)) {
                best.emplace(p, false, this->workspace);
            } else {
                sum = CtcLatticeSweeps<L>::template of<Launcher>(p, 2, this->workspace);
            }
        }

        std::optional<CtcLatticeSweeps<L>> sum;
        std::optional<CtcPathMemory<L, Launcher>> best;
    };
};

class CtcBackward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const Memory<L, Launcher> memory(call);
        auto* const normalisers = static_cast<CtcNormaliser<L>*>(call.input(ctc::kFrames).data);
        const CtcProblem p = ctc_scored<T, true>(launcher, call, memory, normalisers);
        launcher.template run<CtcLinks>(CtcLinks::grid(p), {p, memory.next});

        const CtcCheckpoints<L> kept = {static_cast<CtcStates<L>*>(call.input(ctc::kStates).data),
                                        static_cast<L*>(call.input(ctc::kEnds).data)};
        const L* const grad_loss = call.in<L>(ctc::kGradLoss);
        CtcPosteriors<L> posteriors = {nullptr, nullptr};
        if (memory.best) {
            memory.best->run(launcher, p, memory.scores, normalisers, {});
            posteriors.path = memory.best->path;
        } else {
            memory.sum->run(launcher, p, memory.scores, kept, grad_loss);
            posteriors.table = memory.sum->posteriors;
        }

        using Logits = RowArray<const T, 2>;
        using Grad = RowArray<T, 2>;
        run_rows<CtcGradientRows<T>>(
            launcher, p.rows(),
            {p, RowGroups::of(p.classes), ctc_weights<L>(call),
             Logits::of(call.input(ctc::kLogits)), Grad::of(call.output(0)), normalisers,
             memory.scores, posteriors, memory.next, kept.ends, grad_loss});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return Memory<LatticeType<T>, Launcher>(call).workspace.bytes();
    }

  private:
    template <class L, class Launcher>
    struct Memory : CtcMemory<L> {
        explicit Memory(const Call& call) : Memory(ctc_problem(call), call) {}
        Memory(const CtcProblem& p, const Call& call)
            : CtcMemory<L>(p, call.workspace()),
              next(this->workspace.template take<int32_t>(p.target_rows * p.target_columns)) {
            if (call.flag(ctc::kMaxApprox)) {
                best.emplace(p, true, this->workspace);
            } else {
                sum.emplace(p, this->workspace);
            }
        }

        int32_t* next;
        std::optional<CtcPosteriorMemory<L, Launcher>> sum;
        std::optional<CtcPathMemory<L, Launcher>> best;
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_HPP_
