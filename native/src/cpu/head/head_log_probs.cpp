// The last layer of CTC: log-probs of the blank and of the labels of each sequence, in every frame.
// Of the logits hidden weight^T + bias no more than a tile exists at a time (linear_head.hpp).
//
// log_probs [.., 0] is that of the blank, [.., 1 + k] that of label k. To a loss they are a small
// vocabulary of its own; `tokens` are the targets in it, where equal labels are the same token:
// the first of them.
#include "gradient_rows.hpp"
#include "head/linear_head.hpp"
#include "op.hpp"

namespace seqfront {
namespace {

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

struct Problem : LatticeProblem {
    explicit Problem(const Call& call)
        : LatticeProblem(call, {kHidden, kTargets, 0, kWeight}), features(call.size(kHidden, 2)) {}

    // Calls body(k, class): 0 is the blank.
    template <class Body>
    void for_each_token(int64_t b, Body&& body) const {
        body(0, blank);
        for (int64_t k = 0; k < label_lengths[b]; ++k) body(1 + k, targets[b * labels + k]);
    }
    int64_t width() const { return labels + 1; }

    int64_t features;
};

struct Frame {
    int32_t b, t;
    int64_t row;  // among all, with padding
};

std::vector<Frame> all_frames(const Problem& p) {
    std::vector<Frame> frames;
    for (int32_t b = 0; b < p.batch; ++b) {
        for (int32_t t = 0; t < p.frame_lengths[b]; ++t) {
            frames.push_back({b, t, b * p.frames + t});
        }
    }
    return frames;
}

// The inputs, widened if they are of half precision.
template <class T>
class Inputs {
  public:
    using L = typename RowKernelsOf<T>::Lattice;

    Inputs(const Problem& p, const Call& call)
        : problem(p),
          hidden_(call.in<T>(kHidden), p.batch * p.frames * p.features),
          weight_(call.in<T>(kWeight), p.classes * p.features),
          bias_(call.in<T>(kBias), call.has(kBias) ? p.classes : 0),
          head(weight_.data(), call.has(kBias) ? bias_.data() : nullptr, p.classes, p.features) {}

    void hidden(const Frame& f, L* to) const {
        std::copy_n(hidden_.data() + f.row * problem.features, problem.features, to);
    }

    const Problem& problem;

  private:
    Widened<T> hidden_, weight_, bias_;

