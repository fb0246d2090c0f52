// CTC on a GPU: which kernels a call of the loss or of its gradient runs, in which memory.
//
//     loss          CtcScores, CtcLattice
//     gradient      CtcLinks, CtcSegments, CtcGradientRows
//     best path     CtcScores, CtcBest
//     its gradient  CtcLinks, CtcGatherFrames, CtcBest, CtcTrace, CtcGradientRows
//
// With targets one after another, SequenceStarts goes before.
//
// Bytes, with N of the logits: the loss reads N, the gradient reads and writes N, which is the
// least. The gradient takes the scores from the logits again: a sector of 32 bytes for each class
// that occurs in a sequence, which is at most N, and N / 3 for 200 labels of 5000 classes. Of each
// position and frame in float: scores, 4 bytes written and 8 read in the loss, 4 and 12 in the
// gradient; there also states, 16 and 16, and posteriors, 8 and 8. So for (B, T, U, V) = (64, 1000,
// 200, 5000) it is 3.8 GB of logits and 1.3 GB of all else; for (256, 500, 60, 128) it is 0.2 GB
// and 0.7 GB, of which L2 keeps a part: rows of logits are read as what need not stay there.
//
// Counted in milliseconds for an H100, at 3.0 TB/s and 1.7 GHz, and not measured:
//
//                      (64, 1000, 200, 5000)                (256, 500, 60, 128)
//     CtcScores        0.45   the logits                    0.05   instructions
//     CtcLattice       0.10   1000 steps of 176 cycles      0.05   instructions
//     CtcLinks         0.01                                 0.01
//     CtcSegments      0.29   the memory of what is above   0.08   instructions
//     CtcGradientRows  0.92   the logits, twice             0.08   memory
//
// That the lattice runs at the same time as CtcScores, from logits instead of scores, would not
// pay: each direction would take its sectors from memory by itself, 0.27 ms for 0.10. Nor would two
// halves that meet: the gradient would have to go on from there, with a table of all states.
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
        const CtcProblem p = ctc_scored<T>(launcher, call, memory, normalisers);
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
        const Memory<T, Launcher> memory(call);
        auto* const normalisers = static_cast<CtcNormaliser<L>*>(call.input(ctc::kFrames).data);
        const CtcProblem p = ctc_started(launcher, call, memory);
        launcher.template run<CtcLinks>(CtcLinks::grid(p), {p, memory.next});
        const CtcCheckpoints<L> kept = {static_cast<CtcStates<L>*>(call.input(ctc::kStates).data),
                                        static_cast<L*>(call.input(ctc::kEnds).data)};
        const L* const grad_loss = call.in<L>(ctc::kGradLoss);
        using Logits = RowArray<const T, 2>;
        const auto logits = Logits::of(call.input(ctc::kLogits));
        const auto weights = ctc_weights<L>(call);
        const CtcGather<T> gather = {weights, logits, normalisers, memory.scores};
        CtcPosteriors<L> posteriors = {nullptr, nullptr};
        if (memory.best) {
            using Gather = CtcGatherFrames<T>;
            const int threads = block_threads<Gather, Launcher>(p.positions());
            launcher.template run<Gather>(Gather::grid(p.batch, threads), {p, gather});
            memory.best->run(launcher, p, memory.scores, normalisers, {});
            posteriors.path = memory.best->path;
        } else {
            memory.sum->run(launcher, p, gather, memory.scores, kept, grad_loss);
            posteriors.table = memory.sum->posteriors;
        }

        using Grad = RowArray<T, 2>;
        run_rows<CtcGradientRows<T>>(
            launcher, p.rows(),
            {p, RowGroups::of(p.classes), weights, logits, Grad::of(call.output(0)), normalisers,
             memory.scores, posteriors, memory.next, kept.ends, grad_loss});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return Memory<T, Launcher>(call).workspace.bytes();
    }

  private:
    template <class T, class Launcher, class L = LatticeType<T>>
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
        std::optional<CtcPosteriorMemory<L, CtcGather<T>, Launcher>> sum;
        std::optional<CtcPathMemory<L, Launcher>> best;
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_HPP_
