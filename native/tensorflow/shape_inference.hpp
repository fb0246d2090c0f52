// Shape functions over TensorFlow's C API: handles that free themselves, and shapes built by axis.
//
// Axes are passed on by handle and not by value, so that TensorFlow keeps knowing that an unknown
// batch of the logits and that of the loss are the same.
#ifndef SEQFRONT_TENSORFLOW_SHAPE_INFERENCE_HPP_
#define SEQFRONT_TENSORFLOW_SHAPE_INFERENCE_HPP_

#include <utility>
#include <vector>

#include "seqfront/seqfront.h"
#include "tf_c_api.h"

namespace seqfront::tensorflow {

class Shape {
  public:
    Shape() : handle_(TF_NewShapeHandle()) {}
    explicit Shape(TF_ShapeHandle* owned) : handle_(owned) {}
    Shape(const Shape&) = delete;
    Shape& operator=(const Shape&) = delete;
    ~Shape() { TF_DeleteShapeHandle(handle_); }
    void reset(TF_ShapeHandle* owned) {
        TF_DeleteShapeHandle(handle_);
        handle_ = owned;
    }
    void swap(Shape& other) { std::swap(handle_, other.handle_); }
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

    void fail(const char* message) { TF_SetStatus(status_, TF_INVALID_ARGUMENT, message); }

    // The sizes of an input, as far as they are known.
    sf_shape shape(int input) {
        sf_shape result{};
        result.rank = -1;
        Shape handle;
        TF_ShapeInferenceContextGetInput(context_, input, handle.get(), status_);
        if (!ok() || !TF_ShapeInferenceContextRankKnown(context_, handle.get())) return result;
        result.rank = static_cast<int32_t>(TF_ShapeInferenceContextRank(context_, handle.get()));
        TF_DimensionHandle* size = TF_NewDimensionHandle();
        for (int32_t axis = 0; axis < result.rank && axis < SF_MAX_RANK; ++axis) {
            TF_ShapeInferenceContextDim(context_, handle.get(), axis, size);
            const bool known = TF_DimensionHandleValueKnown(size) != 0;
            result.size[axis] = known ? TF_DimensionHandleValue(size) : -1;
        }
        TF_DeleteDimensionHandle(size);
        return result;
    }

    // An output, axis by axis: that of an input where one is the same, else by its size.
    void set(int output, const sf_shape& shape, const std::vector<sf_shape>& inputs) {
        Shape whole(TF_ShapeInferenceContextScalar(context_));
        for (int32_t axis = 0; ok() && axis < shape.rank; ++axis) {
            Shape one, longer;
            const int32_t from = shape.input[axis];
            if (from >= 0 && inputs[static_cast<size_t>(from)].rank >= 0) {
                take_axis(from, shape.axis[axis], one);
            } else {
                // The size is a size_t that becomes an int64 inside, where -1 is "unknown".
                one.reset(TF_ShapeInferenceContextVectorFromSize(
                    context_, static_cast<size_t>(shape.size[axis])));
            }
            if (!ok()) return;
            TF_ShapeInferenceContextConcatenateShapes(context_, whole.get(), one.get(),
                                                      longer.get(), status_);
            whole.swap(longer);
        }
        if (ok()) TF_ShapeInferenceContextSetOutput(context_, output, whole.get(), status_);
    }

  private:
    void take_axis(int input, int axis, Shape& result) {
        Shape shape;
        TF_ShapeInferenceContextGetInput(context_, input, shape.get(), status_);
        if (!ok()) return;
        TF_ShapeInferenceContextSubshape(context_, shape.get(), axis, axis + 1, result.get(),
                                         status_);
    }

    TF_ShapeInferenceContext* context_;
    TF_Status* status_;
};

}  // namespace seqfront::tensorflow

#endif  // SEQFRONT_TENSORFLOW_SHAPE_INFERENCE_HPP_
