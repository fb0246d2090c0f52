// Runs the tests of the suites named on the command line, or all.
#include <cstring>

#include "testing.hpp"

int main(int count, char** names) {
    int run = 0;
    for (const testing::Test& test : testing::tests()) {
        bool wanted = count < 2;
        for (int i = 1; i < count; ++i) wanted = wanted || std::strcmp(names[i], test.suite) == 0;
        if (!wanted) continue;
        testing::context() = test.name;
        const long before = testing::counts().failures;
        test.body();
        const bool ok = testing::counts().failures == before;
        std::printf("%-6s %s.%s\n", ok ? "ok" : "FAILED", test.suite, test.name);
        ++run;
    }
    const testing::Counts counts = testing::counts();
    std::printf("%d tests, %ld checks, %ld failures\n", run, counts.checks, counts.failures);
    return run > 0 && counts.failures == 0 ? 0 : 1;
}
