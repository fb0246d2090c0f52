// A lattice loss as two TensorFlow ops, forward and backward, from one description of the loss.
//
//   Forward(logits: T, targets, frame_lengths, label_lengths) -> loss: L, saved: L
//   Backward(logits, targets, frame_lengths, label_lengths, saved, grad_loss) -> grad: T
//
// T is float, double, bfloat16 or half. L is the lattice type: double for double, else float. As
// TensorFlow cannot derive one type from another, L is an attribute of its own, and there are
// kernels for the four right pairs only: a wrong pair has no kernel and is refused as such.
//
// The ops are stateless and have CPU kernels only. On a machine with GPUs, TensorFlow places them
// on the CPU by itself (soft placement is the default in TF 2) and copies logits in and gradients
// out: right, never fast. TF_GetStream serves only pluggable devices, so that a CUDA kernel here
// would have to synchronise the device on both sides of each launch.
#ifndef SEQFRONT_TENSORFLOW_LOSS_OPS_HPP_
#define SEQFRONT_TENSORFLOW_LOSS_OPS_HPP_

#include <algorithm>

#include "kernel.hpp"
#include "shape_inference.hpp"

namespace seqfront::tensorflow {

enum LossInput { kLogits, kTargets, kFrameLengths, kLabelLengths, kSaved, kGradLoss };
inline constexpr int kForwardInputs = 4;
inline constexpr int kBackwardInputs = 6;

struct LossSizes {
    int64_t batch, frames, labels, classes;
};

// Sizes of all inputs against each other. `Loss` gives the layouts that are its own.
template <class Loss>
bool check_inputs(const char* op, const Dims* inputs, int count, Message& message) {
    const Dims& logits = inputs[kLogits];
    if (!expect(op, "logits", logits, Loss::kLogitsLayout, Dims{Loss::kLogitsRank}, message) ||
        !expect(op, "targets", inputs[kTargets], "[batch, labels]", Dims{2}, message)) {
        return false;
    }
    const LossSizes sizes = Loss::sizes(logits, inputs[kTargets]);
    if (sizes.labels < kUnknown || logits.size[Loss::kLogitsRank - 1] == 0) {
        message.add("%s: logits must be %s with no empty label or class axis, but is ", op,
                    Loss::kLogitsLayout);
        message.add_sizes(logits);
        message.add(".");
        return false;
    }
    const Dims per_sequence{1, {sizes.batch}};
    const bool forward_fits =
        expect(op, "targets", inputs[kTargets], "[batch, labels]",
               Dims{2, {sizes.batch, sizes.labels}}, message) &&
        expect(op, "frame_lengths", inputs[kFrameLengths], "[batch]", per_sequence, message) &&
        expect(op, "label_lengths", inputs[kLabelLengths], "[batch]", per_sequence, message);
    if (!forward_fits || count == kForwardInputs) return forward_fits;
    return expect(op, "saved", inputs[kSaved], Loss::kSavedLayout,
                  Loss::saved(logits, inputs[kTargets]), message) &&
           expect(op, "grad_loss", inputs[kGradLoss], "[batch]", per_sequence, message);
}

template <class Loss>
class LossOps {
  public:
    static void register_all() {
        const auto& common = Loss::kAttributes;
        define_op(Loss::kForward,
                  {"logits: T", "targets: int32", "frame_lengths: int32", "label_lengths: int32"},
                  {"loss: L", "saved: L"}, common, infer_forward);
        define_op(Loss::kBackward,
                  {"logits: T", "targets: int32", "frame_lengths: int32", "label_lengths: int32",
                   "saved: L", "grad_loss: L"},
                  {"grad: T"}, common, infer_backward);
        for (const TF_DataType type : {TF_FLOAT, TF_DOUBLE, TF_BFLOAT16, TF_HALF}) {
            register_kernel(Loss::kForward, type, forward);
            register_kernel(Loss::kBackward, type, backward);
        }
    }

  private:
    // A kernel's state is its problem with the attributes filled in and no sizes yet.
    using Problem = typename Loss::Problem;

    static void infer_forward(TF_ShapeInferenceContext* context, TF_Status* status) {
        ShapeInference infer(context, status);
        Dims inputs[kForwardInputs];
        if (!infer_inputs(infer, Loss::kForward, inputs, kForwardInputs)) return;
        const Dims saved = Loss::saved(inputs[kLogits], inputs[kTargets]);
        infer.set_prefix(0, kLogits, Loss::kLogitsRank, 1);
        infer.set_prefix_and(1, kLogits, Loss::kLogitsRank, saved.rank - 1,
                             saved.size[saved.rank - 1]);
    }

    static void infer_backward(TF_ShapeInferenceContext* context, TF_Status* status) {
        ShapeInference infer(context, status);
        Dims inputs[kBackwardInputs];
        if (!infer_inputs(infer, Loss::kBackward, inputs, kBackwardInputs)) return;
        infer.set_prefix(0, kLogits, Loss::kLogitsRank, Loss::kLogitsRank);
    }

