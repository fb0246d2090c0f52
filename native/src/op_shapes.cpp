// Sizes by name: the first axis that is called by a name alone says how large that size is, and all
// others have to agree. In a trace some sizes are not known yet; the same check runs again later.
#include "op_shapes.hpp"

#include <cctype>
#include <cstdlib>
#include <string>
#include <unordered_map>
#include <vector>

#include "op.hpp"
#include "status.hpp"

namespace seqfront {
namespace {

// One axis of a declared shape: factor * name + offset, or a number (no name).
struct Axis {
    std::string name;
    int64_t factor;
    int64_t offset;
    std::string text;
};

struct Size {
    std::string name;
    int64_t value;
};

// Where an axis of this text stands.
struct Source {
    std::string text;
    int32_t input, axis;
};

template <class T>
T* find(std::vector<T>& items, const std::string T::* key, const std::string& value) {
    for (T& item : items) {
        if (item.*key == value) return &item;
    }
    return nullptr;
}

class Sizes {
  public:
    // Learns the size that an axis of an input names. Whether the axis fits what is known.
    bool learn(const Axis& axis, int64_t value, int32_t input, int32_t index) {
        if (source(axis) == nullptr) sources_.push_back({axis.text, input, index});
        if (axis.name.empty()) return value == kUnknownSize || value == axis.offset;
        Size* size = find(sizes_, &Size::name, axis.name);
        if (size == nullptr) {
            sizes_.push_back({axis.name, kUnknownSize});
            size = &sizes_.back();
        }
        if (value == kUnknownSize) return true;
        const int64_t rest = value - axis.offset;
        if (rest < 0 || rest % axis.factor != 0) return false;
        if (size->value == kUnknownSize) size->value = rest / axis.factor;
        return size->value == rest / axis.factor;
    }

    // Sizes that will be there, of an input whose rank is not known yet.
    void expect(const std::vector<Axis>& axes) {
        for (const Axis& axis : axes) {
            if (!axis.name.empty() && find(sizes_, &Size::name, axis.name) == nullptr) {
                sizes_.push_back({axis.name, kUnknownSize});
            }
        }
    }

    // kUnknownSize if it is not known; `missing` if no input has the size.
    int64_t value(const Axis& axis, int64_t missing) {
        if (axis.name.empty()) return axis.offset;
        const Size* size = find(sizes_, &Size::name, axis.name);
        if (size == nullptr) return missing;
        return size->value == kUnknownSize ? kUnknownSize : axis.factor * size->value + axis.offset;
    }

    const Source* source(const Axis& axis) { return find(sources_, &Source::text, axis.text); }

