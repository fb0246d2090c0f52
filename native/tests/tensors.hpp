// Logits for tests: any dtype and layout, every element that may not be read filled with NaN.
#ifndef SEQFRONT_TESTS_TENSORS_HPP_
#define SEQFRONT_TESTS_TENSORS_HPP_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "float16.hpp"
#include "seqfront/seqfront.h"

namespace testing {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();

inline std::vector<std::string> usable_isas() {
    const std::string before = sf_isa();
    std::vector<std::string> found;
    for (const char* name : {"baseline", "avx2", "avx512"}) {
        if (sf_set_isa(name) == SF_OK) found.push_back(name);
    }
    sf_set_isa(before.c_str());
    return found;
}

constexpr sf_dtype kDtypes[] = {SF_FLOAT32, SF_FLOAT64, SF_BFLOAT16, SF_FLOAT16};

inline int64_t item_size(sf_dtype dtype) {
    return dtype == SF_FLOAT64 ? 8 : dtype == SF_FLOAT32 ? 4 : 2;
}

// Error allowed in a gradient of size 1 stored as `dtype`.
inline double tolerance(sf_dtype dtype) {
    switch (dtype) {
        case SF_FLOAT64:
            return 1e-7;  // of the finite differences
        case SF_FLOAT32:
            return 3e-6;
        case SF_FLOAT16:
            return 1.0 / 2048 + 3e-6;
        default:
            return 1.0 / 256 + 3e-6;
    }
}

// Loss and saved values: double for double logits, else float.
class LatticeArray {
  public:
    LatticeArray(sf_dtype dtype, int64_t size, double value = 0)
        : wide_(dtype == SF_FLOAT64),
          doubles_(wide_ ? size : 0, value),
          floats_(wide_ ? 0 : size, static_cast<float>(value)) {}
    void* data() {
        return wide_ ? static_cast<void*>(doubles_.data()) : static_cast<void*>(floats_.data());
    }
    double get(int64_t i) const {
        return wide_ ? doubles_[static_cast<size_t>(i)] : floats_[static_cast<size_t>(i)];
    }
    void set(int64_t i, double value) {
        if (wide_) {
            doubles_[static_cast<size_t>(i)] = value;
        } else {
            floats_[static_cast<size_t>(i)] = static_cast<float>(value);
        }
    }

  private:
    bool wide_;
    std::vector<double> doubles_;
    std::vector<float> floats_;
};

// Up to four axes; the last is contiguous.
class Tensor {
  public:
    enum Layout { kDense, kTimeMajor, kGaps };

    Tensor(sf_dtype dtype, std::vector<int64_t> shape, Layout layout = kDense)
        : dtype_(dtype), shape_(shape), stride_(shape.size(), 1) {
        std::vector<size_t> order;  // from the outermost axis
        for (size_t i = 0; i < shape.size(); ++i) order.push_back(i);
        if (layout == kTimeMajor) std::swap(order[0], order[1]);
        int64_t size = 1;
        for (size_t i = order.size(); i-- > 0;) {
            stride_[order[i]] = size;
            size = size * shape[order[i]] + (layout == kGaps ? 3 : 0);
        }
        bytes_.resize(static_cast<size_t>(std::max<int64_t>(size, 1) * item_size(dtype)));
        for (int64_t i = 0; i < size; ++i) set_at(i, kNan);
    }

    const int64_t* stride() const { return stride_.data(); }
    const std::vector<int64_t>& shape() const { return shape_; }
    void* data() { return bytes_.data(); }
    const std::vector<unsigned char>& bytes() const { return bytes_; }
    sf_dtype dtype() const { return dtype_; }

    double get(std::initializer_list<int64_t> index) const { return get_at(offset(index)); }
    void set(std::initializer_list<int64_t> index, double value) { set_at(offset(index), value); }

  private:
    int64_t offset(std::initializer_list<int64_t> index) const {
        int64_t at = 0;
        size_t axis = 0;
        for (const int64_t i : index) at += i * stride_[axis++];
        return at;
    }
    template <class T>
    T element(int64_t at) const {
        T value;
        std::memcpy(&value, bytes_.data() + at * static_cast<int64_t>(sizeof(T)), sizeof(T));
        return value;
    }
    template <class T>
    void set_element(int64_t at, T value) {
        std::memcpy(bytes_.data() + at * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
    }
    double get_at(int64_t at) const {
        switch (dtype_) {
            case SF_FLOAT64:
                return element<double>(at);
            case SF_FLOAT32:
                return element<float>(at);
            case SF_BFLOAT16:
                return seqfront::widen(element<seqfront::BFloat16>(at));
            default:
                return seqfront::widen(element<seqfront::Float16>(at));
        }
    }
    void set_at(int64_t at, double value) {
        seqfront::BFloat16 brain;
        seqfront::Float16 half;
        switch (dtype_) {
            case SF_FLOAT64:
                return set_element(at, value);
            case SF_FLOAT32:
                return set_element(at, static_cast<float>(value));
            case SF_BFLOAT16:
                seqfront::narrow(static_cast<float>(value), brain);
                return set_element(at, brain);
            default:
                seqfront::narrow(static_cast<float>(value), half);
                return set_element(at, half);
        }
    }

    sf_dtype dtype_;
    std::vector<int64_t> shape_;
    std::vector<int64_t> stride_;
    std::vector<unsigned char> bytes_;
};

class Random {
  public:
    explicit Random(unsigned seed) : engine_(seed) {}
    double normal(double scale) { return std::normal_distribution<double>(0, scale)(engine_); }
    int32_t below(int64_t limit) {
        return static_cast<int32_t>(std::uniform_int_distribution<int64_t>(0, limit - 1)(engine_));
    }
    // A class that is not the blank.
    int32_t label(int64_t classes, int64_t blank) {
        const int32_t value = below(classes - 1);
        return value < blank ? value : value + 1;
    }

  private:
    std::mt19937 engine_;
};

// Rows of doubles, for references.
using Rows = std::vector<std::vector<double>>;

inline std::vector<double> log_softmax(const std::vector<double>& x) {
    double top = -kInf, sum = 0;
    for (const double v : x) top = std::fmax(top, v);
    if (top == -kInf) return x;
    for (const double v : x) sum += std::exp(v - top);
    std::vector<double> out;
    for (const double v : x) out.push_back(v - top - std::log(sum));
    return out;
}

inline double log_sum(const std::vector<double>& x) {
    double top = -kInf, sum = 0;
    for (const double v : x) top = std::fmax(top, v);
    if (top == -kInf) return top;
    for (const double v : x) sum += std::exp(v - top);
    return top + std::log(sum);
}

// d f / d rows by central differences.
template <class Function>
Rows finite_differences(Rows rows, Function&& f) {
    constexpr double h = 1e-5;
    Rows out = rows;
    for (size_t i = 0; i < rows.size(); ++i) {
        for (size_t v = 0; v < rows[i].size(); ++v) {
            const double x = rows[i][v];
            rows[i][v] = x + h;
            const double above = f(rows);
            rows[i][v] = x - h;
            const double below = f(rows);
            rows[i][v] = x;
            out[i][v] = (above - below) / (2 * h);
        }
    }
    return out;
}

}  // namespace testing

#endif  // SEQFRONT_TESTS_TENSORS_HPP_
