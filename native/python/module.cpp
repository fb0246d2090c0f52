// seqfront._native: the C ABI for Python. The only file that knows Python.
//
// Arrays come as (address, dtype, shape, strides), strides in elements: the callers have checked
// their tensors already, and this way a call costs less than wrapping each array would. The
// interpreter lock is released while a kernel runs.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "seqfront/seqfront.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

// Each item is an array (address, dtype, shape, strides), or None.
using Arrays = nb::typed<nb::sequence, nb::object>;
using ArraySpec = std::tuple<std::string, std::string, std::string, int32_t>;
using AttributeSpec = std::tuple<std::string, std::string, double>;
using OpSpec = std::tuple<std::string, std::vector<ArraySpec>, std::vector<ArraySpec>,
                          std::vector<AttributeSpec>, bool>;

// Raises what went wrong.
void check(sf_status status) {
    switch (status) {
        case SF_OK:
            return;
        case SF_INVALID_ARGUMENT:
            throw nb::value_error(sf_last_error());
        case SF_OUT_OF_MEMORY:
            throw std::bad_alloc();
        default:
            throw std::runtime_error(sf_last_error());
    }
}

std::vector<ArraySpec> array_specs(const sf_array_spec* specs, int32_t count) {
    std::vector<ArraySpec> list;
    for (int32_t i = 0; i < count; ++i) {
        list.emplace_back(specs[i].name, specs[i].type, specs[i].shape, specs[i].flags);
    }
    return list;
}

OpSpec op_spec(const sf_op_spec& op) {
    std::vector<AttributeSpec> attributes;
    for (int32_t i = 0; i < op.attribute_count; ++i) {
        const sf_attribute_spec& attribute = op.attributes[i];
        attributes.emplace_back(attribute.name, attribute.type, attribute.fallback);
    }
    return {op.name, array_specs(op.inputs, op.input_count),
            array_specs(op.outputs, op.output_count), attributes, op.backward != nullptr};
}

std::vector<OpSpec> ops() {
    std::vector<OpSpec> list;
    for (int32_t i = 0; i < sf_op_count(); ++i) {
        list.push_back(op_spec(*sf_op(i)));
        if (sf_op(i)->backward != nullptr) list.push_back(op_spec(*sf_op(i)->backward));
    }
    return list;
}

sf_array array_of(nb::handle item) {
    if (item.is_none()) {
        sf_array left_out{};
        left_out.rank = 1;
        return left_out;
    }
    const nb::tuple fields = nb::borrow<nb::tuple>(item);
    sf_array array{};
    array.data = reinterpret_cast<void*>(nb::cast<uintptr_t>(fields[0]));
    array.dtype = nb::cast<int32_t>(fields[1]);
    const nb::tuple shape = nb::cast<nb::tuple>(fields[2]);
    const nb::tuple strides = nb::cast<nb::tuple>(fields[3]);
    if (shape.size() > SF_MAX_RANK || strides.size() != shape.size()) {
        throw nb::value_error("an array has too many axes, or not as many strides");
    }
    array.rank = static_cast<int32_t>(shape.size());
    for (size_t i = 0; i < shape.size(); ++i) {
        array.shape[i] = nb::cast<int64_t>(shape[i]);
        array.stride[i] = nb::cast<int64_t>(strides[i]);
    }
    return array;
}

std::vector<sf_array> arrays_of(const Arrays& list, int32_t count, const char* what) {
    std::vector<sf_array> arrays;
    for (nb::handle item : list) arrays.push_back(array_of(item));
    if (arrays.size() != static_cast<size_t>(count)) {
        throw nb::value_error((std::string("the op has another number of ") + what).c_str());
    }
    return arrays;
}

const sf_op_spec& find_op(const char* name) {
    const sf_op_spec* op = sf_find_op(name);
    if (op == nullptr) throw nb::value_error((std::string("no op is called ") + name).c_str());
    return *op;
}

// A call with its arrays, ready to be made.
struct Prepared {
    Prepared(const char* name, const Arrays& inputs, std::vector<double> attributes,
             const Arrays& outputs)
        : op(&find_op(name)),
          in(arrays_of(inputs, op->input_count, "inputs")),
          out(arrays_of(outputs, op->output_count, "outputs")),
          attributes(std::move(attributes)) {
        if (this->attributes.size() != static_cast<size_t>(op->attribute_count)) {
            throw nb::value_error("the op has another number of attributes");
        }
    }

    // function(op, inputs, attributes, outputs), which is one of the C ABI.
    template <class Function>
    sf_status through(Function&& function) const {
        return function(op, in.data(), attributes.data(), out.data());
    }

    const sf_op_spec* op;
    std::vector<sf_array> in, out;
    std::vector<double> attributes;
};

