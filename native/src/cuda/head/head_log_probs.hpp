// CTC's last layer on a GPU: which kernels a call runs, in which memory. See head_forward.hpp and
// head_backward.hpp for what they cost.
#ifndef SEQFRONT_CUDA_HEAD_LOG_PROBS_HPP_
#define SEQFRONT_CUDA_HEAD_LOG_PROBS_HPP_

#include "cpu/problem.hpp"
#include "cuda/head/head_backward.hpp"
#include "cuda/head/head_forward.hpp"
#include "cuda/head/head_log_probs_rows.hpp"

namespace seqfront {
namespace cuda {

namespace log_probs {
enum Input {
    kHidden,
    kWeight,
    kBias,
    kTargets,
    kFrameLengths,
    kLabelLengths,
    kNormaliser,
    kGradLogProbs
};
enum Output { kLogProbs, kTokens, kSavedNormaliser };
enum Gradient { kGradHidden, kGradWeight, kGradBias };
}  // namespace log_probs

template <class T>
struct LogProbsCall {
    using L = LatticeType<T>;

    explicit LogProbsCall(const Call& call_)
        : call(call_),
          workspace(call.workspace()),
          problem{call.size(log_probs::kHidden, 0),
                  call.size(log_probs::kHidden, 1),
                  call.size(log_probs::kTargets, 1),
                  call.size(log_probs::kWeight, 0),
                  call.size(log_probs::kHidden, 2),
                  call.integer(0),
                  TilePart<T>::kWidth,
                  0,
                  call.in<int32_t>(log_probs::kTargets),
                  call.in<int32_t>(log_probs::kFrameLengths),
                  call.in<int32_t>(log_probs::kLabelLengths),
                  nullptr,
                  nullptr,
                  nullptr} {
        check_blank(call.name(), problem.blank, problem.classes);
        problem.parts = sizes().padded_classes() / problem.part;
        problem.valid = workspace.take<int32_t>(problem.batch);
        problem.heads = workspace.take<int32_t>(problem.batch * problem.parts);
        problem.next = workspace.take<int32_t>(problem.batch * problem.width());
    }

    HeadSizes<T> sizes() const { return {problem.cells(), problem.classes, problem.features}; }
    const T* hidden() const { return call.in<T>(log_probs::kHidden); }
    const T* bias() const {
        return call.has(log_probs::kBias) ? call.in<T>(log_probs::kBias) : nullptr;
    }

    template <class Launcher>
    void prepare(const Launcher& launcher, const HeadLayer<T>& layer, int32_t* tokens) const {
        launcher.template run<TokenChains>({problem.batch, 1, TokenChains::kMostThreads, 0},
                                           {problem, tokens});
        layer.pad(launcher, call.in<T>(log_probs::kWeight), bias());
    }

    const Call& call;
    Workspace workspace;
    LogProbsProblem problem;
};

class LogProbsForward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        LogProbsCall<T> of(call);
        const HeadForward<T> head = head_of<T, Launcher>(of);
        L* const out = call.out<L>(log_probs::kLogProbs);
        of.prepare(launcher, head.layer, call.out<int32_t>(log_probs::kTokens));
        using Cleared = ClearLogProbs<L>;
        launcher.template run<Cleared>({(of.problem.cells() + 7) / 8, 1, Cleared::kMostThreads, 0},
                                       {of.problem, out});
        head.run(launcher, LogProbsForwardRows<T>{of.problem, of.hidden(), out,
                                                  call.out<L>(log_probs::kSavedNormaliser)});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        LogProbsCall<T> of(call);
        head_of<T, Launcher>(of);
        return of.workspace.bytes();
    }

  private:
    template <class T, class Launcher>
    static HeadForward<T> head_of(LogProbsCall<T>& of) {
        return {of.sizes(), Launcher::bytes(kForwardBytes), of.workspace};
    }
};

// Passes the gradients of the rows of a chunk on to `hidden`.
template <class T>
struct PassToHidden {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = 256;

    struct Args {
        HeadChunk<T> chunk;
        const L* gradient;
        T* to;
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const HeadChunk<T>& chunk = args.chunk;
        block.each([&](int thread) {
            for (int64_t i = block.x() * 8 + thread / kWarp; i < chunk.rows();
                 i += block.count_x() * 8) {
                const L* const from = args.gradient + i * chunk.sizes.padded_features();
                T* const to = args.to + chunk.cell(i) * chunk.sizes.features;
                for (int64_t d = thread % kWarp; d < chunk.sizes.features; d += kWarp) {
                    to[d] = narrowed<T>(from[d]);
                }
            }
        });
    }
};

class LogProbsBackward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        LogProbsCall<T> of(call);
        const Memory<T> memory = memory_of<T, Launcher>(of);
        T* const hidden = call.out<T>(log_probs::kGradHidden);
        of.prepare(launcher, memory.head.layer, nullptr);
        clear(launcher, hidden, of.problem.cells() * of.problem.features);
        const LogProbsBackwardRows<T> rows = {of.problem, of.hidden(),
                                              call.in<L>(log_probs::kNormaliser),
                                              call.in<L>(log_probs::kGradLogProbs), memory.sums};
        memory.head.run(launcher, rows, [&](const HeadChunk<T>& chunk, const L* gradient) {
            using Pass = PassToHidden<T>;
            launcher.template run<Pass>({chunk.sizes.chunk / 8, 1, Pass::kMostThreads, 0},
                                        {chunk, gradient, hidden});
        });
        memory.head.finish(launcher, call.out<T>(log_probs::kGradWeight),
                           of.bias() == nullptr ? nullptr : call.out<T>(log_probs::kGradBias));
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        LogProbsCall<T> of(call);
        memory_of<T, Launcher>(of);
        return of.workspace.bytes();
    }

  private:
    template <class T>
    struct Memory {
        HeadBackward<T> head;
        LatticeType<T>* sums;
    };

    template <class T, class Launcher>
    static Memory<T> memory_of(LogProbsCall<T>& of) {
        HeadBackward<T> head(of.sizes(), Launcher::bytes(kBackwardBytes), of.workspace);
        return {head, of.workspace.template take<LatticeType<T>>(2 * of.problem.cells())};
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_HEAD_LOG_PROBS_HPP_
