// The CUDA kernels for best alignments, run on the host, against the CPU's: the same labels in the
// same frames, of equally good paths too.
#include "cuda_paths.hpp"

using namespace testing;

namespace {

constexpr const char* kOutputs[] = {"score", "label_frames", "label_durations", "label_scores"};

OpCall align(const TransducerProblem& p, bool cuda) { return run_path_op("rnnt_align", p, cuda); }

void compare(const TransducerProblem& p, double allowed) {
    const OpCall result = align(p, true), expected = align(p, false);
    check_output(result, expected, "score", allowed);
    check_output(result, expected, "label_frames", 0);
    check_output(result, expected, "label_durations", 0);
    check_output(result, expected, "label_scores", allowed);
}

void compare(const TransducerProblem& p) {
    compare(p, p.logits.dtype() == SF_FLOAT64 ? 1e-13 : 3e-6);
}

}  // namespace

SEQFRONT_TEST(cuda_alignment, is_as_on_the_cpu) {
    for (const sf_dtype dtype : kDtypes) {
        for (int variant = 0; variant < 24; ++variant) {
            compare(plain_problem(dtype, variant));
            compare(variant_problem(dtype, variant));
        }
    }
}

SEQFRONT_TEST(cuda_alignment, of_equally_good_paths_the_same) {
    for (const auto& size : kOddSizes) {
        for (int topology = 0; topology < 3; ++topology) {
            TransducerProblem p = problem_of_size(size, topology);
            make_ties(p);
            compare(p, 0);
        }
    }
}

SEQFRONT_TEST(cuda_alignment, more_positions_than_a_block_has_threads) {
    use_host_device();
    const TransducerSizes sizes = {{3, 5}, {1500, 1023}, 5, 1500, 4, 0};
    compare(TransducerProblem(Family::kDense, SF_FLOAT32, sizes, 4));
    compare(TransducerProblem(Family::kDense, SF_FLOAT64, sizes, 4));
}

SEQFRONT_TEST(cuda_alignment, does_not_depend_on_the_order_of_threads_and_blocks) {
    const TransducerProblem p = problem_of_size({40, 70}, 0);
    use_host_device();
    const OpCall expected = align(p, true);
    for (const ThreadOrder order : kThreadOrders) {
        use_host_device({order, 1024, 2, true});
        const OpCall result = align(p, true);
        for (const char* output : kOutputs) check_output(result, expected, output, 0);
    }
}

SEQFRONT_TEST(cuda_alignment, what_is_not_a_number_and_what_cannot_be) {
    for (const sf_dtype dtype : kDtypes) {
        for (const double hat : {0, 1}) {
            TransducerProblem p = problem_with_wrong_logits(dtype);
            p.attributes["hat"] = hat;
            const OpCall result = align(p, true);
            CHECK(std::isnan(result.value("score", 0)) && std::isnan(result.value("score", 1)));
            CHECK(std::isnan(result.value("label_scores", 3)));
            CHECK(result.value("label_scores", 4) == 0);
            CHECK(result.value("score", 2) == -kInf && result.value("label_scores", 10) == -kInf);
            CHECK(result.value("label_frames", 10) == -1 && result.value("label_frames", 15) >= 0);
            compare(p);
        }
    }
}

// The host does not look at them, so the kernels have to.
SEQFRONT_TEST(cuda_alignment, lengths_and_targets_out_of_range_give_nan) {
    use_host_device();
    const TransducerProblem p = problem_out_of_range();
    const OpCall result = align(p, true);
    CHECK(std::isfinite(result.value("score", 0)) && result.value("label_frames", 0) >= 0);
    for (int64_t b = 1; b < p.batch(); ++b) {
        context() = "sequence " + std::to_string(b);
        CHECK(std::isnan(result.value("score", b)));
        CHECK(std::isnan(result.value("label_scores", 2 * b)));
        CHECK(result.value("label_frames", 2 * b) == -1);
        CHECK(result.value("label_durations", 2 * b) == 0);
    }
}

// With the sanitizers on, this is what says that no kernel reads or writes beyond the arrays.
SEQFRONT_TEST(cuda_alignment, whatever_lengths_and_targets_are) {
    Random random(7);
    bool valid[3];
    for (int trial = 0; trial < 200; ++trial) {
        const OpCall result = align(problem_of_anything(random, valid), true);
        for (int64_t b = 0; b < 3; ++b) CHECK(std::isnan(result.value("score", b)) == !valid[b]);
    }
}

SEQFRONT_TEST(cuda_alignment, empty_sizes) {
    use_host_device();
    compare(TransducerProblem(Family::kDense, SF_FLOAT32, {{}, {}, 3, 2, 5, 0}, 1));
    compare(TransducerProblem(Family::kDense, SF_FLOAT32, {{0, 0}, {2, 0}, 0, 2, 5, 0}, 1));
    compare(TransducerProblem(Family::kDense, SF_BFLOAT16, {{2, 1}, {0, 0}, 2, 0, 5, 4}, 1));
}
