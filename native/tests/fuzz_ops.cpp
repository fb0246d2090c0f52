// Random calls of every op, good and bad: whatever comes, an op computes or refuses; it never reads
// or writes beyond an array (run it with sanitizers), and what it computes is the same again, with
// other threads, and over its own input.
//
//     seqfront_fuzz [runs] [op, or all] [cpu or cuda]            random bytes, from a fixed seed
//     clang++ -fsanitize=fuzzer,address -DSEQFRONT_LIBFUZZER ...  bytes that libFuzzer makes
//
// Arrays are exactly as large as they say, so that the sanitizer sees the first byte too many. The
// CUDA kernels run on the host; built for ThreadSanitizer, with a thread for each of a block.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "host_device.hpp"
#include "random_call.hpp"
#include "seqfront/seqfront.h"

using namespace testing;

namespace {

bool on_cuda = false;

[[noreturn]] void fail(const char* op, const char* what) {
    std::printf("%s: %s (%s)\n", op, what, sf_last_error());
    std::fflush(stdout);
    std::abort();
}

// A call of the CUDA kernels. `threads` says in which order threads and blocks have their turns.
sf_status call_cuda(const sf_op_spec& op, const sf_array* in, const double* attributes,
                    const sf_array* out, int32_t threads) {
    testing::use_host_device({testing::kThreadOrders[threads % 3], 32, 3, threads % 2 == 0, 4096});
    int64_t bytes = 0;
    const sf_status status = sf_cuda_workspace(&op, in, attributes, out, &bytes);
    if (status != SF_OK) return status;
    const std::unique_ptr<void, decltype(&std::free)> memory(
        std::aligned_alloc(256, static_cast<size_t>((bytes + 255) / 256 * 256)), &std::free);
    std::memset(memory.get(), 0xff, static_cast<size_t>(bytes));
    return sf_call_cuda(&op, in, attributes, out, memory.get(), 0, nullptr);
}

sf_status call_op(const sf_op_spec& op, const sf_array* in, const double* attributes,
                  const sf_array* out, int32_t threads) {
    return on_cuda ? call_cuda(op, in, attributes, out, threads)
                   : sf_call(&op, in, attributes, out, threads);
}

// One call with all that belongs to it.
class Scenario {
  public:
    Scenario(const sf_op_spec& op, Bytes& bytes) : op_(op), arguments_(op, bytes) {}

    void run() {
        std::vector<Memory> first, again;
        const sf_status status = call(op_, arguments_.inputs(), first, 1);
        if (status != SF_OK) return check_refusal(op_, status);
        if (call(op_, arguments_.inputs(), again, 3) != SF_OK)
            fail(op_.name, "refused the second time");
        check_equal(op_, first, again);
        if (op_.backward != nullptr) run_backward(first);
    }

  private:
    sf_status call(const sf_op_spec& op, const std::vector<Memory>& inputs,
                   std::vector<Memory>& outputs, int32_t threads) {
        std::vector<sf_array> in, out;
        std::vector<sf_shape> shapes, results(static_cast<size_t>(op.output_count));
        for (const Memory& memory : inputs) {
            in.push_back(memory.array);
            sf_shape shape{};
            shape.rank = memory.array.rank;
            std::memcpy(shape.size, memory.array.shape, sizeof(shape.size));
            shapes.push_back(shape);
        }
        const sf_status status = sf_infer(&op, shapes.data(), results.data());
        if (status != SF_OK) return status;
        outputs.clear();
        for (int32_t i = 0; i < op.output_count; ++i) {
            const sf_shape& shape = results[static_cast<size_t>(i)];
            outputs.push_back(
                allocate(arguments_.dtype(op.outputs[i]), {shape.size, shape.size + shape.rank}));
            out.push_back(outputs.back().array);
        }
        return call_op(op, in.data(), arguments_.attributes().data(), out.data(), threads);
    }

