// RNN-T on top of an additive joint network: logits(t, u) = activation(source[t] + prediction[u])
// weight^T + bias. The logits exist a tile at a time (linear_head.hpp); memory does not grow with
// frames * labels * classes. Only cells within the lengths are computed, packed without gaps; and
// backward only those that alignments pass through.
//
// saved is that of rnnt.cpp: log p(blank) and log p(next label) in the layout of RnntLattice, then
// log-normalisers in plain order.
#include "gradient_rows.hpp"
#include "linear_head.hpp"
#include "op.hpp"
#include "status.hpp"

namespace seqfront {
namespace {

enum Input {
    kSource,
    kPrediction,
    kWeight,
    kBias,
    kTargets,
    kFrameLengths,
    kLabelLengths,
    kSaved,
    kGradLoss
};
enum Attribute { kBlank, kActivation, kFastemit, kFastemitScale, kClamp, kEpsilon };
enum Gradient { kGradSource, kGradPrediction, kGradWeight, kGradBias };

struct Problem : LatticeProblem {
    explicit Problem(const Call& call)
        : LatticeProblem(call, {kSource, kTargets, kBlank, kWeight}),
          features(call.size(kSource, 2)),
          activation(static_cast<Activation>(call.integer(kActivation))),
          label_factor(1 + call.number(kFastemit)),
          loss_factor(call.flag(kFastemitScale) ? label_factor : 1),
          clamp(call.number(kClamp)),
          epsilon(call.number(kEpsilon)) {
        if (activation < kNone || activation > kRelu) {
            invalid("%s: activation is %d, needed 0..2", call.name(), activation);
        }
        if (!(label_factor >= 1)) {
            invalid("%s: fastemit is %g, needed 0 or more", call.name(), label_factor - 1);
        }
        if (!(epsilon >= 0)) invalid("%s: epsilon is %g, needed 0 or more", call.name(), epsilon);
    }

    int64_t positions() const { return labels + 1; }
    int64_t cells() const { return frames * positions(); }

    int64_t features;
    Activation activation;
    double label_factor;  // of the gradient of label arcs
    double loss_factor;
    double clamp;  // of the gradient of a logit; 0: none
    double epsilon;
};

// A sequence of a checked problem.
struct Sequence {
    int64_t frames, labels;
    const int32_t* targets;

    Sequence(const Problem& p, int64_t b)
        : frames(p.frame_lengths[b]),
          labels(p.label_lengths[b]),
          targets(labels > 0 ? p.targets + b * p.labels : nullptr) {}

    int64_t positions() const { return labels + 1; }
    int64_t cells() const { return frames * positions(); }
    int64_t diagonal_cell(int64_t t, int64_t u) const { return (t + u) % frames * positions() + u; }
};

struct Cell {
    int32_t b, t, u;
};

// The inputs, widened if they are of half precision.
template <class T>
struct Inputs {
    using L = typename RowKernelsOf<T>::Lattice;

    Inputs(const Problem& p, const Call& call)
        : source_(call.in<T>(kSource), p.batch * p.frames * p.features),
          prediction_(call.in<T>(kPrediction), p.batch * p.positions() * p.features),
          weight_(call.in<T>(kWeight), p.classes * p.features),
          bias_(call.in<T>(kBias), call.has(kBias) ? p.classes : 0),
          head(weight_.data(), call.has(kBias) ? bias_.data() : nullptr, p.classes, p.features),
          problem(p) {}

    void hidden(const Cell& c, L* to) const {
        head.lattice.joint(source_.data() + frame(c), prediction_.data() + position(c),
                           problem.features, problem.activation, to);
    }
    int64_t frame(const Cell& c) const { return (c.b * problem.frames + c.t) * problem.features; }
    int64_t position(const Cell& c) const {
        return (c.b * problem.positions() + c.u) * problem.features;
    }

  private:
    Widened<T> source_, prediction_, weight_, bias_;

  public:
    const Head<L> head;
    const Problem& problem;
};

// The parts of `saved` for one sequence.
template <class L>
struct Saved {
    L *blank, *label, *normaliser;

