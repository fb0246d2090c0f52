// What every kernel needs of TensorFlow's C API: statuses and tensors that free themselves,
// attributes, outputs, and errors of the C ABI turned into errors of the op.
//
// Nothing here throws: all calls come from TensorFlow's C frames.
#ifndef SEQFRONT_TENSORFLOW_KERNEL_HPP_
#define SEQFRONT_TENSORFLOW_KERNEL_HPP_

#include <cstdio>

#include "seqfront/seqfront.h"
#include "tf_c_api.h"

namespace seqfront::tensorflow {

class Status {
  public:
    Status() : status_(TF_NewStatus()) {}
    Status(const Status&) = delete;
    Status& operator=(const Status&) = delete;
    ~Status() { TF_DeleteStatus(status_); }
    bool ok() const { return TF_GetCode(status_) == TF_OK; }
    TF_Status* get() const { return status_; }

  private:
    TF_Status* status_;
};

// A reference to a tensor; as long as it lives, TensorFlow will not hand the buffer to an output.
class Tensor {
  public:
    Tensor() = default;
    Tensor(const Tensor&) = delete;
    Tensor& operator=(const Tensor&) = delete;
    ~Tensor() { reset(nullptr); }

    void reset(TF_Tensor* owned) {
        if (tensor_ != nullptr) TF_DeleteTensor(tensor_);
        tensor_ = owned;
    }

    template <class T = void>
    T* data() const {
        return static_cast<T*>(TF_TensorData(tensor_));
    }

    sf_shape shape() const {
        sf_shape result{};
        result.rank = TF_NumDims(tensor_);
        for (int axis = 0; axis < result.rank && axis < SF_MAX_RANK; ++axis) {
            result.size[axis] = TF_Dim(tensor_, axis);
        }
        return result;
    }

  private:
    TF_Tensor* tensor_ = nullptr;
};

// Attributes of a node under construction. After the first failure, what follows does nothing.
class Attributes {
  public:
    explicit Attributes(TF_OpKernelConstruction* context) : context_(context) {}

    // Whether all were read; reports to TensorFlow if not.
    bool finish() {
        if (!status_.ok()) TF_OpKernelConstruction_Failure(context_, status_.get());
        return status_.ok();
    }

    int64_t integer(const char* name) {
        int64_t value = 0;
        if (status_.ok()) {
            TF_OpKernelConstruction_GetAttrInt64(context_, name, &value, status_.get());
        }
        return value;
    }

    int32_t small_integer(const char* name) {
        int32_t value = 0;
        if (status_.ok()) {
            TF_OpKernelConstruction_GetAttrInt32(context_, name, &value, status_.get());
        }
        return value;
    }

    bool flag(const char* name) {
        TF_Bool value = 0;
        if (status_.ok()) {
            TF_OpKernelConstruction_GetAttrBool(context_, name, &value, status_.get());
        }
        return value != 0;
    }

    float number(const char* name) {
        float value = 0;
        if (status_.ok()) {
            TF_OpKernelConstruction_GetAttrFloat(context_, name, &value, status_.get());
        }
        return value;
    }

    TF_DataType type(const char* name) {
        TF_DataType value = TF_FLOAT;
        if (status_.ok()) {
            TF_OpKernelConstruction_GetAttrType(context_, name, &value, status_.get());
        }
        return value;
    }

  private:
    TF_OpKernelConstruction* context_;
    Status status_;
};

// One run of a kernel. The first failure is reported to TensorFlow; methods then return false.
class Run {
  public:
    explicit Run(TF_OpKernelContext* context) : context_(context) {}

    bool input(int index, Tensor& tensor) {
        TF_Tensor* raw = nullptr;
        TF_GetInput(context_, index, &raw, status_.get());
        if (status_.ok()) tensor.reset(raw);
        return report();
    }

    bool output(int index, TF_DataType type, const sf_shape& shape, Tensor& tensor) {
        size_t bytes = type == TF_DOUBLE ? 8 : type == TF_HALF || type == TF_BFLOAT16 ? 2 : 4;
        for (int axis = 0; axis < shape.rank; ++axis) {
            bytes *= static_cast<size_t>(shape.size[axis]);
        }
        tensor.reset(
            TF_AllocateOutput(context_, index, type, shape.size, shape.rank, bytes, status_.get()));
        return report();
    }

    // An output that takes over the buffer of an input if nobody else holds it (then `reused`).
    bool output_over_input(int index, int input, const sf_shape& shape, Tensor& tensor,
                           bool& reused) {
        int forwarded = -1;
        tensor.reset(TF_ForwardInputOrAllocateOutput(context_, &input, 1, index, shape.size,
                                                     shape.rank, &forwarded, status_.get()));
        reused = forwarded == input;
        return report();
    }

    // Whether a call of the C ABI went well.
    bool check(sf_status code) {
        if (code == SF_OK) return true;
        const TF_Code tf_code = code == SF_INVALID_ARGUMENT ? TF_INVALID_ARGUMENT
                                : code == SF_OUT_OF_MEMORY  ? TF_RESOURCE_EXHAUSTED
                                                            : TF_INTERNAL;
        TF_SetStatus(status_.get(), tf_code, sf_last_error());
        return report();
    }

  private:
    bool report() {
        if (!status_.ok()) TF_OpKernelContext_Failure(context_, status_.get());
        return status_.ok();
    }

    TF_OpKernelContext* context_;
    Status status_;
};

// A registration that TensorFlow refuses is a bug of ours; loading goes on, and the op is missing.
inline void report_refusal(const char* op, const Status& status) {
    if (status.ok()) return;
    std::fprintf(stderr, "seqfront: TensorFlow refused %s: %s\n", op, TF_Message(status.get()));
}

}  // namespace seqfront::tensorflow

#endif  // SEQFRONT_TENSORFLOW_KERNEL_HPP_
