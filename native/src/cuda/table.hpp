// All CUDA kernels by the names of their ops, over a launcher: of the device, or of the tests.
#ifndef SEQFRONT_CUDA_KERNEL_TABLE_HPP_
#define SEQFRONT_CUDA_KERNEL_TABLE_HPP_

#include "cpu/status.hpp"
#include "cuda/ctc/ctc.hpp"
#include "cuda/transducer/rnnt.hpp"
#include "cuda_table.hpp"

namespace seqfront {
namespace cuda {

// The functions of one half of an op for the table. T is the dtype of the first input.
template <class Half, class Launcher>
struct Entry {
    static sf_status run(const CudaCall& of) {
        return guarded([&] {
            const Launcher launcher(of.device, of.stream);
            with_call(of, [&](const Call& call, auto element) {
                Half::template run<decltype(element)>(launcher, call);
            });
        });
    }

    static sf_status workspace(const CudaCall& of, int64_t* bytes) {
        return guarded([&] {
            with_call(of, [&](const Call& call, auto element) {
                *bytes = Half::template workspace<decltype(element), Launcher>(call);
            });
        });
    }

  private:
    template <class Body>
    static void with_call(const CudaCall& of, Body&& body) {
        const Call call(*of.spec, of.inputs, of.attributes, of.outputs, 0, of.workspace);
        with_element_type(of.inputs[0].dtype, [&](auto element) { body(call, element); });
    }
};

template <class Half, class Launcher>
constexpr CudaKernel entry(const char* op) {
    return {op, Entry<Half, Launcher>::workspace, Entry<Half, Launcher>::run};
}

template <class Launcher>
const CudaTable& kernel_table() {
    static const CudaKernel kernels[] = {
        entry<CtcForward, Launcher>("ctc"),
        entry<CtcBackward, Launcher>("ctc_backward"),
        entry<RnntForward, Launcher>("rnnt"),
        entry<RnntBackward, Launcher>("rnnt_backward"),
        entry<RnntForward, Launcher>("rnnt_packed"),
        entry<RnntBackward, Launcher>("rnnt_packed_backward"),
    };
    static const CudaTable table = {SEQFRONT_VERSION, kernels,
                                    static_cast<int32_t>(sizeof(kernels) / sizeof(*kernels)),
                                    last_error};
    return table;
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_KERNEL_TABLE_HPP_
