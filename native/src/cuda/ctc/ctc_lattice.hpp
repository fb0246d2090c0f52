// CTC on a GPU, the lattice of the sum over all paths.
//
//     CtcLattice    the loss: two blocks for each sequence, one over its frames from the start, one
//                   from the end at the same time. Both leave their states at eight places
//     CtcSegments   the posteriors: a block for each of the nine segments between these places,
//                   which takes the scores of its frames and goes over them and back
//
// Estimates, by counting instructions and what depends on what; not measured. On an H100 (1.7 GHz,
// sm_90, float), a step of CtcLattice is 88 instructions for each warp, 95 where there are strips.
// What a step waits for: the load of the neighbour from shared memory (30 cycles), 15 dependent
// operations of 4.5 cycles, the store and the barrier (35), so about 130. Four warps issue at once,
// so that a block with more has 88 for each four: 200 labels (7 warps) 176. So T steps take 0.08 us
// each below 128 positions, 0.10 us at 200, 0.3 us at 767: for (B, T, U) = (64, 1000, 200) 0.10 ms,
// and for (256, 500, 60), four blocks to an SM, 0.05 ms. From the other end it costs no more time
// while there are SMs without a block. CtcSegments has 2 T / 9 such steps (90 and 105 instructions,
// and 28 for the scores of a frame) of each of nine times as many blocks. With many classes it is
// the memory that takes the time: of each position and frame the sector of a logit, 28 bytes
// written and 24 read, of which L2 keeps some.
//
// 768 threads have 80 registers each, with 1024 the scores that are asked for ahead were spilled.
#ifndef SEQFRONT_CUDA_CTC_CTC_LATTICE_HPP_
#define SEQFRONT_CUDA_CTC_CTC_LATTICE_HPP_

#include "cuda/ctc/ctc_sum.hpp"

namespace seqfront {
namespace cuda {

// Whether a sequence has what gives NaN.
template <class L, class Block>
SF_DEVICE bool ctc_is_wrong(Block& block, const CtcProblem& p, const CtcSequence& s,
                            const CtcNormaliser<L>* normalisers) {
    const CtcNormaliser<L>* const of = normalisers + s.index * p.frames;
    return block.any([&](int thread) {
        bool wrong = !s.in_range;
        for (int64_t t = thread; t < s.frames; t += block.threads())
            wrong |= of[t].top != of[t].top;
        return wrong;
    });
}

template <class L>
struct CtcLattice {
    static constexpr int kMostThreads = sizeof(L) == 4 ? 768 : 384;

    struct Args {
        CtcProblem problem;
        const L* scores;                      // [batch, frames, pitch]
        const CtcNormaliser<L>* normalisers;  // [batch, frames]
        CtcCheckpoints<L> kept;
        L* loss;               // [batch]; null: not asked for
        L* score;              // less that; the same
        CtcStates<L>* border;  // [2, batch, frames]; null if there is but one strip
    };

    static Grid grid(int64_t batch, int threads) {
        return ctc_sweep_grid<CtcStates<L>>(batch, 2, threads);
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const CtcProblem& p = args.problem;
        for (int64_t b = block.x(); b < p.batch; b += block.count_x()) {
            const CtcSequence s = p.sequence(b);
            if (block.y() == 0) {
                const bool wrong = ctc_is_wrong(block, p, s, args.normalisers);
                auto sweep = over<false>(block, args, s);
                sweep.run();
                sweep.finish([&](const CtcStates<L>& own, const CtcStates<L>& neighbour) {
                    write(args, s, wrong, normalised(own.blank + neighbour.label));
                });
            } else {
                over<true>(block, args, s).run();
            }
        }
    }

  private:
    template <bool kBack, class Block>
    static SF_DEVICE CtcSweep<Block, CtcWhole<L, kBack>> over(Block& block, const Args& args,
                                                              const CtcSequence& s) {
        const CtcProblem& p = args.problem;
        return {block,
                p,
                s,
                CtcCheckpoints<L>::frames(s),
                {{p, s, args.scores, args.kept}},
                args.border + ((kBack ? p.batch : 0) + s.index) * p.frames};
    }

    static SF_DEVICE void write(const Args& args, const CtcSequence& s, bool wrong,
                                const Probability<L>& likelihood) {
        const L loss = wrong ? not_a_number<L>() : negative_log(likelihood);
        if (args.loss != nullptr) args.loss[s.index] = loss;
        if (args.score != nullptr) args.score[s.index] = 0 - loss;
        L* const end = args.kept.end(s);
        end[0] = loss;
        end[1] = likelihood.exponent;
    }
};

// Source: CtcGather or CtcScored.
template <class L, class Source>
struct CtcSegments {
    static constexpr int kMostThreads = sizeof(L) == 4 ? 512 : 256;

    struct Args {
        CtcProblem problem;
        Source source;
        const L* scores;
        CtcCheckpoints<L> kept;
        const L* grad_loss;      // [batch]; null: all sequences are asked for
        CtcStates<L>* alpha;     // [batch, frames, positions]
        CtcPair<L>* posteriors;  // the same
        CtcStates<L>* border;    // [batch, frames]; null if there is but one strip
    };

    static Grid grid(int64_t batch, int threads) {
        return ctc_sweep_grid<CtcStates<L>>(batch, CtcCheckpoints<L>::kSegments, threads);
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const CtcProblem& p = args.problem;
        for (int64_t b = block.x(); b < p.batch; b += block.count_x()) {
            const CtcSequence s = p.sequence(b);
            const CtcFrames frames = CtcCheckpoints<L>::frames(s, static_cast<int>(block.y()));
            const L* const end = args.kept.end(s);
            const bool some = absolute(end[0]) < infinity<L>() &&
                              (args.grad_loss == nullptr || args.grad_loss[b] != 0);
            if (!some || frames.end == 0) continue;
            args.source.take(block, p, s, frames);
            CtcStates<L>* const border = args.border + b * p.frames;
            const CtcSegmentAlpha<L> alpha = {{p, s, args.scores, args.kept}, frames, args.alpha};
            CtcSweep<Block, CtcSegmentAlpha<L>>(block, p, s, frames, alpha, border).run();
            const CtcSegmentBeta<L> beta = {
                {p, s, args.scores, args.kept}, frames, args.alpha, args.posteriors, end[1]};
            CtcSweep<Block, CtcSegmentBeta<L>>(block, p, s, frames, beta, border).run();
        }
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_LATTICE_HPP_
