// CTC: the op, from checks to rows. The lattice itself is in simd_ctc.hpp, and for
// the best path alone in ctc_best_path.hpp.
//
// saved, for each sequence with S labels: rows [log-normaliser, log p(blank), log p(label_0) ..] of
// S + 2 elements, one for each frame.
#include <vector>

#include "ctc_best_path.hpp"
#include "gradient_rows.hpp"
#include "op.hpp"
#include "thread_pool.hpp"

namespace seqfront {
namespace {

enum Input { kLogits, kTargets, kFrameLengths, kLabelLengths, kSaved, kGradLoss };
enum Attribute { kBlank, kNormalized, kMaxApprox, kLabelLoop };

struct Problem : LatticeProblem {
    int64_t logits_stride[2];
    bool normalized, max_approx, label_loop;

    explicit Problem(const Call& call)
        : LatticeProblem(call, {kLogits, kTargets, kBlank}),
          normalized(call.flag(kNormalized)),
          max_approx(call.flag(kMaxApprox)),
          label_loop(call.flag(kLabelLoop)) {
        std::copy_n(call.input(kLogits).stride, 2, logits_stride);
    }
};

// A sequence of a checked problem.
struct Sequence {
    int64_t frames;
    int64_t labels;
    const int32_t* targets;

    Sequence(const Problem& p, int64_t b)
        : frames(p.frame_lengths[b]),
          labels(p.label_lengths[b]),
          targets(labels > 0 ? p.targets + b * p.labels : nullptr) {}

    int64_t pitch() const { return labels + 2; }
};

int64_t saved_size(const Problem& p) { return p.frames * (p.labels + 2); }
int64_t row_work(const Problem& p) { return p.classes + 2 * p.labels + 64; }
int64_t lattice_work(const Problem& p) { return 8 * saved_size(p); }

// Memory of one thread for the lattices of one sequence after another.
template <class L>
class Workspace {
  public:
    explicit Workspace(const Problem& p)
        : problem_(p),
          skip_(allocate<L>(ctc_padded(p.labels))),
          scratch_(allocate<L>(p.max_approx ? 0 : ctc_scratch(p.frames, p.labels))),
          best_path_(p.max_approx ? p.frames : 0, p.labels) {
        repeats_.reserve(static_cast<size_t>(2 * p.labels));
        order_.reserve(static_cast<size_t>(p.labels));
    }

    CtcLattice<L> lattice(const Sequence& s, const L* saved) {
        constexpr L impossible = -std::numeric_limits<L>::infinity();
        for (int64_t k = 0; k < s.labels; ++k) {
            const bool may = k > 0 && (!problem_.label_loop || s.targets[k] != s.targets[k - 1]);
            skip_[k] = may ? 0 : impossible;
        }
        std::fill(skip_.get() + s.labels, skip_.get() + ctc_padded(s.labels), impossible);
        return {s.frames, s.labels, saved, skip_.get(), problem_.label_loop, scratch_.get()};
    }

    CtcGradient<L> gradient(const Sequence& s, L* rows, L upstream) {
        find_repeats(s);
        return {rows, repeats_.data(), static_cast<int64_t>(repeats_.size() / 2), upstream,
                problem_.normalized};
    }

    CtcBestPath<L>& best_path() { return best_path_; }

  private:
    void find_repeats(const Sequence& s) {
        order_.clear();
        repeats_.clear();
        for (int32_t k = 0; k < s.labels; ++k) order_.push_back(k);
        std::sort(order_.begin(), order_.end(), [&](int32_t a, int32_t b) {
            return s.targets[a] != s.targets[b] ? s.targets[a] < s.targets[b] : a < b;
        });
        size_t first = 0;
        for (size_t i = 1; i < order_.size(); ++i) {
            if (s.targets[order_[i]] == s.targets[order_[first]]) {
                repeats_.push_back(order_[i]);
                repeats_.push_back(order_[first]);
            } else {
                first = i;
            }
        }
    }

