// RNN-T on top of an additive joint network: logits(t, u) = activation(source[t] + prediction[u])
// weight^T + bias. The logits exist a tile at a time (linear_head.hpp); memory does not grow with
// frames * labels * classes. Only cells within the lengths are computed, packed without gaps; and
// backward only those that alignments pass through.
#include "head/joint_options.hpp"
#include "head/linear_head.hpp"
#include "op.hpp"
#include "status.hpp"
#include "transducer/transducer_run.hpp"

namespace seqfront {
namespace {

using namespace joint;

constexpr TransducerInputs kInputs = {kSource, kTargets, -1, kWindows, kBigBlanks, -1, -1, kWeight};

struct Problem : TransducerProblem, JointOptions {
    explicit Problem(const Call& call)
        : TransducerProblem(call, Storage::kDense, kInputs),
          JointOptions(call),
          features(call.size(kSource, 2)) {}

    int64_t features;
};

struct Cell {
    int32_t b, t, u;
};

std::vector<Cell> all_cells(const Problem& p) {
    std::vector<Cell> cells;
    for (int32_t b = 0; b < p.batch; ++b) {
        for (int32_t t = 0; t < p.frame_lengths[b]; ++t) {
            for (int32_t u = 0; u <= p.label_lengths[b]; ++u) cells.push_back({b, t, u});
        }
    }
    return cells;
}

// Calls body(column, its class) for the classes that a cell has arcs of.
template <class Body>
void for_each_token(const Problem& p, const TransducerSequence& s, int64_t u, Body&& body) {
    body(kBlankColumn, p.blank);
    if (u < s.labels) body(kLabelColumn, s.targets[u]);
    for (int64_t i = 0; i < p.big_blank_count; ++i) body(kFirstExtra + i, p.big_blanks[2 * i]);
}

// The inputs, widened if they are of half precision.
template <class T>
class Inputs {
  public:
    using L = typename RowKernelsOf<T>::Lattice;

    Inputs(const Problem& p, const Call& call)
        : problem(p),
          source_(call.in<T>(kSource), p.batch * p.frames * p.features),
          prediction_(call.in<T>(kPrediction), p.batch * p.width * p.features),
          weight_(call.in<T>(kWeight), p.classes * p.features),
          bias_(call.in<T>(kBias), call.has(kBias) ? p.classes : 0),
          head(weight_.data(), call.has(kBias) ? bias_.data() : nullptr, p.classes, p.features) {}

    void hidden(const Cell& c, L* to) const {
        head.lattice.joint(source_.data() + frame(c), prediction_.data() + position(c),
                           problem.features, problem.activation, to);
    }
    int64_t frame(const Cell& c) const { return (c.b * problem.frames + c.t) * problem.features; }
    int64_t position(const Cell& c) const { return (c.b * problem.width + c.u) * problem.features; }

    const Problem& problem;

  private:
    Widened<T> source_, prediction_, weight_, bias_;

