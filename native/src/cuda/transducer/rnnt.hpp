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
    const int64_t classes = call.size(rnnt::kLogits, 3), blank = call.integer(0);
    check_blank(call.name(), blank, classes);
    return {call.size(rnnt::kTargets, 0),
            call.size(rnnt::kLogits, 1),
            call.size(rnnt::kTargets, 1),
            classes,
            blank,
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

// Where what one strip leaves for the next is kept; null if there is but one.
template <class L>
Probability<L>* take_border(Workspace& workspace, const RnntProblem& p, int threads,
                            int64_t directions) {
    return p.labels < threads ? nullptr
                              : workspace.take<Probability<L>>(directions * p.batch * p.frames);
}

class RnntForward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const RnntProblem p = rnnt_problem(call);
        const Memory<L, Launcher> memory(p, call.workspace());

        using Rows = RnntSaveRows<T>;
        typename Rows::Args rows = {
            p, RowGroups::of(p.classes), call.in<T>(rnnt::kLogits), {}, call.out<L>(1)};
        std::copy_n(call.input(rnnt::kLogits).stride, 3, rows.stride);
        launcher.template run<Rows>(rows.groups.grid(p.rows()), rows);

        using Lattice = RnntLattice<L, false>;
        launcher.template run<Lattice>(
            Lattice::grid(p.batch, memory.threads),
            {p, call.out<L>(1), {}, nullptr, call.out<L>(0), memory.border});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return Memory<LatticeType<T>, Launcher>(rnnt_problem(call), nullptr).workspace.bytes();
    }

  private:
    template <class L, class Launcher>
    struct Memory {
        Memory(const RnntProblem& p, void* memory)
            : workspace(memory),
              threads(block_threads<RnntLattice<L, false>, Launcher>(p.labels + 1)),
              border(take_border<L>(workspace, p, threads, 1)) {}

        Workspace workspace;
        int threads;
        Probability<L>* border;
    };
};

class RnntBackward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const RnntProblem p = rnnt_problem(call);
        const Memory<L, Launcher> memory(p, call.workspace());
        const L* const saved = call.in<L>(rnnt::kSaved);

        using Lattice = RnntLattice<L, true>;
        launcher.template run<Lattice>(
            Lattice::grid(p.batch, memory.threads),
            {p, saved, {memory.alpha, memory.beta}, memory.likelihood, nullptr, memory.border});

        using Rows = RnntGradientRows<T>;
        typename Rows::Args rows = {p,
                                    RowGroups::of(p.classes),
                                    call.in<T>(rnnt::kLogits),
                                    call.out<T>(0),
                                    {},
                                    {},
                                    saved,
                                    memory.alpha,
                                    memory.beta,
                                    memory.likelihood,
                                    call.in<L>(rnnt::kGradLoss)};
        std::copy_n(call.input(rnnt::kLogits).stride, 3, rows.stride);
        std::copy_n(call.output(0).stride, 3, rows.grad_stride);
        launcher.template run<Rows>(rows.groups.grid(p.rows()), rows);
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return Memory<LatticeType<T>, Launcher>(rnnt_problem(call), nullptr).workspace.bytes();
    }

  private:
    template <class L, class Launcher>
    struct Memory {
        Memory(const RnntProblem& p, void* memory)
            : workspace(memory),
              threads(block_threads<RnntLattice<L, true>, Launcher>(p.labels + 1)),
              border(take_border<L>(workspace, p, threads, 2)),
              alpha(workspace.take<Probability<L>>(p.rows())),
              beta(workspace.take<Probability<L>>(p.rows())),
              likelihood(workspace.take<RnntLikelihood<L>>(p.batch)) {}

        Workspace workspace;
        int threads;
        Probability<L>*border, *alpha, *beta;
        RnntLikelihood<L>* likelihood;
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_RNNT_HPP_
