// The simple transducer loss of pruned RNN-T: its backward half (see simple_rnnt.hpp).
//
// First the lattice of each sequence gives the posteriors of its arcs, times the upstream gradient:
// `blank` and `label`, and occ = blank + label. Then each task has a sequence and a block of
// classes, and owns both gradients there, so that nothing is summed across threads:
//     d am = E (Q F) - arcs of am,    d lm = F (Q^T E) - arcs of lm,    Q = occ / Z
#include "pruned/simple_rnnt.hpp"
#include "pruned/simple_unigram.hpp"

namespace seqfront {
namespace simple {
namespace {

constexpr int64_t kBlock = 256;  // classes

// What the first step knows of a sequence.
template <class L>
struct Arcs {
    L *q, *blank, *label;                       // [frames, labels + 1]
    L *frame_blank, *frame_arcs;                // sums over positions
    L *label_blank, *label_label, *label_arcs;  // sums over frames

    static int64_t size(const Problem& p) {
        return 3 * p.cells() + 2 * p.frames + 3 * p.positions();
    }
    Arcs(const Problem& p, L* memory)
        : q(memory),
          blank(q + p.cells()),
          label(blank + p.cells()),
          frame_blank(label + p.cells()),
          frame_arcs(frame_blank + p.frames),
          label_blank(frame_arcs + p.frames),
          label_label(label_blank + p.positions()),
          label_arcs(label_label + p.positions()) {}
};

enum class Outcome : char { kNothing, kArcs, kArcsWithoutZ, kInvalid };

// Sorts the posteriors of a lattice into Arcs. Returns whether some arc is of a cell whose Z is too
// small; those have q = 0.
template <class L>
bool collect(const Problem& p, const Sequence& s, const RnntGradient<L>& from, const L* scale,
             const Arcs<L>& arcs) {
    bool some_without = false;
    const auto joint = static_cast<L>(p.joint_scale());
    const int64_t width = s.positions();
    std::fill_n(arcs.q, s.frames * width, L{0});
    std::fill_n(arcs.blank, s.frames * width, L{0});
    std::fill_n(arcs.label, s.frames * width, L{0});
    std::fill_n(arcs.frame_blank, 2 * p.frames, L{0});
    std::fill_n(arcs.label_blank, 3 * p.positions(), L{0});
    for (int64_t t = 0; t < s.frames; ++t) {
        for (int64_t i = s.grid.first(t); i <= s.grid.last(t); ++i) {
            const int64_t cell = s.grid.cell(t, i), at = t * width + i;
            const L blank = from.blank[cell], label = i < s.labels ? from.label[cell] : 0;
            const L sum = blank + label;
            if (sum == 0) continue;
            arcs.blank[at] = blank;
            arcs.label[at] = label;
            arcs.frame_blank[t] += blank;
            arcs.frame_arcs[t] += sum;
            arcs.label_blank[i] += blank;
            arcs.label_label[i] += label;
            arcs.label_arcs[i] += sum;
            if (joint == 0) continue;
            if (scale[at] < 0) {
                some_without = true;
            } else {
                arcs.q[at] = joint * sum / scale[at];
            }
        }
    }
    return some_without;
}

template <class L>
Outcome arcs_of(const Problem& p, const Kernels& table, const Sequence& s, int64_t b,
                const Kept<const L>& kept, L upstream, const Arcs<L>& arcs, L* tables, L* scratch) {
    if (!s.grid.feasible() || upstream == 0) return Outcome::kNothing;
    const RnntGradient<L> posteriors{tables, tables + p.cells(), tables + 2 * p.cells(), -upstream,
                                     1};
    const Likelihood<L> likelihood = lattice_kernels<L>(table).rnnt_gradient(
        lattice_of(s, kept.blank(b), kept.label(b), scratch), posteriors);
    if (!likelihood.valid) return Outcome::kInvalid;
    if (likelihood.exponent == -std::numeric_limits<L>::infinity()) return Outcome::kNothing;
    const bool without = collect(p, s, posteriors, kept.scale(b), arcs);
    return without ? Outcome::kArcsWithoutZ : Outcome::kArcs;
}

// The classes [begin, begin + count) of one sequence.
template <class T, class L>
class Block {
  public:
    static int64_t scratch(const Problem& p) {
        const int64_t size = 2 * (p.frames + p.positions()) * kBlock;
        return gemm_scratch() + size;
    }

