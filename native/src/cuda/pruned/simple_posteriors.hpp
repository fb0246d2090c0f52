// The simple transducer loss on a GPU: posteriors of its arcs, and their sums over positions and
// over frames. Cells are taken in the order of the lattice, in which they lie, and written position
// by position, in lines of frames: so later kernels read them.
#ifndef SEQFRONT_CUDA_PRUNED_SIMPLE_POSTERIORS_HPP_
#define SEQFRONT_CUDA_PRUNED_SIMPLE_POSTERIORS_HPP_

#include "cuda/pruned/simple_arcs.hpp"
#include "cuda/workspace.hpp"

namespace seqfront {
namespace cuda {

// Posteriors [batch, positions, pitch]; of frames and positions of a sequence, not of padding.
template <class L>
struct SimplePosteriors {
    int64_t pitch = 0;  // frames in whole chunks of 16 bytes
    L* blank = nullptr;
    L* label = nullptr;
    // What a softmax is weighed with: the joint part's share of both arcs divided by Z; or, where
    // there is the logarithm of Z, the share itself and a minus sign. Null: not wanted.
    L* weight = nullptr;

    SimplePosteriors() = default;
    SimplePosteriors(const SimpleProblem& p, Workspace& workspace, bool weights)
        : pitch((p.lattice.frames + 3) / 4 * 4) {
        const int64_t count = p.lattice.batch * p.positions() * pitch;
        blank = workspace.take<L>(count);
        label = workspace.take<L>(count);
        if (weights) weight = workspace.take<L>(count);
    }

    // The line of a position.
    SF_DEVICE int64_t line(const SimpleProblem& p, int64_t b, int64_t u) const {
        return (b * p.positions() + u) * pitch;
    }
};

template <class L>
SF_DEVICE bool has_paths(const RnntLikelihood<L>& likelihood) {
    return likelihood.valid && likelihood.value.exponent != -infinity<L>();
}

template <class L>
struct SimpleFindPosteriors {
    static constexpr int kMostThreads = CellThreads::kThreads;

    struct Args {
        SimpleProblem problem;
        const L* saved;
        const Probability<L>* alpha;
        const Probability<L>* beta;
        const RnntLikelihood<L>* likelihood;  // [batch]
        SimplePosteriors<L> to;
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        CellThreads::each(block, args.problem.lattice, [&](int64_t i) {
            const TableCell cell = TableCell::of(args.problem.lattice, i);
            if (cell.inside() && has_paths(args.likelihood[cell.sequence.index])) save(args, cell);
        });
    }

  private:
    static SF_DEVICE void save(const Args& args, const TableCell& cell) {
        const SimpleProblem& p = args.problem;
        const int64_t b = cell.sequence.index;
        const RnntArcs<L> of = posteriors(args, cell, args.likelihood[b].value);
        const int64_t at = args.to.line(p, b, cell.u) + cell.t;
        args.to.blank[at] = of.blank;
        args.to.label[at] = of.label;
        if (args.to.weight != nullptr) {
            const L z = SimpleKept<const L>{args.saved, nullptr, nullptr, nullptr}.normalisers(
                cell.sequence)[cell.cell];
            const L share = static_cast<L>(p.joint_scale) * (of.blank + of.label);
            args.to.weight[at] = share == 0 ? 0 : z < 0 ? -share : share / z;
        }
    }

    static SF_DEVICE RnntArcs<L> posteriors(const Args& args, const TableCell& cell,
                                            const Probability<L>& likelihood) {
        const RnntSequence& s = cell.sequence;
        const int64_t t = cell.t, u = cell.u, after = s.begin(t + 1 + s.skew * u) + u;
        const RnntArcs<L> arcs =
            weighed(args.problem.lattice, s, t, u,
                    saved_at(args.problem.lattice, s, args.saved, cell.cell, u));
        Probability<L> alpha = args.alpha[s.first_cell + cell.cell];
        alpha.mantissa *= 1 / likelihood.mantissa;
        const bool last = t == s.frames - 1;
        // Where an arc leads; beyond the last frame there is only the end.
        const auto posterior = [&](L arc, int64_t labels, bool leaves) {
            const Probability<L> beta = !leaves ? args.beta[s.first_cell + after + labels]
                                        : u + labels == s.labels ? certain<L>()
                                                                 : impossible<L>();
            const Probability<L> part = alpha * (probability(arc) * beta);
            return minimum(relative_to(likelihood.exponent, part), L{1});
        };
        return {posterior(arcs.blank, 0, last),
                u < s.labels ? posterior(arcs.label, 1, last && s.skew == 0) : L{0}};
    }
};

// Sums of the posteriors, of the frames over positions and of the labels over frames.
template <class L>
struct SimpleSums {
    L *frame_blank, *frame_arcs;                // [batch, frames]
    L *label_blank, *label_label, *label_arcs;  // [batch, positions]
    // Minus the shares of cells that have the logarithm of Z, and so no weight in the product.
    L *frame_apart, *label_apart;

