// Ops over the paths of a transducer, without gradients, on the CPU and by the CUDA kernels; and
// the problems that they are compared with.
#ifndef SEQFRONT_TESTS_CUDA_PATHS_HPP_
#define SEQFRONT_TESTS_CUDA_PATHS_HPP_

#include "host_device.hpp"
#include "transducer_problem.hpp"

namespace testing {

// The results of a call; what went into it is gone.
inline OpCall run_path_op(const char* op, TransducerProblem p, bool cuda) {
    p.cuda = cuda;
    OpCall call = p.call(op);
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
        context() = before + " " + output + "[" + std::to_string(i) + "]";
        CHECK_CLOSE(result.value(output, i), expected.value(output, i), allowed);
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
inline TransducerProblem problem_of_anything(Random& random, bool (&valid)[3]) {
    constexpr int32_t kOdd[] = {-1, 5, 1 << 20, INT32_MIN, INT32_MAX};
    const TransducerSizes sizes = {{4, 4, 4}, {3, 3, 3}, 4, 3, 5, 1};
    use_host_device({kThreadOrders[random.below(3)], 32, 2, false});
    TransducerProblem p(Family::kDense, SF_FLOAT32, sizes, 8);
    p.attributes["topology"] = random.below(3);
    for (size_t b = 0; b < 3; ++b) {
        int32_t &t = p.sizes.frame_lengths[b], &u = p.sizes.label_lengths[b];
        t = random.below(5) == 0 ? kOdd[random.below(5)] : random.below(5);
        u = random.below(5) == 0 ? kOdd[random.below(5)] : random.below(4);
        int32_t& target = p.targets[3 * b];
        if (random.below(4) == 0) target = kOdd[random.below(5)];
        valid[b] = t >= 0 && t <= 4 && u >= 0 && u <= 3;
        valid[b] = valid[b] && (t == 0 || u == 0 || (target >= 0 && target < 5));
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
        }
    }
}

}  // namespace testing

#endif  // SEQFRONT_TESTS_CUDA_PATHS_HPP_