  public:
    const Head<L> head;
};

// -- forward --------------------------------------------------------------------------------------

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void save_block(const Inputs<T>& inputs, const Frame* frames, int64_t count, HeadForward<L>& rows,
                L* log_probs, L* normaliser) {
    const Problem& p = inputs.problem;
    for (int64_t i = 0; i < count; ++i) inputs.hidden(frames[i], rows.hidden(i));
    rows.run(count, [&](int64_t i, int64_t first, int64_t classes, const L* logits) {
        L* const out = log_probs + frames[i].row * p.width();
        p.for_each_token(frames[i].b, [&](int64_t k, int64_t value) {
            if (value >= first && value < first + classes) out[k] = logits[value - first];
        });
    });
    for (int64_t i = 0; i < count; ++i) {
        L* const out = log_probs + frames[i].row * p.width();
        const L maximum = rows.normaliser(i).maximum, log_sum = rows.normaliser(i).log_sum();
        normaliser[frames[i].row] = maximum + log_sum;
        p.for_each_token(frames[i].b,
                         [&](int64_t k, int64_t) { out[k] = log_prob(out[k], maximum, log_sum); });
    }
}

void find_tokens(const Problem& p, int32_t* tokens) {
    std::vector<int32_t> first(static_cast<size_t>(p.classes), -1);
    for (int64_t b = 0; b < p.batch; ++b) {
        const int32_t* const targets = p.targets + b * p.labels;
        for (int64_t k = p.label_lengths[b]; k-- > 0;) {
            first[static_cast<size_t>(targets[k])] = static_cast<int32_t>(1 + k);
        }
        for (int64_t k = 0; k < p.labels; ++k) {
            const bool used = k < p.label_lengths[b];
            tokens[b * p.labels + k] = used ? first[static_cast<size_t>(targets[k])] : 0;
        }
    }
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void forward(const Inputs<T>& inputs, const Call& call) {
    const Problem& p = inputs.problem;
    L* const log_probs = call.out<L>(kLogProbs);
    std::fill_n(log_probs, p.batch * p.frames * p.width(), L{0});
    find_tokens(p, call.out<int32_t>(kTokens));
    const std::vector<Frame> frames = all_frames(p);
    for_each_head_block(inputs.head, static_cast<int64_t>(frames.size()), p.threads,
                        [&](int64_t begin, int64_t count, HeadForward<L>& rows) {
                            save_block<T>(inputs, frames.data() + begin, count, rows, log_probs,
                                          call.out<L>(kSavedNormaliser));
                        });
}

// -- backward -------------------------------------------------------------------------------------

// Frames of a tile, as HeadBackward asks for them.
template <class T, class L = typename RowKernelsOf<T>::Lattice>
struct TileRows {
    const Inputs<T>& inputs;
    const L* normaliser;
    const L* upstream;
    const Frame* frames;

    void hidden(int64_t i, L* to) const { inputs.hidden(frames[i], to); }

    // From the logits of some classes to their gradient, in place.
    void gradient(int64_t i, int64_t first, int64_t classes, L* x) const {
        const Problem& p = inputs.problem;
        const Frame& f = frames[i];
        const L* const g = upstream + f.row * p.width();
        L sum = 0;
        p.for_each_token(f.b, [&](int64_t k, int64_t) { sum += g[k]; });
        inputs.head.rows.softmax_gradient(x, x, classes, normaliser[f.row], -sum);
        p.for_each_token(f.b, [&](int64_t k, int64_t value) {
            if (value >= first && value < first + classes) x[value - first] += g[k];
        });
    }
};

template <class L>
std::vector<Frame> used_frames(const Problem& p, const L* upstream) {
    std::vector<Frame> frames;
    for (const Frame& f : all_frames(p)) {
        const L* const g = upstream + f.row * p.width();
        const L* const end = g + p.label_lengths[f.b] + 1;
        if (std::any_of(g, end, [](L value) { return value != 0; })) frames.push_back(f);
    }
    return frames;
}

template <class T, class L = typename RowKernelsOf<T>::Lattice>
void backward(const Inputs<T>& inputs, const Call& call) {
    const Problem& p = inputs.problem;
    const L* const upstream = call.in<L>(kGradLogProbs);
    const std::vector<Frame> frames = used_frames(p, upstream);
    const auto count = static_cast<int64_t>(frames.size());
    const Accumulated<T> hidden(call.out<T>(kGradHidden), p.batch * p.frames * p.features);
    const Accumulated<T> weight(call.out<T>(kGradWeight), p.classes * p.features);
    const Accumulated<T> bias(call.out<T>(kGradBias), call.has(kBias) ? p.classes : 0);
    HeadBackward<L> tile(inputs.head, weight.data(), call.has(kBias) ? bias.data() : nullptr, count,
                         usable_threads(p.threads));
    for (int64_t begin = 0; begin < count; begin += kHeadTile) {
        const int64_t rows = std::min(kHeadTile, count - begin);
        const Frame* const of = frames.data() + begin;
        tile.run(rows, TileRows<T>{inputs, call.in<L>(kNormaliser), upstream, of});
        for (int64_t i = 0; i < rows; ++i) {
            std::copy_n(tile.grad_hidden(i), p.features, hidden.data() + of[i].row * p.features);
        }
    }
    hidden.finish();
    weight.finish();
    bias.finish();
}

void run_forward(const Call& call) {
    const Problem p(call);
    with_element_type(call.input(kHidden).dtype, [&](auto element) {
        using T = decltype(element);
        forward<T>(Inputs<T>(p, call), call);
    });
}

void run_backward(const Call& call) {
    const Problem p(call);
    with_element_type(call.input(kHidden).dtype, [&](auto element) {
        using T = decltype(element);
        backward<T>(Inputs<T>(p, call), call);
    });
}

}  // namespace

const Op& head_log_probs_op() {
    static const Op op = {
        "head_log_probs",
        {{"hidden", "T", "batch frames features", SF_DIFFERENTIABLE},
         {"weight", "T", "classes features", SF_DIFFERENTIABLE},
         {"bias", "T", "classes", SF_DIFFERENTIABLE | SF_OPTIONAL},
         {"targets", "int32", "batch labels", 0},
         {"frame_lengths", "int32", "batch", 0},
         {"label_lengths", "int32", "batch", 0}},
        {{"log_probs", "L", "batch frames labels+1", SF_DIFFERENTIABLE},
         {"tokens", "int32", "batch labels", 0},
         {"normaliser", "L", "batch frames", SF_SAVED}},
        {{"blank", "int", 0}},
        run_forward,
        run_backward,
    };
    return op;
}

}  // namespace seqfront