    Block(const Problem& p, const Kernels& table, const Kept<const L>& kept, const T* am,
          const T* lm, const Sequence& s, int64_t b, int64_t begin, L* scratch)
        : p_(p),
          table_(table),
          kept_(kept),
          am_(am),
          lm_(lm),
          s_(s),
          b_(b),
          begin_(begin),
          count_(std::min(kBlock, p.classes - begin)),
          gemm_(scratch),
          e_(gemm_ + gemm_scratch()),
          d_am_(e_ + p.frames * kBlock),
          f_(d_am_ + p.frames * kBlock),
          d_lm_(f_ + p.positions() * kBlock) {}

    L* d_am(int64_t t) const { return d_am_ + t * count_; }
    L* d_lm(int64_t i) const { return d_lm_ + i * count_; }
    int64_t count() const { return count_; }

    void compute(const Arcs<L>& arcs, bool without_z, const UnigramGradient<L>* unigram) const {
        products(arcs);
        if (without_z) add_cells_without_z(arcs);
        if (p_.lm_only_scale > 0) add_lm_only(arcs);
        if (unigram != nullptr) {
            const UnigramBlock<T, L> block{am_row(p_, am_, b_, 0) + begin_,
                                           lm_row(p_, lm_, b_, 0) + begin_,
                                           begin_,
                                           count_,
                                           d_am_,
                                           d_lm_,
                                           e_};
            add_unigram<T, L>(p_, table_, kept_, s_, b_, *unigram, arcs.frame_arcs, block);
        }
        take_arcs(arcs);
    }

  private:
    void products(const Arcs<L>& arcs) const {
        const RowKernels<L>& rows = RowKernelsOf<T>::in(table_);
        const LatticeKernels<L>& kernels = lattice_kernels<L>(table_);
        const int64_t width = s_.positions();
        rows.exponentials(am_row(p_, am_, b_, 0) + begin_, p_.am_stride[1], s_.frames, count_,
                          kept_.am_maximum(b_), e_);
        rows.exponentials(lm_row(p_, lm_, b_, 0) + begin_, p_.lm_stride[1], width, count_,
                          kept_.lm_maximum(b_), f_);
        kernels.gemm({s_.frames,
                      count_,
                      width,
                      {arcs.q, width, 1},
                      {f_, count_, 1},
                      d_am_,
                      count_,
                      false,
                      gemm_});
        kernels.gemm({width,
                      count_,
                      s_.frames,
                      {arcs.q, 1, width},
                      {e_, count_, 1},
                      d_lm_,
                      count_,
                      false,
                      gemm_});
        for (int64_t i = 0; i < s_.frames * count_; ++i) d_am_[i] *= e_[i];
        for (int64_t i = 0; i < width * count_; ++i) d_lm_[i] *= f_[i];
    }

    // Cells that have the logarithm of Z.
    void add_cells_without_z(const Arcs<L>& arcs) const {
        const int64_t width = s_.positions();
        for (int64_t t = 0; t < s_.frames; ++t) {
            for (int64_t i = 0; i < width; ++i) {
                const int64_t at = t * width + i;
                const L occupied = arcs.blank[at] + arcs.label[at];
                if (occupied != 0 && kept_.scale(b_)[at] < 0) {
                    add_cell(t, i, static_cast<L>(p_.joint_scale()) * occupied);
                }
            }
        }
    }

