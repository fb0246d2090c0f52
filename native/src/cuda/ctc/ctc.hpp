// CTC on a GPU: which kernels a call runs, in which memory. Both halves find the labels that occur
// again and gather the scores; the loss is then a sweep, the gradient two and its rows.
#ifndef SEQFRONT_CUDA_CTC_CTC_HPP_
#define SEQFRONT_CUDA_CTC_CTC_HPP_

#include <algorithm>

#include "cpu/ctc/ctc_problem.hpp"
#include "cpu/status.hpp"
#include "cuda/ctc/ctc_lattice.hpp"
#include "cuda/ctc/ctc_rows.hpp"
#include "cuda/workspace.hpp"

namespace seqfront {
namespace cuda {

inline void check_ctc_kernel(const Call& call) {
    const char* const what = call.flag(ctc::kMaxApprox)                 ? "the best path"
                             : call.integer(ctc::kStar) != ctc::kNoStar ? "a star"
                             : call.has(ctc::kLogPrior)                 ? "a prior"
                                                                        : nullptr;
    if (what != nullptr) invalid("%s: it has no CUDA kernel for %s yet", call.name(), what);
}

inline CtcProblem ctc_problem(const Call& call) {
    check_ctc_kernel(call);
    const int64_t batch = call.size(ctc::kLogits, 0), rows = call.size(ctc::kTargets, 0);
    const int64_t classes = call.size(ctc::kLogits, 2), blank = call.integer(ctc::kBlank);
    check_blank(call.name(), blank, classes);
    check_target_rows(call.name(), rows, batch);
    return {batch,
            call.size(ctc::kLogits, 1),
            classes,
            blank,
            rows,
            call.size(ctc::kTargets, 1),
            call.in<int32_t>(ctc::kTargets),
            call.in<int32_t>(ctc::kFrameLengths),
            call.in<int32_t>(ctc::kLabelLengths),
            nullptr,
            call.flag(ctc::kNormalized),
            call.flag(ctc::kLabelLoop)};
}

// The arrays of a call in its workspace.
template <class L, bool kGradient, class Launcher>
struct CtcMemory {
    using Pair = CtcPair<Probability<L>>;

    CtcMemory(const CtcProblem& p, void* memory)
        : workspace(memory),
          threads(block_threads<CtcLattice<L, kGradient>, Launcher>(p.positions())),
          sequences(workspace.take<CtcLabels>(p.batch)),
          next(workspace.take<int32_t>(p.batch * p.target_columns)),
          scores(workspace.take<L>(p.rows() * p.positions())) {
        if (p.positions() > threads) {
            border = workspace.take<Pair>((kGradient ? 2 : 1) * p.rows());
        }
        if constexpr (kGradient) {
            for (Pair*& table : tables) table = workspace.take<Pair>(p.rows() * p.positions());
            likelihood = workspace.take<CtcLikelihood<L>>(p.batch);
        }
    }

    Workspace workspace;
    int threads;
    CtcLabels* sequences;
    int32_t* next;
    L* scores;
    Pair* border = nullptr;
    Pair* tables[2] = {};
    CtcLikelihood<L>* likelihood = nullptr;
};

// What both halves begin with. `normalisers` are read, or written.
template <class T, bool kKnown, class Launcher, class Memory>
CtcProblem prepared(const Launcher& launcher, const Call& call, const Memory& memory,
                    CtcNormaliser<LatticeType<T>>* normalisers) {
    CtcProblem p = ctc_problem(call);
    launcher.template run<CtcPrepare>(CtcPrepare::grid(p.batch),
                                      {p, memory.sequences, memory.next});
    p.sequences = memory.sequences;

    using Scores = CtcScores<T, kKnown>;
    const RowGroups groups = RowGroups::of(p.classes);
    const int64_t* const stride = call.input(ctc::kLogits).stride;
    launcher.template run<Scores>(groups.grid(p.rows()), {p,
                                                          groups,
                                                          call.in<T>(ctc::kLogits),
                                                          {stride[0], stride[1]},
                                                          normalisers,
                                                          normalisers,
                                                          memory.scores});
    return p;
}

class CtcForward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const Memory<T, Launcher> memory(ctc_problem(call), call.workspace());
        const CtcProblem p = prepared<T, false>(
            launcher, call, memory, reinterpret_cast<CtcNormaliser<L>*>(call.out<L>(1)));
        using Lattice = CtcLattice<L, false>;
        launcher.template run<Lattice>(
            Lattice::grid(p.batch, memory.threads),
            {p, memory.scores, {}, nullptr, call.out<L>(0), memory.border});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return Memory<T, Launcher>(ctc_problem(call), nullptr).workspace.bytes();
    }

  private:
    template <class T, class Launcher>
    using Memory = CtcMemory<LatticeType<T>, false, Launcher>;
};

class CtcBackward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const Memory<T, Launcher> memory(ctc_problem(call), call.workspace());
        auto* const normalisers = static_cast<CtcNormaliser<L>*>(call.input(ctc::kFrames).data);
        const CtcProblem p = prepared<T, true>(launcher, call, memory, normalisers);

        using Lattice = CtcLattice<L, true>;
        launcher.template run<Lattice>(Lattice::grid(p.batch, memory.threads),
                                       {p,
                                        memory.scores,
                                        {memory.tables[0], memory.tables[1]},
                                        memory.likelihood,
                                        nullptr,
                                        memory.border});

        const RowGroups groups = RowGroups::of(p.classes);
        const int64_t* const from = call.input(ctc::kLogits).stride;
        const int64_t* const to = call.output(0).stride;
        launcher.template run<CtcGradientRows<T>>(groups.grid(p.rows()),
                                                  {p,
                                                   groups,
                                                   call.in<T>(ctc::kLogits),
                                                   call.out<T>(0),
                                                   {from[0], from[1]},
                                                   {to[0], to[1]},
                                                   normalisers,
                                                   memory.scores,
                                                   memory.next,
                                                   memory.tables[0],
                                                   memory.tables[1],
                                                   memory.likelihood,
                                                   call.in<L>(ctc::kGradLoss)});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return Memory<T, Launcher>(ctc_problem(call), nullptr).workspace.bytes();
    }

  private:
    template <class T, class Launcher>
    using Memory = CtcMemory<LatticeType<T>, true, Launcher>;
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_HPP_
