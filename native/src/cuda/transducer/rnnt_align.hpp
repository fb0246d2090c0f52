// The best alignment of RNN-T on a GPU: which kernels a call runs, in which memory.
//
// The rows, the lattice from its start with its back-pointers, and the way back. The logits are
// read once; besides them a cell has its three saved numbers and one bit.
#ifndef SEQFRONT_CUDA_TRANSDUCER_RNNT_ALIGN_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_RNNT_ALIGN_HPP_

#include "cuda/transducer/rnnt.hpp"
#include "cuda/transducer/rnnt_trace.hpp"

namespace seqfront {
namespace cuda {

class RnntAlign {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const RnntProblem p = rnnt_problem(call);
        const auto memory = Memory<L>::template of<Launcher>(p, call.workspace());
        save_rnnt_rows<T>(launcher, call, p, memory.saved);
        launcher.template run<Lattice<L>>(
            Lattice<L>::grid(p.batch, memory.threads),
            {p, memory.saved, {}, nullptr, nullptr, memory.border, memory.back, memory.end});
        using Trace = RnntTrace<L>;
        const typename Trace::Args trace = {p,
                                            memory.saved,
                                            memory.back,
                                            memory.end,
                                            call.out<L>(0),
                                            call.out<int32_t>(1),
                                            call.out<int32_t>(2),
                                            call.out<L>(3)};
        launcher.template run<Trace>(Trace::grid(trace, Launcher::threads(Trace::kMostThreads)),
                                     trace);
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        using M = Memory<LatticeType<T>>;
        return M::template of<Launcher>(rnnt_problem(call), nullptr).workspace.bytes();
    }

  private:
    template <class L>
    using Lattice = RnntLattice<L, false, BestOfPaths<L>>;

    template <class L>
    struct Memory {
        Memory(const RnntProblem& p, int threads_, void* memory)
            : workspace(memory),
              threads(threads_),
              saved(workspace.take<L>(p.rows() * kFirstExtra)),
              border(p.labels < threads ? nullptr
                                        : workspace.take<LogWeight>(Lattice<L>::border_size(p))),
              back(BackPointers::of(2, p.frames + p.labels, p.labels + 1)),
              end(workspace.take<BestEnd>(p.batch)) {
            back.words = workspace.take<uint32_t>(p.batch * back.words_of_sequence);
        }
        template <class Launcher>
        static Memory of(const RnntProblem& p, void* memory) {
            return Memory(p, block_threads<Lattice<L>, Launcher>(p.labels + 1), memory);
        }

        Workspace workspace;
        int threads;
        L* saved;
        LogWeight* border;
        BackPointers back;
        BestEnd* end;
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_RNNT_ALIGN_HPP_
