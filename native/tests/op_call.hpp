// One call of an op by the names of its declaration. What is not given takes its default: optional
// inputs are left out, attributes fall back, outputs get memory of their own.
#ifndef SEQFRONT_TESTS_OP_CALL_HPP_
#define SEQFRONT_TESTS_OP_CALL_HPP_

#include <memory>

#include "tensors.hpp"
#include "testing.hpp"

namespace testing {

inline sf_array row_major(void* data, int32_t dtype, const std::vector<int64_t>& shape) {
    sf_array array{};
    array.data = data;
    array.dtype = dtype;
    array.rank = static_cast<int32_t>(shape.size());
    int64_t stride = 1;
    for (size_t axis = shape.size(); axis-- > 0;) {
        array.shape[axis] = shape[axis];
        array.stride[axis] = stride;
        stride *= std::max<int64_t>(shape[axis], 1);
    }
    return array;
}

inline sf_array array_of(const std::vector<int32_t>& values, const std::vector<int64_t>& shape) {
    return row_major(const_cast<int32_t*>(values.data()), SF_INT32, shape);
}

inline sf_array array_of(Tensor& tensor) {
    sf_array array = row_major(tensor.data(), tensor.dtype(), tensor.shape());
    std::copy_n(tensor.stride(), tensor.shape().size(), array.stride);
    return array;
}

// Of one axis.
inline sf_array array_of(LatticeArray& values, sf_dtype element, int64_t size) {
    return row_major(values.data(), element == SF_FLOAT64 ? SF_FLOAT64 : SF_FLOAT32, {size});
}

class OpCall {
  public:
    OpCall(const char* op, sf_dtype element)
        : spec_(sf_find_op(op)),
          element_(element),
          inputs_(static_cast<size_t>(spec_->input_count), row_major(nullptr, element, {0})),
          outputs_(static_cast<size_t>(spec_->output_count)),
          memory_(outputs_.size()) {
        for (int32_t i = 0; i < spec_->attribute_count; ++i) {
            attributes_.push_back(spec_->attributes[i].fallback);
        }
    }

    OpCall& input(const std::string& name, const sf_array& array) {
        inputs_[index(spec_->inputs, spec_->input_count, name)] = array;
        return *this;
    }
    OpCall& output(const std::string& name, const sf_array& array) {
        outputs_[index(spec_->outputs, spec_->output_count, name)] = array;
        return *this;
    }
    OpCall& attribute(const std::string& name, double value) {
        attributes_[index(spec_->attributes, spec_->attribute_count, name)] = value;
        return *this;
    }

    // The array called so, to look at or to change.
    sf_array& input(const std::string& name) {
        return inputs_[index(spec_->inputs, spec_->input_count, name)];
    }
    const sf_array& output(const std::string& name) const {
        return outputs_[index(spec_->outputs, spec_->output_count, name)];
    }
    double value(const std::string& name, int64_t i) const {
        const sf_array& array = output(name);
        if (array.dtype == SF_INT32) return static_cast<const int32_t*>(array.data)[i];
        return array.dtype == SF_FLOAT64 ? static_cast<const double*>(array.data)[i]
                                         : static_cast<const float*>(array.data)[i];
    }

    sf_status run(int32_t threads = 1) {
        const sf_status status = allocate();
        if (status != SF_OK) return status;
        if (on_cuda_) return run_cuda();
        return sf_call(spec_, inputs_.data(), attributes_.data(), outputs_.data(), threads);
    }

    // From now on, and in the backward half: the CUDA kernels that are in use (use_cuda_table).
    OpCall& on_cuda(bool yes = true) {
        on_cuda_ = yes;
        return *this;
    }

