// The CUDA kernels for posteriors of transducers, run on the host, against the CPU's.
#include "cuda_paths.hpp"

using namespace testing;

namespace {

constexpr const char* kOutputs[] = {"score", "blanks", "labels"};

OpCall posteriors(const TransducerProblem& p, bool cuda) {
    return run_path_op("rnnt_posteriors", p, cuda);
}

void compare(const TransducerProblem& p) {
    const OpCall result = posteriors(p, true), expected = posteriors(p, false);
    const double allowed = p.logits.dtype() == SF_FLOAT64 ? 1e-12 : 4e-6;
    for (const char* output : kOutputs) check_output(result, expected, output, allowed);
}

}  // namespace

SEQFRONT_TEST(cuda_posteriors, are_as_on_the_cpu) {
    for (const sf_dtype dtype : kDtypes) {
        for (int variant = 0; variant < 24; ++variant) {
            compare(plain_problem(dtype, variant));
            compare(variant_problem(dtype, variant));
        }
    }
}

SEQFRONT_TEST(cuda_posteriors, tiles_and_strips) {
    for (const auto& size : kOddSizes) {
        for (int topology = 0; topology < 3; ++topology) compare(problem_of_size(size, topology));
    }
}

SEQFRONT_TEST(cuda_posteriors, do_not_depend_on_the_order_of_threads_and_blocks) {
    const TransducerProblem p = problem_of_size({40, 70}, 0);
    use_host_device();
    const OpCall expected = posteriors(p, true);
    for (const ThreadOrder order : kThreadOrders) {
        use_host_device({order, 1024, 2, true});
        const OpCall result = posteriors(p, true);
        for (const char* output : kOutputs) check_output(result, expected, output, 0);
    }
}

SEQFRONT_TEST(cuda_posteriors, what_is_not_a_number_and_what_cannot_be) {
    for (const sf_dtype dtype : kDtypes) {
        for (const double hat : {0, 1}) {
            TransducerProblem p = problem_with_wrong_logits(dtype);
            p.attributes["hat"] = hat;
            const OpCall result = posteriors(p, true);
            CHECK(std::isnan(result.value("score", 0)) && std::isnan(result.value("score", 1)));
            CHECK(std::isnan(result.value("blanks", 0)) && std::isnan(result.value("labels", 0)));
            CHECK(result.value("blanks", 5) == 0 && result.value("blanks", 5 * 6) == 0);
            CHECK(result.value("labels", 4) == 0 && result.value("labels", 5 * 5) == 0);
            CHECK(result.value("score", 2) == -kInf && result.value("blanks", 2 * 6 * 6) == 0);
            compare(p);
        }
    }
}

// The host does not look at them, so the kernels have to.
SEQFRONT_TEST(cuda_posteriors, lengths_and_targets_out_of_range_give_nan) {
    use_host_device();
    const TransducerProblem p = problem_out_of_range();
    const OpCall result = posteriors(p, true);
    CHECK_CLOSE(result.value("blanks", 8), 1, 1e-6);  // the last blank of the good sequence
    for (int64_t b = 1; b < p.batch(); ++b) {
        context() = "sequence " + std::to_string(b);
        CHECK(std::isnan(result.value("score", b)));
        const bool frames = b != 2;
        CHECK(std::isnan(result.value("blanks", 9 * b)) == frames);
        CHECK(std::isnan(result.value("labels", 6 * b + 5)) == frames);
    }
}

// With the sanitizers on, this is what says that no kernel reads or writes beyond the arrays.
SEQFRONT_TEST(cuda_posteriors, whatever_lengths_and_targets_are) {
    Random random(7);
    bool valid[3];
    for (int trial = 0; trial < 100; ++trial) {
        const OpCall result = posteriors(problem_of_anything(random, valid), true);
        for (int64_t b = 0; b < 3; ++b) CHECK(std::isnan(result.value("score", b)) == !valid[b]);
    }
}

SEQFRONT_TEST(cuda_posteriors, empty_sizes) {
    use_host_device();
    compare(TransducerProblem(Family::kDense, SF_FLOAT32, {{}, {}, 3, 2, 5, 0}, 1));
    compare(TransducerProblem(Family::kDense, SF_FLOAT32, {{0, 0}, {2, 0}, 0, 2, 5, 0}, 1));
    compare(TransducerProblem(Family::kDense, SF_BFLOAT16, {{2, 1}, {0, 0}, 2, 0, 5, 4}, 1));
}
