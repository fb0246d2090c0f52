// RNN-T: the op, from checks to rows. The lattice itself is in simd_rnnt.hpp.
//
// saved, for each sequence with T frames and P = labels + 1 positions: log p(blank) [T, P] and
// log p(next label) [T, P] in the layout of RnntLattice, then log-normalisers [T, P] in plain
// order.
#include "gradient_rows.hpp"
#include "op.hpp"
#include "thread_pool.hpp"

namespace seqfront {
namespace {

enum Input { kLogits, kTargets, kFrameLengths, kLabelLengths, kSaved, kGradLoss };
enum Attribute { kBlank, kNormalized };

struct Problem : LatticeProblem {
    int64_t logits_stride[3];

    explicit Problem(const Call& call) : LatticeProblem(call, {kLogits, kTargets, kBlank}) {
        std::copy_n(call.input(kLogits).stride, 3, logits_stride);
        normalized = call.flag(kNormalized);
    }

    bool normalized;
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

    int64_t positions() const { return labels + 1; }
    int64_t cells() const { return frames * positions(); }
    int64_t diagonal_cell(int64_t t, int64_t u) const { return (t + u) % frames * positions() + u; }
};

int64_t largest_cells(const Problem& p) { return p.frames * (p.labels + 1); }
int64_t forward_work(const Problem& p) { return 8 * largest_cells(p); }
int64_t backward_work(const Problem& p) { return 16 * largest_cells(p); }
int64_t frame_work(const Problem& p) { return (p.labels + 1) * (p.classes + 64); }

template <class L>
RnntLattice<L> lattice_of(const Sequence& s, const L* saved, L* scratch) {
    return {s.frames, s.positions(), saved, saved + s.cells(), scratch};
}

// Normalisers and log-probs of the rows of frame t.
template <class T, class L>
void save_frame(const Problem& p, const RowKernels<L>& rows, const Sequence& s, int64_t t,
                const T* frame, L* saved) {
    constexpr int64_t kBlock = 64;
    L maximum[kBlock] = {}, log_sum[kBlock] = {};
    L* const blank = saved;
    L* const label = blank + s.cells();
    L* const normaliser = label + s.cells() + t * s.positions();
    for (int64_t begin = 0; begin < s.positions(); begin += kBlock) {
        const int64_t count = std::min(kBlock, s.positions() - begin);
        const T* x = frame + begin * p.logits_stride[2];
        if (!p.normalized) {
            rows.normalisers(x, p.logits_stride[2], count, p.classes, maximum, log_sum);
        }
        for (int64_t i = 0; i < count; ++i, x += p.logits_stride[2]) {
            const int64_t u = begin + i, cell = s.diagonal_cell(t, u);
            normaliser[u] = maximum[i] + log_sum[i];
            blank[cell] = log_prob(widen(x[p.blank]), maximum[i], log_sum[i]);
            label[cell] = u < s.labels ? log_prob(widen(x[s.targets[u]]), maximum[i], log_sum[i])
                                       : -std::numeric_limits<L>::infinity();
        }
    }
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void forward(const Problem& p, const T* logits, L* loss, L* saved) {
    const Kernels& table = kernels();
    const int64_t cells = largest_cells(p);
    const int32_t threads = usable_threads(p.threads);
    parallel_for(
        p.batch * p.frames, frame_work(p), threads, [&](int32_t, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
                const int64_t b = i / p.frames, t = i % p.frames;
                const Sequence s(p, b);
                if (t >= s.frames) continue;
                const T* frame = logits + b * p.logits_stride[0] + t * p.logits_stride[1];
                save_frame(p, RowKernelsOf<T>::in(table), s, t, frame, saved + b * 3 * cells);
            }
        });
    const int64_t scratch_size = rnnt_scratch(p.frames, p.labels + 1);
    const int32_t used = useful_threads(p.batch, forward_work(p), threads);
    const Buffer<L> scratch = allocate<L>(used * scratch_size);
    parallel_for(p.batch, forward_work(p), used, [&](int32_t slot, int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; ++b) {
            const Sequence s(p, b);
            if (s.frames == 0) {
                loss[b] = s.labels == 0 ? 0 : std::numeric_limits<L>::infinity();
                continue;
            }
            loss[b] = loss_of(lattice_kernels<L>(table).rnnt_likelihood(
                lattice_of(s, saved + b * 3 * cells, scratch.get() + slot * scratch_size)));
        }
    });
}

// What one sequence contributes; `cells` tables of three, and whether there is anything in them.
template <class L>
bool sequence_gradient(const Problem& p, const LatticeKernels<L>& lattice, const Sequence& s,
                       const L* saved, L upstream, L* tables, L* scratch) {
    if (s.frames == 0 || upstream == 0) return false;
    const RnntGradient<L> gradient{tables, tables + s.cells(), tables + 2 * s.cells(), upstream,
                                   p.normalized};
    const Likelihood<L> likelihood = lattice.rnnt_gradient(lattice_of(s, saved, scratch), gradient);
    if (!likelihood.valid) {
        const L nan = std::numeric_limits<L>::quiet_NaN();
        std::fill_n(tables, s.cells(), p.normalized ? L{0} : nan);
        std::fill_n(gradient.blank, 2 * s.cells(), nan);
        return true;
    }
    return likelihood.exponent != -std::numeric_limits<L>::infinity();
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void backward(const Problem& p, const T* logits, const L* saved, const L* grad_loss, T* grad,
              const int64_t* stride) {
    const Kernels& table = kernels();
    const int64_t cells = largest_cells(p);
    const int32_t threads = usable_threads(p.threads);
    const Buffer<L> tables = allocate<L>(p.batch * 3 * cells);
    const Buffer<bool> some = allocate<bool>(p.batch);
    {
        const int64_t scratch_size = rnnt_scratch(p.frames, p.labels + 1);
        const int32_t used = useful_threads(p.batch, backward_work(p), threads);
        const Buffer<L> scratch = allocate<L>(used * scratch_size);
        parallel_for(p.batch, backward_work(p), used,
                     [&](int32_t slot, int64_t begin, int64_t end) {
                         for (int64_t b = begin; b < end; ++b) {
                             some[b] = sequence_gradient(p, lattice_kernels<L>(table),
                                                         Sequence(p, b), saved + b * 3 * cells,
                                                         grad_loss[b], tables.get() + b * 3 * cells,
                                                         scratch.get() + slot * scratch_size);
                         }
                     });
    }
    const bool dense = stride[2] == p.classes && stride[1] == (p.labels + 1) * p.classes &&
                       stride[0] == cells * p.classes;
    const int64_t bytes = p.batch * cells * p.classes * static_cast<int64_t>(sizeof(T));
    const GradientRows<T> rows(table, grad, logits, p.classes, bytes, dense);
    parallel_for(
        p.batch * p.frames, frame_work(p), threads, [&](int32_t, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
                const int64_t b = i / p.frames, t = i % p.frames;
                const Sequence s(p, b);
                const L* of = tables.get() + b * 3 * cells;
                const L* normaliser = saved + b * 3 * cells + 2 * s.cells() + t * s.positions();
                const T* x = logits + b * p.logits_stride[0] + t * p.logits_stride[1];
                T* g = grad + b * stride[0] + t * stride[1];
                const int64_t used = t < s.frames && some[b] ? s.positions() : 0;
                for (int64_t u = 0; u < used; ++u) {
                    const int64_t cell = s.diagonal_cell(t, u);
                    T* row = g + u * stride[2];
                    rows.write(x + u * p.logits_stride[2], row, normaliser[u], of[cell]);
                    narrow(of[s.cells() + cell], row[p.blank]);
                    if (u < s.labels) narrow(of[2 * s.cells() + cell], row[s.targets[u]]);
                }
                rows.clear(g + used * stride[2], p.labels + 1 - used, stride[2]);
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

const Op& rnnt_op() {
    static const Op op = {
        "rnnt",
        {{"logits", "T", "batch frames labels+1 classes",
          SF_DIFFERENTIABLE | SF_STRIDED | SF_REUSABLE},
         {"targets", "int32", "batch labels", 0},
         {"frame_lengths", "int32", "batch", 0},
         {"label_lengths", "int32", "batch", 0}},
        {{"loss", "L", "batch", SF_DIFFERENTIABLE},
         {"saved", "L", "batch frames labels+1 3", SF_SAVED}},
        {{"blank", "int", 0}, {"normalized", "bool", 0}},
        run_forward,
        run_backward,
    };
    return op;
}

}  // namespace seqfront
