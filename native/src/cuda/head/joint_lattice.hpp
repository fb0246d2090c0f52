// The lattice of RNN-T with its joint network on a GPU: from what is saved of the cells to the
// loss, or to the columns of the gradient. The standard lattice, or that of any arcs
// (arc_loss.hpp).
#ifndef SEQFRONT_CUDA_HEAD_JOINT_LATTICE_HPP_
#define SEQFRONT_CUDA_HEAD_JOINT_LATTICE_HPP_

#include "cuda/transducer/rnnt.hpp"
#include "cuda/transducer/table_cell.hpp"

namespace seqfront {
namespace cuda {

// The columns of the standard lattice's gradient, a thread for each cell.
template <class L>
struct RnntColumns {
    using Rows = RnntGradientRows<L>;
    static constexpr int kMostThreads = CellThreads::kThreads;

    struct Args {
        typename Rows::Args lattice;  // but for the logits
        L* columns;                   // [columns, cells] for each sequence
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RnntProblem& p = args.lattice.problem;
        CellThreads::each(block, p, [&](int64_t i) {
            const TableCell at = TableCell::of(p, i);
            if (!at.inside()) return;
            const RnntSequence& s = at.sequence;
            const RnntRowGradient<L> of = Rows::gradient_of(args.lattice, {s, at.t, at.u});
            L* const columns = args.columns + s.first_cell * p.columns() + at.cell;
            columns[kRow] = of.zero ? 0 : of.scale;
            columns[kBlankColumn * s.cells()] = of.blank;
            columns[kLabelColumn * s.cells()] = of.label;
        });
    }
};

// What a half has of it in its workspace, and how it runs.
template <class L, bool kGradient>
class JointLattice {
  public:
    JointLattice(const RnntProblem& p, Workspace& workspace)
        : problem_(p), memory_(workspace.take<unsigned char>(bytes(p))) {}

    void losses(const Launcher& launcher, const L* saved, L* loss) const {
        if (!problem_.standard()) return arc_losses<L>(launcher, problem_, saved, memory_, loss);
        using Lattice = RnntLattice<L, false>;
        const Memory memory = Memory::template of<Launcher>(problem_, memory_);
        launcher.template run<Lattice>(Lattice::grid(problem_.batch, memory.threads),
                                       {problem_, saved, {}, nullptr, loss, memory.border});
    }

    void columns(const Launcher& launcher, const L* saved, const L* grad_loss, L* columns) const {
        if (!problem_.standard()) {
            return arc_columns<L>(launcher, problem_, saved, grad_loss, memory_, columns);
        }
        using Lattice = RnntLattice<L, true>;
        const Memory memory = Memory::template of<Launcher>(problem_, memory_);
        launcher.template run<Lattice>(Lattice::grid(problem_.batch, memory.threads),
                                       {problem_,
                                        saved,
                                        {memory.tables[0], memory.tables[1]},
                                        memory.likelihood,
                                        nullptr,
                                        memory.border});
        typename RnntColumns<L>::Args of = {{}, columns};
        of.lattice.problem = problem_;
        of.lattice.saved = saved;
        of.lattice.alpha = memory.tables[0];
        of.lattice.beta = memory.tables[1];
        of.lattice.likelihood = memory.likelihood;
        of.lattice.grad_loss = grad_loss;
        launcher.template run<RnntColumns<L>>(CellThreads::grid(problem_), of);
    }

  private:
    using Memory = RnntMemory<L, kGradient>;

    static int64_t bytes(const RnntProblem& p) {
        if (!p.standard()) return arc_bytes<L>(p, kGradient);
        return Memory::template of<Launcher>(p, nullptr).workspace.bytes();
    }

    RnntProblem problem_;
    void* memory_;
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_HEAD_JOINT_LATTICE_HPP_
