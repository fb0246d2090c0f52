// Edit distances on a GPU: which kernels a call runs, in which memory.
//
//     EditDistance       a sweep
//     EditAlignment      what is alike at both ends; then of each band of 2048 rows, from the last
//                        one back: a sweep that keeps its columns, and the way back. All borders
//                        between bands are found before, by a sweep that keeps no columns.
//     OptimalCompletion  a sweep that keeps all columns, and the rows of the output
#ifndef SEQFRONT_CUDA_EDIT_EDIT_HPP_
#define SEQFRONT_CUDA_EDIT_EDIT_HPP_

#include <algorithm>

#include "cpu/problem.hpp"
#include "cuda/edit/edit_completion.hpp"
#include "cuda/edit/edit_path.hpp"
#include "cuda/edit/edit_sweep.hpp"
#include "cuda/workspace.hpp"
#include "op.hpp"

namespace seqfront {
namespace cuda {

// Of an op whose inputs are two sequences of each pair, each followed by its lengths. The first one
// has the columns.
inline EditProblem edit_problem(const Call& call, bool transposable) {
    const int64_t batch = call.size(0, 0), columns = call.size(0, 1), rows = call.size(2, 1);
    check_element_count(call.name(), {batch, rows, columns});  // of the matrices
    return {batch,
            rows,
            columns,
            call.in<int32_t>(2),
            call.in<int32_t>(3),
            call.in<int32_t>(0),
            call.in<int32_t>(1),
            nullptr,
            transposable};
}

// At least one: pairs without rows have counts, too.
inline int edit_bands(const EditProblem& p) {
    return static_cast<int>(std::max<int64_t>(EditBands::count(p.strips() * kStripRows), 1));
}

inline EditBorder take_border(Workspace& workspace, const EditProblem& p, int64_t kept) {
    const int64_t steps = EditSweep::steps(p.longest());
    if (edit_bands(p) == 1) return {nullptr, steps, kept};
    return {workspace.take<uint32_t>(p.batch * kept * steps), steps, kept};
}

inline EditColumns take_columns(Workspace& workspace, const EditProblem& p, int64_t strips) {
    const int64_t columns = p.most_columns + 1;
    return {workspace.take<EditColumn>(p.batch * strips * columns), 0, strips, columns};
}

template <class Launcher>
void sweep(const Launcher& launcher, const EditProblem& p, const EditBands& bands,
           const EditBorder& border, const EditColumns& columns, int32_t* distance) {
    const int shift = EditSweep::shift(p.strips());
    launcher.template run<EditSweep>(EditSweep::grid(p.batch, shift),
                                     {p, shift, bands, border, columns, distance});
}

class EditDistance {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        const EditProblem p = edit_problem(call, true);
        const Memory memory(p, call.workspace());
        sweep(launcher, p, {0, edit_bands(p), 0}, memory.border, {}, call.out<int32_t>(0));
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return Memory(edit_problem(call, true), nullptr).workspace.bytes();
    }

  private:
    struct Memory {
        Memory(const EditProblem& p, void* memory)
            : workspace(memory), border(take_border(workspace, p, 1)) {}
        Workspace workspace;
        EditBorder border;
    };
};

class EditAlignment {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        EditProblem p = edit_problem(call, false);
        const Memory memory(p, call.workspace());
        const EditPairs to = {call.out<int32_t>(0), call.out<int32_t>(1), call.out<int32_t>(2)};
        launcher.template run<EditTrim>(EditTrim::grid(p.batch), {p, memory.cores, to});
        p.cores = memory.cores;
        const int bands = edit_bands(p);
        if (bands > 1) sweep(launcher, p, {0, bands, 1}, memory.border, {}, nullptr);
        EditColumns columns = memory.columns;
        for (int band = bands; band-- > 0;) {
            columns.first_strip = int64_t{band} * kWarp;
            sweep(launcher, p, {band, band + 1, 0}, memory.border, columns, nullptr);
            launcher.template run<EditPath>(EditPath::grid(p.batch),
                                            {p, memory.cores, columns, to});
        }
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return Memory(edit_problem(call, false), nullptr).workspace.bytes();
    }

  private:
    struct Memory {
        Memory(const EditProblem& p, void* memory)
            : workspace(memory),
              cores(workspace.take<EditCore>(p.batch)),
              border(take_border(workspace, p, edit_bands(p) - 1)),
              columns(take_columns(workspace, p, std::min<int64_t>(p.strips(), kWarp))) {}
        Workspace workspace;
        EditCore* cores;
        EditBorder border;
        EditColumns columns;
    };
};

class OptimalCompletion {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        const EditProblem p = edit_problem(call, false);
        const Memory memory(p, call.workspace());
        sweep(launcher, p, {0, edit_bands(p), 0}, memory.border, memory.columns, nullptr);
        launcher.template run<EditCompletion>(
            EditCompletion::grid(p),
            {p, memory.columns, call.out<int32_t>(0), call.out<int32_t>(1)});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return Memory(edit_problem(call, false), nullptr).workspace.bytes();
    }

  private:
    struct Memory {
        Memory(const EditProblem& p, void* memory)
            : workspace(memory),
              border(take_border(workspace, p, 1)),
              columns(take_columns(workspace, p, p.strips())) {}
        Workspace workspace;
        EditBorder border;
        EditColumns columns;
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_EDIT_EDIT_HPP_
