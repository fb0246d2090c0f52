// RNN-T on a GPU: which kernels a call runs, in which memory.
//
//     RnntForward     the rows, then the lattice from its start
//     RnntBackward    the lattice both ways, then the rows of the gradient
//
// Big blanks and star arcs have the lattice of any arcs (arc_loss.hpp).
//
// Each has run<T>(launcher, call) and workspace<T, Launcher>(call), in bytes. What an op of the
// family has of its own is its Op.
#ifndef SEQFRONT_CUDA_TRANSDUCER_RNNT_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_RNNT_HPP_

#include "cuda/transducer/arc_loss.hpp"
#include "cuda/transducer/band_cells.hpp"
#include "cuda/transducer/rnnt_call.hpp"
#include "cuda/transducer/rnnt_lattice.hpp"
#include "cuda/workspace.hpp"

namespace seqfront {
namespace cuda {

// What both halves have in their workspace.
template <class L, bool kGradient>
struct RnntMemory {
    using Lattice = RnntLattice<L, kGradient>;

    RnntMemory(const RnntProblem& p, int threads_, void* memory)
        : workspace(memory), threads(threads_) {
        saved = LatticeColumns<L>(p, workspace);
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

    Workspace workspace;
    int threads;
    LatticeColumns<L> saved;
    int64_t* starts = nullptr;
    Probability<L>* border = nullptr;
    Probability<L>* tables[2] = {};
    RnntLikelihood<L>* likelihood = nullptr;
};

// `rnnt` and `rnnt_packed`.
struct RnntOp {
    static constexpr rnnt::Inputs kInputs = {};
    static RnntProblem problem(const Call& call) { return rnnt_problem(call, kInputs); }
};

template <class Op = RnntOp>
class RnntForward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const RnntProblem asked = Op::problem(call);
        if (!asked.standard()) return arc_forward<T>(launcher, call, asked);
        const auto memory = Memory<L>::template of<Launcher>(asked, call.workspace());
        const RnntProblem p = prepared(launcher, asked, memory.starts);
        const L* const saved = memory.saved.save(launcher, p, call.out<L>(1), [&](L* to) {
            save_rnnt_rows<T, false>(launcher, call, p, to);
        });
        using Lattice = RnntLattice<L, false>;
        launcher.template run<Lattice>(Lattice::grid(p.batch, memory.threads),
                                       {p, saved, {}, nullptr, call.out<L>(0), memory.border});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        using M = Memory<LatticeType<T>>;
        const RnntProblem p = Op::problem(call);
        if (!p.standard()) return arc_workspace<T>(p, false);
        return M::template of<Launcher>(p, nullptr).workspace.bytes();
    }

  private:
    template <class L>
    using Memory = RnntMemory<L, false>;
};

template <class Op = RnntOp>
class RnntBackward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const RnntProblem asked = Op::problem(call);
        if (!asked.standard()) return arc_backward<T>(launcher, call, asked, Op::kInputs);
        const auto memory = Memory<L>::template of<Launcher>(asked, call.workspace());
        const RnntProblem p = prepared(launcher, asked, memory.starts);
        const L* const saved = memory.saved.load(launcher, p, call.in<L>(Op::kInputs.saved));

        using Lattice = RnntLattice<L, true>;
        launcher.template run<Lattice>(Lattice::grid(p.batch, memory.threads),
                                       {p,
                                        saved,
                                        {memory.tables[0], memory.tables[1]},
                                        memory.likelihood,
                                        nullptr,
                                        memory.border});

        using Rows = RnntGradientRows<T>;
        typename Rows::Args rows = {};
        rows.problem = p;
        rows.saved = saved;
        rows.grad_loss = call.in<L>(Op::kInputs.grad_loss);
        rows.alpha = memory.tables[0];
        rows.beta = memory.tables[1];
        rows.likelihood = memory.likelihood;
        write_rnnt_rows<Rows, T>(launcher, call, rows);
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        using M = Memory<LatticeType<T>>;
        const RnntProblem p = Op::problem(call);
        if (!p.standard()) return arc_workspace<T>(p, true);
        return M::template of<Launcher>(p, nullptr).workspace.bytes();
    }

  private:
    template <class L>
    using Memory = RnntMemory<L, true>;
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_RNNT_HPP_
