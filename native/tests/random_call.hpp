// Random arguments of an op, made from a fuzzer's bytes: mostly such as make sense.
#ifndef SEQFRONT_TESTS_RANDOM_CALL_HPP_
#define SEQFRONT_TESTS_RANDOM_CALL_HPP_

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "seqfront/seqfront.h"

namespace testing {

// Numbers made from the fuzzer's bytes; zeros when they are used up.
class Bytes {
  public:
    Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
    uint8_t next() { return at_ < size_ ? data_[at_++] : 0; }
    int64_t below(int64_t limit) { return limit <= 1 ? 0 : (next() | next() << 8) % limit; }
    bool one_in(int n) { return next() % n == 1; }

  private:
    const uint8_t* data_;
    size_t size_, at_ = 0;
};

struct Memory {
    sf_array array{};
    std::unique_ptr<unsigned char[]> bytes;
    int64_t size = 0;
};

inline int64_t item_size(int32_t dtype) {
    return dtype == SF_FLOAT64 ? 8 : dtype == SF_BFLOAT16 || dtype == SF_FLOAT16 ? 2 : 4;
}

inline Memory allocate(int32_t dtype, const std::vector<int64_t>& shape) {
    Memory memory;
    int64_t count = 1;
    memory.array.dtype = dtype;
    memory.array.rank = static_cast<int32_t>(shape.size());
    for (size_t axis = shape.size(); axis-- > 0;) {
        memory.array.shape[axis] = shape[axis];
        memory.array.stride[axis] = count;
        count *= shape[axis];
    }
    memory.size = count * item_size(dtype);
    memory.bytes.reset(new unsigned char[static_cast<size_t>(memory.size)]);
    std::memset(memory.bytes.get(), 0xff, static_cast<size_t>(memory.size));
    memory.array.data = memory.bytes.get();
    return memory;
}

// The inputs and attributes of a call.
class RandomCall {
  public:
    RandomCall(const sf_op_spec& op, Bytes& bytes) : op_(op), bytes_(bytes) {
        static const int32_t dtypes[] = {SF_FLOAT32, SF_FLOAT64, SF_BFLOAT16, SF_FLOAT16};
        element_ = dtypes[bytes.below(4)];
        for (int32_t i = 0; i < op.attribute_count; ++i) attributes_.push_back(attribute(i));
        for (int32_t i = 0; i < op.input_count; ++i) inputs_.push_back(input(op.inputs[i]));
        fill_in();
    }

    const std::vector<double>& attributes() const { return attributes_; }
    std::vector<Memory>& inputs() { return inputs_; }

    int32_t dtype(const sf_array_spec& spec) const {
        if (spec.type == std::string("T")) return element_;
        if (spec.type == std::string("int32")) return SF_INT32;
        return element_ == SF_FLOAT64 ? SF_FLOAT64 : SF_FLOAT32;
    }

    std::vector<int64_t> shape_of(const char* text) {
        std::vector<int64_t> shape;
        std::string axis;
        for (const char* at = text;; ++at) {
            if (*at != ' ' && *at != '\0') {
                axis += *at;
                continue;
            }
            if (!axis.empty()) shape.push_back(axis_size(axis));
            axis.clear();
            if (*at == '\0') return shape;
        }
    }

    void fill_floats(Memory& memory) {
        const bool tame = !bytes_.one_in(8);
        const int64_t item = item_size(memory.array.dtype);
        for (int64_t at = 0; at < memory.size; at += item) {
            unsigned char* to = memory.bytes.get() + at;
            if (!tame && bytes_.one_in(4)) {  // any bits at all: NaN, infinities, subnormals
                for (int64_t k = 0; k < item; ++k) to[k] = bytes_.next();
            } else {
                write(to, memory.array.dtype, (static_cast<double>(bytes_.next()) - 128) / 32);
            }
        }
    }

  private:
    // Mostly the default: of many random ones some do not go together.
    double attribute(int32_t i) {
        const sf_attribute_spec& spec = op_.attributes[i];
        const std::string type = spec.type;
        if (!bytes_.one_in(4)) return spec.fallback;
        if (type == "bool") return static_cast<double>(bytes_.below(2));
        if (type == "int")
            return static_cast<double>(bytes_.below(4)) - (bytes_.one_in(16) ? 2 : 0);
        return (static_cast<double>(bytes_.below(256)) - (bytes_.one_in(4) ? 64 : 0)) / 64;
    }

    int64_t size(const std::string& name) {
        const auto found = sizes_.find(name);
        if (found != sizes_.end()) return found->second;
        if (name == "rows") return sizes_[name] = bytes_.one_in(3) ? 1 : size("batch");
        return sizes_[name] = name == "classes" ? 2 + bytes_.below(40) : bytes_.below(6);
    }

    // "factor*name+offset", a name, or a number.
    int64_t axis_size(const std::string& text) {
        const size_t times = text.find('*'), plus = text.find('+');
        if (text[0] >= '0' && text[0] <= '9' && times == std::string::npos) return std::stoll(text);
        const int64_t factor = times == std::string::npos ? 1 : std::stoll(text);
        const int64_t offset = plus == std::string::npos ? 0 : std::stoll(text.substr(plus + 1));
        const size_t begin = times == std::string::npos ? 0 : times + 1;
        return factor * size(text.substr(begin, plus - begin)) + offset;
    }

