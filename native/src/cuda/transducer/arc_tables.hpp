// A transducer with any arcs on a GPU: what its lattice has in the workspace, and running it. For
// other ops over the same lattices, too.
//
//     const ArcTables<L, SumOfPaths<L>, true> tables = ....of<Launcher>(p, workspace);
//     tables.run(launcher, p, saved);
//
// leaves alpha, beta and `total`; without kBoth beta and `total` alone.
#ifndef SEQFRONT_CUDA_TRANSDUCER_ARC_TABLES_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_ARC_TABLES_HPP_

#include "cuda/transducer/arc_lattice.hpp"
#include "cuda/workspace.hpp"

namespace seqfront {
namespace cuda {

template <class L, class Paths, bool kBoth>
struct ArcTables {
    using Lattice = ArcLattice<L, Paths, kBoth>;
    using Number = typename Paths::Number;

    template <class Launcher>
    static ArcTables of(const RnntProblem& p, Workspace& workspace) {
        ArcTables made;
        made.shape = Lattice::template shape<Launcher>(p);
        made.list.most = ArcList::most_arcs(p);
        made.list.arcs = workspace.take<Arc>(made.list.most);
        made.list.count = workspace.take<int32_t>(1);
        made.total = workspace.take<AllPaths<Number>>(p.batch);
        for (int i = kBoth ? 0 : 1; i < 2; ++i) made.tables[i] = workspace.take<Number>(p.rows());
        return made;
    }

    template <class Launcher>
    void run(const Launcher& launcher, const RnntProblem& p, const L* saved) const {
        launcher.template run<ArcPrepare>(ArcPrepare::grid(), {p, list});
        launcher.template run<Lattice>(Lattice::grid(p.batch, shape),
                                       {p, list, shape, saved, {tables[0], tables[1]}, total});
    }

    ArcBlock shape;
    ArcList list;
    Number* tables[2] = {};
    AllPaths<Number>* total;  // [batch]
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_ARC_TABLES_HPP_