  public:
    const Head<L> head;
};

// -- forward --------------------------------------------------------------------------------------

// Fills the columns of cells.
template <class T, class L = typename RowKernelsOf<T>::Lattice>
void save_block(const Inputs<T>& inputs, const Cell* cells, int64_t count, HeadForward<L>& rows,
                L* saved) {
    const Problem& p = inputs.problem;
    const auto columns_of = [&](const TransducerSequence& s, const Cell& c) {
        return saved + p.first_cell(s.index) * p.columns + s.cell(c.t, c.u);
    };
    for (int64_t i = 0; i < count; ++i) inputs.hidden(cells[i], rows.hidden(i));
    rows.run(count, [&](int64_t i, int64_t first, int64_t classes, const L* logits) {
        const TransducerSequence s = p.sequence(cells[i].b);
        L* const out = columns_of(s, cells[i]);
        for_each_token(p, s, cells[i].u, [&](int64_t column, int64_t value) {
            const bool here = value >= first && value < first + classes;
            if (here) out[column * s.cells()] = logits[value - first];
        });
    });
    for (int64_t i = 0; i < count; ++i) {
        const TransducerSequence s = p.sequence(cells[i].b);
        L* const out = columns_of(s, cells[i]);
        const L maximum = rows.normaliser(i).maximum, log_sum = rows.normaliser(i).log_sum();
        out[kRow * s.cells()] = maximum + log_sum;
        for_each_token(p, s, cells[i].u, [&](int64_t column, int64_t) {
            L& value = out[column * s.cells()];
            value = log_prob(value, maximum, log_sum);
        });
        if (cells[i].u == s.labels) {
            out[kLabelColumn * s.cells()] = -std::numeric_limits<L>::infinity();
        }
    }
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void save_cells(const Inputs<T>& inputs, L* saved) {
    const std::vector<Cell> cells = all_cells(inputs.problem);
    for_each_head_block(inputs.head, static_cast<int64_t>(cells.size()), inputs.problem.threads,
                        [&](int64_t begin, int64_t count, HeadForward<L>& rows) {
                            save_block<T>(inputs, cells.data() + begin, count, rows, saved);
                        });
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void forward(const Inputs<T>& inputs, L* loss, L* saved) {
    const Problem& p = inputs.problem;
    save_cells<T>(inputs, saved);
    for_each_sequence<L>(p, false, [&](const auto& scratch, int32_t slot, const auto& s) {
        loss[s.index] =
            transducer_loss(p, s, saved + p.first_cell(s.index) * p.columns, scratch, slot);
    });
}

// -- backward -------------------------------------------------------------------------------------

// The gradients of rows, as the lattice gives them.
template <class L>
class Columns {
  public:
    Columns(const Problem& p, const L* saved, const L* upstream)
        : problem_(p),
          saved_(saved),
          upstream_(upstream),
          columns_(gradient_columns(p, saved, upstream)) {}

    // Cells worth going through; those of an invalid sequence (NaN) among them.
    std::vector<Cell> cells() const {
        std::vector<Cell> cells;
        for (const Cell& c : all_cells(problem_)) {
            if (!columns_.some[c.b]) continue;
            const L scale = std::fabs(at(c, kRow));
            const L one = problem_.options.clamp > 0 ? 1 : std::fabs(upstream(c));
            if (scale != 0 && !(scale < static_cast<L>(problem_.epsilon) * one)) {
                cells.push_back(c);
            }
        }
        return cells;
    }

    L at(const Cell& c, int64_t column) const {
        const TransducerSequence s = problem_.sequence(c.b);
        return columns_.values[place(s, c) + column * s.cells()];
    }
    L normaliser(const Cell& c) const { return saved_[place(problem_.sequence(c.b), c)]; }
    L upstream(const Cell& c) const { return upstream_[c.b]; }

  private:
    int64_t place(const TransducerSequence& s, const Cell& c) const {
        return problem_.first_cell(c.b) * problem_.columns + s.cell(c.t, c.u);
    }

    const Problem& problem_;
    const L* saved_;
    const L* upstream_;
    TransducerColumns<L> columns_;
};

// Cells of a tile, as HeadBackward asks for them.
template <class T, class L = typename RowKernelsOf<T>::Lattice>
struct TileRows {
    const Inputs<T>& inputs;
    const Columns<L>& columns;
    const Cell* cells;

    void hidden(int64_t i, L* to) const { inputs.hidden(cells[i], to); }

    // From the logits of some classes to their gradient, in place.
    void gradient(int64_t i, int64_t first, int64_t classes, L* x) const {
        const Problem& p = inputs.problem;
        const Cell& c = cells[i];
        const L normaliser = columns.normaliser(c), scale = columns.at(c, kRow);
        if (p.options.clamp > 0) {
            inputs.head.rows.clamped_gradient(x, x, classes, normaliser, scale,
                                              static_cast<L>(p.options.clamp), columns.upstream(c));
        } else {
            inputs.head.rows.softmax_gradient(x, x, classes, normaliser, scale);
        }
        for_each_token(p, p.sequence(c.b), c.u, [&](int64_t column, int64_t value) {
            if (value >= first && value < first + classes) x[value - first] = columns.at(c, column);
        });
    }
};

// What the hidden rows of a tile give to frames and positions. Threads share the features: each
// adds all cells, in order.
template <class T, class L = typename RowKernelsOf<T>::Lattice>
void add_to_inputs(const Inputs<T>& inputs, const HeadBackward<L>& tile, const Cell* cells,
                   int64_t count, L* source, L* prediction) {
    const Problem& p = inputs.problem;
    constexpr int64_t block = 64;
    parallel_for((p.features + block - 1) / block, 4 * count * block, usable_threads(p.threads),
                 [&](int32_t, int64_t begin, int64_t end) {
                     const int64_t first = begin * block;
                     const int64_t features = std::min(end * block, p.features) - first;
                     for (int64_t i = 0; i < count; ++i) {
                         inputs.head.lattice.joint_gradient(
                             tile.hidden(i) + first, tile.grad_hidden(i) + first, features,
                             p.activation, source + inputs.frame(cells[i]) + first,
                             prediction + inputs.position(cells[i]) + first);
                     }
                 });
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void backward(const Inputs<T>& inputs, const Call& call) {
    const Problem& p = inputs.problem;
    const Columns<L> columns(p, call.in<L>(kSaved), call.in<L>(kGradLoss));
    const std::vector<Cell> cells = columns.cells();
    const auto count = static_cast<int64_t>(cells.size());
    const Accumulated<T> source(call.out<T>(kGradSource), p.batch * p.frames * p.features);
    const Accumulated<T> prediction(call.out<T>(kGradPrediction), p.batch * p.width * p.features);
    const Accumulated<T> weight(call.out<T>(kGradWeight), p.classes * p.features);
    const Accumulated<T> bias(call.out<T>(kGradBias), call.has(kBias) ? p.classes : 0);
    HeadBackward<L> tile(inputs.head, weight.data(), call.has(kBias) ? bias.data() : nullptr, count,
                         usable_threads(p.threads));
    for (int64_t begin = 0; begin < count; begin += kHeadTile) {
        const int64_t rows = std::min(kHeadTile, count - begin);
        const Cell* const of = cells.data() + begin;
        tile.run(rows, TileRows<T>{inputs, columns, of});
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
        forward<T>(Inputs<T>(p, call), call.out<L>(0), call.out<L>(1));
    });
}

void run_backward(const Call& call) {
    const Problem p(call);
    with_element_type(call.input(kSource).dtype, [&](auto element) {
        using T = decltype(element);
        backward<T>(Inputs<T>(p, call), call);
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
         {"label_lengths", "int32", "batch", 0},
         {"windows", "int32", "batch labels 2", SF_OPTIONAL},
         {"big_blanks", "int32", "blanks 2", SF_OPTIONAL}},
        {{"loss", "L", "batch", SF_DIFFERENTIABLE},
         {"saved", "L", "batch frames labels+1 blanks+3", SF_SAVED}},
        {{"blank", "int", 0},
         {"activation", "int", kTanh},
         {"epsilon", "float", 0},
         {"topology", "int", kRegular},
         {"fastemit", "float", 0},
         {"fastemit_scale", "bool", 0},
         {"clamp", "float", 0},
         {"delay_penalty", "float", 0},
         {"sigma", "float", 0},
         {"star", "int", kNoStar},
         {"star_weight", "float", 0}},
        run_forward,
        run_backward,
    };
    return op;
}

}  // namespace seqfront
