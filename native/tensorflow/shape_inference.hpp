// Shape functions over TensorFlow's C API: handles that free themselves, and shapes built by axis.
//
// Axes are passed on by handle and not by value, so that TensorFlow keeps knowing that an unknown
// batch of the logits and that of the loss are the same.
#ifndef SEQFRONT_TENSORFLOW_SHAPE_INFERENCE_HPP_
#define SEQFRONT_TENSORFLOW_SHAPE_INFERENCE_HPP_

#include "dims.hpp"
#include "tf_c_api.h"

namespace seqfront::tensorflow {

class Shape {
  public:
    Shape() : handle_(TF_NewShapeHandle()) {}
    explicit Shape(TF_ShapeHandle* owned) : handle_(owned) {}
    Shape(const Shape&) = delete;
    Shape& operator=(const Shape&) = delete;
    ~Shape() { TF_DeleteShapeHandle(handle_); }
    TF_ShapeHandle* get() const { return handle_; }

  private:
    TF_ShapeHandle* handle_;
};

// One call of a shape function. After the first failure, what follows does nothing.
class ShapeInference {
  public:
    ShapeInference(TF_ShapeInferenceContext* context, TF_Status* status)
        : context_(context), status_(status) {}

    bool ok() const { return TF_GetCode(status_) == TF_OK; }

    void fail(const Message& message) {
        TF_SetStatus(status_, TF_INVALID_ARGUMENT, message.text());
    }

    // The sizes of an input, as far as they are known.
    Dims dims(int input) {
        Dims result;
        Shape shape;
        TF_ShapeInferenceContextGetInput(context_, input, shape.get(), status_);
        if (!ok() || !TF_ShapeInferenceContextRankKnown(context_, shape.get())) return result;
        result.rank = static_cast<int>(TF_ShapeInferenceContextRank(context_, shape.get()));
        TF_DimensionHandle* axis_size = TF_NewDimensionHandle();
        for (int axis = 0; axis < result.rank && axis < kMaxRank; ++axis) {
            TF_ShapeInferenceContextDim(context_, shape.get(), axis, axis_size);
            if (TF_DimensionHandleValueKnown(axis_size)) {
                result.size[axis] = TF_DimensionHandleValue(axis_size);
            }
        }
        TF_DeleteDimensionHandle(axis_size);
        return result;
    }

    // Output = the first `axes` axes of an input that has `rank` of them.
    void set_prefix(int output, int input, int rank, int axes) {
        Shape shape;
        prefix(input, rank, axes, shape);
        set(output, shape);
    }

    // As `set_prefix`, with one more axis behind; its size may be kUnknown.
    void set_prefix_and(int output, int input, int rank, int axes, int64_t last) {
        Shape front, whole;
        prefix(input, rank, axes, front);
        if (!ok()) return;
        // The size is a size_t that becomes an int64 inside, where -1 stands for "unknown".
        const Shape back(
            TF_ShapeInferenceContextVectorFromSize(context_, static_cast<size_t>(last)));
        TF_ShapeInferenceContextConcatenateShapes(context_, front.get(), back.get(), whole.get(),
                                                  status_);
        set(output, whole);
    }

  private:
    void prefix(int input, int rank, int axes, Shape& result) {
        Shape shape, ranked;
        if (!ok()) return;
        TF_ShapeInferenceContextGetInput(context_, input, shape.get(), status_);
        if (!ok()) return;
        TF_ShapeInferenceContextWithRank(context_, shape.get(), rank, ranked.get(), status_);
        if (!ok()) return;
        TF_ShapeInferenceContextSubshape(context_, ranked.get(), 0, axes, result.get(), status_);
    }

    void set(int output, const Shape& shape) {
        if (ok()) TF_ShapeInferenceContextSetOutput(context_, output, shape.get(), status_);
    }

    TF_ShapeInferenceContext* context_;
    TF_Status* status_;
};

}  // namespace seqfront::tensorflow

#endif  // SEQFRONT_TENSORFLOW_SHAPE_INFERENCE_HPP_