    const Problem& problem_;
    Buffer<L> skip_;
    Buffer<L> scratch_;
    CtcBestPath<L> best_path_;
    std::vector<int32_t> order_;
    std::vector<int32_t> repeats_;
};

template <class L>
std::vector<Workspace<L>> workspaces(const Problem& p, int32_t threads) {
    std::vector<Workspace<L>> all;
    const int32_t count = useful_threads(p.batch, lattice_work(p), threads);
    all.reserve(static_cast<size_t>(count));
    for (int32_t i = 0; i < count; ++i) all.emplace_back(p);
    return all;
}

// Normalisers and log-probs of frames [begin, end) of a sequence, whose first frame is x.
template <class T, class L>
void save_frames(const Problem& p, const RowKernels<L>& rows, const Sequence& s, const T* x,
                 int64_t begin, int64_t end, L* saved) {
    constexpr int64_t kBlock = 64;
    L maximum[kBlock] = {}, log_sum[kBlock] = {};
    for (int64_t first = begin; first < end; first += kBlock) {
        const int64_t count = std::min(kBlock, end - first), stride = p.logits_stride[1];
        const T* frame = x + first * stride;
        if (!p.normalized) rows.normalisers(frame, stride, count, p.classes, maximum, log_sum);
        for (int64_t i = 0; i < count; ++i, frame += stride) {
            L* row = saved + (first + i) * s.pitch();
            row[0] = maximum[i] + log_sum[i];
            row[1] = log_prob(widen(frame[p.blank]), maximum[i], log_sum[i]);
            for (int64_t k = 0; k < s.labels; ++k) {
                row[2 + k] = log_prob(widen(frame[s.targets[k]]), maximum[i], log_sum[i]);
            }
            for (int64_t k = 1; p.normalized && k < s.pitch(); ++k) {
                if (!(row[k] < std::numeric_limits<L>::infinity())) row[0] = row[k];
            }
        }
    }
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void forward(const Problem& p, const T* logits, L* loss, L* saved) {
    const Kernels& table = kernels();
    const int32_t threads = usable_threads(p.threads);
    const int64_t size = saved_size(p);
    parallel_for(
        p.batch * p.frames, row_work(p), threads, [&](int32_t, int64_t begin, int64_t end) {
            while (begin < end) {
                const int64_t b = begin / p.frames, t = begin % p.frames;
                const Sequence s(p, b);
                save_frames(p, RowKernelsOf<T>::in(table), s, logits + b * p.logits_stride[0], t,
                            std::min(t + end - begin, s.frames), saved + b * size);
                begin += p.frames - t;
            }
        });
    std::vector<Workspace<L>> workspace = workspaces<L>(p, threads);
    parallel_for(p.batch, lattice_work(p), threads, [&](int32_t slot, int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; ++b) {
            const Sequence s(p, b);
            if (s.frames == 0) {
                loss[b] = s.labels == 0 ? 0 : std::numeric_limits<L>::infinity();
                continue;
            }
            Workspace<L>& work = workspace[static_cast<size_t>(slot)];
            const CtcLattice<L> lattice = work.lattice(s, saved + b * size);
            loss[b] = p.max_approx ? work.best_path().loss(lattice)
                                   : loss_of(lattice_kernels<L>(table).ctc_likelihood(lattice));
        }
    });
}

// The rows of one sequence, and whether there is anything in them.
template <class L>
bool sequence_gradient(const Problem& p, const LatticeKernels<L>& kernel, const Sequence& s,
                       Workspace<L>& work, const L* saved, L upstream, L* rows) {
    if (s.frames == 0 || upstream == 0) return false;
    const CtcLattice<L> lattice = work.lattice(s, saved);
    const CtcGradient<L> gradient = work.gradient(s, rows, upstream);
    bool valid, possible;
    if (p.max_approx) {
        const L loss = work.best_path().gradient(lattice, gradient, kernel);
        valid = loss == loss;
        possible = loss < std::numeric_limits<L>::infinity();
    } else {
        const Likelihood<L> likelihood = kernel.ctc_gradient(lattice, gradient);
        valid = likelihood.valid;
        possible = likelihood.exponent != -std::numeric_limits<L>::infinity();
    }
    if (!valid) {
        std::fill_n(rows, s.frames * s.pitch(), std::numeric_limits<L>::quiet_NaN());
        for (int64_t t = 0; p.normalized && t < s.frames; ++t) rows[t * s.pitch()] = 0;
    }
    return possible || !valid;
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void backward(const Problem& p, const T* logits, const L* saved, const L* grad_loss, T* grad,
              const int64_t* stride) {
    const Kernels& table = kernels();
    const int32_t threads = usable_threads(p.threads);
    const int64_t size = saved_size(p);
    const Buffer<L> parts = allocate<L>(p.batch * size);
    const Buffer<bool> some = allocate<bool>(p.batch);
    {
        std::vector<Workspace<L>> workspace = workspaces<L>(p, threads);
        parallel_for(
            p.batch, lattice_work(p), threads, [&](int32_t slot, int64_t begin, int64_t end) {
                for (int64_t b = begin; b < end; ++b) {
                    some[b] =
                        sequence_gradient(p, lattice_kernels<L>(table), Sequence(p, b),
                                          workspace[static_cast<size_t>(slot)], saved + b * size,
                                          grad_loss[b], parts.get() + b * size);
                }
            });
    }
    const bool dense = stride[1] == p.classes && stride[0] == p.frames * p.classes;
    const int64_t bytes = p.batch * p.frames * p.classes * static_cast<int64_t>(sizeof(T));
    const GradientRows<T> rows(table, grad, logits, p.classes, bytes, dense);
    parallel_for(p.batch * p.frames, row_work(p), threads,
                 [&](int32_t, int64_t begin, int64_t end) {
                     for (int64_t i = begin; i < end; ++i) {
                         const int64_t b = i / p.frames, t = i % p.frames;
                         const Sequence s(p, b);
                         T* g = grad + b * stride[0] + t * stride[1];
                         if (t >= s.frames || !some[b]) {
                             rows.clear(g, 1, p.classes);
                             continue;
                         }
                         const L* of = parts.get() + b * size + t * s.pitch();
                         const T* x = logits + b * p.logits_stride[0] + t * p.logits_stride[1];
                         rows.write(x, g, saved[b * size + t * s.pitch()], of[0]);
                         narrow(of[1], g[p.blank]);
                         // Backwards: the first of equal labels has the sum.
                         for (int64_t k = s.labels - 1; k >= 0; --k) {
                             narrow(of[2 + k], g[s.targets[k]]);
                         }
                     }
                 });
}

void run_forward(const Call& call) {
    const Problem p(call);
    with_element_type(call.input(kLogits).dtype, [&](auto element) {
        using T = decltype(element);
        using L = typename RowKernelsOf<T>::Lattice;
        forward(p, call.in<T>(kLogits), call.out<L>(0), call.out<L>(1));
    });
}

void run_backward(const Call& call) {
    const Problem p(call);
    with_element_type(call.input(kLogits).dtype, [&](auto element) {
        using T = decltype(element);
        using L = typename RowKernelsOf<T>::Lattice;
        backward(p, call.in<T>(kLogits), call.in<L>(kSaved), call.in<L>(kGradLoss), call.out<T>(0),
                 call.output(0).stride);
    });
}

}  // namespace

const Op& ctc_op() {
    static const Op op = {
        "ctc",
        {{"logits", "T", "batch frames classes", SF_DIFFERENTIABLE | SF_STRIDED | SF_REUSABLE},
         {"targets", "int32", "batch labels", 0},
         {"frame_lengths", "int32", "batch", 0},
         {"label_lengths", "int32", "batch", 0}},
        {{"loss", "L", "batch", SF_DIFFERENTIABLE},
         {"saved", "L", "batch frames labels+2", SF_SAVED}},
        {{"blank", "int", 0},
         {"normalized", "bool", 0},
         {"max_approx", "bool", 0},
         {"label_loop", "bool", 1}},
        run_forward,
        run_backward,
    };
    return op;
}

}  // namespace seqfront