    static bool infer_inputs(ShapeInference& infer, const char* op, Dims* inputs, int count) {
        for (int i = 0; i < count; ++i) inputs[i] = infer.dims(i);
        Message message;
        if (!check_inputs<Loss>(op, inputs, count, message)) infer.fail(message);
        return infer.ok();
    }

    static void register_kernel(const char* op, TF_DataType type,
                                void (*compute)(void*, TF_OpKernelContext*)) {
        TF_KernelBuilder* builder = TF_NewKernelBuilder(op, "CPU", create, compute, destroy);
        const Status status;
        TF_KernelBuilder_TypeConstraint(builder, "T", type, status.get());
        TF_KernelBuilder_TypeConstraint(builder, "L", type == TF_DOUBLE ? TF_DOUBLE : TF_FLOAT,
                                        status.get());
        TF_RegisterKernelBuilder(op, builder, status.get());
        report_refusal(op, status);
    }

    static void* create(TF_OpKernelConstruction* context) {
        Attributes attributes(context);
        Problem problem{};
        const TF_DataType type = attributes.type("T");
        problem.dtype = type == TF_DOUBLE     ? SF_FLOAT64
                        : type == TF_BFLOAT16 ? SF_BFLOAT16
                        : type == TF_HALF     ? SF_FLOAT16
                                              : SF_FLOAT32;
        problem.blank = attributes.integer("blank");
        problem.normalized = attributes.flag("normalized");
        problem.threads = attributes.small_integer("threads");
        Loss::read(attributes, problem);
        return attributes.finish() ? new Problem(problem) : nullptr;
    }

    static void destroy(void* kernel) { delete static_cast<Problem*>(kernel); }

    static void forward(void* kernel, TF_OpKernelContext* context) {
        Run run(context);
        Tensor inputs[kForwardInputs], loss, saved;
        Dims dims[kForwardInputs];
        if (!take_inputs(run, Loss::kForward, inputs, dims, kForwardInputs)) return;
        const Problem problem = fill(kernel, inputs, dims);
        const TF_DataType lattice = problem.dtype == SF_FLOAT64 ? TF_DOUBLE : TF_FLOAT;
        if (!run.output(0, lattice, Dims{1, {problem.batch}}, loss) ||
            !run.output(1, lattice, Loss::saved(dims[kLogits], dims[kTargets]), saved)) {
            return;
        }
        run.check(Loss::forward(&problem, inputs[kLogits].data(), loss.data(), saved.data()));
    }

    static void backward(void* kernel, TF_OpKernelContext* context) {
        Run run(context);
        Tensor inputs[kBackwardInputs], grad;
        Dims dims[kBackwardInputs];
        if (!take_inputs(run, Loss::kBackward, inputs, dims, kBackwardInputs)) return;
        const Problem problem = fill(kernel, inputs, dims);
        // Write over the logits where this node is their last user; our own reference would hide
        // that from TensorFlow.
        bool over_logits = false;
        inputs[kLogits].reset(nullptr);
        if (!run.output_over_input(0, kLogits, dims[kLogits], grad, over_logits)) return;
        if (!over_logits && !run.input(kLogits, inputs[kLogits])) return;
        const Tensor& logits = over_logits ? grad : inputs[kLogits];
        run.check(Loss::backward(&problem, logits.data(), inputs[kSaved].data(),
                                 inputs[kGradLoss].data(), grad.data(), problem.logits_stride));
    }

    static bool take_inputs(Run& run, const char* op, Tensor* inputs, Dims* dims, int count) {
        for (int i = 0; i < count; ++i) {
            if (!run.input(i, inputs[i])) return false;
            dims[i] = inputs[i].dims();
        }
        Message message;
        return check_inputs<Loss>(op, dims, count, message) || run.fail(message);
    }

    static Problem fill(const void* kernel, const Tensor* inputs, const Dims* dims) {
        Problem problem = *static_cast<const Problem*>(kernel);
        const LossSizes sizes = Loss::sizes(dims[kLogits], dims[kTargets]);
        problem.batch = sizes.batch;
        problem.frames = sizes.frames;
        problem.labels = sizes.labels;
        problem.classes = sizes.classes;
        // An empty axis counts as one, as in NumPy and PyTorch: strides of 0 mean overlap.
        int64_t stride = sizes.classes;
        for (int axis = Loss::kLogitsRank - 2; axis >= 0; --axis) {
            problem.logits_stride[axis] = stride;
            stride *= std::max<int64_t>(dims[kLogits].size[axis], 1);
        }
        problem.targets = inputs[kTargets].data<const int32_t>();
        problem.targets_stride = sizes.labels;
        problem.frame_lengths = inputs[kFrameLengths].data<const int32_t>();
        problem.label_lengths = inputs[kLabelLengths].data<const int32_t>();
        return problem;
    }
};

}  // namespace seqfront::tensorflow

#endif  // SEQFRONT_TENSORFLOW_LOSS_OPS_HPP_
