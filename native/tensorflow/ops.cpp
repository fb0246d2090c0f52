// Every op of the library as TensorFlow graph ops, made from the library's own declarations.
//
// The op `ctc` becomes SeqfrontCtc, and its backward half SeqfrontCtcBackward. "T" is float,
// double, bfloat16 or half; "L" is double for double and float for all others. As TensorFlow cannot
// derive one type from another, L is an attribute of its own, and there are kernels for the four
// right pairs only: a wrong pair has no kernel and is refused as such. An optional input that is
// left out is a tensor of shape [0].
//
// The ops are stateless and have CPU kernels only. On a machine with GPUs they are placed on the
// CPU, by name where Python calls them and else by soft placement, and TensorFlow copies logits in
// and gradients out: right, never fast. TF_GetStream serves only pluggable devices, so that a CUDA
// kernel here would have to synchronise the device on both sides of each launch.
#include <cctype>
#include <string>
#include <utility>
#include <vector>

#include "kernel.hpp"
#include "shape_inference.hpp"

namespace seqfront::tensorflow {
namespace {

constexpr int kMaxOps = 64;  // with their backward halves

// Op `index` of the library: even ones are forward, odd ones backward halves (or null).
const sf_op_spec* op_at(int index) {
    const sf_op_spec* op = sf_op(index / 2);
    return op == nullptr || index % 2 == 0 ? op : op->backward;
}

std::string graph_name(const sf_op_spec& op) {
    std::string name = "Seqfront";
    bool upper = true;
    for (const char* at = op.name; *at != '\0'; ++at) {
        if (*at == '_') {
            upper = true;
            continue;
        }
        name += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(*at))) : *at;
        upper = false;
    }
    return name;
}

// Whether any array of the op has this type.
bool uses(const sf_op_spec& op, const char* type) {
    for (int32_t i = 0; i < op.input_count; ++i) {
        if (op.inputs[i].type == std::string(type)) return true;
    }
    for (int32_t i = 0; i < op.output_count; ++i) {
        if (op.outputs[i].type == std::string(type)) return true;
    }
    return false;
}

std::string type_in_graph(const char* type) {
    const std::string name = type;
    return name == "float32" ? "float" : name == "float64" ? "double" : name;
}

// With its default, so that a graph saved before there was the attribute still loads.
std::string graph_attribute(const sf_attribute_spec& attribute) {
    const std::string type = attribute.type;
    const std::string value = type == "bool" ? (attribute.fallback != 0 ? "true" : "false")
                              : type == "int"
                                  ? std::to_string(static_cast<int64_t>(attribute.fallback))
                                  : std::to_string(attribute.fallback);
    return attribute.name + (": " + type) + " = " + value;
}

int32_t dtype_of(TF_DataType type) {
    switch (type) {
        case TF_DOUBLE:
            return SF_FLOAT64;
        case TF_BFLOAT16:
            return SF_BFLOAT16;
        case TF_HALF:
            return SF_FLOAT16;
        case TF_INT32:
            return SF_INT32;
        default:
            return SF_FLOAT32;
    }
}

TF_DataType lattice_type(TF_DataType type) { return type == TF_DOUBLE ? TF_DOUBLE : TF_FLOAT; }

// -- kernels --------------------------------------------------------------------------------------

// What a node is: its op, the dtype of its "T", and its attributes.
struct Node {
    const sf_op_spec* op;
    TF_DataType element;
    std::vector<double> attributes;
    int32_t threads;

    TF_DataType type(const sf_array_spec& spec) const {
        const std::string name = spec.type;
        if (name == "T") return element;
        if (name == "L") return lattice_type(element);
        return name == "int32" ? TF_INT32 : name == "float64" ? TF_DOUBLE : TF_FLOAT;
    }
};

template <int kIndex>
void* create(TF_OpKernelConstruction* context) {
    Attributes read(context);
    Node node{op_at(kIndex), TF_FLOAT, {}, 0};
    if (uses(*node.op, "T")) node.element = read.type("T");
    for (int32_t i = 0; i < node.op->attribute_count; ++i) {
        const sf_attribute_spec& spec = node.op->attributes[i];
        const std::string type = spec.type;
        node.attributes.push_back(type == "bool"  ? read.flag(spec.name)
                                  : type == "int" ? static_cast<double>(read.integer(spec.name))
                                                  : static_cast<double>(read.number(spec.name)));
    }
    node.threads = read.small_integer("threads");
    return read.finish() ? new Node(node) : nullptr;
}

void destroy(void* node) { delete static_cast<Node*>(node); }

sf_array array_of(const Tensor& tensor, TF_DataType type) {
    sf_array array{};
    const sf_shape shape = tensor.shape();
    array.data = tensor.data();
    array.dtype = dtype_of(type);
    array.rank = shape.rank;
    int64_t stride = 1;
    for (int32_t axis = shape.rank < SF_MAX_RANK ? shape.rank : SF_MAX_RANK; axis-- > 0;) {
        array.shape[axis] = shape.size[axis];
        array.stride[axis] = stride;
        stride *= shape.size[axis] > 1 ? shape.size[axis] : 1;
    }
    return array;
}

// The input that output `index` may be written over; -1 if there is none.
int reusable_input(const sf_op_spec& op, int32_t index) {
    const bool reusable = (op.outputs[index].flags & SF_REUSABLE) != 0;
    return reusable ? sf_gradient_source(&op, index) : -1;
}

