// An op of the library: its declaration, and the functions that run it.
//
//     constexpr sf_array_spec kInputs[] = {{"logits", "T", "batch frames classes", ...}, ...};
//     const Op kCtc = {"ctc", kInputs, kOutputs, kAttributes, forward, backward};
//
// A function gets a `Call` whose arrays have the declared ranks, dtypes and sizes; what the values
// mean (lengths, labels) it checks itself.
#ifndef SEQFRONT_OP_HPP_
#define SEQFRONT_OP_HPP_

#include <cstdint>
#include <string>
#include <vector>

#include "seqfront/seqfront.h"

namespace seqfront {

sf_shape shape_of(const sf_array& array);
bool is_empty(const sf_array& array);

// Whether `shape` stands for an optional input that was left out.
bool left_out(const sf_array_spec& spec, const sf_shape& shape);

class Call {
  public:
    Call(const sf_op_spec& spec, const sf_array* inputs, const double* attributes,
         const sf_array* outputs, int32_t threads, void* workspace = nullptr)
        : spec_(spec),
          inputs_(inputs),
          attributes_(attributes),
          outputs_(outputs),
          threads_(threads),
          workspace_(workspace) {}

    const char* name() const { return spec_.name; }
    int32_t threads() const { return threads_; }
    // On a GPU: as many bytes as the op asked for.
    void* workspace() const { return workspace_; }

    const sf_array& input(int i) const { return inputs_[i]; }
    const sf_array& output(int i) const { return outputs_[i]; }
    int64_t size(int input, int axis) const { return inputs_[input].shape[axis]; }
    bool has(int input) const;     // whether an optional input was given
    void clear(int output) const;  // to zeros; one without gaps

    template <class T>
    const T* in(int i) const {
        return static_cast<const T*>(inputs_[i].data);
    }
    template <class T>
    T* out(int i) const {
        return static_cast<T*>(outputs_[i].data);
    }

    bool flag(int i) const { return attributes_[i] != 0; }
    int64_t integer(int i) const { return static_cast<int64_t>(attributes_[i]); }
    // Of an attribute by name; `missing` for an op that has none of it.
    double named(const char* attribute, double missing) const;
    // Rounded to float, which is what a TensorFlow graph can hold: all frameworks get the same.
    double number(int i) const { return static_cast<float>(attributes_[i]); }

  private:
    const sf_op_spec& spec_;
    const sf_array* inputs_;
    const double* attributes_;
    const sf_array* outputs_;
    int32_t threads_;
    void* workspace_;
};

using Run = void (*)(const Call&);

struct Op {
    const char* name;
    std::vector<sf_array_spec> inputs;
    std::vector<sf_array_spec> outputs;
    std::vector<sf_attribute_spec> attributes;
    Run forward;
    Run backward;  // null: no gradient
};

// All ops; op_table.cpp lists them.
const std::vector<const Op*>& all_ops();

}  // namespace seqfront

#endif  // SEQFRONT_OP_HPP_
