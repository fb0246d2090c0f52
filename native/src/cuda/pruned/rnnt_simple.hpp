// The simple transducer loss of pruned RNN-T on a GPU: which kernels a call runs, in which memory.
//
//     SimpleForward     rows of am and lm, Z, the arcs, the lattice from its start; for bounds the
//                       lattice both ways, posteriors, windows, the band
//     SimpleBackward    the lattice both ways, posteriors and their sums, the two gradients
//
// The logits am + lm are never made. am is read twice forward (once with l + a = 1, a third time
// for a) and twice backward, where the products need it from the cache again for every 64
// positions; its gradient is written once. The workspace holds a few numbers for each cell, and
// nothing of the size of am.
#ifndef SEQFRONT_CUDA_PRUNED_RNNT_SIMPLE_HPP_
#define SEQFRONT_CUDA_PRUNED_RNNT_SIMPLE_HPP_

#include "cuda/pruned/simple_bounds.hpp"
#include "cuda/pruned/simple_gradient.hpp"
#include "cuda/pruned/simple_rows.hpp"
#include "cuda/transducer/rnnt.hpp"

namespace seqfront {
namespace cuda {

// The lattice both ways, and the posteriors, in the workspace of a call.
template <class L>
struct SimpleLattice {
    RnntMemory<L, true> memory;
    SimplePosteriors<L> posteriors;

    template <class Launcher>
    static SimpleLattice of(const SimpleProblem& p, void* workspace, bool weights) {
        SimpleLattice lattice{RnntMemory<L, true>::template of<Launcher>(p.lattice, workspace),
                              SimplePosteriors<L>{}};
        lattice.posteriors = SimplePosteriors<L>(p, lattice.memory.workspace, weights);
        return lattice;
    }

    template <class Launcher>
    void run(const Launcher& launcher, const SimpleProblem& p, const L* saved) const {
        using Lattice = RnntLattice<L, true>;
        launcher.template run<Lattice>(Lattice::grid(p.lattice.batch, memory.threads),
                                       {p.lattice,
                                        saved,
                                        {memory.tables[0], memory.tables[1]},
                                        memory.likelihood,
                                        nullptr,
                                        memory.border});
        using Posteriors = SimpleFindPosteriors<L>;
        launcher.template run<Posteriors>(
            CellThreads::grid(p.lattice),
            {p, saved, memory.tables[0], memory.tables[1], memory.likelihood, posteriors});
    }
};

class SimpleForward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const SimpleProblem p = simple_problem(call);
        const SimpleKept<L> kept = {
            call.out<L>(simple::kSavedOutput), call.out<L>(simple::kFrameRowsOutput),
            call.out<L>(simple::kLabelRowsOutput), call.out<L>(simple::kUnigramOutput)};
        save_arcs<T>(launcher, p, SimpleLogits<T>::of(call.input(simple::kAm)),
                     SimpleLogits<T>::of(call.input(simple::kLm)), kept);
        if (p.band > 0) {
            bounds(launcher, p, call, kept.saved);
        } else {
            loss(launcher, p, call, kept.saved);
        }
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        using L = LatticeType<T>;
        const SimpleProblem p = simple_problem(call);
        if (p.band > 0) {
            return SimpleLattice<L>::template of<Launcher>(p, nullptr, false)
                .memory.workspace.bytes();
        }
        return RnntMemory<L, false>::template of<Launcher>(p.lattice, nullptr).workspace.bytes();
    }

  private:
    template <class T, class Launcher, class L>
    static void save_arcs(const Launcher& launcher, const SimpleProblem& p,
                          const SimpleLogits<T>& am, const SimpleLogits<T>& lm,
                          const SimpleKept<L>& kept) {
        save_rows<T, SimpleRowsOf::kAm>(launcher, p, am, kept);
        save_rows<T, SimpleRowsOf::kLm>(launcher, p, lm, kept);
        if (p.am_only_scale > 0) {
            using Unigram = SimpleUnigram<T>;
            launcher.template run<Unigram>(Unigram::grid(p), {p, lm, kept});
            save_rows<T, SimpleRowsOf::kAmUnigram>(launcher, p, am, kept);
        }
        if (p.joint_scale > 0) {
            using Product = SimpleNormalisers<T>;
            const Tiles tiles = Product::tiles(p);
            launcher.template run<Product>(tiles.grid(Product::Product::kSharedBytes),
                                           {p, tiles, am, lm, kept});
        }
        using Arcs = SimpleArcs<T>;
        launcher.template run<Arcs>(Arcs::grid(p), {p, am, lm, kept});
    }

    template <class T, SimpleRowsOf kOf, class Launcher, class L>
    static void save_rows(const Launcher& launcher, const SimpleProblem& p,
                          const SimpleLogits<T>& x, const SimpleKept<L>& kept) {
        using Rows = SimpleRows<T, kOf>;
        run_rows<Rows>(launcher, Rows::count(p), {p, RowGroups::of(p.lattice.classes), x, kept});
    }

