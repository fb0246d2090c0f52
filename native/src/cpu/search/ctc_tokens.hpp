// Log-probs of frames, and the best labels of each.
#ifndef SEQFRONT_CPU_CTC_TOKENS_HPP_
#define SEQFRONT_CPU_CTC_TOKENS_HPP_

#include <algorithm>
#include <cstdint>
#include <limits>

#include "float16.hpp"
#include "problem.hpp"
#include "simd/dispatch.hpp"

namespace seqfront {

// How logits are read.
struct CtcReading {
    int64_t classes, blank;
    int64_t tokens;      // labels of a frame that may be added
    int64_t row_stride;  // from one frame to the next
    bool normalized;
    double temperature;
    double skip;  // frames with a log-prob of the blank above this are the blank
};

// A label, and its log-prob.
template <class L>
struct CtcToken {
    L log_prob;
    int32_t label;
};

// Frames of logits of type T, some at a time.
template <class T, class L = typename RowKernelsOf<T>::Lattice>
class CtcRowReader {
  public:
    static constexpr int64_t kBlock = 16;

    explicit CtcRowReader(const CtcReading& reading)
        : reading_(reading),
          kernels_(RowKernelsOf<L>::in(kernels())),
          rows_(allocate<L>(kBlock * reading.classes)) {}

    const L* row(int64_t i) const { return rows_.get() + i * reading_.classes; }

    // Reads `count` frames. What is no log-prob (NaN, +inf) becomes impossible.
    void read(const T* x, int64_t count) {
        constexpr L impossible = -std::numeric_limits<L>::infinity();
        const int64_t classes = reading_.classes;
        const auto temperature = static_cast<L>(reading_.temperature);
        for (int64_t i = 0; i < count; ++i) {
            const T* from = x + i * reading_.row_stride;
            L* to = rows_.get() + i * classes;
            for (int64_t v = 0; v < classes; ++v) to[v] = widen(from[v]);
            if (temperature == 1) continue;
            for (int64_t v = 0; v < classes; ++v) to[v] /= temperature;
        }
        L maximum[kBlock] = {}, log_sum[kBlock] = {};
        if (!reading_.normalized) {
            kernels_.normalisers(rows_.get(), classes, count, classes, maximum, log_sum);
        }
        for (int64_t i = 0; i < count; ++i) {
            L* to = rows_.get() + i * classes;
            for (int64_t v = 0; v < classes; ++v) {
                const L log_prob = (to[v] - maximum[i]) - log_sum[i];
                to[v] = log_prob < std::numeric_limits<L>::infinity() ? log_prob : impossible;
            }
        }
    }

  private:
    const CtcReading& reading_;
    const RowKernels<L>& kernels_;
    Buffer<L> rows_;
};

// The best labels of a frame, but for the blank; of equals, the lower one first.
template <class L>
class CtcBestTokens {
  public:
    explicit CtcBestTokens(const CtcReading& reading)
        : reading_(reading), tokens_(allocate<CtcToken<L>>(reading.tokens + 1)) {}

    int64_t count() const { return count_; }
    const CtcToken<L>& operator[](int64_t i) const { return tokens_[i]; }
    void clear() { count_ = 0; }

    // Those of at least `least`, as many as there may be.
    void find(const L* row, L least) {
        count_ = 0;
        constexpr int64_t kWidth = 16;
        int64_t v = 0;
        for (; v + kWidth <= reading_.classes; v += kWidth) {
            int32_t any = 0;
            for (int64_t i = 0; i < kWidth; ++i) any |= row[v + i] >= least;
            if (any != 0) least = look(row, v, v + kWidth, least);
        }
        look(row, v, reading_.classes, least);
    }

  private:
    // Returns what others have to have now.
    L look(const L* row, int64_t begin, int64_t end, L least) {
        for (int64_t v = begin; v < end; ++v) {
            const L value = row[v];
            if (value < least || v == reading_.blank || !(value > kImpossible)) continue;
            if (count_ == reading_.tokens && !(value > tokens_[count_ - 1].log_prob)) continue;
            int64_t at = count_ == reading_.tokens ? count_ - 1 : count_++;
            for (; at > 0 && tokens_[at - 1].log_prob < value; --at) tokens_[at] = tokens_[at - 1];
            tokens_[at] = {value, static_cast<int32_t>(v)};
            if (count_ == reading_.tokens) least = std::max(least, tokens_[count_ - 1].log_prob);
        }
        return least;
    }

    static constexpr L kImpossible = -std::numeric_limits<L>::infinity();

    const CtcReading& reading_;
    Buffer<CtcToken<L>> tokens_;
    int64_t count_ = 0;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_CTC_TOKENS_HPP_
