// The posteriors of transducers on a GPU: which kernels a call runs, in which memory. The rows, the
// lattice both ways, and from its tables the results.
//
// Each has run<T>(launcher, call) and workspace<T, Launcher>(call), in bytes.
#ifndef SEQFRONT_CUDA_TRANSDUCER_TRANSDUCER_POSTERIORS_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_TRANSDUCER_POSTERIORS_HPP_

#include "cuda/transducer/arc_tables.hpp"
#include "cuda/transducer/posterior_tiles.hpp"
#include "cuda/transducer/rnnt.hpp"
#include "cuda/transducer/saved_columns.hpp"
#include "cuda/transducer/tdt.hpp"

namespace seqfront {
namespace cuda {

// From what `Of` has in its workspace, and what it makes of the saved columns there.
template <class Of, class T, class Launcher>
void run_posteriors(const Launcher& launcher, const Call& call, const RnntProblem& p) {
    using L = LatticeType<T>;
    const Of of = Of::template make<Launcher>(p, call.workspace());
    save_columns<T>(launcher, call, p, of.saved);
    of.run(launcher, p);
    using Tiles = PosteriorTiles<L, typename Of::Cells>;
    launcher.template run<Tiles>(Tiles::grid(p),
                                 {p, of.cells(p), call.out<L>(0), call.out<L>(1), call.out<L>(2)});
}

// With the two arcs of RNN-T.
template <class L>
struct RnntPosteriorTables {
    using Cells = RnntCellPosteriors<L>;
    using Lattice = RnntLattice<L, true>;

    template <class Launcher>
    static RnntPosteriorTables make(const RnntProblem& p, void* memory) {
        RnntPosteriorTables made = {RnntMemory<L, true>::template of<Launcher>(p, memory), nullptr};
        made.saved = made.memory.workspace.template take<L>(p.rows() * p.columns());
        return made;
    }
    int64_t bytes() const { return memory.workspace.bytes(); }

    template <class Launcher>
    void run(const Launcher& launcher, const RnntProblem& p) const {
        launcher.template run<Lattice>(Lattice::grid(p.batch, memory.threads),
                                       {p,
                                        saved,
                                        {memory.tables[0], memory.tables[1]},
                                        memory.likelihood,
                                        nullptr,
                                        memory.border});
    }

    typename Cells::Args cells(const RnntProblem& p) const {
        typename Cells::Args args = {};
        args.problem = p;
        args.saved = saved;
        args.alpha = memory.tables[0];
        args.beta = memory.tables[1];
        args.likelihood = memory.likelihood;
        return args;
    }

    RnntMemory<L, true> memory;
    L* saved;
};

// With any arcs.
template <class L>
struct ArcPosteriorTables {
    using Cells = ArcCellPosteriors<L>;
    using Tables = ArcTables<L, SumOfPaths<L>, true>;

    template <class Launcher>
    static ArcPosteriorTables make(const RnntProblem& p, void* memory) {
        ArcPosteriorTables made = {Workspace(memory), {}, nullptr};
        made.tables = Tables::template of<Launcher>(p, made.workspace);
        made.saved = made.workspace.template take<L>(p.rows() * p.columns());
        return made;
    }
    int64_t bytes() const { return workspace.bytes(); }

    template <class Launcher>
    void run(const Launcher& launcher, const RnntProblem& p) const {
        tables.run(launcher, p, saved);
    }

    typename Cells::Args cells(const RnntProblem&) const {
        return {tables.list, saved, tables.tables[0], tables.tables[1], tables.total};
    }

    Workspace workspace;
    Tables tables;
    L* saved;
};

class RnntPosteriors {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const RnntProblem p = rnnt_problem(call);
        if (p.standard()) {
            run_posteriors<RnntPosteriorTables<L>, T>(launcher, call, p);
        } else {
            run_posteriors<ArcPosteriorTables<L>, T>(launcher, call, p);
        }
    }
    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        using L = LatticeType<T>;
        const RnntProblem p = rnnt_problem(call);
        return p.standard() ? RnntPosteriorTables<L>::template make<Launcher>(p, nullptr).bytes()
                            : ArcPosteriorTables<L>::template make<Launcher>(p, nullptr).bytes();
    }
};

class TdtPosteriors {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        run_posteriors<ArcPosteriorTables<LatticeType<T>>, T>(launcher, call, tdt_problem(call));
    }
    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        using Tables = ArcPosteriorTables<LatticeType<T>>;
        return Tables::template make<Launcher>(tdt_problem(call), nullptr).bytes();
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_TRANSDUCER_POSTERIORS_HPP_
