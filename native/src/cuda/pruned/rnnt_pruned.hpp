// Pruned RNN-T on a GPU: which kernels a call runs, in which memory.
//
//     PrunedForward     the rows of the band, then the lattice, and what the other half needs
//     PrunedBackward    the lattice both ways, then the rows of the gradient
//
// Rows and lattice are those of RNN-T, or with big blanks those of any arcs; the lattice has all
// positions, in the workspace (band_cells.hpp): a step takes as long for few of them as for all,
// and their columns are little beside the logits.
#ifndef SEQFRONT_CUDA_PRUNED_RNNT_PRUNED_HPP_
#define SEQFRONT_CUDA_PRUNED_RNNT_PRUNED_HPP_

#include "cuda/pruned/band_cells.hpp"
#include "cuda/transducer/rnnt.hpp"

namespace seqfront {
namespace cuda {

namespace pruned {
enum Input { kStarts = rnnt::kLabelLengths + 1, kWindows, kBigBlanks, kSaved, kGradLoss };
constexpr rnnt::Inputs kInputs = {kWindows, kBigBlanks, kSaved, kGradLoss};
}  // namespace pruned

inline RnntProblem pruned_problem(const Call& call) {
    RnntProblem p = rnnt_problem(call, pruned::kInputs);
    TransducerOptions(call).check_band(call.name());
    p.band_starts = call.in<int32_t>(pruned::kStarts);
    p.band = call.size(rnnt::kLogits, 2);
    return p;
}

// Memory of RNN-T, or of any arcs; and the cells of the lattice.
template <class L, class Base>
struct PrunedMemory {
    template <class Launcher>
    static PrunedMemory of(const RnntProblem& p, void* memory) {
        PrunedMemory made = {Base::template of<Launcher>(p, memory), nullptr};
        made.cells = made.base.workspace.template take<L>(p.rows() * p.columns());
        return made;
    }

    template <class Launcher>
    void fill(const Launcher& launcher, const RnntProblem& p, const L* saved) const {
        using Spread = BandSpread<L>;
        launcher.template run<Spread>(Spread::grid(p), {p, saved, cells});
    }

    Base base;
    L* cells;
};

class PrunedForward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        const RnntProblem p = pruned_problem(call);
        if (p.standard()) return run_standard<T>(launcher, call, p);
        using L = LatticeType<T>;
        const auto memory = Arcs<L>::template of<Launcher>(p, call.workspace());
        save<T>(launcher, call, p, memory);
        memory.base.tables.run(launcher, p, memory.cells);
        launcher.template run<ArcLoss<L>>(ArcLoss<L>::grid(p.batch),
                                          {p, memory.base.tables.total, call.out<L>(0)});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        using L = LatticeType<T>;
        const RnntProblem p = pruned_problem(call);
        return p.standard() ? Standard<L>::template of<Launcher>(p, nullptr).base.workspace.bytes()
                            : Arcs<L>::template of<Launcher>(p, nullptr).base.workspace.bytes();
    }

  private:
    template <class L>
    using Standard = PrunedMemory<L, RnntMemory<L, false>>;
    template <class L>
    using Arcs = PrunedMemory<L, ArcMemory<L, false>>;

    template <class T, class Launcher>
    static void run_standard(const Launcher& launcher, const Call& call, const RnntProblem& p) {
        using L = LatticeType<T>;
        const auto memory = Standard<L>::template of<Launcher>(p, call.workspace());
        save<T>(launcher, call, p, memory);
        using Lattice = RnntLattice<L, false>;
        launcher.template run<Lattice>(
            Lattice::grid(p.batch, memory.base.threads),
            {p, memory.cells, {}, nullptr, call.out<L>(0), memory.base.border});
    }

    template <class T, class Launcher, class Memory>
    static void save(const Launcher& launcher, const Call& call, const RnntProblem& p,
                     const Memory& memory) {
        using L = LatticeType<T>;
        memory.fill(launcher, p, nullptr);
        save_rnnt_rows<T>(launcher, call, p, memory.cells);
        using Save = BandSave<L>;
        launcher.template run<Save>(Save::grid(p), {p, memory.cells, call.out<L>(1)});
    }
};

class PrunedBackward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        const RnntProblem p = pruned_problem(call);
        if (p.standard()) return run_standard<T>(launcher, call, p);
        using L = LatticeType<T>;
        const auto memory = Arcs<L>::template of<Launcher>(p, call.workspace());
        const auto& tables = memory.base.tables;
        memory.fill(launcher, p, call.in<L>(pruned::kSaved));
        tables.run(launcher, p, memory.cells);
        launcher.template run<ArcColumns<L>>(
            ArcColumns<L>::grid(p),
            {p,
             {tables.list, memory.cells, tables.tables[0], tables.tables[1], tables.total},
             call.in<L>(pruned::kGradLoss),
             memory.base.columns});
        typename RnntGradientRows<T, true>::Args rows = {};
        rows.columns = memory.base.columns;
        write<T, true>(launcher, call, p, memory.cells, rows);
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        using L = LatticeType<T>;
        const RnntProblem p = pruned_problem(call);
        return p.standard() ? Standard<L>::template of<Launcher>(p, nullptr).base.workspace.bytes()
                            : Arcs<L>::template of<Launcher>(p, nullptr).base.workspace.bytes();
    }

  private:
    template <class L>
    using Standard = PrunedMemory<L, RnntMemory<L, true>>;
    template <class L>
    using Arcs = PrunedMemory<L, ArcMemory<L, true>>;

    template <class T, class Launcher>
    static void run_standard(const Launcher& launcher, const Call& call, const RnntProblem& p) {
        using L = LatticeType<T>;
        const auto memory = Standard<L>::template of<Launcher>(p, call.workspace());
        const auto& base = memory.base;
        memory.fill(launcher, p, call.in<L>(pruned::kSaved));
        using Lattice = RnntLattice<L, true>;
        launcher.template run<Lattice>(Lattice::grid(p.batch, base.threads),
                                       {p,
                                        memory.cells,
                                        {base.tables[0], base.tables[1]},
                                        base.likelihood,
                                        nullptr,
                                        base.border});
        typename RnntGradientRows<T>::Args rows = {};
        rows.alpha = base.tables[0];
        rows.beta = base.tables[1];
        rows.likelihood = base.likelihood;
        write<T, false>(launcher, call, p, memory.cells, rows);
    }

    template <class T, bool kColumns, class Launcher>
    static void write(const Launcher& launcher, const Call& call, const RnntProblem& p,
                      const LatticeType<T>* cells,
                      typename RnntGradientRows<T, kColumns>::Args rows) {
        rows.problem = p;
        rows.saved = cells;
        write_rnnt_rows<RnntGradientRows<T, kColumns>, T>(launcher, call, rows, pruned::kInputs);
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_PRUNED_RNNT_PRUNED_HPP_
