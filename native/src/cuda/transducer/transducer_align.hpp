// The best alignment of transducers on a GPU: which kernels a call runs, in which memory. The rows,
// the lattice from its start, and the way back.
//
//     RnntBest    with the two arcs of RNN-T: the lattice keeps one bit for each cell
//     ArcBest     with any: it keeps the scores, and the codes of arcs are found from these
//
// The logits are read once, and no more is needed of them than a loss reads. Besides, in bytes of a
// cell: 12 written and 8 read of its columns, and a bit (RNN-T); a column of 4 more for each
// duration or big blank, read twice, 8 of its score, written and read, and a code (any arcs).
//
// Each op has run<T>(launcher, call) and workspace<T, Launcher>(call), in bytes.
#ifndef SEQFRONT_CUDA_TRANSDUCER_TRANSDUCER_ALIGN_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_TRANSDUCER_ALIGN_HPP_

#include "cuda/transducer/arc_back.hpp"
#include "cuda/transducer/arc_tables.hpp"
#include "cuda/transducer/path_trace.hpp"
#include "cuda/transducer/rnnt_lattice.hpp"
#include "cuda/transducer/saved_columns.hpp"
#include "cuda/transducer/tdt.hpp"

namespace seqfront {
namespace cuda {

// What the way back needs, whatever the arcs.
template <class L>
struct BestMemory {
    BestMemory(const RnntProblem& p, int64_t arcs, void* memory)
        : workspace(memory), back(BackPointers::of(arcs, p.frames + p.labels, p.labels + 1)) {
        saved = workspace.take<L>(p.rows() * p.columns());
        back.words = workspace.take<uint32_t>(p.batch * back.words_of_sequence);
        last = workspace.take<int32_t>(p.batch);
    }

    Workspace workspace;
    L* saved;
    BackPointers back;
    int32_t* last;
};

template <class L>
struct RnntBest {
    using Lattice = RnntLattice<L, false, BestOfPaths<L>>;

    template <class Launcher>
    static RnntBest make(const RnntProblem& p, void* memory) {
        RnntBest made = {BestMemory<L>(p, 2, memory), nullptr, nullptr, 0};
        made.threads = block_threads<Lattice, Launcher>(p.labels + 1);
        made.total = made.memory.workspace.template take<AllPaths<LogWeight>>(p.batch);
        if (p.labels >= made.threads) {
            made.border = made.memory.workspace.template take<LogWeight>(Lattice::border_size(p));
        }
        return made;
    }

    template <class Launcher>
    void run(const Launcher& launcher, const RnntProblem& p) const {
        typename Lattice::Args args = {p, memory.saved, {}, nullptr, nullptr, border};
        args.back = memory.back;
        args.total = total;
        args.last = memory.last;
        launcher.template run<Lattice>(Lattice::grid(p.batch, threads), args);
    }
    const Arc* arcs() const { return nullptr; }

    BestMemory<L> memory;
    AllPaths<LogWeight>* total;
    LogWeight* border;
    int threads;
};

template <class L>
struct ArcBest {
    using Tables = ArcTables<L, BestOfPaths<L>, false>;

    template <class Launcher>
    static ArcBest make(const RnntProblem& p, void* memory) {
        ArcBest made = {BestMemory<L>(p, ArcList::most_arcs(p), memory), {}, nullptr};
        made.tables = Tables::template of<Launcher>(p, made.memory.workspace);
        made.total = made.tables.total;
        return made;
    }

    template <class Launcher>
    void run(const Launcher& launcher, const RnntProblem& p) const {
        tables.run(launcher, p, memory.saved);
        using Back = ArcBack<L>;
        const typename Back::Args args = {p,           tables.list, memory.saved, tables.tables[0],
                                          memory.back, total,       memory.last};
        launcher.template run<Back>(Back::grid(args), args);
    }
    const Arc* arcs() const { return tables.list.arcs; }

    BestMemory<L> memory;
    Tables tables;
    AllPaths<LogWeight>* total;
};

template <class Best, class T, class Launcher>
void run_align(const Launcher& launcher, const Call& call, const RnntProblem& p) {
    using L = LatticeType<T>;
    const Best best = Best::template make<Launcher>(p, call.workspace());
    save_columns<T>(launcher, call, p, best.memory.saved);
    best.run(launcher, p);
    using Trace = PathTrace<L>;
    const typename Trace::Args args = {p,
                                       best.arcs(),
                                       best.memory.saved,
                                       best.memory.back,
                                       best.total,
                                       best.memory.last,
                                       call.out<L>(0),
                                       call.out<int32_t>(1),
                                       call.out<int32_t>(2),
                                       call.out<L>(3)};
    launcher.template run<Trace>(Trace::grid(args, Launcher::threads(Trace::kMostThreads)), args);
}

class RnntAlign {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const RnntProblem p = problem(call);
        if (p.standard()) {
            run_align<RnntBest<L>, T>(launcher, call, p);
        } else {
            run_align<ArcBest<L>, T>(launcher, call, p);
        }
    }
    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        using L = LatticeType<T>;
        const RnntProblem p = problem(call);
        return p.standard()
                   ? RnntBest<L>::template make<Launcher>(p, nullptr).memory.workspace.bytes()
                   : ArcBest<L>::template make<Launcher>(p, nullptr).memory.workspace.bytes();
    }

  private:
    static RnntProblem problem(const Call& call) {
        const RnntProblem p = rnnt_problem(call);
        check_arc_count(call.name(), 2 + p.big_blank_count);
        return p;
    }
};

class TdtAlign {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        run_align<ArcBest<LatticeType<T>>, T>(launcher, call, problem(call));
    }
    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        using Best = ArcBest<LatticeType<T>>;
        return Best::template make<Launcher>(problem(call), nullptr).memory.workspace.bytes();
    }

  private:
    // Whether one of the durations is 0, and so has no blank, is not known here.
    static RnntProblem problem(const Call& call) {
        const RnntProblem p = tdt_problem(call);
        check_arc_count(call.name(), 2 * p.duration_count - 1);
        return p;
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_TRANSDUCER_ALIGN_HPP_
