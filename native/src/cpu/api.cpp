// The parts of the C ABI that compute nothing: errors, version, instruction set, threads.
#include "seqfront/seqfront.h"
#include "simd/dispatch.hpp"
#include "status.hpp"
#include "thread_pool.hpp"

using namespace seqfront;

const char* sf_last_error(void) { return last_error(); }

const char* sf_version(void) { return SEQFRONT_VERSION; }

const char* sf_isa(void) { return kernels().name; }

sf_status sf_set_isa(const char* name) {
    return guarded([&] { set_kernels(name); });
}

int32_t sf_default_threads(void) { return default_threads(); }

sf_status sf_set_default_threads(int32_t threads) {
    return guarded([&] {
        if (threads < 1) invalid("set_default_threads: threads is %d, needed 1 or more", threads);
        set_default_threads(threads);
    });
}
