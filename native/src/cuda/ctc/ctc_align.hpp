// The best alignment of CTC on a GPU: the path by ctc_best.hpp, and what is said of it.
#ifndef SEQFRONT_CUDA_CTC_CTC_ALIGN_HPP_
#define SEQFRONT_CUDA_CTC_CTC_ALIGN_HPP_

#include "cuda/ctc/ctc_call.hpp"

namespace seqfront {
namespace cuda {

// From the path to the outputs: a block has a sequence, its threads the frames, then the labels.
template <class L>
struct CtcPathOutputs {
    static constexpr int kMostThreads = 256;

    struct Args {
        CtcProblem problem;
        const L* scores;      // [batch, frames, pitch]
        const int32_t* path;  // [batch, frames]
        const L* score;       // [batch]
        int32_t *frame_labels, *positions;
        L* frame_scores;
        int32_t *starts, *ends;
        L* label_scores;
    };

    static Grid grid(int64_t batch) { return {batch > 0 ? batch : 1, 1, kMostThreads, 0}; }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const CtcProblem& p = args.problem;
        if (p.batch == 0) clear_labels(block, args, 0, p.target_rows * p.target_columns, 0);
        for (int64_t b = block.x(); b < p.batch; b += block.count_x()) {
            const CtcSequence s = p.sequence(b);
            const L score = args.score[b];
            const bool found = score > -infinity<L>();  // and no NaN
            // The last has what is left of targets that stand one after another.
            const int64_t end = s.start + s.labels;
            const int64_t limit = p.starts == nullptr ? s.start + p.target_columns
                                  : b + 1 < p.batch   ? end
                                                      : p.target_columns;
            clear_labels(block, args, s.start, end, found ? L{0} : score);
            clear_labels(block, args, end, limit, 0);
            block.phase([&](int thread) {
                for (int64_t t = thread; t < p.frames; t += block.threads()) {
                    write_frame(args, s, t, found && t < s.frames);
                }
            });
            if (!found) continue;
            block.phase([&](int thread) {
                for (int t = thread; t < s.frames; t += block.threads()) write_edges(args, s, t);
            });
            block.each([&](int thread) {
                for (int k = thread; k < s.labels; k += block.threads()) add_scores(args, s, k);
            });
        }
    }

  private:
    template <class Block>
    static SF_DEVICE void clear_labels(Block& block, const Args& args, int64_t begin, int64_t end,
                                       L score) {
        block.each([&](int thread) {
            for (int64_t i = begin + thread; i < end; i += block.threads()) {
                args.starts[i] = args.ends[i] = 0;
                args.label_scores[i] = score;
            }
        });
    }

    static SF_DEVICE void write_frame(const Args& args, const CtcSequence& s, int64_t t, bool any) {
        const CtcProblem& p = args.problem;
        const int64_t i = s.index * p.frames + t;
        const int32_t state = any ? args.path[i] : 0;
        const L* const scores = args.scores + i * p.pitch();
        const bool in_label = state % 2 != 0;
        args.frame_labels[i] = static_cast<int32_t>(in_label ? p.target(s, state / 2) : p.blank);
        args.positions[i] = in_label ? state / 2 : -1;
        args.frame_scores[i] = !any ? L{0}
                               : in_label
                                   ? scores[CtcProblem::kHeader + state / 2]
                                   : reinterpret_cast<const CtcBlankScore<L>*>(scores)->score;
    }

    // The first frame of a label, and the one after its last.
    static SF_DEVICE void write_edges(const Args& args, const CtcSequence& s, int t) {
        const int32_t* const path = args.path + s.index * args.problem.frames;
        const int32_t state = path[t];
        if (state % 2 == 0) return;
        const int64_t label = s.start + state / 2;
        if (t == 0 || path[t - 1] != state) args.starts[label] = t;
        if (t + 1 == s.frames || path[t + 1] != state) args.ends[label] = t + 1;
    }

    // From the last frame to the first, as on the CPU.
    static SF_DEVICE void add_scores(const Args& args, const CtcSequence& s, int k) {
        const int64_t label = s.start + k;
        const L* const scores = args.frame_scores + s.index * args.problem.frames;
        L sum = 0;
        for (int t = args.ends[label] - 1; t >= args.starts[label]; --t) sum += scores[t];
        args.label_scores[label] = sum;
    }
};

class CtcAlign {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const Memory<L, Launcher> memory(ctc_problem(call), call.workspace());
        const CtcProblem p = ctc_scored<T>(launcher, call, memory, memory.normalisers);
        L* const score = call.out<L>(kScore);
        memory.best.run(launcher, p, memory.scores, memory.normalisers, {score, nullptr, nullptr});
        launcher.template run<CtcPathOutputs<L>>(
            CtcPathOutputs<L>::grid(p.batch),
            {p, memory.scores, memory.best.path, score, call.out<int32_t>(kFrameLabels),
             call.out<int32_t>(kPositions), call.out<L>(kFrameScores), call.out<int32_t>(kStarts),
             call.out<int32_t>(kEnds), call.out<L>(kLabelScores)});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return Memory<LatticeType<T>, Launcher>(ctc_problem(call), nullptr).workspace.bytes();
    }

  private:
    enum Output { kScore, kFrameLabels, kPositions, kFrameScores, kStarts, kEnds, kLabelScores };

    template <class L, class Launcher>
    struct Memory : CtcMemory<L> {
        Memory(const CtcProblem& p, void* memory)
            : CtcMemory<L>(p, memory),
              normalisers(this->workspace.template take<CtcNormaliser<L>>(p.rows())),
              best(p, true, this->workspace) {}

        CtcNormaliser<L>* normalisers;
        CtcPathMemory<L, Launcher> best;
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_ALIGN_HPP_
