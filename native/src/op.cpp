// What the functions of an op can ask of their call.
#include "op.hpp"

#include <cstring>

namespace seqfront {

sf_shape shape_of(const sf_array& array) {
    sf_shape shape{};
    shape.rank = array.rank;
    for (int32_t i = 0; i < array.rank && i < SF_MAX_RANK; ++i) shape.size[i] = array.shape[i];
    return shape;
}

bool is_empty(const sf_array& array) {
    for (int32_t i = 0; i < array.rank; ++i) {
        if (array.shape[i] == 0) return true;
    }
    return false;
}

bool left_out(const sf_array_spec& spec, const sf_shape& shape) {
    return (spec.flags & SF_OPTIONAL) != 0 && shape.rank == 1 && shape.size[0] == 0;
}

void Call::clear(int output) const {
    const sf_array& array = outputs_[output];
    if (is_empty(array)) return;
    const bool half = array.dtype == SF_BFLOAT16 || array.dtype == SF_FLOAT16;
    size_t bytes = array.dtype == SF_FLOAT64 ? 8 : half ? 2 : 4;
    for (int32_t axis = 0; axis < array.rank; ++axis) {
        bytes *= static_cast<size_t>(array.shape[axis]);
    }
    std::memset(array.data, 0, bytes);
}

double Call::named(const char* attribute, double missing) const {
    for (int32_t i = 0; i < spec_.attribute_count; ++i) {
        if (spec_.attributes[i].name == std::string(attribute)) return number(i);
    }
    return missing;
}

bool Call::has(int input) const { return !left_out(spec_.inputs[input], shape_of(inputs_[input])); }

}  // namespace seqfront
