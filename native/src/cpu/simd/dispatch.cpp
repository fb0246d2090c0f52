// The choice of an instruction set, by cpuid (and whether the system saves its registers).
#include "simd/dispatch.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "status.hpp"

#if defined(SEQFRONT_X86)
#include <cpuid.h>
#endif

namespace seqfront {
namespace {

using Table = const Kernels& (*)();

struct Choice {
    const char* name;
    bool usable;
    Table table;
};

#if defined(SEQFRONT_X86)
// __builtin_cpu_supports does not know this name before GCC 11 and clang 17.
bool has_f16c() {
    unsigned a, b, c = 0, d;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

// Best first.
const Choice* choices(int* count) {
#if defined(SEQFRONT_X86)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl");
    static const Choice all[] = {{"avx512", avx512, kernels_avx512},
                                 {"avx2", avx2, kernels_avx2},
                                 {"baseline", true, kernels_baseline}};
    *count = 3;
#else
    static const Choice all[] = {{"baseline", true, kernels_baseline}};
    *count = 1;
#endif
    return all;
}

const Kernels* find(const char* name) noexcept {
    int count;
    const Choice* all = choices(&count);
    for (int i = 0; i < count; ++i) {
        const bool wanted = name == nullptr || std::strcmp(name, all[i].name) == 0;
        if (wanted && all[i].usable) return &all[i].table();
    }
    return nullptr;
}

std::atomic<const Kernels*>& current() {
    static std::atomic<const Kernels*> table{[] {
        const char* forced = std::getenv("SEQFRONT_ISA");
        const Kernels* found = forced != nullptr && *forced != '\0' ? find(forced) : nullptr;
        return found != nullptr ? found : find(nullptr);
    }()};
    return table;
}

}  // namespace

const Kernels& kernels() noexcept { return *current().load(std::memory_order_relaxed); }

void set_kernels(const char* name) {
    const Kernels* found = name != nullptr ? find(name) : nullptr;
    if (found == nullptr) {
        invalid("set_isa: '%s' is not an instruction set of this processor and build",
                name != nullptr ? name : "");
    }
    current().store(found, std::memory_order_relaxed);
}

}  // namespace seqfront