    // The call of the backward half after this one ran, but for the upstream gradients.
    OpCall backward() const {
        OpCall call(spec_->backward->name, element_);
        call.attributes_ = attributes_;
        call.on_cuda_ = on_cuda_;
        call.memory_ = memory_;  // keeps what was saved
        call.memory_.resize(call.outputs_.size() + memory_.size());
        std::copy(inputs_.begin(), inputs_.end(), call.inputs_.begin());
        for (int32_t i = 0; i < spec_->output_count; ++i) {
            if ((spec_->outputs[i].flags & SF_SAVED) == 0) continue;
            call.input(spec_->outputs[i].name, outputs_[static_cast<size_t>(i)]);
        }
        return call;
    }

  private:
    template <class Spec>
    static size_t index(const Spec* specs, int32_t count, const std::string& name) {
        for (int32_t i = 0; i < count; ++i) {
            if (specs[i].name == name) return static_cast<size_t>(i);
        }
        std::printf("no array or attribute is called %s\n", name.c_str());
        std::abort();
    }

    int32_t dtype_of(const sf_array_spec& spec) const {
        if (spec.type == std::string("T")) return element_;
        if (spec.type == std::string("int32")) return SF_INT32;
        return element_ == SF_FLOAT64 ? SF_FLOAT64 : SF_FLOAT32;
    }

    sf_status allocate() {
        std::vector<sf_shape> shapes, results(outputs_.size());
        for (const sf_array& array : inputs_) {
            sf_shape shape{};
            shape.rank = array.rank;
            std::copy_n(array.shape, SF_MAX_RANK, shape.size);
            shapes.push_back(shape);
        }
        const sf_status status = sf_infer(spec_, shapes.data(), results.data());
        if (status != SF_OK) return status;
        for (size_t i = 0; i < outputs_.size(); ++i) {
            if (outputs_[i].data != nullptr) continue;
            const std::vector<int64_t> shape(results[i].size, results[i].size + results[i].rank);
            int64_t count = 1;
            for (const int64_t size : shape) count *= size;
            // All bits set: NaN in every floating type.
            memory_.push_back(std::make_shared<std::vector<unsigned char>>(
                static_cast<size_t>(std::max<int64_t>(count, 1) * 8), 0xff));
            outputs_[i] = row_major(memory_.back()->data(), dtype_of(spec_->outputs[i]), shape);
        }
        return SF_OK;
    }

    sf_status run_cuda() {
        int64_t bytes = -1;
        const sf_status status =
            sf_cuda_workspace(spec_, inputs_.data(), attributes_.data(), outputs_.data(), &bytes);
        if (status != SF_OK) return status;
        // All bits set, as in outputs, and something behind that has to stay.
        std::vector<uint64_t> workspace(static_cast<size_t>(bytes / 8 + 4), ~uint64_t{0});
        const sf_status result = sf_call_cuda(spec_, inputs_.data(), attributes_.data(),
                                              outputs_.data(), workspace.data(), 0, nullptr);
        for (int64_t i = 0; i < 4; ++i) CHECK(workspace.end()[-1 - i] == ~uint64_t{0});
        return result;
    }

    const sf_op_spec* spec_;
    sf_dtype element_;
    bool on_cuda_ = false;
    std::vector<sf_array> inputs_, outputs_;
    std::vector<double> attributes_;
    std::vector<std::shared_ptr<std::vector<unsigned char>>> memory_;
};

// Of one or two axes, drawn from a normal distribution.
inline Tensor normal_tensor(Random& random, sf_dtype dtype, std::vector<int64_t> shape) {
    Tensor x(dtype, shape);
    const int64_t columns = shape.size() > 1 ? shape[1] : 1;
    for (int64_t i = 0; i < shape[0]; ++i) {
        for (int64_t j = 0; j < columns; ++j) {
            if (shape.size() > 1) {
                x.set({i, j}, random.normal(1));
            } else {
                x.set({i}, random.normal(1));
            }
        }
    }
    return x;
}

}  // namespace testing

#endif  // SEQFRONT_TESTS_OP_CALL_HPP_
