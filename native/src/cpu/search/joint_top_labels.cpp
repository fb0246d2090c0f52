// The best labels, and the blank, of an additive joint network at some pairs of frames and nodes (a
// node is what the prediction network makes of a sequence of labels):
//
//     logits = activation(source[frame] + prediction[node]) weight + bias, over a temperature
//
// A search asks for a few pairs at a time; the weights are read once for all of them.
#include "head/linear_head.hpp"
#include "layers/few_rows.hpp"
#include "search/row_summary.hpp"

namespace seqfront {
namespace {

enum Input { kSource, kPrediction, kWeight, kBias, kFrameIndex, kNodeIndex, kRanks };
enum Output { kBlankLogProbs, kLogProbs, kLabels };
enum Attribute { kBlank, kActivation, kTemperature, kPanels };

constexpr int64_t kPairBlock = 120;  // rows of logits in memory at once

void check_indices(const Call& call, int input, const char* name, int64_t limit) {
    const int32_t* const indices = call.in<int32_t>(input);
    for (int64_t i = 0; i < call.size(input, 0); ++i) {
        if (indices[i] < 0 || indices[i] >= limit) {
            invalid("%s: %s[%lld] is %d, needed 0..%lld", call.name(), name,
                    static_cast<long long>(i), indices[i], static_cast<long long>(limit - 1));
        }
    }
}

struct Problem {
    explicit Problem(const Call& call)
        : pairs(call.size(kFrameIndex, 0)),
          features(call.size(kWeight, 0)),
          classes(call.size(kWeight, 1)),
          ranking(call, kRanks, call.integer(kBlank), classes),
          frames(call.in<int32_t>(kFrameIndex)),
          nodes(call.in<int32_t>(kNodeIndex)),
          activation(static_cast<Activation>(call.integer(kActivation))),
          temperature(call.number(kTemperature)),
          threads(call.threads()) {
        check_indices(call, kFrameIndex, "frame_index", call.size(kSource, 0));
        check_indices(call, kNodeIndex, "node_index", call.size(kPrediction, 0));
        if (activation < kNone || activation > kRelu) {
            invalid("%s: activation is %d, needed 0, 1 or 2", call.name(), activation);
        }
        if (!(temperature > 0)) {
            invalid("%s: temperature is %g, needed above 0", call.name(), temperature);
        }
    }

    int64_t pairs, features, classes;
    Ranking ranking;
    const int32_t *frames, *nodes;
    Activation activation;
    double temperature;
    int32_t threads;
};

template <class T, class L = typename RowKernelsOf<T>::Lattice>
class Blocks {
  public:
    Blocks(const Problem& p, const Call& call)
        : p_(p),
          source_(call.in<T>(kSource), call.size(kSource, 0) * p.features),
          prediction_(call.in<T>(kPrediction), call.size(kPrediction, 0) * p.features),
          bias_(call.in<T>(kBias), call.has(kBias) ? p.classes : 0),
          layer_(call, kWeight, call.has(kBias) ? bias_.data() : nullptr, call.flag(kPanels)),
          hidden_(allocate<L>(std::min(p.pairs, kPairBlock) * p.features)),
          logits_(allocate<L>(std::min(p.pairs, kPairBlock) * p.classes)) {}

    void run(int64_t first, int64_t count, const RowSummaries<L>& to) {
        for (int64_t i = 0; i < count; ++i) join(first + i, hidden_.get() + i * p_.features);
        layer_.run(hidden_.get(), count, logits_.get());
        parallel_for(count, 4 * p_.classes, usable_threads(p_.threads),
                     [&](int32_t, int64_t begin, int64_t end) {
                         for (int64_t i = begin; i < end; ++i) {
                             L* const row = logits_.get() + i * p_.classes;
                             cool(row);
                             summarise<L>(row, p_.classes, p_.ranking, to, first + i);
                         }
                     });
    }

  private:
    void join(int64_t pair, L* to) const {
        const L* const source = source_.data() + p_.frames[pair] * p_.features;
        const L* const prediction = prediction_.data() + p_.nodes[pair] * p_.features;
        lattice_kernels<L>(kernels()).joint(source, prediction, p_.features, p_.activation, to);
    }

    void cool(L* row) const {
        if (p_.temperature == 1) return;
        for (int64_t v = 0; v < p_.classes; ++v) row[v] /= static_cast<L>(p_.temperature);
    }

    const Problem& p_;
    Widened<T> source_, prediction_, bias_;
    FewRowsLayer<T> layer_;
    Buffer<L> hidden_, logits_;
};

void run(const Call& call) {
    const Problem p(call);
    with_element_type(call.input(kSource).dtype, [&](auto element) {
        using T = decltype(element);
        using L = typename RowKernelsOf<T>::Lattice;
        const RowSummaries<L> to = {call.out<L>(kBlankLogProbs), call.out<L>(kLogProbs),
                                    call.out<int32_t>(kLabels)};
        Blocks<T> blocks(p, call);
        for (int64_t first = 0; first < p.pairs; first += kPairBlock) {
            blocks.run(first, std::min(kPairBlock, p.pairs - first), to);
        }
    });
}

}  // namespace

const Op& joint_top_labels_op() {
    static const Op op = {
        "joint_top_labels",
        {{"source", "T", "frames features", 0},
         {"prediction", "T", "nodes features", 0},
         {"weight", "T", "features classes", 0},
         {"bias", "T", "classes", SF_OPTIONAL},
         {"frame_index", "int32", "pairs", 0},
         {"node_index", "int32", "pairs", 0},
         {"ranks", "int32", "ranks", 0}},
        {{"blank_log_probs", "L", "pairs", 0},
         {"log_probs", "L", "pairs ranks", 0},
         {"labels", "int32", "pairs ranks", 0}},
        {{"blank", "int", 0},
         {"activation", "int", 0},
         {"temperature", "float", 1},
         {"panels", "bool", 0}},
        run,
        nullptr,
    };
    return op;
}

}  // namespace seqfront
