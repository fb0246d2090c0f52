// Ops over the paths of a transducer, without gradients, on the CPU and by the CUDA kernels; and
// the problems that they are compared with.
#ifndef SEQFRONT_TESTS_CUDA_PATHS_HPP_
#define SEQFRONT_TESTS_CUDA_PATHS_HPP_

#include "cuda_transducer.hpp"

namespace testing {

// The results of "align" or "posteriors"; what went into the call is gone.
inline OpCall run_path_op(const std::string& kind, TransducerProblem p, bool cuda) {
    p.cuda = cuda;
    OpCall call = p.call(((p.family == Family::kTdt ? "tdt_" : "rnnt_") + kind).c_str());
    if (!CHECK(call.run() == SF_OK)) std::puts(sf_last_error());
    return call;
}

inline int64_t size_of(const OpCall& call, const char* output) {
    const sf_array& array = call.output(output);
    int64_t size = 1;
    for (int32_t axis = 0; axis < array.rank; ++axis) size *= array.shape[axis];
    return size;
}

inline void check_output(const OpCall& result, const OpCall& expected, const char* output,
                         double allowed) {
    const std::string before = context();
    for (int64_t i = 0; i < size_of(expected, output); ++i) {
        const double value = result.value(output, i), wanted = expected.value(output, i);
        if (close(value, wanted, allowed)) continue;
        context() = before + " " + output + "[" + std::to_string(i) + "]";
        CHECK_CLOSE(value, wanted, allowed);
    }
    context() = before;
}

// Every number of classes that rows are read in another way for, sequences without frames or
// labels, and few threads in some order.
inline TransducerProblem plain_problem(sf_dtype dtype, int variant) {
    context() = "dtype " + std::to_string(dtype) + " plain " + std::to_string(variant);
    use_host_device({kThreadOrders[variant % 3], 32, variant % 5 + 1, variant % 2 != 0});
    const int64_t classes[] = {2, 5, 31, 64, 67, 1030};
    const TransducerSizes sizes = {{4, 1, 7, 0, 2, 1, 0, 9}, {3, 2, 0, 0, 5, 0, 1, 7},      9, 7,
                                   classes[variant % 6],     variant % classes[variant % 6]};
    const auto seed = static_cast<unsigned>(dtype * 100 + variant);
    TransducerProblem p(Family::kDense, dtype, sizes, seed,
                        static_cast<Tensor::Layout>(variant % 3));
    p.attributes["normalized"] = variant % 4 == 1;
    return p;
}

// All that may be asked of arcs, and more positions than a block has threads.
inline TransducerProblem variant_problem(sf_dtype dtype, int variant) {
    context() = "dtype " + std::to_string(dtype) + " variant " + std::to_string(variant);
    use_host_device({kThreadOrders[variant % 3], 32, 3, false});
    const TransducerSizes sizes = {{6, 3, 4, 43}, {3, 4, 0, 40}, 43, 40, 12, variant % 10};
    const auto seed = static_cast<unsigned>(dtype * 100 + variant);
    TransducerProblem p(Family::kDense, dtype, sizes, seed);
    if (variant & 1) p.attributes["hat"] = 1;
    if (variant & 2) p.attributes["delay_penalty"] = 0.2;
    if (variant & 4) p.attributes["sigma"] = 0.1;
    p.attributes["topology"] = variant / 2 % 3;
    if (variant % 7 == 0) p.attributes["normalized"] = p.attribute("hat") == 0;
    Random random(seed);
    for (int64_t i = 0; variant % 3 == 0 && i < p.batch() * p.sizes.labels; ++i) {
        const int32_t first = random.below(3) - 1;
        p.windows.push_back(first);
        p.windows.push_back(first + 4 + random.below(4));
    }
    return p;
}

// Big blanks, or TDT; arcs that are longer than the lattice, and more than a word has bits for.
inline TransducerProblem arcs_problem(sf_dtype dtype, int variant) {
    context() = "dtype " + std::to_string(dtype) + " arcs " + std::to_string(variant);
    use_host_device({kThreadOrders[variant % 3], variant % 8 > 3 ? 256 : 32, 3, false});
    const TransducerSizes sizes = {{6, 3, 4, 43, 0, 5}, {3, 4, 0, 40, 0, 9}, 43, 40, 12,
                                   variant % 9};
    const auto seed = static_cast<unsigned>(dtype * 100 + variant);
    const auto layout = static_cast<Tensor::Layout>(variant % 3);
    const std::vector<int32_t> durations[] = {{0, 1}, {1, 2},     {0, 1, 2, 3, 4},
                                              {1},    {0, 2, 41}, {0, 1, 2, 3, 4, 5, 6, 7, 8}};
    if (variant % 2 == 0) {
        TransducerProblem p(Family::kTdt, dtype, sizes, seed, layout, durations[variant / 4 % 6]);
        p.attributes["normalized"] = variant % 5 == 1;
        p.attributes["sigma"] = variant % 3 == 1 ? 0.05 : 0;
        return p;
    }
    TransducerProblem p(Family::kDense, dtype, sizes, seed, layout);
    p.big_blanks = {11, 2, 10, variant % 3 == 0 ? 50 : 4};
    if (variant % 5 == 0) p.big_blanks = {10, 3};
    p.attributes["topology"] = variant / 4 % 3;
    p.attributes["sigma"] = variant % 3 == 1 ? 0.05 : 0;
    p.attributes["delay_penalty"] = variant % 7 == 1 ? 0.1 : 0;
    return p;
}

// Frames and positions around whole strips of the lattice, tiles of cells, and words of steps.
inline const std::vector<std::pair<int, int>> kOddSizes = {
    {9, 5}, {33, 31}, {3, 32}, {36, 33}, {64, 63}, {70, 64}, {131, 100}, {1, 97}, {257, 3}};

inline TransducerProblem problem_of_size(const std::pair<int, int>& size, int topology) {
    const auto [frames, labels] = size;
    context() = std::to_string(frames) + " x " + std::to_string(labels) + " topology " +
                std::to_string(topology);
    use_host_device({kThreadOrders[topology], 32, 7, topology == 1});
    const TransducerSizes sizes = {
        {frames, frames / 2, frames}, {labels, labels, labels / 2}, frames, labels, 4, 2};
    TransducerProblem p(Family::kDense, SF_FLOAT32, sizes, 3);
    p.attributes["topology"] = topology;
    return p;
}

// A sequence with NaN, one with +inf, one of which no label can be, and a good one.
inline TransducerProblem problem_with_wrong_logits(sf_dtype dtype) {
    use_host_device();
    const TransducerSizes sizes = {{5, 5, 5, 5}, {4, 4, 4, 3}, 6, 5, 40, 0};
    TransducerProblem p(Family::kDense, dtype, sizes, 1);
    p.logits.set({0, 2, 1, 33}, kNan);
    p.logits.set({1, 2, 1, 33}, kInf);
    for (int64_t t = 0; t < 5; ++t) p.logits.set({2, t, 1, p.target(2, 1)}, -kInf);
    return p;
}

// Numbers that are none, in arcs that lead out of the lattice.
inline std::vector<TransducerProblem> problems_with_wrong_ends() {
    const TransducerSizes sizes = {{5, 5, 5, 5}, {4, 4, 4, 4}, 5, 4, 7, 0};
    std::vector<TransducerProblem> problems = {
        TransducerProblem(Family::kDense, SF_FLOAT32, sizes, 1),
        TransducerProblem(Family::kDense, SF_FLOAT32, sizes, 1),
        TransducerProblem(Family::kTdt, SF_FLOAT32, sizes, 1, Tensor::kDense, {1, 3})};
    problems[1].big_blanks = {6, 2};
    problems[1].attributes["topology"] = 1;
    for (TransducerProblem& p : problems) {
        p.logits.set({0, 4, 0, 3}, kNan);
        p.logits.set({1, 4, 0, 0}, kInf);
        if (p.family == Family::kTdt) p.duration_logits.set({2, 4, 1, 1}, kNan);
    }
    return problems;
}

// A good sequence, and six of which a length or a target is out of range.
inline TransducerProblem problem_out_of_range() {
    const TransducerSizes sizes = {{3, 3, 3, 3, 3, 3, 3}, {2, 2, 2, 2, 2, 2, 2}, 3, 2, 5, 1};
    TransducerProblem p(Family::kDense, SF_FLOAT32, sizes, 1);
    p.sizes.frame_lengths[1] = 4;
    p.sizes.frame_lengths[2] = -1;
    p.sizes.label_lengths[3] = 1 << 30;
    p.targets[4 * 2 + 1] = 5;
    p.targets[5 * 2] = -1;
    p.targets[6 * 2 + 1] = 1;  // the blank
    return p;
}

// Any lengths and targets, in range or not; `valid`: which sequences are.
inline TransducerProblem problem_of_anything(Random& random, std::vector<bool>& valid) {
    use_host_device({kThreadOrders[random.below(3)], 32, 2, false});
    const TransducerSizes sizes = {{4, 4, 4}, {3, 3, 3}, 4, 3, 5, 1};
    const bool tdt = random.below(3) == 0;
    TransducerProblem p(tdt ? Family::kTdt : Family::kDense, SF_FLOAT32, sizes, 8, Tensor::kDense,
                        {0, 1, 3});
    p.attributes[tdt ? "sigma" : "topology"] = random.below(3);
    if (!tdt && random.below(2) == 0) p.big_blanks = {4, 3};
    valid = spoil(p, random);
    for (size_t b = 0; b < 3 && !p.big_blanks.empty(); ++b) {
        const bool used = p.sizes.frame_lengths[b] > 0 && p.sizes.label_lengths[b] > 0;
        if (used && p.targets[3 * b] == 4) valid[b] = false;
    }
    return p;
}

// Numbers small enough for sums of them to be exact, and so few that many paths are equally good.
inline void make_ties(TransducerProblem& p) {
    Random random(2);
    p.attributes["normalized"] = 1;
    for (int64_t b = 0; b < p.batch(); ++b) {
        for (int64_t i = 0; i < p.frames(b) * (p.labels(b) + 1); ++i) {
            const int64_t t = i / (p.labels(b) + 1), u = i % (p.labels(b) + 1);
            for (int64_t v = 0; v < p.sizes.classes; ++v) {
                p.set(p.logits, b, t, u, v, -0.5 * random.below(3));
            }
            // One duration has all the probability.
            for (int64_t d = 0, one = random.below(4); d < static_cast<int64_t>(p.durations.size());
                 ++d) {
                p.set(p.duration_logits, b, t, u, d, d == one ? 0 : -kInf);
            }
        }
    }
}

}  // namespace testing

#endif  // SEQFRONT_TESTS_CUDA_PATHS_HPP_