    Memory input(const sf_array_spec& spec) {
        std::vector<int64_t> shape = shape_of(spec.shape);
        if ((spec.flags & SF_OPTIONAL) != 0 && bytes_.one_in(2)) shape = {0};
        if (bytes_.one_in(64)) shape[static_cast<size_t>(bytes_.below(shape.size()))] += 1;
        return allocate(dtype(spec), shape);
    }

    // Values: lengths and labels that mostly make sense, and floats of every kind.
    void fill_in() {
        for (int32_t i = 0; i < op_.input_count; ++i) {
            Memory& memory = inputs_[static_cast<size_t>(i)];
            if (memory.array.dtype == SF_INT32) {
                fill_integers(op_.inputs[i], memory);
            } else {
                fill_floats(memory);
            }
        }
        fit_flat_sizes();
    }

    static bool is_label(const std::string& input) {
        return input == "targets" || input == "prefixes";
    }

    void fill_integers(const sf_array_spec& spec, Memory& memory) {
        const std::string name = spec.name;
        const int64_t limit = name == "a_lengths"        ? size("a_size") + 1
                              : name == "b_lengths"      ? size("b_size") + 1
                              : name == "frame_lengths"  ? size("frames") + 1
                              : name == "label_lengths"  ? size("labels") + 1
                              : name == "prefix_lengths" ? size("labels") + 1
                              : is_label(name)           ? size("classes") - 1
                              : name == "state"          ? size("states")
                              : name == "arc_target"     ? size("states")
                              : name == "label"          ? size("classes")
                              : name == "arc_label"      ? size("classes")
                              : name == "frame_index"    ? size("frames")
                              : name == "node_index"     ? size("nodes")
                                                         : 7;
        const int64_t least = is_label(name);  // the blank is mostly class 0
        auto* values = reinterpret_cast<int32_t*>(memory.bytes.get());
        for (int64_t k = 0; k < memory.size / 4; ++k) {
            values[k] = static_cast<int32_t>(least + bytes_.below(limit));
            if (name == "durations") values[k] = static_cast<int32_t>(k);
            if (name == "failure") values[k] = static_cast<int32_t>(bytes_.below(k + 1)) - 1;
            if (name == "first_arc") values[k] = arcs_before(k);
            if (name == "arc_label") values[k] = static_cast<int32_t>(std::min(k, limit - 1));
            if (bytes_.one_in(255)) values[k] = static_cast<int32_t>(bytes_.below(9)) - 4;
        }
    }

    // The arcs of an automaton, spread over its states.
    int32_t arcs_before(int64_t state) {
        return static_cast<int32_t>(state * size("arcs") / std::max<int64_t>(size("states"), 1));
    }

    static void write(unsigned char* to, int32_t dtype, double value) {
        const auto single = static_cast<float>(value);
        if (dtype == SF_FLOAT64) {
            std::memcpy(to, &value, 8);
        } else if (dtype == SF_FLOAT32) {
            std::memcpy(to, &single, 4);
        } else if (dtype == SF_BFLOAT16) {
            std::memcpy(to, reinterpret_cast<const char*>(&single) + 2, 2);
        } else {  // a float16 of about that size: sign and exponent
            const int exponent = value == 0 ? 0 : 15 + std::ilogb(value);
            const uint16_t half = static_cast<uint16_t>((value < 0 ? 0x8000 : 0) |
                                                        (exponent > 0 ? exponent : 0) << 10);
            std::memcpy(to, &half, 2);
        }
    }

    const int32_t* integers(const char* name) const {
        for (int32_t i = 0; i < op_.input_count; ++i) {
            const Memory& memory = inputs_[static_cast<size_t>(i)];
            if (op_.inputs[i].name == std::string(name) && memory.array.dtype == SF_INT32) {
                return reinterpret_cast<const int32_t*>(memory.bytes.get());
            }
        }
        return nullptr;
    }

    // An axis that holds all sequences one after another has the size that their lengths give.
    void fit_flat_sizes() {
        const int32_t *frames = integers("frame_lengths"), *labels = integers("label_lengths");
        if (frames == nullptr || labels == nullptr) return;
        int64_t cells = 0, total = 0;
        for (int64_t b = 0; b < size("batch"); ++b) {
            cells += static_cast<int64_t>(frames[b]) * (labels[b] + 1);
            total += labels[b];
        }
        refit("cells", cells);
        refit("total_labels", total);
    }

    void refit(const char* name, int64_t value) {
        if (sizes_.count(name) == 0 || value < 0 || bytes_.one_in(32)) return;
        sizes_[name] = value;
        for (int32_t i = 0; i < op_.input_count; ++i) {
            const sf_array_spec& spec = op_.inputs[i];
            if (std::string(spec.shape).find(name) == std::string::npos) continue;
            Memory& memory = inputs_[static_cast<size_t>(i)];
            memory = allocate(dtype(spec), shape_of(spec.shape));
            if (memory.array.dtype == SF_INT32) {
                fill_integers(spec, memory);
            } else {
                fill_floats(memory);
            }
        }
    }

    const sf_op_spec& op_;
    Bytes& bytes_;
    int32_t element_;
    std::map<std::string, int64_t> sizes_;
    std::vector<double> attributes_;
    std::vector<Memory> inputs_;
};

}  // namespace testing

#endif  // SEQFRONT_TESTS_RANDOM_CALL_HPP_