    SimpleSums() = default;
    SimpleSums(const SimpleProblem& p, Workspace& workspace) {
        const int64_t frames = p.lattice.batch * p.lattice.frames;
        const int64_t positions = p.lattice.batch * p.positions();
        for (L** of : {&frame_blank, &frame_arcs, &frame_apart}) *of = workspace.take<L>(frames);
        for (L** of : {&label_blank, &label_label, &label_arcs, &label_apart}) {
            *of = workspace.take<L>(positions);
        }
    }
};

// A thread has a frame, and goes over the positions.
template <class L>
struct SimpleSumPositions {
    static constexpr int kMostThreads = kFlatThreads;

    struct Args {
        SimpleProblem problem;
        const RnntLikelihood<L>* likelihood;
        SimplePosteriors<L> posteriors;
        SimpleSums<L> to;
    };

    static Grid grid(const SimpleProblem& p) {
        return flat_grid(p.lattice.batch * p.lattice.frames);
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const RnntProblem& p = args.problem.lattice;
        each_place(block, p.batch, p.frames, [&](int64_t b, int64_t t) { sum(args, b, t); });
    }

  private:
    static SF_DEVICE void sum(const Args& args, int64_t b, int64_t t) {
        const SimpleProblem& p = args.problem;
        const RnntSequence s = p.lattice.sequence(b);
        if (t >= s.frames || !has_paths(args.likelihood[b])) return;
        L blank = 0, label = 0, apart = 0;
        for (int64_t u = 0; u < s.positions(); ++u) {
            const int64_t at = args.posteriors.line(p, b, u) + t;
            blank += args.posteriors.blank[at];
            label += args.posteriors.label[at];
            apart += minimum(args.posteriors.weight[at], L{0});
        }
        const int64_t to = b * p.lattice.frames + t;
        args.to.frame_blank[to] = blank;
        args.to.frame_arcs[to] = blank + label;
        args.to.frame_apart[to] = apart;
    }
};

// A warp has a position, and goes over the frames.
template <class L>
struct SimpleSumFrames {
    static constexpr int kMostThreads = kRowThreads;
    using Args = typename SimpleSumPositions<L>::Args;

    static Grid grid(const SimpleProblem& p) {
        return RowGroups{false}.grid(p.lattice.batch * p.positions());
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const SimpleProblem& p = args.problem;
        const RowGroups groups = {false};
        const int64_t count = p.lattice.batch * p.positions();
        typename Block::template PerThread<L> blank(block), label(block), apart(block);
        groups.each_first(block, count, [&](int64_t first) {
            block.each([&](int thread) {
                blank[thread] = label[thread] = apart[thread] = 0;
                const Place at = place_of(groups.row(first, thread), p.positions());
                if (at.b >= p.lattice.batch) return;
                const RnntSequence s = p.lattice.sequence(at.b);
                if (at.i > s.labels || !has_paths(args.likelihood[at.b])) return;
                const int64_t line = args.posteriors.line(p, at.b, at.i);
                for (int64_t t = groups.lane(thread); t < s.frames; t += kWarp) {
                    blank[thread] += args.posteriors.blank[line + t];
                    label[thread] += args.posteriors.label[line + t];
                    apart[thread] += minimum(args.posteriors.weight[line + t], L{0});
                }
            });
            block.sum(blank, false);
            block.sum(label, false);
            block.sum(apart, false);
            block.each([&](int thread) {
                const int64_t to = groups.row(first, thread);
                if (to >= count || groups.lane(thread) != 0) return;
                args.to.label_blank[to] = blank[thread];
                args.to.label_label[to] = label[thread];
                args.to.label_arcs[to] = blank[thread] + label[thread];
                args.to.label_apart[to] = apart[thread];
            });
        });
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_PRUNED_SIMPLE_POSTERIORS_HPP_
