// The simple transducer loss of pruned RNN-T: the op and its forward half (see simple_rnnt.hpp).
#include "pruned/simple_rnnt.hpp"

#include <cinttypes>

#include "status.hpp"

namespace seqfront {
namespace simple {
namespace {

constexpr int64_t kTile = 96;                         // frames of a tile
constexpr int64_t kGroupElements = int64_t{1} << 24;  // of F at a time

void check_band(const Call& call, const Problem& p) {
    for (int64_t b = 0; p.band > 0 && b < p.batch; ++b) {
        const Sequence s(p, b);
        const int64_t needed = needed_band(s.grid, s.frames, s.labels);
        if (needed > p.band) {
            invalid("%s: sequence %" PRId64 " has %" PRId64 " labels in %" PRId64
                    " frames, which needs a band of %" PRId64 ", but band is %" PRId64,
                    call.name(), b, s.labels, s.frames, needed, p.band);
        }
    }
}

// F of the sequences [first, first + count), and their label_rows.
template <class T, class L>
void exponentials_of_labels(const Problem& p, const Kernels& table, const T* lm, int64_t first,
                            int64_t count, const Kept<L>& kept, L* f, int32_t threads) {
    const RowKernels<L>& rows = RowKernelsOf<T>::in(table);
    const int64_t size = p.positions() * p.classes;
    parallel_for(count * p.positions(), 2 * p.classes, threads,
                 [&](int32_t, int64_t begin, int64_t end) {
                     for (int64_t i = begin; i < end; ++i) {
                         const int64_t b = first + i / p.positions(), s = i % p.positions();
                         if (s > p.label_lengths[b] || p.frame_lengths[b] == 0) continue;
                         const T* x = lm_row(p, lm, b, s);
                         L* const maximum = kept.lm_maximum(b) + s;
                         rows.normalisers(x, 0, 1, p.classes, maximum, kept.lm_normaliser(b) + s);
                         rows.exponentials(x, 0, 1, p.classes, maximum,
                                           f + (b - first) * size + s * p.classes);
                     }
                 });
}

// log(mean over positions of softmax(lm)), without ever leaving the range of a number.
template <class T, class L>
void unigram_of(const Problem& p, const Sequence& s, const T* lm, int64_t b, const Kept<L>& kept) {
    const L none = -std::numeric_limits<L>::infinity();
    const L* maximum = kept.lm_maximum(b);
    const L* normaliser = kept.lm_normaliser(b);
    for (int64_t v = 0; v < p.classes; ++v) {
        const auto log_prob_at = [&](int64_t position) {
            const L x = widen(lm_row(p, lm, b, position)[v]) - maximum[position];
            return log_ratio(x, normaliser[position]);
        };
        L top = none, sum = 0;
        for (int64_t i = 0; i < s.positions(); ++i) top = std::max(top, log_prob_at(i));
        const L reference = top == none ? 0 : top;
        for (int64_t i = 0; i < s.positions(); ++i) sum += std::exp(log_prob_at(i) - reference);
        kept.unigram(b)[v] = reference + std::log(sum / static_cast<L>(s.positions()));
    }
}

template <class T, class L>
void save_unigrams(const Problem& p, const T* lm, int64_t first, int64_t count, const Kept<L>& kept,
                   int32_t threads) {
    const int64_t work = 32 * p.positions() * p.classes;
    parallel_for(count, work, threads, [&](int32_t, int64_t begin, int64_t end) {
        for (int64_t b = first + begin; b < first + end; ++b) {
            if (p.frame_lengths[b] > 0) unigram_of(p, Sequence(p, b), lm, b, kept);
        }
    });
}

// A tile of frames of one sequence.
template <class T, class L>
class Tile {
  public:
    static int64_t scratch(const Problem& p) {
        const int64_t size = kTile * (p.classes + 2 * p.positions()) + p.classes;
        return gemm_scratch() + (size + kLatticePad - 1) / kLatticePad * kLatticePad;
    }