    Saved(L* saved, const Problem& p, const Sequence& s, int64_t b)
        : blank(saved + b * 3 * p.cells()),
          label(blank + s.cells()),
          normaliser(label + s.cells()) {}
};

template <class L>
RnntLattice<L> lattice_of(const Problem& p, const Sequence& s, int64_t b, const L* saved,
                          L* scratch) {
    const Saved<const L> at(saved, p, s, b);
    return {s.frames, s.positions(), at.blank, at.label, scratch};
}

// -- forward --------------------------------------------------------------------------------------

std::vector<Cell> all_cells(const Problem& p) {
    std::vector<Cell> cells;
    for (int32_t b = 0; b < p.batch; ++b) {
        for (int32_t t = 0; t < p.frame_lengths[b]; ++t) {
            for (int32_t u = 0; u <= p.label_lengths[b]; ++u) cells.push_back({b, t, u});
        }
    }
    return cells;
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void save_block(const Inputs<T>& inputs, const Cell* cells, int64_t count, HeadForward<L>& rows,
                L* saved) {
    const Problem& p = inputs.problem;
    const L minus_infinity = -std::numeric_limits<L>::infinity();
    L blank[kHeadBlock], label[kHeadBlock];
    std::fill_n(label, count, minus_infinity);
    for (int64_t i = 0; i < count; ++i) inputs.hidden(cells[i], rows.hidden(i));
    rows.run(count, [&](int64_t i, int64_t first, int64_t columns, const L* logits) {
        const Sequence s(p, cells[i].b);
        const int64_t u = cells[i].u, next = u < s.labels ? s.targets[u] : -1;
        if (p.blank >= first && p.blank < first + columns) blank[i] = logits[p.blank - first];
        if (next >= first && next < first + columns) label[i] = logits[next - first];
    });
    for (int64_t i = 0; i < count; ++i) {
        const auto [b, t, u] = cells[i];
        const Sequence s(p, b);
        const Saved<L> to(saved, p, s, b);
        const L maximum = rows.normaliser(i).maximum, log_sum = rows.normaliser(i).log_sum();
        const int64_t cell = s.diagonal_cell(t, u);
        to.blank[cell] = log_prob(blank[i], maximum, log_sum);
        to.label[cell] = u < s.labels ? log_prob(label[i], maximum, log_sum) : minus_infinity;
        to.normaliser[t * s.positions() + u] = maximum + log_sum;
    }
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void save_rows(const Inputs<T>& inputs, L* saved) {
    const std::vector<Cell> cells = all_cells(inputs.problem);
    const auto count = static_cast<int64_t>(cells.size());
    const int64_t blocks = (count + kHeadBlock - 1) / kHeadBlock;
    const int64_t work = kHeadBlock * inputs.head.row_work();
    const int32_t used = useful_threads(blocks, work, usable_threads(inputs.problem.threads));
    std::vector<HeadForward<L>> rows;
    for (int32_t i = 0; i < used; ++i) rows.emplace_back(inputs.head);
    parallel_for(blocks, work, std::max(1, used), [&](int32_t slot, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t from = i * kHeadBlock;
            save_block<T>(inputs, cells.data() + from, std::min(kHeadBlock, count - from),
                          rows[static_cast<size_t>(slot)], saved);
        }
    });
}

template <class L>
L loss_of_sequence(const Problem& p, int64_t b, const L* saved, L* scratch) {
    const Sequence s(p, b);
    if (s.frames == 0) return s.labels == 0 ? 0 : std::numeric_limits<L>::infinity();
    const L loss = loss_of(
        lattice_kernels<L>(kernels()).rnnt_likelihood(lattice_of<L>(p, s, b, saved, scratch)));
    return static_cast<L>(p.loss_factor) * loss;
}

// Calls body(b, scratch) for each sequence; `work` is that of a cell.
template <class L, class Body>
void for_each_sequence(const Problem& p, int64_t work, Body&& body) {
    const int64_t size = rnnt_scratch(p.frames, p.positions());
    const int32_t used = useful_threads(p.batch, work * p.cells(), usable_threads(p.threads));
    const Buffer<L> scratch = allocate<L>(used * size);
    parallel_for(p.batch, work * p.cells(), std::max(1, used),
                 [&](int32_t slot, int64_t begin, int64_t end) {
                     for (int64_t b = begin; b < end; ++b) body(b, scratch.get() + slot * size);
                 });
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void forward(const Problem& p, const Inputs<T>& inputs, L* loss, L* saved) {
    save_rows<T>(inputs, saved);
    for_each_sequence<L>(
        p, 8, [&](int64_t b, L* scratch) { loss[b] = loss_of_sequence<L>(p, b, saved, scratch); });
}

// -- backward -------------------------------------------------------------------------------------

// Probabilities of passing through the arcs of each cell, for a sequence as in `saved`: the
// gradients of log-probs are minus them.
template <class L>
class Posteriors {
  public:
    Posteriors(const Problem& p, const L* saved, const L* upstream)
        : problem_(p),
          upstream_(upstream),
          tables_(allocate<L>(p.batch * 3 * p.cells())),
          some_(allocate<bool>(p.batch)) {
        for_each_sequence<L>(p, 16,
                             [&](int64_t b, L* scratch) { some_[b] = find(b, saved, scratch); });
    }

    L blank(const Cell& c) const { return at(c, 1); }
    L label(const Cell& c) const { return at(c, 2) * static_cast<L>(problem_.label_factor); }
    L occupancy(const Cell& c) const { return blank(c) + label(c); }
    L upstream(const Cell& c) const { return upstream_[c.b]; }

    // Cells worth going through; those of an invalid sequence (NaN) among them.
    std::vector<Cell> cells() const {
        std::vector<Cell> cells;
        for (const Cell& c : all_cells(problem_)) {
            if (!some_[c.b]) continue;
            const L occupancy = this->occupancy(c);
            if (occupancy != 0 && !(occupancy < problem_.epsilon)) cells.push_back(c);
        }
        return cells;
    }

  private:
    bool find(int64_t b, const L* saved, L* scratch) const {
        const Sequence s(problem_, b);
        if (s.frames == 0 || upstream_[b] == 0) return false;
        L* const tables = tables_.get() + b * 3 * problem_.cells();
        const RnntGradient<L> gradient{tables, tables + s.cells(), tables + 2 * s.cells(), -1, 1};
        const Likelihood<L> likelihood = lattice_kernels<L>(kernels()).rnnt_gradient(
            lattice_of<L>(problem_, s, b, saved, scratch), gradient);
        if (!likelihood.valid) {
            std::fill_n(gradient.blank, 2 * s.cells(), std::numeric_limits<L>::quiet_NaN());
        }
        return !likelihood.valid || likelihood.exponent != -std::numeric_limits<L>::infinity();
    }

    L at(const Cell& c, int table) const {
        const Sequence s(problem_, c.b);
        return tables_[c.b * 3 * problem_.cells() + table * s.cells() + s.diagonal_cell(c.t, c.u)];
    }

    const Problem& problem_;
    const L* upstream_;
    Buffer<L> tables_;
    Buffer<bool> some_;
};

// Cells of a tile, as HeadBackward asks for them.
template <class T, class L = typename RowKernelsOf<T>::Lattice>
struct TileRows {
    const Inputs<T>& inputs;
    const Posteriors<L>& posteriors;
    const L* saved;
    const Cell* cells;

    void hidden(int64_t i, L* to) const { inputs.hidden(cells[i], to); }

    L normaliser(int64_t i) const {
        const Sequence s(inputs.problem, cells[i].b);
        return Saved<const L>(saved, inputs.problem, s, cells[i].b)
            .normaliser[cells[i].t * s.positions() + cells[i].u];
    }

    L scale(int64_t i) const { return factor(cells[i]) * posteriors.occupancy(cells[i]); }

    void finish(int64_t i, int64_t first, int64_t columns, L* gradient) const {
        const Problem& p = inputs.problem;
        const Sequence s(p, cells[i].b);
        const auto subtract = [&](int64_t v, L posterior) {
            if (v >= first && v < first + columns) {
                gradient[v - first] -= factor(cells[i]) * posterior;
            }
        };
        subtract(p.blank, posteriors.blank(cells[i]));
        if (cells[i].u < s.labels) {
            subtract(s.targets[cells[i].u], posteriors.label(cells[i]));
        }
        const L limit = static_cast<L>(p.clamp), upstream = posteriors.upstream(cells[i]);
        for (int64_t v = 0; limit > 0 && v < columns; ++v) {
            const L g = gradient[v] < -limit ? -limit : gradient[v];
            gradient[v] = upstream * (g > limit ? limit : g);
        }
    }

  private:
    // The upstream gradient, which comes after the clamp if there is one.
    L factor(const Cell& c) const { return inputs.problem.clamp > 0 ? 1 : posteriors.upstream(c); }
};

// What the hidden rows of a tile give to frames and positions. Threads share the features: each
// adds all cells, in order.
template <class T, class L = typename RowKernelsOf<T>::Lattice>
void add_to_inputs(const Inputs<T>& inputs, const HeadBackward<L>& tile, const Cell* cells,
                   int64_t count, L* source, L* prediction) {
    const Problem& p = inputs.problem;
    parallel_for((p.features + kFeatureBlock - 1) / kFeatureBlock, 4 * count * kFeatureBlock,
                 usable_threads(p.threads), [&](int32_t, int64_t begin, int64_t end) {
                     const int64_t first = begin * kFeatureBlock;
                     const int64_t features = std::min(end * kFeatureBlock, p.features) - first;
                     for (int64_t i = 0; i < count; ++i) {
                         inputs.head.lattice.joint_gradient(
                             tile.hidden(i) + first, tile.grad_hidden(i) + first, features,
                             p.activation, source + inputs.frame(cells[i]) + first,
                             prediction + inputs.position(cells[i]) + first);
                     }
                 });
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void backward(const Problem& p, const Inputs<T>& inputs, const Call& call) {
    const Posteriors<L> posteriors(p, call.in<L>(kSaved), call.in<L>(kGradLoss));
    const std::vector<Cell> cells = posteriors.cells();
    const auto count = static_cast<int64_t>(cells.size());
    const Accumulated<T> source(call.out<T>(kGradSource), p.batch * p.frames * p.features);
    const Accumulated<T> prediction(call.out<T>(kGradPrediction),
                                    p.batch * p.positions() * p.features);
    const Accumulated<T> weight(call.out<T>(kGradWeight), p.classes * p.features);
    const Accumulated<T> bias(call.out<T>(kGradBias), call.has(kBias) ? p.classes : 0);
    HeadBackward<L> tile(inputs.head, weight.data(), call.has(kBias) ? bias.data() : nullptr, count,
                         usable_threads(p.threads));
    for (int64_t begin = 0; begin < count; begin += kHeadTile) {
        const int64_t rows = std::min(kHeadTile, count - begin);
        const Cell* const of = cells.data() + begin;
        tile.run(rows, TileRows<T>{inputs, posteriors, call.in<L>(kSaved), of});
        add_to_inputs<T>(inputs, tile, of, rows, source.data(), prediction.data());
    }
    source.finish();
    prediction.finish();
    weight.finish();
    bias.finish();
}

void run_forward(const Call& call) {
    const Problem p(call);
    with_element_type(call.input(kSource).dtype, [&](auto element) {
        using T = decltype(element);
        using L = typename RowKernelsOf<T>::Lattice;
        forward<T>(p, Inputs<T>(p, call), call.out<L>(0), call.out<L>(1));
    });
}

void run_backward(const Call& call) {
    const Problem p(call);
    with_element_type(call.input(kSource).dtype, [&](auto element) {
        using T = decltype(element);
        backward<T>(p, Inputs<T>(p, call), call);
    });
}

}  // namespace

const Op& joint_rnnt_op() {
    static const Op op = {
        "joint_rnnt",
        {{"source", "T", "batch frames joint", SF_DIFFERENTIABLE},
         {"prediction", "T", "batch labels+1 joint", SF_DIFFERENTIABLE},
         {"weight", "T", "classes joint", SF_DIFFERENTIABLE},
         {"bias", "T", "classes", SF_DIFFERENTIABLE | SF_OPTIONAL},
         {"targets", "int32", "batch labels", 0},
         {"frame_lengths", "int32", "batch", 0},
         {"label_lengths", "int32", "batch", 0}},
        {{"loss", "L", "batch", SF_DIFFERENTIABLE},
         {"saved", "L", "batch frames labels+1 3", SF_SAVED}},
        {{"blank", "int", 0},
         {"activation", "int", kTanh},
         {"fastemit", "float", 0},
         {"fastemit_scale", "bool", 0},
         {"clamp", "float", 0},
         {"epsilon", "float", 0}},
        run_forward,
        run_backward,
    };
    return op;
}

}  // namespace seqfront
