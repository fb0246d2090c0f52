// The frames of a CTC problem measured once, and their scores as often as they are needed.
#ifndef SEQFRONT_CPU_CTC_MEASURE_HPP_
#define SEQFRONT_CPU_CTC_MEASURE_HPP_

#include <cmath>
#include <limits>
#include <vector>

#include "ctc/ctc_rows.hpp"
#include "ctc/ctc_schedule.hpp"
#include "thread_pool.hpp"

namespace seqfront {

template <class T>
class CtcMeasure {
  public:
    using L = typename RowKernelsOf<T>::Lattice;

    // Reads all logits, by all threads.
    CtcMeasure(const CtcProblem& p, const T* logits)
        : p_(p),
          logits_(logits),
          rows_(p, kernels()),
          frames_(allocate<CtcFrame<L>>(p.batch * p.frames)) {
        const int32_t threads = usable_threads(p.threads);
        const int64_t pitch = p.most_labels + 1;
        const Buffer<L> scores = allocate<L>(threads * pitch);
        parallel_for(p.batch * p.frames, ctc_row_work(p), threads,
                     [&](int32_t slot, int64_t begin, int64_t end) {
                         for (int64_t i = begin; i < end; ++i) {
                             const CtcSequence s(p, i / p.frames);
                             const int64_t t = i % p.frames;
                             if (t >= s.frames) continue;
                             rows_.measure(s, row(s, t), 1, frames_.get() + i,
                                           scores.get() + slot * pitch);
                         }
                     });
    }

    // Whether nothing that counts in the sequence is NaN or +inf.
    bool valid(const CtcSequence& s) const {
        for (int64_t t = 0; t < s.frames; ++t) {
            if (!frame(s, t).valid()) return false;
        }
        return true;
    }

    // [count, labels + 1]: of the blank and of the labels, in frames from `begin` on.
    void scores(const CtcSequence& s, int64_t begin, int64_t count, L* to) const {
        for (int64_t t = begin; t < begin + count; ++t, to += s.pitch()) {
            rows_.score(s, row(s, t), frame(s, t), to);
        }
    }

  private:
    const CtcFrame<L>& frame(const CtcSequence& s, int64_t t) const {
        return frames_[s.index * p_.frames + t];
    }
    const T* row(const CtcSequence& s, int64_t t) const {
        return logits_ + s.index * p_.logits_stride[0] + t * p_.logits_stride[1];
    }

    const CtcProblem& p_;
    const T* logits_;
    CtcRows<T> rows_;
    Buffer<CtcFrame<L>> frames_;
};

// What ops over a CTC problem take besides the arrays and attributes of their own.
inline std::vector<sf_array_spec> ctc_inputs() {
    return {{"logits", "T", "batch frames classes", SF_STRIDED},
            {"targets", "int32", "rows labels", 0},
            {"frame_lengths", "int32", "batch", 0},
            {"label_lengths", "int32", "batch", 0},
            {"log_prior", "L", "classes", SF_OPTIONAL}};
}

inline std::vector<sf_attribute_spec> ctc_attributes() {
    return {{"blank", "int", 0},
            {"normalized", "bool", 0},
            {"label_loop", "bool", 1},
            {"prior_scale", "float", 1},
            {"star", "int", static_cast<double>(ctc::kNoStar)},
            {"star_any", "bool", 0},
            {"star_score", "float", 0}};
}

// Frames of which an op keeps something at once, so that the states at the beginning of each such
// block and what is kept within one need about the least memory, and all frames if that is little.
inline int64_t ctc_block(const CtcProblem& p, int64_t bytes_per_frame) {
    constexpr int64_t kLittle = 4 << 20;
    const auto root = static_cast<int64_t>(2 * std::sqrt(static_cast<double>(p.frames))) + 1;
    return std::max<int64_t>(1, std::min(p.frames, std::max(root, kLittle / bytes_per_frame)));
}

}  // namespace seqfront

#endif  // SEQFRONT_CPU_CTC_MEASURE_HPP_
