// RNN-T on a GPU: which kernels a call runs, in which memory.
//
//     RnntForward     the rows, then the lattice from its start
//     RnntBackward    the lattice both ways, then the rows of the gradient
//
// Each has run<T>(launcher, call) and workspace<T, Launcher>(call), in bytes.
#ifndef SEQFRONT_CUDA_TRANSDUCER_RNNT_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_RNNT_HPP_

#include <algorithm>

#include "cpu/problem.hpp"
#include "cpu/status.hpp"
#include "cuda/transducer/rnnt_lattice.hpp"
#include "cuda/transducer/rnnt_rows.hpp"
#include "cuda/workspace.hpp"

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
    kSaved,
    kGradLoss
};
}  // namespace rnnt

inline void check_rnnt_kernel(const Call& call, const TransducerOptions& o) {
    const char* const what = o.star != kNoStar            ? "star arcs"
                             : call.has(rnnt::kBigBlanks) ? "big blanks"
                                                          : nullptr;
    if (what != nullptr) invalid("%s: it has no CUDA kernel for %s yet", call.name(), what);
}

inline RnntProblem rnnt_problem(const Call& call) {
    const TransducerOptions o(call);
    check_rnnt_kernel(call, o);
    const bool packed = call.input(rnnt::kLogits).rank == 2;
    const int64_t batch = call.size(rnnt::kTargets, 0), frames = call.size(rnnt::kLogits, !packed);
    const int64_t classes = call.size(rnnt::kLogits, packed ? 1 : 3), blank = call.integer(0);
    check_blank(call.name(), blank, classes);
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
            call.has(rnnt::kWindows) ? call.in<int32_t>(rnnt::kWindows) : nullptr,
            o.normalized,
            o.hat,
            o.topology == kRegular ? 1 : 0,
            o.topology == kConstrained,
            o.fastemit,
            o.clamp,
            o.delay_penalty,
            o.sigma,
            o.fastemit_scale ? 1 + o.fastemit : 1};
}

// The columns that lattices take, of all rows.
template <class T, class Launcher>
void save_rnnt_rows(const Launcher& launcher, const Call& call, const RnntProblem& p,
                    LatticeType<T>* saved) {
    using Rows = RnntSaveRows<T>;
    typename Rows::Args rows = {p, RowGroups::of(p.classes), call.in<T>(rnnt::kLogits), {}, saved};
    std::copy_n(call.input(rnnt::kLogits).stride, 3, rows.stride);
    launcher.template run<Rows>(rows.groups.grid(p.rows()), rows);
}

// What both halves have in their workspace.
template <class L, bool kGradient>
struct RnntMemory {
    using Lattice = RnntLattice<L, kGradient>;

    RnntMemory(const RnntProblem& p, int threads_, void* memory)
        : workspace(memory), threads(threads_) {
        if (p.packed) starts = workspace.take<int64_t>(p.batch);
        if (p.labels >= threads) {
            border = workspace.take<Probability<L>>((kGradient ? 2 : 1) * Lattice::border_size(p));
        }
        if constexpr (kGradient) {
            for (Probability<L>*& table : tables) table = workspace.take<Probability<L>>(p.rows());
            likelihood = workspace.take<RnntLikelihood<L>>(p.batch);
        }
    }

    // Of a call.
    template <class Launcher>
    static RnntMemory of(const RnntProblem& p, void* memory) {
        return RnntMemory(p, block_threads<Lattice, Launcher>(p.labels + 1), memory);
    }

    // The problem, with what has to be found out first.
    template <class Launcher>
    RnntProblem prepared(const Launcher& launcher, RnntProblem p) const {
        if (!p.packed) return p;
        launcher.template run<RnntPrepare>(RnntPrepare::grid(p.batch), {p, starts});
        p.starts = starts;
        return p;
    }

    Workspace workspace;
    int threads;
    int64_t* starts = nullptr;
    Probability<L>* border = nullptr;
    Probability<L>* tables[2] = {};
    RnntLikelihood<L>* likelihood = nullptr;
};

class RnntForward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const RnntProblem asked = rnnt_problem(call);
        const auto memory = Memory<L>::template of<Launcher>(asked, call.workspace());
        const RnntProblem p = memory.prepared(launcher, asked);

        save_rnnt_rows<T>(launcher, call, p, call.out<L>(1));
        using Lattice = RnntLattice<L, false>;
        launcher.template run<Lattice>(
            Lattice::grid(p.batch, memory.threads),
            {p, call.out<L>(1), {}, nullptr, call.out<L>(0), memory.border});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        using M = Memory<LatticeType<T>>;
        return M::template of<Launcher>(rnnt_problem(call), nullptr).workspace.bytes();
    }

  private:
    template <class L>
    using Memory = RnntMemory<L, false>;
};

class RnntBackward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const RnntProblem asked = rnnt_problem(call);
        const auto memory = Memory<L>::template of<Launcher>(asked, call.workspace());
        const RnntProblem p = memory.prepared(launcher, asked);
        const L* const saved = call.in<L>(rnnt::kSaved);

        using Lattice = RnntLattice<L, true>;
        launcher.template run<Lattice>(Lattice::grid(p.batch, memory.threads),
                                       {p,
                                        saved,
                                        {memory.tables[0], memory.tables[1]},
                                        memory.likelihood,
                                        nullptr,
                                        memory.border});

        using Rows = RnntGradientRows<T>;
        typename Rows::Args rows = {p,
                                    RowGroups::of(p.classes),
                                    call.in<T>(rnnt::kLogits),
                                    call.out<T>(0),
                                    {},
                                    {},
                                    saved,
                                    memory.tables[0],
                                    memory.tables[1],
                                    memory.likelihood,
                                    call.in<L>(rnnt::kGradLoss)};
        std::copy_n(call.input(rnnt::kLogits).stride, 3, rows.stride);
        std::copy_n(call.output(0).stride, 3, rows.grad_stride);
        launcher.template run<Rows>(rows.groups.grid(p.rows()), rows);
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        using M = Memory<LatticeType<T>>;
        return M::template of<Launcher>(rnnt_problem(call), nullptr).workspace.bytes();
    }

  private:
    template <class L>
    using Memory = RnntMemory<L, true>;
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_RNNT_HPP_
