// CTC on a GPU: the scores of some frames again, for the gradient: the normalisers are known, so
// that of the logits only those that count are read.
//
// A thread has a label and goes over the frames, for its target stays the same. Of each frame it
// takes a sector of 32 bytes from memory that is far away, so it asks for kAtOnce frames at once:
// two blocks of 7 warps then wait for 115 KB, where 20 KB would do for the bandwidth of their
// multiprocessor.
#ifndef SEQFRONT_CUDA_CTC_CTC_GATHER_HPP_
#define SEQFRONT_CUDA_CTC_CTC_GATHER_HPP_

#include "cuda/ctc/ctc_scores.hpp"
#include "cuda/ctc/ctc_sum.hpp"

namespace seqfront {
namespace cuda {

// Where scores come from that are there already.
struct CtcScored {
    template <class Block>
    SF_DEVICE void take(Block&, const CtcProblem&, const CtcSequence&, const CtcFrames&) const {}
};

template <class T>
struct CtcGather {
    using L = LatticeType<T>;
    static constexpr int kAtOnce = 8;

    CtcWeights<L> weights;
    RowArray<const T, 2> logits;
    const CtcNormaliser<L>* normalisers;  // [batch, frames]
    L* scores;                            // [batch, frames, pitch]: as CtcScores

    // All threads of the block have the scores behind it.
    template <class Block>
    SF_DEVICE void take(Block& block, const CtcProblem& p, const CtcSequence& s,
                        const CtcFrames& frames) const {
        if (frames.begin >= frames.end) return;
        block.phase([&](int thread) {
            const auto blank = CtcTarget<L>::of_blank(p, weights);
            for (int t = frames.begin + thread; t < frames.end; t += block.threads()) {
                const L logit = widened(logits.row(s.index, t)[p.blank]);
                const L score = blank.score(weights, normalisers[s.index * p.frames + t], logit);
                write_blank_score(row(p, s, t), s, score);
            }
            for (int k = thread; k < s.labels; k += block.threads()) {
                take_label(p, s, frames, k, CtcTarget<L>::of(p, weights, p.target(s, k)));
            }
        });
    }

  private:
    SF_DEVICE void take_label(const CtcProblem& p, const CtcSequence& s, const CtcFrames& frames,
                              int k, const CtcTarget<L>& target) const {
        const T* from = logits.row(s.index, frames.begin) + target.v;
        const CtcNormaliser<L>* known = normalisers + s.index * p.frames + frames.begin;
        L* to = row(p, s, frames.begin) + CtcProblem::kHeader + k;
        SF_LOOP
        for (int first = frames.begin; first < frames.end; first += kAtOnce) {
            L logits_of[kAtOnce];
            CtcNormaliser<L> of[kAtOnce];
            // (The last frame more than once: a load behind a branch would wait for others.)
            SF_UNROLL
            for (int i = 0; i < kAtOnce; ++i) {
                logits_of[i] = widened(*from);
                of[i] = *known;
                const bool more = first + i + 1 < frames.end;
                from += more ? logits.stride[1] : 0;
                known += more ? 1 : 0;
            }
            SF_UNROLL
            for (int i = 0; i < kAtOnce; ++i) {
                if (first + i < frames.end) *to = target.score(weights, of[i], logits_of[i]);
                to += p.pitch();
            }
        }
    }

    SF_DEVICE L* row(const CtcProblem& p, const CtcSequence& s, int64_t t) const {
        return scores + (s.index * p.frames + t) * p.pitch();
    }
};

// For the best path, which looks at all frames: a block for each segment of them.
template <class T>
struct CtcGatherFrames {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = 256;

    struct Args {
        CtcProblem problem;
        CtcGather<T> gather;
    };

    static Grid grid(int64_t batch, int threads) {
        return {batch, CtcCheckpoints<L>::kSegments, threads, 0};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const CtcProblem& p = args.problem;
        for (int64_t b = block.x(); b < p.batch; b += block.count_x()) {
            const CtcSequence s = p.sequence(b);
            const CtcFrames frames = CtcCheckpoints<L>::frames(s, static_cast<int>(block.y()));
            args.gather.take(block, p, s, frames);
        }
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_CTC_CTC_GATHER_HPP_
