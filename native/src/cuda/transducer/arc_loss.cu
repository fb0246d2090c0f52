// The loss of a transducer with any arcs on a GPU: which kernels a call runs, in which memory.
//
// Forward the logits are read once. A cell has C log-probs, 3 and one for each duration or big
// blank: they are written and read once, and a number is written. Backward the logits are read and
// the gradient is written once; the log-probs are read by three kernels, two numbers and C columns
// of the gradient are written and read. In float32, with 1024 classes and five durations, that is
// 2 % more than the logits and the gradient themselves, forward and backward.
#include "cuda/transducer/arc_loss.hpp"
#include "cuda/transducer/arc_posteriors.hpp"
#include "cuda/transducer/arc_tables.hpp"
#include "cuda/transducer/band_cells.hpp"
#include "cuda/transducer/duration_rows.hpp"

namespace seqfront {
namespace cuda {
namespace {

template <class L, bool kBoth>
using SumTables = ArcTables<L, SumOfPaths<L>, kBoth>;

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
                args.loss[b] = loss * static_cast<L>(p.loss_factor);
            });
        }
    }
};

// What both halves have in their workspace.
template <class L>
struct ArcMemory {
    static ArcMemory of(const RnntProblem& p, bool backward, void* memory) {
        ArcMemory made = {Workspace(memory), nullptr, {}, nullptr, nullptr};
        made.tables = made.workspace.template take<unsigned char>(arc_bytes<L>(p, backward));
        made.saved = LatticeColumns<L>(p, made.workspace);
        if (p.packed) made.starts = made.workspace.template take<int64_t>(p.batch);
        if (backward) made.columns = made.workspace.template take<L>(p.rows() * p.columns());
        return made;
    }

    Workspace workspace;
    void* tables;
    LatticeColumns<L> saved;
    int64_t* starts;
    L* columns;
};

}  // namespace

template <class L>
int64_t arc_bytes(const RnntProblem& p, bool both) {
    Workspace workspace(nullptr);
    if (both) {
        SumTables<L, true>::template of<Launcher>(p, workspace);
    } else {
        SumTables<L, false>::template of<Launcher>(p, workspace);
    }
    return workspace.bytes();
}

template <class L>
void arc_losses(const Launcher& launcher, const RnntProblem& p, const L* saved, void* memory,
                L* loss) {
    Workspace workspace(memory);
    const auto tables = SumTables<L, false>::template of<Launcher>(p, workspace);
    tables.run(launcher, p, saved);
    launcher.template run<ArcLoss<L>>(ArcLoss<L>::grid(p.batch), {p, tables.total, loss});
}

template <class L>
void arc_columns(const Launcher& launcher, const RnntProblem& p, const L* saved, const L* grad_loss,
                 void* memory, L* columns) {
    Workspace workspace(memory);
    const auto tables = SumTables<L, true>::template of<Launcher>(p, workspace);
    tables.run(launcher, p, saved);
    launcher.template run<ArcColumns<L>>(
        CellThreads::grid(p),
        {p,
         {tables.list, saved, tables.tables[0], tables.tables[1], tables.total},
         grad_loss,
         columns});
}

template <class T>
void arc_forward(const Launcher& launcher, const Call& call, const RnntProblem& asked) {
    using L = LatticeType<T>;
    const auto memory = ArcMemory<L>::of(asked, false, call.workspace());
    const RnntProblem p = prepared(launcher, asked, memory.starts);
    const L* const saved = memory.saved.save(
        launcher, p, call.out<L>(1), [&](L* to) { save_arc_rows<T>(launcher, call, p, to); });
    arc_losses<L>(launcher, p, saved, memory.tables, call.out<L>(0));
}

template <class T>
void arc_backward(const Launcher& launcher, const Call& call, const RnntProblem& asked,
                  const rnnt::Inputs& at) {
    using L = LatticeType<T>;
    const auto memory = ArcMemory<L>::of(asked, true, call.workspace());
    const RnntProblem p = prepared(launcher, asked, memory.starts);
    const L* const saved = memory.saved.load(launcher, p, call.in<L>(at.saved));
    const L* const grad_loss = call.in<L>(at.grad_loss);
    arc_columns<L>(launcher, p, saved, grad_loss, memory.tables, memory.columns);

    using Rows = RnntGradientRows<T, true>;
    typename Rows::Args rows = {};
    rows.problem = p;
    rows.saved = saved;
    rows.grad_loss = grad_loss;
    rows.columns = memory.columns;
    write_rnnt_rows<Rows, T>(launcher, call, rows);
    if (p.duration_count > 0) write_durations<T>(launcher, call, p, memory.columns);
}

template <class T>
int64_t arc_workspace(const RnntProblem& p, bool backward) {
    return ArcMemory<LatticeType<T>>::of(p, backward, nullptr).workspace.bytes();
}

template int64_t arc_bytes<float>(const RnntProblem&, bool);
template void arc_losses(const Launcher&, const RnntProblem&, const float*, void*, float*);
template void arc_columns(const Launcher&, const RnntProblem&, const float*, const float*, void*,
                          float*);
template int64_t arc_bytes<double>(const RnntProblem&, bool);
template void arc_losses(const Launcher&, const RnntProblem&, const double*, void*, double*);
template void arc_columns(const Launcher&, const RnntProblem&, const double*, const double*, void*,
                          double*);

template void arc_forward<float>(const Launcher&, const Call&, const RnntProblem&);
template void arc_backward<float>(const Launcher&, const Call&, const RnntProblem&,
                                  const rnnt::Inputs&);
template int64_t arc_workspace<float>(const RnntProblem&, bool);
template void arc_forward<double>(const Launcher&, const Call&, const RnntProblem&);
template void arc_backward<double>(const Launcher&, const Call&, const RnntProblem&,
                                   const rnnt::Inputs&);
template int64_t arc_workspace<double>(const RnntProblem&, bool);
template void arc_forward<BFloat16>(const Launcher&, const Call&, const RnntProblem&);
template void arc_backward<BFloat16>(const Launcher&, const Call&, const RnntProblem&,
                                     const rnnt::Inputs&);
template int64_t arc_workspace<BFloat16>(const RnntProblem&, bool);
template void arc_forward<Float16>(const Launcher&, const Call&, const RnntProblem&);
template void arc_backward<Float16>(const Launcher&, const Call&, const RnntProblem&,
                                    const rnnt::Inputs&);
template int64_t arc_workspace<Float16>(const RnntProblem&, bool);

}  // namespace cuda
}  // namespace seqfront
