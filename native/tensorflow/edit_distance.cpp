// SeqfrontEditDistance: the Levenshtein distance as a TensorFlow graph op, without gradient.

#include "kernel.hpp"
#include "shape_inference.hpp"

namespace seqfront::tensorflow {
namespace {

constexpr const char* kOp = "SeqfrontEditDistance";

enum Input { kA, kALengths, kB, kBLengths, kInputs };

bool check_inputs(const Dims* inputs, Message& message) {
    const Dims& a = inputs[kA];
    const Dims per_sequence{1, {a.size[0]}};
    return expect(kOp, "a", a, "[batch, a_labels]", Dims{2}, message) &&
           expect(kOp, "a_lengths", inputs[kALengths], "[batch]", per_sequence, message) &&
           expect(kOp, "b", inputs[kB], "[batch, b_labels]", Dims{2, {a.size[0], kUnknown}},
                  message) &&
           expect(kOp, "b_lengths", inputs[kBLengths], "[batch]", per_sequence, message);
}

void infer(TF_ShapeInferenceContext* context, TF_Status* status) {
    ShapeInference inference(context, status);
    Dims inputs[kInputs];
    for (int i = 0; i < kInputs; ++i) inputs[i] = inference.dims(i);
    Message message;
    if (!check_inputs(inputs, message)) inference.fail(message);
    inference.set_prefix(0, kA, 2, 1);
}

// A kernel's only state is its number of threads.
void* create(TF_OpKernelConstruction* context) {
    Attributes attributes(context);
    const int32_t threads = attributes.small_integer("threads");
    return attributes.finish() ? new int32_t(threads) : nullptr;
}

void destroy(void* kernel) { delete static_cast<int32_t*>(kernel); }

void compute(void* kernel, TF_OpKernelContext* context) {
    Run run(context);
    Tensor inputs[kInputs], distance;
    Dims dims[kInputs];
    for (int i = 0; i < kInputs; ++i) {
        if (!run.input(i, inputs[i])) return;
        dims[i] = inputs[i].dims();
    }
    Message message;
    if (!check_inputs(dims, message)) {
        run.fail(message);
        return;
    }
    const int64_t batch = dims[kA].size[0], a_size = dims[kA].size[1], b_size = dims[kB].size[1];
    if (!run.output(0, TF_INT32, Dims{1, {batch}}, distance)) return;
    run.check(sf_edit_distance(batch, inputs[kA].data<const int32_t>(), a_size, a_size,
                               inputs[kALengths].data<const int32_t>(),
                               inputs[kB].data<const int32_t>(), b_size, b_size,
                               inputs[kBLengths].data<const int32_t>(), distance.data<int32_t>(),
                               *static_cast<const int32_t*>(kernel)));
}

bool register_all() {
    define_op(kOp, {"a: int32", "a_lengths: int32", "b: int32", "b_lengths: int32"},
              {"distance: int32"}, {"threads: int >= 0 = 0"}, infer);
    const Status status;
    TF_RegisterKernelBuilder(kOp, TF_NewKernelBuilder(kOp, "CPU", create, compute, destroy),
                             status.get());
    report_refusal(kOp, status);
    return true;
}

[[maybe_unused]] const bool registered = register_all();

}  // namespace
}  // namespace seqfront::tensorflow