    template <class Launcher, class L>
    static void loss(const Launcher& launcher, const SimpleProblem& p, const Call& call,
                     const L* saved) {
        const auto memory =
            RnntMemory<L, false>::template of<Launcher>(p.lattice, call.workspace());
        using Lattice = RnntLattice<L, false>;
        launcher.template run<Lattice>(
            Lattice::grid(p.lattice.batch, memory.threads),
            {p.lattice, saved, {}, nullptr, call.out<L>(simple::kLoss), memory.border});
        using Fill = SimpleNoBand;
        launcher.template run<Fill>(Fill::grid(p), {p, call.out<int32_t>(simple::kStarts)});
    }

    template <class Launcher, class L>
    static void bounds(const Launcher& launcher, const SimpleProblem& p, const Call& call,
                       const L* saved) {
        const auto lattice = SimpleLattice<L>::template of<Launcher>(p, call.workspace(), false);
        lattice.run(launcher, p, saved);
        int32_t* const starts = call.out<int32_t>(simple::kStarts);
        using Windows = SimpleBestWindows<L>;
        launcher.template run<Windows>(Windows::grid(p),
                                       {p, lattice.memory.likelihood, lattice.posteriors, starts});
        using Band = SimpleBand<L>;
        launcher.template run<Band>(
            Band::grid(p), {p, lattice.memory.likelihood, starts, call.out<L>(simple::kLoss)});
    }
};

// What the backward half has in its workspace.
template <class L>
struct SimpleMemory {
    SimpleLattice<L> lattice;
    SimpleSums<L> sums;
    SimpleUnigramGradient<L> unigram;

    template <class Launcher>
    static SimpleMemory of(const SimpleProblem& p, void* memory) {
        SimpleMemory of{SimpleLattice<L>::template of<Launcher>(p, memory, true), {}, {}};
        of.sums = SimpleSums<L>(p, of.lattice.memory.workspace);
        of.unigram = SimpleUnigramGradient<L>(p, of.lattice.memory.workspace);
        return of;
    }
};

class SimpleBackward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const SimpleProblem p = simple_problem(call);
        const auto memory = SimpleMemory<L>::template of<Launcher>(p, call.workspace());
        const SimpleKept<const L> kept = {
            call.in<L>(simple::kSaved), call.in<L>(simple::kFrameRows),
            call.in<L>(simple::kLabelRows), call.in<L>(simple::kUnigram)};
        const SimpleGradientInputs<T> in = {p,
                                            SimpleLogits<T>::of(call.input(simple::kAm)),
                                            SimpleLogits<T>::of(call.input(simple::kLm)),
                                            kept,
                                            memory.lattice.memory.likelihood,
                                            call.in<L>(simple::kGradLoss),
                                            memory.lattice.posteriors,
                                            memory.sums,
                                            memory.unigram};
        memory.lattice.run(launcher, p, kept.saved);
        sum(launcher, in);
        if (p.am_only_scale > 0) sum_unigram(launcher, in);
        write<SimpleAmGradient<T>>(launcher, in, call, 0);
        write<SimpleLmGradient<T>>(launcher, in, call, 1);
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return SimpleMemory<LatticeType<T>>::template of<Launcher>(simple_problem(call), nullptr)
            .lattice.memory.workspace.bytes();
    }

  private:
    template <class Launcher, class T>
    static void sum(const Launcher& launcher, const SimpleGradientInputs<T>& in) {
        using L = LatticeType<T>;
        using Positions = SimpleSumPositions<L>;
        using Frames = SimpleSumFrames<L>;
        const typename Positions::Args args = {in.problem, in.likelihood, in.posteriors, in.sums};
        launcher.template run<Positions>(Positions::grid(in.problem), args);
        launcher.template run<Frames>(Frames::grid(in.problem), args);
    }

    template <class Launcher, class T>
    static void sum_unigram(const Launcher& launcher, const SimpleGradientInputs<T>& in) {
        const SimpleProblem& p = in.problem;
        using Unigram = SimpleSumUnigram<T>;
        launcher.template run<Unigram>(Unigram::grid(p),
                                       {p, in.am, in.kept, in.likelihood, in.sums, in.unigram});
        run_rows<SimpleSumClasses<T>>(
            launcher, p.lattice.batch * p.positions(),
            {p, RowGroups::of(p.lattice.classes), in.lm, in.kept, in.likelihood, in.unigram});
    }

    template <class Side, class Launcher, class T>
    static void write(const Launcher& launcher, const SimpleGradientInputs<T>& in, const Call& call,
                      int output) {
        using Gradient = SimpleGradient<T, Side>;
        const Tiles tiles = Gradient::tiles(in.problem);
        launcher.template run<Gradient>(tiles.grid(Gradient::kSharedBytes),
                                        {in, tiles, RowArray<T, 2>::of(call.output(output))});
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_PRUNED_RNNT_SIMPLE_HPP_