    void run_backward(std::vector<Memory>& results) {
        const sf_op_spec& half = *op_.backward;
        std::vector<Memory> inputs = std::move(arguments_.inputs()), gradients, again;
        for (int32_t i = 0; i < op_.output_count; ++i) {
            if ((op_.outputs[i].flags & SF_SAVED) != 0) {
                inputs.push_back(std::move(results[static_cast<size_t>(i)]));
            }
        }
        for (int32_t i = 0; i < op_.output_count; ++i) {
            if ((op_.outputs[i].flags & SF_DIFFERENTIABLE) == 0) continue;
            Memory upstream = allocate(arguments_.dtype(op_.outputs[i]),
                                       arguments_.shape_of(op_.outputs[i].shape));
            arguments_.fill_floats(upstream);
            inputs.push_back(std::move(upstream));
        }
        const sf_status status = call(half, inputs, gradients, 1);
        if (status != SF_OK) return check_refusal(half, status);
        if (call(half, inputs, again, 2) != SF_OK) fail(half.name, "refused the second time");
        check_equal(half, gradients, again);
        check_in_place(half, inputs, gradients);
    }

    // The gradient of a reusable input over that input.
    void check_in_place(const sf_op_spec& half, std::vector<Memory>& inputs,
                        const std::vector<Memory>& expected) {
        std::vector<sf_array> in, out;
        for (const Memory& memory : inputs) in.push_back(memory.array);
        std::vector<Memory> own;
        int32_t over = -1;
        for (int32_t o = 0; o < half.output_count; ++o) {
            const sf_array& like = expected[static_cast<size_t>(o)].array;
            own.push_back(allocate(like.dtype, {like.shape, like.shape + like.rank}));
            out.push_back(own.back().array);
            if ((half.outputs[o].flags & SF_REUSABLE) == 0) continue;
            out.back() = in[static_cast<size_t>(sf_gradient_source(&half, o))];
            over = o;
        }
        if (over < 0) return;
        if (call_op(half, in.data(), arguments_.attributes().data(), out.data(), 1) != SF_OK) {
            fail(half.name, "refused to write over its input");
        }
        const Memory& wanted = expected[static_cast<size_t>(over)];
        const void* data = out[static_cast<size_t>(over)].data;
        if (std::memcmp(data, wanted.bytes.get(), static_cast<size_t>(wanted.size)) != 0) {
            fail(half.name, "another gradient in place");
        }
    }

    static void check_refusal(const sf_op_spec& op, sf_status status) {
        if (status != SF_INVALID_ARGUMENT) fail(op.name, "failed in another way than a refusal");
        if (std::string(sf_last_error()).rfind(std::string(op.name) + ": ", 0) != 0) {
            fail(op.name, "refused without saying so");
        }
    }

    static void check_equal(const sf_op_spec& op, const std::vector<Memory>& a,
                            const std::vector<Memory>& b) {
        for (size_t i = 0; i < a.size(); ++i) {
            // What is saved may have gaps that are never written, all alike here.
            if (std::memcmp(a[i].bytes.get(), b[i].bytes.get(), static_cast<size_t>(a[i].size))) {
                fail(op.name, "another result with other threads");
            }
        }
    }

    const sf_op_spec& op_;
    RandomCall arguments_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Bytes bytes(data, size);
    const sf_op_spec* op = sf_op(static_cast<int32_t>(bytes.below(sf_op_count())));
    Scenario(*op, bytes).run();
    return 0;
}

#ifndef SEQFRONT_LIBFUZZER
void fuzz(const sf_op_spec& op, int runs, std::mt19937& random) {
    long refused = 0, done = 0;
    for (int run = 0; run < runs; ++run) {
        std::vector<uint8_t> data(20000);
        for (uint8_t& byte : data) byte = static_cast<uint8_t>(random());
        Bytes bytes(data.data(), data.size());
        Scenario(op, bytes).run();
        ++(sf_last_error()[0] == '\0' ? done : refused);
    }
    std::printf("%-20s computed %ld, refused %ld\n", op.name, done, refused);
}

int main(int argc, char** argv) {
    const int runs = argc > 1 ? std::atoi(argv[1]) : 2000;
    const std::string only = argc > 2 ? argv[2] : "all";
    on_cuda = argc > 3 && argv[3] == std::string("cuda");
    if (on_cuda) testing::use_host_device();
    std::mt19937 random(1);
    for (int32_t index = 0; index < sf_op_count(); ++index) {
        const sf_op_spec& op = *sf_op(index);
        if (only != "all" && only != op.name) continue;
        if (!on_cuda || sf_has_cuda_kernel(&op) != 0) fuzz(op, runs, random);
    }
    return 0;
}
#endif
