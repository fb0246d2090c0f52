// Between the logits of a frame and the few numbers that its CTC lattice has to do with.
//
// Down: [blank, label_0, ..], the score that each adds to an alignment. That is its log-prob, less
// the scaled log-prior of its class. A star scores a constant, or the log-probability of all
// classes but the blank, or both.
//
// Up: with p the softmax of the frame, occ the posterior of all arcs through it, and gamma_v that
// of arcs with class v, the gradient of logit v is upstream (occ p_v - gamma_v). Weights do not
// change that, but a constant star is no class, and does not count in occ. A star of all classes
// but the blank takes gamma_star p_v / (1 - p_blank) from each of them. Free log-probs have no occ.
#ifndef SEQFRONT_CPU_CTC_ROWS_HPP_
#define SEQFRONT_CPU_CTC_ROWS_HPP_

#include <cmath>
#include <limits>

#include "ctc/ctc_problem.hpp"
#include "gradient_rows.hpp"

namespace seqfront {

// What the loss keeps of each frame. The maximum is NaN if a logit that counts is NaN or +inf.
template <class L>
struct CtcFrame {
    L maximum, log_sum;  // of the exponentials, relative to the maximum; 0 of free log-probs
    L any;               // log-prob of all classes but the blank, if a star needs it

    L log_normaliser() const { return maximum + log_sum; }
    bool valid() const { return log_normaliser() < std::numeric_limits<L>::infinity(); }
};

template <class T, class L = typename RowKernelsOf<T>::Lattice>
class CtcRows {
  public:
    CtcRows(const CtcProblem& p, const Kernels& table)
        : p_(p), rows_(RowKernelsOf<T>::in(table)), kernels_(lattice_kernels<L>(table)) {}

    // `count` frames of logits: their normalisers and scores.
    void measure(const CtcSequence& s, const T* x, int64_t count, CtcFrame<L>* frames,
                 L* scores) const {
        constexpr int64_t kBlock = 64;
        L maximum[kBlock] = {}, log_sum[kBlock] = {};
        for (int64_t first = 0; first < count; first += kBlock) {
            const int64_t size = std::min(kBlock, count - first), stride = p_.logits_stride[1];
            const T* block = x + first * stride;
            if (!p_.normalized && !p_.star_any) {
                rows_.normalisers(block, stride, size, p_.classes, maximum, log_sum);
            }
            for (int64_t i = 0; i < size; ++i) {
                CtcFrame<L>& frame = frames[first + i];
                frame = {maximum[i], log_sum[i], 0};
                if (p_.star_any) frame = frame_with_any(block + i * stride);
                L* row = scores + (first + i) * s.pitch();
                score(s, block + i * stride, frame, row);
                if (p_.normalized && !finite_or_impossible(row, s.pitch())) {
                    frame.maximum = std::numeric_limits<L>::quiet_NaN();
                }
            }
        }
    }

    // The scores of one frame.
    void score(const CtcSequence& s, const T* x, const CtcFrame<L>& frame, L* row) const {
        log_probs(s, x, frame, row);
        if (p_.log_prior != nullptr) subtract_prior(s, row);
        if (p_.has_star) score_stars(s, frame, row);
    }

    // Gradient of one frame, from its row of the lattice's; `g` may be `x`.
    void write(const GradientRows<T>& rows, const CtcSequence& s, const CtcFrame<L>& frame,
               L upstream, const T* x, L* part, T* g, L* scratch) const {
        if (p_.weighted()) {
            complete(rows, s, frame, upstream, x, part, g, scratch);
        } else {
            rows.write(x, g, frame.log_normaliser(), p_.normalized ? L{0} : upstream);
        }
        narrow(part[0], g[p_.blank]);
        // Backwards: the first of equal labels has the sum.
        for (int64_t k = s.labels - 1; k >= 0; --k) {
            if (!is_star(s, k)) narrow(part[1 + k], g[s.targets[k]]);
        }
    }

    // Gradient of a frame of a sequence with NaN or +inf.
    void write_invalid(const GradientRows<T>& rows, const CtcSequence& s, const T* x, T* g) const {
        constexpr L nan = std::numeric_limits<L>::quiet_NaN();
        rows.write(x, g, 0, p_.normalized ? 0 : nan);
        narrow(nan, g[p_.blank]);
        for (int64_t k = 0; k < s.labels; ++k) {
            if (!is_star(s, k)) narrow(nan, g[s.targets[k]]);
        }
    }

  private:
    static constexpr L kImpossible = -std::numeric_limits<L>::infinity();

    bool is_star(const CtcSequence& s, int64_t k) const {
        return p_.has_star && s.targets[k] == p_.star;
    }