  private:
    std::vector<Size> sizes_;
    std::vector<Source> sources_;
};

std::string listed(const int64_t* sizes, int32_t rank) {
    if (rank == 0) return "a scalar";
    std::string text = "[";
    for (int32_t i = 0; i < rank; ++i) {
        if (i > 0) text += ", ";
        if (i == SF_MAX_RANK) {
            text += "...";
            break;
        }
        text += sizes[i] == kUnknownSize ? "?" : std::to_string(sizes[i]);
    }
    return text + "]";
}

[[noreturn]] void refuse(const sf_op_spec& op, const sf_array_spec& spec,
                         const std::vector<Axis>& axes, Sizes& sizes, const sf_shape& came) {
    std::string layout;
    std::vector<int64_t> wanted;
    bool some_known = false;
    for (const Axis& axis : axes) {
        layout += (layout.empty() ? "" : ", ") + axis.text;
        wanted.push_back(sizes.value(axis, kUnknownSize));
        some_known = some_known || wanted.back() != kUnknownSize;
    }
    std::string text = "[" + layout + "]";
    if (some_known) text += " = " + listed(wanted.data(), static_cast<int32_t>(wanted.size()));
    invalid("%s: %s must be %s, but is %s.", op.name, spec.name, text.c_str(),
            listed(came.size, came.rank).c_str());
}

// Whether output `index` is the gradient of an input that was left out.
bool gradient_left_out(const sf_op_spec& op, int32_t index, const sf_shape* inputs) {
    if ((op.outputs[index].flags & SF_OPTIONAL) == 0) return false;
    const int32_t source = gradient_source(op, index);
    return source >= 0 && left_out(op.inputs[source], inputs[source]);
}

// Filled by `remember`, before anyone asks.
std::unordered_map<const char*, std::vector<Axis>>& parsed_shapes() {
    static std::unordered_map<const char*, std::vector<Axis>> shapes;
    return shapes;
}

const std::vector<Axis>& axes_of(const sf_array_spec& spec) {
    return parsed_shapes().at(spec.shape);
}

std::vector<Axis> parse_shape(const char* shape) {
    std::vector<Axis> axes;
    for (const char* at = shape; *at != '\0';) {
        if (*at == ' ') {
            ++at;
            continue;
        }
        const char* end = at;
        while (*end != '\0' && *end != ' ') ++end;
        Axis axis{"", 1, 0, std::string(at, end)};
        char* rest = const_cast<char*>(at);
        if (std::isdigit(static_cast<unsigned char>(*at))) {
            const int64_t number = std::strtoll(at, &rest, 10);
            (*rest == '*' ? axis.factor : axis.offset) = number;
            if (*rest == '*') ++rest;
        }
        const char* name = rest;
        while (rest < end && *rest != '+') ++rest;
        axis.name.assign(name, static_cast<size_t>(rest - name));
        if (rest < end) axis.offset = std::strtoll(rest + 1, nullptr, 10);
        axes.push_back(axis);
        at = end;
    }
    return axes;
}

}  // namespace

void remember(const sf_op_spec& op) {
    for (int32_t i = 0; i < op.input_count; ++i) {
        parsed_shapes().emplace(op.inputs[i].shape, parse_shape(op.inputs[i].shape));
    }
    for (int32_t i = 0; i < op.output_count; ++i) {
        parsed_shapes().emplace(op.outputs[i].shape, parse_shape(op.outputs[i].shape));
    }
}

int32_t gradient_source(const sf_op_spec& op, int32_t output) {
    for (int32_t i = 0; i < op.input_count; ++i) {
        const std::string name = std::string("grad_") + op.inputs[i].name;
        if (name == op.outputs[output].name) return i;
    }
    return -1;
}

void infer(const sf_op_spec& op, const sf_shape* inputs, sf_shape* outputs) {
    Sizes sizes;
    for (int32_t i = 0; i < op.input_count; ++i) {
        const sf_shape& came = inputs[i];
        if (left_out(op.inputs[i], came)) continue;
        const std::vector<Axis>& axes = axes_of(op.inputs[i]);
        if (came.rank < 0) {
            sizes.expect(axes);
            continue;
        }
        const auto rank = static_cast<int32_t>(axes.size());
        if (came.rank != rank) refuse(op, op.inputs[i], axes, sizes, came);
        for (int32_t axis = 0; axis < rank; ++axis) {
            if (!sizes.learn(axes[static_cast<size_t>(axis)], came.size[axis], i, axis)) {
                refuse(op, op.inputs[i], axes, sizes, came);
            }
        }
    }
    for (int32_t i = 0; i < op.output_count; ++i) {
        if (gradient_left_out(op, i, inputs)) {
            outputs[i] = {1, {0}, {-1}, {-1}};
            continue;
        }
        const std::vector<Axis>& axes = axes_of(op.outputs[i]);
        outputs[i].rank = static_cast<int32_t>(axes.size());
        for (size_t axis = 0; axis < axes.size(); ++axis) {
            const Source* source = sizes.source(axes[axis]);
            outputs[i].size[axis] = sizes.value(axes[axis], axes[axis].offset);
            outputs[i].input[axis] = source == nullptr ? -1 : source->input;
            outputs[i].axis[axis] = source == nullptr ? -1 : source->axis;
        }
    }
}

}  // namespace seqfront
