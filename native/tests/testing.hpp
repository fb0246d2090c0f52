// A test harness: SEQFRONT_TEST(suite, name) { ... CHECK(...) ... }.
#ifndef SEQFRONT_TESTS_TESTING_HPP_
#define SEQFRONT_TESTS_TESTING_HPP_

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <string>
#include <vector>

namespace testing {

struct Test {
    const char* suite;
    const char* name;
    void (*body)();
};

inline std::vector<Test>& tests() {
    static std::vector<Test> all;
    return all;
}

struct Register {
    Register(const char* suite, const char* name, void (*body)()) {
        tests().push_back({suite, name, body});
    }
};

// What is being tested now, for messages.
inline std::string& context() {
    static std::string text;
    return text;
}

struct Counts {
    long checks = 0;
    long failures = 0;
};
inline Counts& counts() {
    static Counts all;
    return all;
}

__attribute__((format(printf, 4, 5))) inline bool check(bool ok, const char* file, int line,
                                                        const char* format, ...) {
    ++counts().checks;
    if (ok || ++counts().failures > 20) return ok;
    std::printf("%s:%d: ", file, line);
    va_list arguments;
    va_start(arguments, format);
    std::vprintf(format, arguments);
    va_end(arguments);
    std::printf("   [%s]\n", context().c_str());
    return ok;
}

// Equal within `tolerance`, absolute below 1 and relative above; inf and NaN equal themselves.
inline bool close(double value, double expected, double tolerance) {
    if (std::isnan(expected)) return std::isnan(value);
    if (std::isinf(expected) || std::isinf(value)) return value == expected;
    return std::fabs(value - expected) <= tolerance * std::fmax(1.0, std::fabs(expected));
}

}  // namespace testing

#define SEQFRONT_TEST(suite, name)                                                   \
    static void test_##suite##_##name();                                             \
    static const testing::Register register_##suite##_##name(#suite, #name,          \
                                                             test_##suite##_##name); \
    static void test_##suite##_##name()

#define CHECK(condition) testing::check((condition), __FILE__, __LINE__, "%s", #condition)
#define CHECK_CLOSE(value, expected, tolerance)                                          \
    testing::check(testing::close((value), (expected), (tolerance)), __FILE__, __LINE__, \
                   "%s is %.9g, expected %.9g", #value, static_cast<double>(value),      \
                   static_cast<double>(expected))
#define CHECK_TEXT(value, expected)                                                         \
    testing::check(std::string(value) == (expected), __FILE__, __LINE__,                    \
                   "%s is\n    %s\nexpected\n    %s\n", #value, std::string(value).c_str(), \
                   std::string(expected).c_str())

#endif  // SEQFRONT_TESTS_TESTING_HPP_