    // Log-probs of the blank and the labels; anything for a star.
    void log_probs(const CtcSequence& s, const T* x, const CtcFrame<L>& frame, L* row) const {
        const L maximum = frame.maximum, log_sum = frame.log_sum;
        if (log_sum == kImpossible) {
            std::fill_n(row, s.pitch(), kImpossible);
            return;
        }
        const auto log_prob = [&](int32_t v) { return (widen(x[v]) - maximum) - log_sum; };
        row[0] = log_prob(static_cast<int32_t>(p_.blank));
        if (p_.has_star) {
            for (int64_t k = 0; k < s.labels; ++k) {
                row[1 + k] = log_prob(is_star(s, k) ? 0 : s.targets[k]);
            }
        } else {
            for (int64_t k = 0; k < s.labels; ++k) row[1 + k] = log_prob(s.targets[k]);
        }
    }

    void subtract_prior(const CtcSequence& s, L* row) const {
        const L* log_prior = static_cast<const L*>(p_.log_prior->data);
        const L scale = static_cast<L>(p_.prior_scale);
        row[0] -= scale * log_prior[p_.blank];
        for (int64_t k = 0; k < s.labels; ++k) {
            if (!is_star(s, k)) row[1 + k] -= scale * log_prior[s.targets[k]];
        }
    }

    void score_stars(const CtcSequence& s, const CtcFrame<L>& frame, L* row) const {
        for (int64_t k = 0; k < s.labels; ++k) {
            if (is_star(s, k)) row[1 + k] = static_cast<L>(p_.star_score) + frame.any;
        }
    }

    static bool finite_or_impossible(const L* row, int64_t count) {
        bool fine = true;
        for (int64_t i = 0; i < count; ++i) {
            fine = fine && row[i] < std::numeric_limits<L>::infinity();
        }
        return fine;
    }

    // The normaliser from that of all classes but the blank: their probability is exact, however
    // close to 1 the blank comes.
    CtcFrame<L> frame_with_any(const T* x) const {
        const double below = log_sum_exp(x, p_.blank);
        const double above = log_sum_exp(x + p_.blank + 1, p_.classes - p_.blank - 1);
        const double any = log_add(below, above);
        if (p_.normalized) return {0, 0, static_cast<L>(any)};
        const double blank = static_cast<double>(widen(x[p_.blank]));
        const double all = log_add(any, blank), top = all == kImpossible ? 0 : all;
        const L maximum = static_cast<L>(top);
        return {maximum, static_cast<L>(all - static_cast<double>(maximum)),
                static_cast<L>(any - top)};
    }

    double log_sum_exp(const T* x, int64_t count) const {
        L maximum = 0, log_sum = kImpossible;
        if (count > 0) rows_.normalisers(x, count, 1, count, &maximum, &log_sum);
        return static_cast<double>(maximum) + static_cast<double>(log_sum);
    }

    // NaN if either is NaN or +inf.
    static double log_add(double a, double b) {
        if (std::isnan(a + b)) return a + b;
        const double top = a > b ? a : b;
        if (top == -std::numeric_limits<double>::infinity()) return top;
        return top + std::log(std::exp(a - top) + std::exp(b - top));
    }

    // The softmax of a frame with weighted arcs, and what it is for the classes set apart: `part`
    // comes as minus the posteriors times upstream.
    void complete(const GradientRows<T>& rows, const CtcSequence& s, const CtcFrame<L>& frame,
                  L upstream, const T* x, L* part, T* g, L* p) const {
        log_probs(s, x, frame, p);
        L star = 0;
        for (int64_t k = s.labels - 1; k >= 0; --k) {
            if (is_star(s, k)) star = -part[1 + k];  // the first has the sum
        }
        L normaliser = frame.log_normaliser(), shift = 0;
        L scale = p_.normalized ? 0 : upstream - star, blank_scale = scale;
        if (p_.star_any && frame.any > kImpossible) {
            // Relative to the classes but the blank: their sum is what a star takes from.
            shift = frame.any;
            normaliser += shift;
            const L blank = std::exp(p[0]);
            scale = p_.normalized ? -star : scale * std::exp(shift) - star * blank;
            blank_scale = p_.normalized ? 0 : upstream;
        }
        if (!(normaliser > kImpossible)) scale = blank_scale = 0;
        p[0] = std::min(p[0], L{0});
        for (int64_t k = 1; k < s.pitch(); ++k) p[k] = std::min(p[k] - shift, L{0});
        kernels_.exp(p, p, s.pitch());
        rows.write(x, g, normaliser, scale);
        part[0] += blank_scale * p[0];
        for (int64_t k = 1; k < s.pitch(); ++k) part[k] += scale * p[k];
    }

    const CtcProblem& p_;
    const RowKernels<L>& rows_;
    const LatticeKernels<L>& kernels_;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_CTC_ROWS_HPP_
