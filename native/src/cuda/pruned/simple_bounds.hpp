// The simple transducer loss on a GPU: where the band of each frame begins, as
// cpu/pruned/pruning_grid.hpp finds it from the same posteriors, by the same sums in double.
#ifndef SEQFRONT_CUDA_PRUNED_SIMPLE_BOUNDS_HPP_
#define SEQFRONT_CUDA_PRUNED_SIMPLE_BOUNDS_HPP_

#include "cuda/pruned/simple_posteriors.hpp"

namespace seqfront {
namespace cuda {

// The window of each frame that most paths keep to; a thread has a frame, so that sums over the
// positions are one after another, and neighbours read neighbouring posteriors.
template <class L>
struct SimpleBestWindows {
    static constexpr int kMostThreads = kFlatThreads;

    struct Args {
        SimpleProblem problem;
        const RnntLikelihood<L>* likelihood;
        SimplePosteriors<L> posteriors;
        int32_t* starts;  // [batch, frames]
    };

    static Grid grid(const SimpleProblem& p) {
        return flat_grid(p.lattice.batch * p.lattice.frames);
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RnntProblem& p = args.problem.lattice;
        each_place(block, p.batch, p.frames, [&](int64_t b, int64_t t) {
            const RnntSequence s = p.sequence(b);
            const bool some = t < s.frames && has_paths(args.likelihood[b]);
            args.starts[b * p.frames + t] = some ? best(args, s, t) : 0;
        });
    }

  private:
    static SF_DEVICE int32_t best(const Args& args, const RnntSequence& s, int64_t t) {
        const SimpleProblem& p = args.problem;
        const bool modified = p.modified(s);
        const auto at = [&](int64_t u) { return args.posteriors.line(p, s.index, u) + t; };
        // Each path leaves the frame once.
        const auto leaving = [&](int64_t u) {
            const double blank = static_cast<double>(args.posteriors.blank[at(u)]);
            return blank + (modified ? static_cast<double>(args.posteriors.label[at(u)]) : 0);
        };
        double below = 0, within = 0, most = -1;  // sums up to the first and the last of a window
        int64_t best = 0;
        for (int64_t u = 0; u < p.band && u <= s.labels; ++u) within += leaving(u);
        for (int64_t r = 0;; ++r) {
            const bool climbs = !modified && r > 0;
            const double climbing =
                climbs ? static_cast<double>(args.posteriors.label[at(r - 1)]) : 0;
            const double score = within - below - climbing;
            if (score > most) {
                most = score;
                best = r;
            }
            if (r + p.band > s.labels) return static_cast<int32_t>(best);
            below += leaving(r);
            within += leaving(r + p.band);
        }
    }
};

// Where there is no band, all frames begin at 0.
struct SimpleNoBand {
    static constexpr int kMostThreads = kFlatThreads;

    struct Args {
        SimpleProblem problem;
        int32_t* starts;
    };

    static Grid grid(const SimpleProblem& p) {
        return flat_grid(p.lattice.batch * p.lattice.frames);
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const int64_t count = args.problem.lattice.batch * args.problem.lattice.frames;
        each_flat(block, count, [&](int64_t i) { args.starts[i] = 0; });
    }
};

// Makes the windows of a sequence a band: monotone, with steps that a path can take, from 0 to the
// last position. A block has a sequence, and one thread what depends on the frame after; and writes
// the loss.
template <class L>
struct SimpleBand {
    static constexpr int kMostThreads = kFlatThreads;

    struct Args {
        SimpleProblem problem;
        const RnntLikelihood<L>* likelihood;
        int32_t* starts;
        L* loss;
    };

    static Grid grid(const SimpleProblem& p) {
        return {p.lattice.batch, 1, kFlatThreads, kFlatThreads * sizeof(int32_t)};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const SimpleProblem& p = args.problem;
        int32_t* const shared = block.template shared<int32_t>();
        typename Block::template PerThread<Front> front(block);
        for (int64_t b = block.x(); b < p.lattice.batch; b += block.count_x()) {
            const RnntSequence s = p.lattice.sequence(b);
            int32_t* const starts = args.starts + b * p.lattice.frames;
            const int64_t highest = s.labels < p.band ? 0 : s.labels - p.band + 1;
            block.each([&](int thread) {
                front[thread] = {highest, highest};
                if (thread == 0) args.loss[b] = loss(args.likelihood[b]);
            });
            for (int64_t end = s.frames; end > 0; end -= kFlatThreads) {
                const int64_t begin = end > kFlatThreads ? end - kFlatThreads : 0;
                block.phase([&](int thread) {
                    if (begin + thread < end) shared[thread] = starts[begin + thread];
                });
                block.phase([&](int thread) {
                    for (int64_t t = end - 1; thread == 0 && t >= begin; --t) {
                        shared[t - begin] = next(p, s, t, shared[t - begin], front[thread]);
                    }
                });
                block.phase([&](int thread) {
                    if (begin + thread < end) starts[begin + thread] = shared[thread];
                });
            }
        }
    }

  private:
    // Of the frame before: the least of the windows, and where the band begins.
    struct Front {
        int64_t later, start;
    };

    static SF_DEVICE int32_t next(const SimpleProblem& p, const RnntSequence& s, int64_t t,
                                  int64_t best, Front& front) {
        const int64_t step = p.modified(s) ? 1 : p.band - 1;
        if (t < s.frames - 1) {
            front.later = best < front.later ? best : front.later;
            const int64_t lowest = front.start - step;
            front.start = front.later > lowest ? front.later : lowest;
        }
        return static_cast<int32_t>(front.start < step * t ? front.start : step * t);
    }

    static SF_DEVICE L loss(const RnntLikelihood<L>& likelihood) {
        return likelihood.valid ? negative_log(likelihood.value) : not_a_number<L>();
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_PRUNED_SIMPLE_BOUNDS_HPP_
