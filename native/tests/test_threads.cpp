// Threads: results do not depend on them, callers do not disturb each other, forks work.
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "ctc_problem.hpp"
#include "rnnt_problem.hpp"

using namespace testing;

namespace {

RnntProblem large_rnnt(sf_dtype dtype) {
    return RnntProblem(dtype, {60, 41, 7}, {20, 31, 2}, 60, 31, 200, 0, 6);
}

CtcProblem large_ctc(sf_dtype dtype) {
    CtcProblem p(dtype, {300, 200, 90}, {80, 60, 31}, 300, 80, 300, 0, 6);
    return p;
}

template <class Problem>
void check_bit_identical(Problem p) {
    p.threads = 1;
    const auto expected = run(p, ones(p));
    for (const int32_t threads : {2, 3, 7}) {
        p.threads = threads;
        const auto result = run(p, ones(p));
        CHECK(result.grad.bytes() == expected.grad.bytes());
        for (int64_t b = 0; b < p.batch(); ++b) CHECK(result.loss.get(b) == expected.loss.get(b));
    }
}

}  // namespace

SEQFRONT_TEST(threads, bit_identical) {
    for (const sf_dtype dtype : kDtypes) {
        check_bit_identical(large_rnnt(dtype));
        check_bit_identical(large_ctc(dtype));
    }
}

// Large enough for huge pages, with rows that are not aligned.
SEQFRONT_TEST(threads, large_gradient) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        CtcProblem p(SF_FLOAT32, {900, 500}, {30, 40}, 900, 40, 2503, 0, 6);
        const CtcResult in_place = run(p, ones(p), true);
        p.threads = 2;
        CHECK(run(p, ones(p)).grad.bytes() == in_place.grad.bytes());
    }
}

SEQFRONT_TEST(threads, concurrent_callers) {
    RnntProblem p = large_rnnt(SF_FLOAT32);
    p.threads = 2;
    const RnntResult expected = run(p, ones(p));
    std::vector<int> same(4, 0);
    std::vector<std::thread> callers;
    for (int i = 0; i < 4; ++i) {
        callers.emplace_back([&, i] {
            for (int repeat = 0; repeat < 20; ++repeat) {
                const RnntResult result = run(p, ones(p));
                same[static_cast<size_t>(i)] += result.grad.bytes() == expected.grad.bytes();
            }
        });
    }
    for (std::thread& caller : callers) caller.join();
    for (const int count : same) CHECK(count == 20);
}

SEQFRONT_TEST(threads, fork) {
    CtcProblem p = large_ctc(SF_FLOAT32);
    p.threads = 2;
    const CtcResult expected = run(p, ones(p));
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);  // a deadlock is a failure, not a hang
        _exit(run(p, ones(p)).grad.bytes() == expected.grad.bytes() ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(run(p, ones(p)).grad.bytes() == expected.grad.bytes());
}

SEQFRONT_TEST(threads, default_setting) {
    const int32_t before = sf_default_threads();
    CHECK(before >= 1);
    CHECK(sf_set_default_threads(3) == SF_OK && sf_default_threads() == 3);
    CHECK(sf_set_default_threads(before) == SF_OK);
}