void compute(void* state, TF_OpKernelContext* context) {
    const Node& node = *static_cast<const Node*>(state);
    const sf_op_spec& op = *node.op;
    Run run(context);
    std::vector<Tensor> inputs(static_cast<size_t>(op.input_count));
    std::vector<Tensor> outputs(static_cast<size_t>(op.output_count));
    std::vector<sf_shape> shapes, results(outputs.size());
    std::vector<sf_array> in, out;
    for (int32_t i = 0; i < op.input_count; ++i) {
        Tensor& tensor = inputs[static_cast<size_t>(i)];
        if (!run.input(i, tensor)) return;
        shapes.push_back(tensor.shape());
        in.push_back(array_of(tensor, node.type(op.inputs[i])));
    }
    if (!run.check(sf_infer(&op, shapes.data(), results.data()))) return;
    for (int32_t i = 0; i < op.output_count; ++i) {
        const auto at = static_cast<size_t>(i);
        const TF_DataType type = node.type(op.outputs[i]);
        const int over = reusable_input(op, i);
        if (over < 0) {
            if (!run.output(i, type, results[at], outputs[at])) return;
        } else {
            // Write over the input where this node is its last user; our own reference would hide
            // that from TensorFlow.
            Tensor& input = inputs[static_cast<size_t>(over)];
            bool reused = false;
            input.reset(nullptr);
            if (!run.output_over_input(i, over, results[at], outputs[at], reused)) return;
            if (!reused && !run.input(over, input)) return;
            in[static_cast<size_t>(over)] = array_of(reused ? outputs[at] : input, type);
        }
        out.push_back(array_of(outputs[at], type));
    }
    run.check(sf_call(&op, in.data(), node.attributes.data(), out.data(), node.threads));
}

// -- shapes ---------------------------------------------------------------------------------------

template <int kIndex>
void infer(TF_ShapeInferenceContext* context, TF_Status* status) {
    const sf_op_spec& op = *op_at(kIndex);
    ShapeInference inference(context, status);
    std::vector<sf_shape> inputs, outputs(static_cast<size_t>(op.output_count));
    for (int32_t i = 0; i < op.input_count; ++i) inputs.push_back(inference.shape(i));
    if (!inference.ok()) return;
    if (sf_infer(&op, inputs.data(), outputs.data()) != SF_OK) {
        inference.fail(sf_last_error());
        return;
    }
    for (int32_t i = 0; i < op.output_count; ++i) {
        inference.set(i, outputs[static_cast<size_t>(i)], inputs);
    }
}

// -- registration ---------------------------------------------------------------------------------

void define(const sf_op_spec& op, void (*infer_shapes)(TF_ShapeInferenceContext*, TF_Status*)) {
    const std::string name = graph_name(op);
    TF_OpDefinitionBuilder* builder = TF_NewOpDefinitionBuilder(name.c_str());
    const auto attribute = [&](const std::string& spec) {
        TF_OpDefinitionBuilderAddAttr(builder, spec.c_str());
    };
    if (uses(op, "T")) attribute("T: {float, double, bfloat16, half}");
    if (uses(op, "L")) attribute("L: {float, double}");
    for (int32_t i = 0; i < op.attribute_count; ++i) {
        attribute(graph_attribute(op.attributes[i]));
    }
    attribute("threads: int >= 0 = 0");
    for (int32_t i = 0; i < op.input_count; ++i) {
        const std::string spec = op.inputs[i].name + (": " + type_in_graph(op.inputs[i].type));
        TF_OpDefinitionBuilderAddInput(builder, spec.c_str());
    }
    for (int32_t i = 0; i < op.output_count; ++i) {
        const std::string spec = op.outputs[i].name + (": " + type_in_graph(op.outputs[i].type));
        TF_OpDefinitionBuilderAddOutput(builder, spec.c_str());
    }
    TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, infer_shapes);
    const Status status;
    TF_RegisterOpDefinition(builder, status.get());
    report_refusal(name.c_str(), status);
}

void register_kernel(const sf_op_spec& op, TF_DataType type,
                     void* (*create_node)(TF_OpKernelConstruction*)) {
    const std::string name = graph_name(op);
    TF_KernelBuilder* builder =
        TF_NewKernelBuilder(name.c_str(), "CPU", create_node, compute, destroy);
    const Status status;
    if (uses(op, "T")) TF_KernelBuilder_TypeConstraint(builder, "T", type, status.get());
    if (uses(op, "L")) {
        TF_KernelBuilder_TypeConstraint(builder, "L", lattice_type(type), status.get());
    }
    TF_RegisterKernelBuilder(name.c_str(), builder, status.get());
    report_refusal(name.c_str(), status);
}

template <int kIndex>
void register_op() {
    const sf_op_spec* op = op_at(kIndex);
    if (op == nullptr) return;
    define(*op, infer<kIndex>);
    for (const TF_DataType type : {TF_FLOAT, TF_DOUBLE, TF_BFLOAT16, TF_HALF}) {
        if (type == TF_FLOAT || uses(*op, "T")) register_kernel(*op, type, create<kIndex>);
    }
}

template <int... kIndices>
bool register_all(std::integer_sequence<int, kIndices...>) {
    (register_op<kIndices>(), ...);
    return true;
}

[[maybe_unused]] const bool registered = register_all(std::make_integer_sequence<int, kMaxOps>());

}  // namespace
}  // namespace seqfront::tensorflow