// Calls function(op, inputs, attributes, outputs) without the lock.
template <class Function>
void with_arrays(const char* name, const Arrays& inputs, const std::vector<double>& attributes,
                 const Arrays& outputs, Function&& function) {
    const Prepared prepared(name, inputs, attributes, outputs);
    sf_status status;
    {
        nb::gil_scoped_release release;
        status = prepared.through(function);
    }
    check(status);
}

void call(const char* name, const Arrays& inputs, const std::vector<double>& attributes,
          const Arrays& outputs, int32_t threads) {
    with_arrays(name, inputs, attributes, outputs,
                [&](auto... arrays) { return sf_call(arrays..., threads); });
}

// Calls that are made again and again on the same memory: nothing is read from Python but once.
class Program {
  public:
    using Step = std::tuple<std::string, Arrays, std::vector<double>, Arrays>;

    explicit Program(const std::vector<Step>& steps) {
        for (const auto& [name, inputs, attributes, outputs] : steps) {
            calls_.emplace_back(name.c_str(), inputs, attributes, outputs);
        }
    }

    void run(int32_t threads) const {
        sf_status status = SF_OK;
        {
            nb::gil_scoped_release release;
            for (const Prepared& prepared : calls_) {
                status = prepared.through(
                    [threads](auto... arrays) { return sf_call(arrays..., threads); });
                if (status != SF_OK) break;
            }
        }
        check(status);
    }

  private:
    std::vector<Prepared> calls_;
};

std::string cuda_missing() { return sf_has_cuda() != 0 ? "" : sf_last_error(); }

int64_t cuda_workspace(const char* name, const Arrays& inputs,
                       const std::vector<double>& attributes, const Arrays& outputs) {
    int64_t bytes = 0;
    with_arrays(name, inputs, attributes, outputs,
                [&](auto... arrays) { return sf_cuda_workspace(arrays..., &bytes); });
    return bytes;
}

void call_cuda(const char* name, const Arrays& inputs, const std::vector<double>& attributes,
               const Arrays& outputs, uintptr_t workspace, int32_t device, uintptr_t stream) {
    with_arrays(name, inputs, attributes, outputs, [&](auto... arrays) {
        return sf_call_cuda(arrays..., reinterpret_cast<void*>(workspace), device,
                            reinterpret_cast<void*>(stream));
    });
}

}  // namespace

NB_MODULE(_native, m) {
    m.doc() = "Kernels of seqfront over raw memory; use `seqfront.native` and the losses instead.";
    m.def("ops", &ops,
          "Declarations of all ops and their backward halves: (name, inputs,\n"
          "outputs, attributes, has a backward half).\n"
          "An input or output is (name, type, shape, flags), an attribute (name, type, default);\n"
          "see seqfront.h for what they mean.");
    m.def("call", &call, "op"_a, "inputs"_a, "attributes"_a, "outputs"_a, "threads"_a = 0,
          "Run an op, or `<op>_backward`, on arrays (address, dtype, shape, strides in elements),\n"
          "or None for an optional input. dtype: 0 float32, 1 float64, 2 bfloat16, 3 float16,\n"
          "4 int32. `threads` 0 is the default. Raises ValueError for arguments that make no\n"
          "sense.");
    nb::class_<Program>(m, "Program",
                        "Calls of ops, one after another, on memory that stays where it is: it has "
                        "to live as\nlong as the program. Each is what `call` takes.")
        .def(nb::init<const std::vector<Program::Step>&>(), "steps"_a)
        .def("__call__", &Program::run, "threads"_a = 0,
             "Make them; the first that fails raises, as `call` does.");
    m.def("cuda_missing", &cuda_missing,
          "Why there are no CUDA kernels; empty if there are. The first call loads them.");
    m.def(
        "has_cuda_kernel", [](const char* op) { return sf_has_cuda_kernel(&find_op(op)) != 0; },
        "op"_a, "Whether an op, or `<op>_backward`, has a CUDA kernel.");
    m.def("cuda_workspace", &cuda_workspace, "op"_a, "inputs"_a, "attributes"_a, "outputs"_a,
          "Bytes of memory of the device that `call_cuda` works in for these arrays.");
    m.def("call_cuda", &call_cuda, "op"_a, "inputs"_a, "attributes"_a, "outputs"_a, "workspace"_a,
          "device"_a, "stream"_a,
          "Run an op on a stream (the address of a cudaStream_t) of a device. Addresses are of\n"
          "memory of that device, the workspace at a multiple of 256. Returns at once.");
    m.def("version", &sf_version, "Version of the library.");
    m.def("isa", &sf_isa, "Instruction set of the kernels: 'baseline', 'avx2' or 'avx512'.");
    m.def(
        "set_isa", [](const char* name) { check(sf_set_isa(name)); }, "name"_a,
        "Use another instruction set that this processor has; for tests and benchmarks.");
    m.def("default_threads", &sf_default_threads, "Threads of a call that asks for 0.");
    m.def(
        "set_default_threads", [](int32_t threads) { check(sf_set_default_threads(threads)); },
        "threads"_a, "Set the threads of a call that asks for 0.");
}