    Tile(const Problem& p, const Kernels& table, const Kept<L>& kept, const T* am, const T* lm,
         L* scratch)
        : p_(p),
          table_(table),
          kept_(kept),
          am_(am),
          lm_(lm),
          gemm_(scratch),
          e_(gemm_ + gemm_scratch()),
          z_(e_ + kTile * p.classes),
          log_z_(z_ + kTile * p.positions()),
          row_(log_z_ + kTile * p.positions()) {}

    // Normalisers and arcs of the frames [begin, end).
    void save(const Sequence& s, int64_t b, int64_t begin, int64_t end, const L* f) const {
        const RowKernels<L>& rows = RowKernelsOf<T>::in(table_);
        const T* am = am_row(p_, am_, b, begin);
        L* const maximum = kept_.am_maximum(b) + begin;
        const int64_t count = end - begin, width = s.positions();
        rows.maxima(am, p_.am_stride[1], count, p_.classes, maximum);
        rows.exponentials(am, p_.am_stride[1], count, p_.classes, maximum, e_);
        const LatticeKernels<L>& kernels = lattice_kernels<L>(table_);
        kernels.gemm({count,
                      width,
                      p_.classes,
                      {e_, p_.classes, 1},
                      {f, 1, p_.classes},
                      z_,
                      width,
                      false,
                      gemm_});
        kernels.log(z_, log_z_, count * width);
        for (int64_t t = begin; t < end; ++t) {
            const L* z = z_ + (t - begin) * width;
            L* const log_z = log_z_ + (t - begin) * width;
            L* const scale = kept_.scale(b) + t * width;
            for (int64_t i = s.grid.first(t); i <= s.grid.last(t); ++i) {
                scale[i] = z[i];
                if (z[i] < kSmallest<L>) scale[i] = log_z[i] = exact_normaliser(b, t, i);
            }
            if (p_.am_only_scale != 0) kept_.am_normaliser(b)[t] = unigram_normaliser(b, t);
            save_arcs(s, b, t, log_z);
        }
    }

  private:
    // log(sum(exp(am - max + lm - max))).
    L exact_normaliser(int64_t b, int64_t t, int64_t i) const {
        const T* am = am_row(p_, am_, b, t);
        const T* lm = lm_row(p_, lm_, b, i);
        const L am_maximum = kept_.am_maximum(b)[t], lm_maximum = kept_.lm_maximum(b)[i];
        for (int64_t v = 0; v < p_.classes; ++v) {
            row_[v] = (widen(am[v]) - am_maximum) + (widen(lm[v]) - lm_maximum);
        }
        return row_normaliser();
    }

    // log(sum(exp(am - max + unigram))).
    L unigram_normaliser(int64_t b, int64_t t) const {
        const T* am = am_row(p_, am_, b, t);
        const L maximum = kept_.am_maximum(b)[t];
        for (int64_t v = 0; v < p_.classes; ++v) {
            row_[v] = (widen(am[v]) - maximum) + kept_.unigram(b)[v];
        }
        return row_normaliser();
    }

    L row_normaliser() const {
        L maximum, log_sum;
        RowKernelsOf<L>::in(table_).normalisers(row_, 0, 1, p_.classes, &maximum, &log_sum);
        return maximum + log_sum;
    }

    void save_arcs(const Sequence& s, int64_t b, int64_t t, const L* log_z) const {
        const auto middle = static_cast<double>(s.frames - 1) / 2;
        const L delay = static_cast<L>(p_.delay_penalty * (middle - static_cast<double>(t)));
        for (int64_t i = s.grid.first(t); i <= s.grid.last(t); ++i) {
            const int64_t cell = s.grid.cell(t, i);
            kept_.blank(b)[cell] = arc(b, t, i, p_.blank, log_z[i]);
            kept_.label(b)[cell] = i < s.labels ? arc(b, t, i, s.targets[i], log_z[i]) + delay
                                                : -std::numeric_limits<L>::infinity();
        }
    }

