// The generic half of the C ABI: the declarations of all ops, and the checked way to run one.
#include <cmath>
#include <cstring>
#include <memory>

#include "cpu/problem.hpp"
#include "cuda_library.hpp"
#include "op.hpp"
#include "op_shapes.hpp"
#include "status.hpp"

namespace seqfront {
namespace {

// The declarations of an op and of its backward half, as plain structs.
class Declaration {
  public:
    explicit Declaration(const Op& op)
        : op_(op), backward_name_(op.name + std::string("_backward")) {
        forward_ = spec_of(op.name, op.inputs, op.outputs);
        if (op.backward == nullptr) return;
        for (const sf_array_spec& input : op.inputs) backward_inputs_.push_back(input);
        for (const sf_array_spec& output : op.outputs) {
            if ((output.flags & SF_SAVED) != 0) backward_inputs_.push_back(plain(output));
        }
        for (const sf_array_spec& output : op.outputs) {
            if ((output.flags & SF_DIFFERENTIABLE) != 0) {
                backward_inputs_.push_back(gradient_of(output, 0));
            }
        }
        for (const sf_array_spec& input : op.inputs) {
            if ((input.flags & SF_DIFFERENTIABLE) != 0) {
                backward_outputs_.push_back(gradient_of(input, input.flags & ~SF_DIFFERENTIABLE));
            }
        }
        backward_ = spec_of(backward_name_.c_str(), backward_inputs_, backward_outputs_);
        forward_.backward = &backward_;
    }
    Declaration(const Declaration&) = delete;
    Declaration& operator=(const Declaration&) = delete;

    const sf_op_spec& forward() const { return forward_; }
    const sf_op_spec* backward() const { return forward_.backward; }

    // Null if `spec` is none of this op.
    Run run(const sf_op_spec* spec) const {
        if (spec == &forward_) return op_.forward;
        return spec == &backward_ ? op_.backward : nullptr;
    }

  private:
    sf_op_spec spec_of(const char* name, const std::vector<sf_array_spec>& inputs,
                       const std::vector<sf_array_spec>& outputs) const {
        return {name,
                static_cast<int32_t>(inputs.size()),
                static_cast<int32_t>(outputs.size()),
                static_cast<int32_t>(op_.attributes.size()),
                inputs.data(),
                outputs.data(),
                op_.attributes.data(),
                nullptr};
    }

    static sf_array_spec plain(sf_array_spec spec) {
        spec.flags = 0;
        return spec;
    }

    sf_array_spec gradient_of(sf_array_spec spec, int32_t flags) {
        names_.push_back(std::make_unique<std::string>(std::string("grad_") + spec.name));
        spec.name = names_.back()->c_str();
        spec.flags = flags;
        return spec;
    }

