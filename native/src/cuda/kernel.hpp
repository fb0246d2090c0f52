// How a half of an op becomes an entry of the table.
//
// A half is a class with run<T>(launcher, call), which puts kernels on the stream, and
// workspace<T, Launcher>(call), the bytes that they work in. T is what the op declares as "T",
// wherever among its inputs that stands. An op that declares none, and is over integers alone, has
// int32_t: `integer_kernel` lists its half.
#ifndef SEQFRONT_CUDA_KERNEL_HPP_
#define SEQFRONT_CUDA_KERNEL_HPP_

#include <string>
#include <vector>

#include "cpu/problem.hpp"
#include "cpu/status.hpp"
#include "cuda/launcher.hpp"
#include "cuda_table.hpp"
#include "op.hpp"

namespace seqfront {
namespace cuda {

// The dtypes that a half is compiled for, and which of them a call has.
struct Floats {
    template <class Body>
    static void with_element(const CudaCall& of, Body&& body) {
        for (int32_t i = 0; i < of.spec->input_count; ++i) {
            const sf_array_spec& spec = of.spec->inputs[i];
            if (spec.type != std::string("T") || left_out(spec, shape_of(of.inputs[i]))) continue;
            return with_element_type(of.inputs[i].dtype, body);
        }
    }
};
struct Integers {
    template <class Body>
    static void with_element(const CudaCall&, Body&& body) {
        body(int32_t{});
    }
};

template <class Half, class Elements>
struct Entry {
    static sf_status run(const CudaCall& of) {
        return guarded([&] {
            const Launcher launcher(of.device, of.stream);
            const Call call = call_of(of);
            Elements::with_element(
                of, [&](auto element) { Half::template run<decltype(element)>(launcher, call); });
        });
    }

    static sf_status workspace(const CudaCall& of, int64_t* bytes) {
        return guarded([&] {
            const Call call = call_of(of);
            Elements::with_element(of, [&](auto element) {
                *bytes = Half::template workspace<decltype(element), Launcher>(call);
            });
        });
    }

  private:
    static Call call_of(const CudaCall& of) {
        return Call(*of.spec, of.inputs, of.attributes, of.outputs, 0, of.workspace);
    }
};

// `op` is the name of an op, or of its backward half.
template <class Half>
CudaKernel kernel(const char* op) {
    using Listed = Entry<Half, Floats>;
    return {op, Listed::workspace, Listed::run};
}
template <class Half>
CudaKernel integer_kernel(const char* op) {
    using Listed = Entry<Half, Integers>;
    return {op, Listed::workspace, Listed::run};
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_KERNEL_HPP_