    // Log-prob of symbol v, smoothed. (A factor of 0 does not meet a log-prob of -inf.)
    L arc(int64_t b, int64_t t, int64_t i, int64_t v, L log_z) const {
        const L am = widen(am_row(p_, am_, b, t)[v]) - kept_.am_maximum(b)[t];
        const L lm = widen(lm_row(p_, lm_, b, i)[v]) - kept_.lm_maximum(b)[i];
        L sum = 0;
        if (p_.joint_scale() > 0) {
            sum += static_cast<L>(p_.joint_scale()) * log_ratio(am + lm, log_z);
        }
        if (p_.lm_only_scale > 0) {
            sum += static_cast<L>(p_.lm_only_scale) * log_ratio(lm, kept_.lm_normaliser(b)[i]);
        }
        if (p_.am_only_scale > 0) {
            sum += static_cast<L>(p_.am_only_scale) *
                   log_ratio(am + kept_.unigram(b)[v], kept_.am_normaliser(b)[t]);
        }
        return sum;
    }

    const Problem& p_;
    const Kernels& table_;
    const Kept<L>& kept_;
    const T *am_, *lm_;
    L *gemm_, *e_, *z_, *log_z_, *row_;
};

// All rows, a few sequences at a time.
template <class T, class L>
void save_rows(const Problem& p, const Kernels& table, const T* am, const T* lm,
               const Kept<L>& kept, int32_t threads) {
    const int64_t size = std::max<int64_t>(1, p.positions() * p.classes);
    const int64_t group = std::min(p.batch, std::max<int64_t>(1, kGroupElements / size));
    const int64_t tiles = (p.frames + kTile - 1) / kTile;
    const int64_t tile_work = kTile * p.classes * (1 + p.positions() / 8);
    const int64_t scratch_size = Tile<T, L>::scratch(p);
    const int32_t used = useful_threads(group * tiles, tile_work, threads);
    const Buffer<L> f = allocate<L>(group * size);
    const Buffer<L> scratch = allocate<L>(used * scratch_size);
    for (int64_t first = 0; first < p.batch; first += group) {
        const int64_t count = std::min(group, p.batch - first);
        exponentials_of_labels(p, table, lm, first, count, kept, f.get(), threads);
        if (p.am_only_scale > 0) save_unigrams(p, lm, first, count, kept, threads);
        parallel_for(count * tiles, tile_work, used, [&](int32_t slot, int64_t begin, int64_t end) {
            const Tile<T, L> tile(p, table, kept, am, lm, scratch.get() + slot * scratch_size);
            for (int64_t i = begin; i < end; ++i) {
                const int64_t b = first + i / tiles, t = i % tiles * kTile;
                const Sequence s(p, b);
                if (!s.grid.feasible() || t >= s.frames) continue;
                tile.save(s, b, t, std::min(t + kTile, s.frames), f.get() + i / tiles * size);
            }
        });
    }
}

// Loss of one sequence, and its bounds if they are wanted. `tables` has room for three of cells.
template <class L>
L lattice_loss(const Problem& p, const Kernels& table, const Sequence& s, int64_t b,
               const Kept<L>& kept, L* scratch, L* tables, double* sums, int32_t* starts) {
    if (s.grid.modified()) {
        kept.blank(b)[s.grid.final_cell()] = 0;
        kept.label(b)[s.grid.final_cell()] = -std::numeric_limits<L>::infinity();
    }
    const RnntLattice<L> lattice = lattice_of(s, kept.blank(b), kept.label(b), scratch);
    const LatticeKernels<L>& kernels = lattice_kernels<L>(table);
    if (p.band == 0) return loss_of(kernels.rnnt_likelihood(lattice));
    const RnntGradient<L> posteriors{tables, tables + p.cells(), tables + 2 * p.cells(), -1, 1};
    const Likelihood<L> likelihood = kernels.rnnt_gradient(lattice, posteriors);
    const bool some =
        likelihood.valid && likelihood.exponent != -std::numeric_limits<L>::infinity();
    const Posteriors<L> paths{s.grid, some ? posteriors.blank : nullptr,
                              some ? posteriors.label : nullptr};
    pruning_bounds(paths, s.frames, s.labels, p.band, sums, starts);
    return loss_of(likelihood);
}

template <class L>
void run_lattices(const Problem& p, const Kernels& table, const Kept<L>& kept, L* loss,
                  int32_t* starts, int32_t threads) {
    const int64_t tables = 3 * p.cells(), scratch_size = lattice_scratch(p) + tables;
    const int32_t used = useful_threads(p.batch, lattice_work(p), threads);
    const Buffer<L> scratch = allocate<L>(used * scratch_size);
    const Buffer<double> sums = allocate<double>(used * (p.labels + 2));
    parallel_for(p.batch, lattice_work(p), used, [&](int32_t slot, int64_t begin, int64_t end) {
        L* const own = scratch.get() + slot * scratch_size;
        double* const own_sums = sums.get() + slot * (p.labels + 2);
        for (int64_t b = begin; b < end; ++b) {
            const Sequence s(p, b);
            int32_t* const first = starts + b * p.frames;
            std::fill_n(first, p.frames, 0);
            if (s.grid.feasible()) {
                loss[b] = lattice_loss(p, table, s, b, kept, own + tables, own, own_sums, first);
                continue;
            }
            const bool empty = s.frames == 0 && s.labels == 0;
            loss[b] = empty ? 0 : std::numeric_limits<L>::infinity();
            if (p.band > 0) {
                const Posteriors<L> none{s.grid, nullptr, nullptr};
                pruning_bounds(none, s.frames, s.labels, p.band, own_sums, first);
            }
        }
    });
}

}  // namespace

Problem::Problem(const Call& call)
    : LatticeProblem(call, {kAm, kTargets, kBlank}),
      SimpleOptions(call),
      am_stride{call.input(kAm).stride[0], call.input(kAm).stride[1]},
      lm_stride{call.input(kLm).stride[0], call.input(kLm).stride[1]} {
    check_band(call, *this);
}

void forward(const Call& call) {
    const Problem p(call);
    with_element_type(call.input(kAm).dtype, [&](auto element) {
        using T = decltype(element);
        using L = typename RowKernelsOf<T>::Lattice;
        const Kernels& table = kernels();
        const int32_t threads = usable_threads(p.threads);
        const Kept<L> kept{p, call.out<L>(kSavedOutput), call.out<L>(kFrameRowsOutput),
                           call.out<L>(kLabelRowsOutput), call.out<L>(kUnigramOutput)};
        save_rows(p, table, call.in<T>(kAm), call.in<T>(kLm), kept, threads);
        run_lattices(p, table, kept, call.out<L>(kLoss), call.out<int32_t>(kStarts), threads);
    });
}

}  // namespace simple

const Op& rnnt_simple_op() {
    static const Op op = {
        "rnnt_simple",
        {{"am", "T", "batch frames classes", SF_DIFFERENTIABLE | SF_STRIDED},
         {"lm", "T", "batch labels+1 classes", SF_DIFFERENTIABLE | SF_STRIDED},
         {"targets", "int32", "batch labels", 0},
         {"frame_lengths", "int32", "batch", 0},
         {"label_lengths", "int32", "batch", 0}},
        {{"loss", "L", "batch", SF_DIFFERENTIABLE},
         {"starts", "int32", "batch frames", 0},
         {"saved", "L", "batch frames labels+1 3", SF_SAVED},
         {"frame_rows", "L", "batch 2 frames", SF_SAVED},
         {"label_rows", "L", "batch 2 labels+1", SF_SAVED},
         {"unigram", "L", "batch classes", SF_SAVED}},
        {{"blank", "int", 0},
         {"topology", "int", 0},
         {"lm_only_scale", "float", 0},
         {"am_only_scale", "float", 0},
         {"delay_penalty", "float", 0},
         {"band", "int", 0}},
        simple::forward,
        simple::backward,
    };
    return op;
}

}  // namespace seqfront
