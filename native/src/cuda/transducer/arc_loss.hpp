// The loss of a transducer with any arcs on a GPU: which kernels a call runs, in which memory.
//
//     arc_forward     the rows, then the lattice from its end
//     arc_backward    the lattice both ways, the columns of the gradient, then its rows
#ifndef SEQFRONT_CUDA_TRANSDUCER_ARC_LOSS_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_ARC_LOSS_HPP_

#include "cuda/transducer/arc_posteriors.hpp"
#include "cuda/transducer/arc_tables.hpp"
#include "cuda/transducer/duration_rows.hpp"
#include "cuda/transducer/rnnt_call.hpp"

namespace seqfront {
namespace cuda {

// What both halves have in their workspace.
template <class L, bool kGradient>
struct ArcMemory {
    using Tables = ArcTables<L, SumOfPaths<L>, kGradient>;

    template <class Launcher>
    static ArcMemory of(const RnntProblem& p, void* memory) {
        ArcMemory made = {Workspace(memory), {}, nullptr, nullptr};
        made.tables = Tables::template of<Launcher>(p, made.workspace);
        if (p.packed) made.starts = made.workspace.template take<int64_t>(p.batch);
        if (kGradient) made.columns = made.workspace.template take<L>(p.rows() * p.columns());
        return made;
    }

    Workspace workspace;
    Tables tables;
    int64_t* starts;
    L* columns;
};

// What is reported of a sequence.
template <class L>
struct ArcLoss {
    static constexpr int kMostThreads = kWarp;

    struct Args {
        RnntProblem problem;
        const AllPaths<Probability<L>>* total;  // [batch]
        L* loss;                                // [batch]
    };

    static Grid grid(int64_t batch) { return {(batch + kWarp - 1) / kWarp, 1, kWarp, 0}; }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RnntProblem& p = args.problem;
        for (int64_t first = block.x() * kWarp; first < p.batch; first += block.count_x() * kWarp) {
            block.each([&](int thread) {
                const int64_t b = first + thread;
                if (b >= p.batch) return;
                const AllPaths<Probability<L>> total = args.total[b];
                const L loss = total.valid ? negative_log(total.value) : not_a_number<L>();
                args.loss[b] =
                    p.frame_lengths[b] == 0 ? loss : loss * static_cast<L>(p.loss_factor);
            });
        }
    }
};

template <class T, class Launcher>
void arc_forward(const Launcher& launcher, const Call& call, const RnntProblem& asked) {
    using L = LatticeType<T>;
    const auto memory = ArcMemory<L, false>::template of<Launcher>(asked, call.workspace());
    const RnntProblem p = prepared(launcher, asked, memory.starts);
    save_rnnt_rows<T>(launcher, call, p, call.out<L>(1));
    if (p.duration_count > 0) save_durations<T>(launcher, call, p, call.out<L>(1));
    memory.tables.run(launcher, p, call.out<L>(1));
    launcher.template run<ArcLoss<L>>(ArcLoss<L>::grid(p.batch),
                                      {p, memory.tables.total, call.out<L>(0)});
}

template <class T, class Launcher>
void arc_backward(const Launcher& launcher, const Call& call, const RnntProblem& asked) {
    using L = LatticeType<T>;
    const auto memory = ArcMemory<L, true>::template of<Launcher>(asked, call.workspace());
    const RnntProblem p = prepared(launcher, asked, memory.starts);
    const auto& tables = memory.tables;
    const L* const saved = call.in<L>(rnnt::kSaved);
    tables.run(launcher, p, saved);
    launcher.template run<ArcColumns<L>>(
        ArcColumns<L>::grid(p),
        {p,
         {tables.list, saved, tables.tables[0], tables.tables[1], tables.total},
         call.in<L>(rnnt::kGradLoss),
         memory.columns});

    using Rows = RnntGradientRows<T, true>;
    typename Rows::Args rows = {};
    rows.problem = p;
    rows.columns = memory.columns;
    write_rnnt_rows<Rows, T>(launcher, call, rows);
    if (p.duration_count > 0) write_durations<T>(launcher, call, p, memory.columns);
}

template <class T, bool kGradient, class Launcher>
int64_t arc_workspace(const RnntProblem& p) {
    using M = ArcMemory<LatticeType<T>, kGradient>;
    return M::template of<Launcher>(p, nullptr).workspace.bytes();
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_ARC_LOSS_HPP_