    const Op& op_;
    std::string backward_name_;
    std::vector<std::unique_ptr<std::string>> names_;
    std::vector<sf_array_spec> backward_inputs_, backward_outputs_;
    sf_op_spec forward_{}, backward_{};
};

const std::vector<std::unique_ptr<Declaration>>& declarations() {
    static const auto all = [] {
        std::vector<std::unique_ptr<Declaration>> made;
        for (const Op* op : all_ops()) {
            made.push_back(std::make_unique<Declaration>(*op));
            remember(made.back()->forward());
            if (op->backward != nullptr) remember(*made.back()->backward());
        }
        return made;
    }();
    return all;
}

// -- checks of one call ---------------------------------------------------------------------------

struct Dtypes {
    int32_t element = -1;  // of all "T", once one is seen
};

const char* const kDtypeNames[] = {"float32", "float64", "bfloat16", "float16", "int32"};

bool is_floating(int32_t dtype) { return dtype >= SF_FLOAT32 && dtype <= SF_FLOAT16; }

void check_dtype(const char* op, const sf_array_spec& spec, const sf_array& array, Dtypes& seen) {
    const std::string type = spec.type;
    const int32_t came = array.dtype;
    if (came < SF_FLOAT32 || came > SF_INT32) {
        invalid("%s: %s has dtype %d, needed 0..4", op, spec.name, came);
    }
    std::string needed = type;
    if (type == "T") {
        if (seen.element < 0 && is_floating(came)) seen.element = came;
        needed = seen.element < 0 ? "a floating type" : kDtypeNames[seen.element];
    } else if (type == "L") {
        needed = seen.element == SF_FLOAT64 ? "float64" : "float32";
    }
    if (needed != kDtypeNames[came]) {
        invalid("%s: %s is %s, needed %s", op, spec.name, kDtypeNames[came], needed.c_str());
    }
}

// Sizes, strides and pointer of an array. Whether it has elements.
void check_memory(const char* op, const sf_array_spec& spec, const sf_array& array, bool written) {
    if (array.rank < 0 || array.rank > SF_MAX_RANK) {
        invalid("%s: %s has rank %d, needed 0..%d", op, spec.name, array.rank, SF_MAX_RANK);
    }
    int64_t count = 1, dense = 1;
    bool empty = false;
    for (int32_t i = array.rank; i-- > 0;) {
        const int64_t size = array.shape[i];
        if (size < 0) invalid("%s: %s has a negative size", op, spec.name);
        const bool overflow = __builtin_mul_overflow(count, size > 0 ? size : 1, &count);
        if (overflow || count > kMaxElements) {
            invalid("%s: %s is too large: more than 2^56 elements", op, spec.name);
        }
        empty = empty || size == 0;
    }
    if (empty) return;
    if (array.data == nullptr) invalid("%s: %s is a null pointer", op, spec.name);
    const bool strided = (spec.flags & SF_STRIDED) != 0;
    for (int32_t i = array.rank; i-- > 0;) {
        const bool free = strided && i < array.rank - 1;
        if (array.shape[i] > 1 && !free && array.stride[i] != dense) {
            invalid("%s: %s has stride %lld along axis %d, needed %lld", op, spec.name,
                    static_cast<long long>(array.stride[i]), i, static_cast<long long>(dense));
        }
        if (array.shape[i] > 1 && written && array.stride[i] == 0) {
            invalid("%s: %s has stride 0 along axis %d: gradients must not overlap", op, spec.name,
                    i);
        }
        dense *= array.shape[i];
    }
}

// A gradient over its own input needs the strides of that.
void check_reuse(const sf_op_spec& op, const sf_array* inputs, const sf_array* outputs) {
    for (int32_t o = 0; o < op.output_count; ++o) {
        for (int32_t i = 0; i < op.input_count; ++i) {
            if (outputs[o].data == nullptr || outputs[o].data != inputs[i].data) continue;
            const bool own =
                (op.outputs[o].flags & SF_REUSABLE) != 0 && gradient_source(op, o) == i;
            if (!own) invalid("%s: %s overlaps %s", op.name, op.outputs[o].name, op.inputs[i].name);
            for (int32_t axis = 0; axis < inputs[i].rank; ++axis) {
                if (inputs[i].shape[axis] > 1 &&
                    inputs[i].stride[axis] != outputs[o].stride[axis]) {
                    invalid("%s: %s has other strides than %s, which it overwrites", op.name,
                            op.outputs[o].name, op.inputs[i].name);
                }
            }
        }
    }
}

void check_attributes(const sf_op_spec& op, const double* values) {
    for (int32_t i = 0; i < op.attribute_count; ++i) {
        const std::string type = op.attributes[i].type;
        const double value = values[i];
        const bool fits = type == "float"  ? !std::isnan(value)
                          : type == "bool" ? value == 0 || value == 1
                                           : std::abs(value) < 0x1p53 && value == std::floor(value);
        if (!fits) {
            invalid("%s: %s is %g, needed %s", op.name, op.attributes[i].name, value,
                    type == "float"  ? "a number"
                    : type == "bool" ? "0 or 1"
                                     : "a whole number");
        }
    }
}

void check_outputs(const sf_op_spec& op, const sf_array* outputs, const sf_shape* wanted) {
    for (int32_t i = 0; i < op.output_count; ++i) {
        bool fits = outputs[i].rank == wanted[i].rank;
        for (int32_t axis = 0; fits && axis < wanted[i].rank; ++axis) {
            fits = outputs[i].shape[axis] == wanted[i].size[axis];
        }
        if (!fits && !(is_empty(outputs[i]) && wanted[i].rank == 1 && wanted[i].size[0] == 0)) {
            invalid("%s: %s has the wrong shape for [%s]", op.name, op.outputs[i].name,
                    op.outputs[i].shape);
        }
    }
}

void check_call(const sf_op_spec& op, const sf_array* inputs, const double* attributes,
                const sf_array* outputs) {
    std::vector<sf_shape> shapes, results(static_cast<size_t>(op.output_count));
    Dtypes seen;
    for (int32_t i = 0; i < op.input_count; ++i) {
        check_memory(op.name, op.inputs[i], inputs[i], false);
        shapes.push_back(shape_of(inputs[i]));
        if (!left_out(op.inputs[i], shapes.back())) {
            check_dtype(op.name, op.inputs[i], inputs[i], seen);
        }
    }
    infer(op, shapes.data(), results.data());
    check_outputs(op, outputs, results.data());
    for (int32_t i = 0; i < op.output_count; ++i) {
        check_memory(op.name, op.outputs[i], outputs[i], true);
        if (!is_empty(outputs[i])) check_dtype(op.name, op.outputs[i], outputs[i], seen);
    }
    check_reuse(op, inputs, outputs);
    check_attributes(op, attributes);
}

// -- what runs a call -----------------------------------------------------------------------------

Run find_run(const sf_op_spec* op, const char* function) {
    for (const auto& declaration : declarations()) {
        const Run run = declaration->run(op);
        if (run != nullptr) return run;
    }
    invalid("%s: op is none of sf_op or sf_find_op", function);
}

const CudaKernel& find_cuda_kernel(const sf_op_spec* op, const char* function) {
    find_run(op, function);
    const CudaLibrary& library = cuda_library();
    if (library.table == nullptr) throw Failed(SF_UNAVAILABLE, library.reason);
    const CudaKernel* const kernel = library.find(op->name);
    if (kernel != nullptr) return *kernel;
    throw Failed(SF_UNAVAILABLE, op->name + std::string(": it has no CUDA kernel yet"));
}

// The status of a call into the library of CUDA kernels.
void passed_on(sf_status status) {
    if (status != SF_OK) throw Failed(status, cuda_library().table->last_error());
}

}  // namespace

}  // namespace seqfront

