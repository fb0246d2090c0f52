// The posteriors of CTC on a GPU: the loss and the lattice both ways, as for a gradient, and then
// the rows of the outputs, a warp for each frame.
#ifndef SEQFRONT_CUDA_CTC_CTC_POSTERIORS_HPP_
#define SEQFRONT_CUDA_CTC_CTC_POSTERIORS_HPP_

#include "cuda/ctc/ctc_call.hpp"

namespace seqfront {
namespace cuda {

// Makes the posteriors of each frame add up to 1.
template <class L>
struct CtcPosteriorRows {
    static constexpr int kMostThreads = kRowThreads;

    struct Args {
        CtcProblem problem;
        RowGroups groups;
        const CtcPair<L>* posteriors;  // [batch, frames, positions]
        const L* score;                // [batch]
        L* blanks;                     // [batch, frames]
        L* labels;                     // [batch, frames, columns]
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RowGroups& groups = args.groups;
        const int64_t rows = args.problem.rows();
        typename Block::template PerThread<L> on_blank(block), on_labels(block);
        groups.each_first(block, rows, [&](int64_t first) {
            block.each([&](int thread) {
                on_blank[thread] = on_labels[thread] = 0;
                const int64_t i = groups.row(first, thread);
                if (i < rows) {
                    add(args, i, groups.lane(thread), on_blank[thread], on_labels[thread]);
                }
            });
            block.sum(on_blank, groups.wide);
            block.sum(on_labels, groups.wide);
            block.each([&](int thread) {
                const int64_t i = groups.row(first, thread);
                if (i < rows) {
                    write(args, i, groups.lane(thread), on_blank[thread], on_labels[thread]);
                }
            });
        });
    }

  private:
    static SF_DEVICE void add(const Args& args, int64_t i, int lane, L& on_blank, L& on_labels) {
        const CtcFrameAt frame = ctc_frame(args.problem, i);
        const L score = args.score[frame.sequence.index];
        if (!frame.inside() || !(absolute(score) < infinity<L>())) return;
        const CtcPair<L>* const row = args.posteriors + i * args.problem.positions();
        for (int k = lane; k < frame.sequence.positions(); k += args.groups.lanes()) {
            on_blank += row[k].blank;
            on_labels += row[k].label;
        }
    }

    static SF_DEVICE void write(const Args& args, int64_t i, int lane, L on_blank, L on_labels) {
        const CtcProblem& p = args.problem;
        const CtcFrameAt frame = ctc_frame(p, i);
        const CtcSequence& s = frame.sequence;
        const L score = args.score[s.index], total = on_blank + on_labels;  // 1, but for rounding
        const L weight = total > 0 ? 1 / total : 0;
        const L otherwise = score != score && frame.inside() ? score : 0;
        if (lane == 0) args.blanks[i] = total > 0 ? weight * on_blank : otherwise;
        const CtcPair<L>* const row = args.posteriors + i * p.positions();
        L* const to = args.labels + i * p.target_columns;
        for (int64_t k = lane; k < p.target_columns; k += args.groups.lanes()) {
            to[k] = k >= s.labels ? 0 : total > 0 ? weight * row[k].label : otherwise;
        }
    }
};

class CtcPosteriorsOp {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const CtcProblem asked = ctc_problem(call);
        check_ctc_rows(call);
        const Memory<L, Launcher> memory(asked, call.workspace());
        const CtcProblem p = ctc_scored<T>(launcher, call, memory, memory.normalisers);
        L* const score = call.out<L>(kScore);
        launcher.template run<CtcLattice<L>>(
            CtcLattice<L>::grid(p.batch, memory.sum.threads),
            {p, memory.scores, memory.normalisers, memory.kept, nullptr, score, memory.sum.border});
        memory.posteriors.run(launcher, p, {}, memory.scores, memory.kept, nullptr);

        run_rows<CtcPosteriorRows<L>>(
            launcher, p.rows(),
            {p, RowGroups::of(p.target_columns), memory.posteriors.posteriors, score,
             call.out<L>(kBlanks), call.out<L>(kLabels)});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        const CtcProblem p = ctc_problem(call);
        check_ctc_rows(call);
        return Memory<LatticeType<T>, Launcher>(p, nullptr).workspace.bytes();
    }

  private:
    enum Output { kScore, kBlanks, kLabels };

    template <class L, class Launcher>
    struct Memory : CtcMemory<L> {
        Memory(const CtcProblem& p, void* memory)
            : CtcMemory<L>(p, memory),
              normalisers(this->workspace.template take<CtcNormaliser<L>>(p.rows())),
              sum(CtcLatticeSweeps<L>::template of<Launcher>(p, 2, this->workspace)),
              kept({this->workspace.template take<CtcStates<L>>(ctc::kCheckpoints * p.target_rows *
                                                                p.target_columns),
                    this->workspace.template take<L>(p.batch * ctc::kEndsSize)}),
              posteriors(p, this->workspace) {}

        CtcNormaliser<L>* normalisers;
        CtcLatticeSweeps<L> sum;
        CtcCheckpoints<L> kept;
        CtcPosteriorMemory<L, CtcScored, Launcher> posteriors;
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_POSTERIORS_HPP_
