// The simple transducer loss on a GPU: what a call asks for, and its arrays. The formulas are in
// cpu/pruned/simple_rnnt.hpp.
//
// Its lattice is that of RNN-T (transducer/rnnt_problem.hpp), for its arcs are saved as those of
// logits am + lm would be: blank and label, and in the column of the normaliser Z, or where that is
// too small to be exact its logarithm, which is negative. A sequence that has no path in time (too
// few frames for the modified topology) has arcs of probability 0, and one whose labels do not fit
// its band, which the CPU refuses, NaN.
#ifndef SEQFRONT_CUDA_PRUNED_SIMPLE_PROBLEM_HPP_
#define SEQFRONT_CUDA_PRUNED_SIMPLE_PROBLEM_HPP_

#include "cpu/problem.hpp"
#include "cpu/pruned/simple_options.hpp"
#include "cuda/flat.hpp"
#include "cuda/rows.hpp"
#include "cuda/transducer/rnnt_problem.hpp"

namespace seqfront {
namespace cuda {

struct SimpleProblem {
    RnntProblem lattice;
    int64_t band;
    double joint_scale, lm_only_scale, am_only_scale;

    SF_EVERYWHERE int64_t positions() const { return lattice.labels + 1; }

    SF_DEVICE bool modified(const RnntSequence& s) const { return s.skew == 0 && s.labels > 0; }
    SF_DEVICE bool feasible(const RnntSequence& s) const {
        return s.frames > 0 && (!modified(s) || s.frames >= s.labels);
    }
    // Whether some path comes by, if there are any.
    SF_DEVICE bool on_path(const RnntSequence& s, int64_t t, int64_t u) const {
        return !modified(s) || (u <= t && u >= t - s.frames + s.labels);
    }
    // Whether the band has room for a path; needed_band of cpu/pruned/pruning_grid.hpp.
    SF_DEVICE bool fits_band(const RnntSequence& s) const {
        if (band == 0 || !feasible(s) || s.labels == 0 || modified(s)) return true;
        return divided(s.labels - 1, s.frames) + 2 <= band;
    }
};

inline SimpleProblem simple_problem(const Call& call) {
    const simple::SimpleOptions o(call);
    const int64_t classes = call.size(simple::kAm, 2), blank = call.integer(simple::kBlank);
    check_blank(call.name(), blank, classes);
    SimpleProblem p{};
    p.lattice.batch = call.size(simple::kAm, 0);
    p.lattice.frames = call.size(simple::kAm, 1);
    p.lattice.labels = call.size(simple::kTargets, 1);
    p.lattice.classes = classes;
    p.lattice.blank = blank;
    p.lattice.targets = call.in<int32_t>(simple::kTargets);
    p.lattice.frame_lengths = call.in<int32_t>(simple::kFrameLengths);
    p.lattice.label_lengths = call.in<int32_t>(simple::kLabelLengths);
    p.lattice.skew = o.topology == 0 ? 1 : 0;
    p.lattice.delay_penalty = o.delay_penalty;
    p.lattice.loss_factor = 1;
    p.band = o.band;
    p.joint_scale = o.joint_scale();
    p.lm_only_scale = o.lm_only_scale;
    p.am_only_scale = o.am_only_scale;
    return p;
}

// Arrays that the forward half leaves to the backward half; Q is L or const L.
template <class Q>
struct SimpleKept {
    Q *saved, *frame_rows, *label_rows, *unigrams;

    // The normalisers of a sequence, in the order of its cells.
    SF_DEVICE Q* normalisers(const RnntSequence& s) const {
        return saved + s.first_cell * kFirstExtra + kRow * s.cells();
    }
    // Of each row of am its maximum, and what is left of the normaliser with the unigram.
    SF_DEVICE Q* am_maxima(const SimpleProblem& p, int64_t b) const {
        return frame_rows + 2 * b * p.lattice.frames;
    }
    SF_DEVICE Q* am_normalisers(const SimpleProblem& p, int64_t b) const {
        return am_maxima(p, b) + p.lattice.frames;
    }
    // Of each row of lm its maximum, and the log of what is left.
    SF_DEVICE Q* lm_maxima(const SimpleProblem& p, int64_t b) const {
        return label_rows + 2 * b * p.positions();
    }
    SF_DEVICE Q* lm_normalisers(const SimpleProblem& p, int64_t b) const {
        return lm_maxima(p, b) + p.positions();
    }
    // Log-probs of the classes, if the am-only part has a share.
    SF_DEVICE Q* unigram(const SimpleProblem& p, int64_t b) const {
        return unigrams + b * p.lattice.classes;
    }
};

// am or lm, by sequence and frame or position.
template <class T>
using SimpleLogits = RowArray<const T, 2>;

// log(exp(x) / exp(normaliser)), where both may be zero.
template <class L>
SF_DEVICE L log_ratio(L x, L normaliser) {
    return log_prob(x, L{0}, normaliser);
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_PRUNED_SIMPLE_PROBLEM_HPP_