using namespace seqfront;

int32_t sf_op_count(void) { return static_cast<int32_t>(declarations().size()); }

const sf_op_spec* sf_op(int32_t index) {
    if (index < 0 || index >= sf_op_count()) return nullptr;
    return &declarations()[static_cast<size_t>(index)]->forward();
}

const sf_op_spec* sf_find_op(const char* name) {
    for (const auto& declaration : declarations()) {
        if (std::strcmp(declaration->forward().name, name) == 0) return &declaration->forward();
        const sf_op_spec* backward = declaration->backward();
        if (backward != nullptr && std::strcmp(backward->name, name) == 0) return backward;
    }
    return nullptr;
}

int32_t sf_gradient_source(const sf_op_spec* op, int32_t output) {
    return gradient_source(*op, output);
}

sf_status sf_infer(const sf_op_spec* op, const sf_shape* inputs, sf_shape* outputs) {
    return guarded([&] { infer(*op, inputs, outputs); });
}

sf_status sf_call(const sf_op_spec* op, const sf_array* inputs, const double* attributes,
                  const sf_array* outputs, int32_t threads) {
    return guarded([&] {
        const Run run = find_run(op, "sf_call");
        check_threads(op->name, threads);
        check_call(*op, inputs, attributes, outputs);
        run(Call(*op, inputs, attributes, outputs, threads));
    });
}

int32_t sf_has_cuda(void) {
    const CudaLibrary& library = cuda_library();
    set_last_error(library.reason.c_str());
    return library.table != nullptr ? 1 : 0;
}

int32_t sf_has_cuda_kernel(const sf_op_spec* op) {
    return cuda_library().find(op->name) != nullptr ? 1 : 0;
}

sf_status sf_cuda_workspace(const sf_op_spec* op, const sf_array* inputs, const double* attributes,
                            const sf_array* outputs, int64_t* bytes) {
    return guarded([&] {
        const CudaKernel& kernel = find_cuda_kernel(op, "sf_cuda_workspace");
        check_call(*op, inputs, attributes, outputs);
        passed_on(kernel.workspace({op, inputs, attributes, outputs, nullptr, 0, nullptr}, bytes));
    });
}

sf_status sf_call_cuda(const sf_op_spec* op, const sf_array* inputs, const double* attributes,
                       const sf_array* outputs, void* workspace, int32_t device, void* stream) {
    return guarded([&] {
        const CudaKernel& kernel = find_cuda_kernel(op, "sf_call_cuda");
        check_call(*op, inputs, attributes, outputs);
        passed_on(kernel.run({op, inputs, attributes, outputs, workspace, device, stream}));
    });
}