    void add_cell(int64_t t, int64_t i, L occupied) const {
        const T* am = am_row(p_, am_, b_, t) + begin_;
        const T* lm = lm_row(p_, lm_, b_, i) + begin_;
        const L log_z = kept_.scale(b_)[t * s_.positions() + i];
        const L am_maximum = kept_.am_maximum(b_)[t], lm_maximum = kept_.lm_maximum(b_)[i];
        for (int64_t v = 0; v < count_; ++v) {
            const L x = (widen(am[v]) - am_maximum) + (widen(lm[v]) - lm_maximum) - log_z;
            const L part = occupied * std::exp(x);
            d_am(t)[v] += part;
            d_lm(i)[v] += part;
        }
    }

    void add_lm_only(const Arcs<L>& arcs) const {
        for (int64_t i = 0; i < s_.positions(); ++i) {
            if (arcs.label_arcs[i] == 0) continue;
            const L factor = static_cast<L>(p_.lm_only_scale) * arcs.label_arcs[i] *
                             std::exp(-kept_.lm_normaliser(b_)[i]);
            for (int64_t v = 0; v < count_; ++v) d_lm(i)[v] += factor * f_[i * count_ + v];
        }
    }

    void take_arcs(const Arcs<L>& arcs) const {
        const auto am_scale = static_cast<L>(1 - p_.lm_only_scale);
        const auto lm_scale = static_cast<L>(1 - p_.am_only_scale);
        const int64_t width = s_.positions(), blank = p_.blank - begin_;
        if (blank >= 0 && blank < count_) {
            for (int64_t t = 0; t < s_.frames; ++t) {
                d_am(t)[blank] -= am_scale * arcs.frame_blank[t];
            }
            for (int64_t i = 0; i < width; ++i) d_lm(i)[blank] -= lm_scale * arcs.label_blank[i];
        }
        for (int64_t i = 0; i < s_.labels; ++i) {
            const int64_t v = s_.targets[i] - begin_;
            if (v < 0 || v >= count_) continue;
            for (int64_t t = 0; t < s_.frames; ++t) {
                d_am(t)[v] -= am_scale * arcs.label[t * width + i];
            }
            d_lm(i)[v] -= lm_scale * arcs.label_label[i];
        }
    }

    const Problem& p_;
    const Kernels& table_;
    const Kept<const L>& kept_;
    const T *am_, *lm_;
    const Sequence& s_;
    int64_t b_, begin_, count_;
    L *gemm_, *e_, *d_am_, *f_, *d_lm_;
};

// `used` rows from `rows`, then zeros up to `limit`; with `nan`, NaN for the used ones.
template <class T, class L>
void write_rows(const RowKernels<L>& kernels, const L* rows, int64_t count, int64_t used,
                int64_t limit, bool nan, T* to, int64_t stride) {
    for (int64_t i = 0; i < limit; ++i, to += stride) {
        if (i >= used) {
            std::memset(to, 0, static_cast<size_t>(count) * sizeof(T));
        } else if (nan) {
            for (int64_t v = 0; v < count; ++v) narrow(std::numeric_limits<L>::quiet_NaN(), to[v]);
        } else {
            kernels.store(rows + i * count, to, count);
        }
    }
}

// The whole of it.
template <class T>
class Backward {
  public:
    using L = typename RowKernelsOf<T>::Lattice;

    Backward(const Problem& p, const Call& call)
        : p_(p),
          call_(call),
          table_(kernels()),
          threads_(usable_threads(p.threads)),
          kept_{p, call.in<L>(kSaved), call.in<L>(kFrameRows), call.in<L>(kLabelRows),
                call.in<L>(kUnigram)},
          memory_(allocate<L>(p.batch * Arcs<L>::size(p))),
          outcomes_(allocate<Outcome>(p.batch)) {}

