// How a half of an op becomes an entry of the table.
//
// A half is a class with run<T>(launcher, call), which puts kernels on the stream, and
// workspace<T, Launcher>(call), the bytes that they work in. T is the dtype of the op's first
// input; of an op without floating inputs it is int32_t.
#ifndef SEQFRONT_CUDA_KERNEL_HPP_
#define SEQFRONT_CUDA_KERNEL_HPP_

#include <vector>

#include "cpu/problem.hpp"
#include "cpu/status.hpp"
#include "cuda/launcher.hpp"
#include "cuda_table.hpp"

namespace seqfront {
namespace cuda {

template <class Half>
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

// `op` is the name of an op, or of its backward half.
template <class Half>
CudaKernel kernel(const char* op) {
    return {op, Entry<Half>::workspace, Entry<Half>::run};
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_KERNEL_HPP_