    void run() const {
        find_arcs();
        const UnigramGradients<T, L> unigrams(
            p_, table_, kept_, call_.in<T>(kAm), call_.in<T>(kLm), threads_, [&](int64_t b) {
                const Arcs<L> arcs = arcs_at(b);
                return UnigramArcs<L>{has_arcs(b), arcs.frame_arcs, arcs.label_blank,
                                      arcs.label_label};
            });
        advise();
        const int64_t blocks = (p_.classes + kBlock - 1) / kBlock;
        const int64_t work = (p_.frames + p_.positions()) * kBlock * (2 + p_.positions() / 4);
        const int32_t used = useful_threads(p_.batch * blocks, work, threads_);
        const int64_t scratch_size = Block<T, L>::scratch(p_);
        const Buffer<L> scratch = allocate<L>(used * scratch_size);
        parallel_for(p_.batch * blocks, work, used, [&](int32_t slot, int64_t begin, int64_t end) {
            L* const own = scratch.get() + slot * scratch_size;
            for (int64_t i = begin; i < end; ++i) {
                write(i / blocks, i % blocks * kBlock, unigrams.of(i / blocks), own);
            }
        });
    }

  private:
    Arcs<L> arcs_at(int64_t b) const { return {p_, memory_.get() + b * Arcs<L>::size(p_)}; }
    bool has_arcs(int64_t b) const {
        return outcomes_[b] == Outcome::kArcs || outcomes_[b] == Outcome::kArcsWithoutZ;
    }

    void find_arcs() const {
        const L* upstream = call_.in<L>(kGradLoss);
        const int64_t tables = 3 * p_.cells(), scratch_size = tables + lattice_scratch(p_);
        const int32_t used = useful_threads(p_.batch, lattice_work(p_), threads_);
        const Buffer<L> scratch = allocate<L>(used * scratch_size);
        parallel_for(p_.batch, lattice_work(p_), used,
                     [&](int32_t slot, int64_t begin, int64_t end) {
                         L* const own = scratch.get() + slot * scratch_size;
                         for (int64_t b = begin; b < end; ++b) {
                             outcomes_[b] = arcs_of(p_, table_, Sequence(p_, b), b, kept_,
                                                    upstream[b], arcs_at(b), own, own + tables);
                         }
                     });
    }

    // The classes from v on of sequence b.
    void write(int64_t b, int64_t v, const UnigramGradient<L>* unigram, L* scratch) const {
        const Sequence s(p_, b);
        const Block<T, L> block(p_, table_, kept_, call_.in<T>(kAm), call_.in<T>(kLm), s, b, v,
                                scratch);
        if (has_arcs(b)) {
            block.compute(arcs_at(b), outcomes_[b] == Outcome::kArcsWithoutZ, unigram);
        }
        const bool nothing = outcomes_[b] == Outcome::kNothing;
        const bool nan = outcomes_[b] == Outcome::kInvalid;
        const RowKernels<L>& rows = RowKernelsOf<T>::in(table_);
        const sf_array &d_am = call_.output(0), &d_lm = call_.output(1);
        write_rows(rows, block.d_am(0), block.count(), nothing ? 0 : s.frames, p_.frames, nan,
                   call_.out<T>(0) + b * d_am.stride[0] + v, d_am.stride[1]);
        write_rows(rows, block.d_lm(0), block.count(), nothing ? 0 : s.positions(), p_.positions(),
                   nan, call_.out<T>(1) + b * d_lm.stride[0] + v, d_lm.stride[1]);
    }

    void advise() const {
        const sf_array& d_am = call_.output(0);
        const bool dense = d_am.stride[1] == p_.classes && d_am.stride[0] == p_.frames * p_.classes;
        const int64_t size = p_.batch * p_.frames * p_.classes;
        if (dense) advise_huge_pages(d_am.data, size * static_cast<int64_t>(sizeof(T)));
    }

    const Problem& p_;
    const Call& call_;
    const Kernels& table_;
    int32_t threads_;
    Kept<const L> kept_;
    Buffer<L> memory_;
    Buffer<Outcome> outcomes_;
};

}  // namespace

void backward(const Call& call) {
    const Problem p(call);
    with_element_type(call.input(kAm).dtype,
                      [&](auto element) { Backward<decltype(element)>(p, call).run(); });
}

}  // namespace simple
}  // namespace seqfront
