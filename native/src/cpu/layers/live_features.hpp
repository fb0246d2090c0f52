// A few rows as a product with panels reads them: in groups, each without the features that are
// zero in all of its rows. Behind a ReLU, or in rows that are much alike, these are many; what they
// would be multiplied with is not even read. (They would add nothing: a weight that is not finite
// is one that nobody asked for.)
#ifndef SEQFRONT_CPU_LIVE_FEATURES_HPP_
#define SEQFRONT_CPU_LIVE_FEATURES_HPP_

#include <algorithm>

#include "problem.hpp"
#include "simd/kernels.hpp"

namespace seqfront {

template <class L>
class LiveFeatures {
  public:
    // x [rows, features].
    LiveFeatures(const L* x, int64_t rows, int64_t features)
        : rows_(rows),
          features_(features),
          groups_((rows + kPanelRows - 1) / kPanelRows),
          parts_((features + kGemmDepth - 1) / kGemmDepth),
          values_(allocate<L>(rows * features)),
          places_(allocate<int32_t>(groups_ * features)),
          starts_(allocate<int32_t>(groups_ * (parts_ + 1))) {
        const Buffer<uint8_t> live = allocate<uint8_t>(features);
        for (int64_t group = 0; group < groups_; ++group) {
            const L* const from = x + first_row(group) * features;
            mark(from, height(group), live.get());
            list(group, live.get());
            spread(group, from);
        }
    }

    int64_t groups() const { return groups_; }
    // They are of nearly equal height.
    int64_t first_row(int64_t group) const { return group * rows_ / groups_; }

    // Fills in what is of x.
    void put(int64_t group, PanelProduct<L>& product) const {
        product.rows = height(group);
        product.parts = parts_;
        product.starts = starts_.get() + group * (parts_ + 1);
        product.places = places_.get() + group * features_;
        product.x = values_.get() + first_row(group) * features_;
    }

  private:
    // So many rows wait for memory anyway, which is read the faster for leaving nothing out.
    static constexpr int64_t kWaiting = 8;

    int64_t height(int64_t group) const { return first_row(group + 1) - first_row(group); }

    void mark(const L* x, int64_t rows, uint8_t* live) const {
        std::fill_n(live, features_, static_cast<uint8_t>(rows_ <= kWaiting));
        for (int64_t row = 0; row < rows; ++row, x += features_) {
            for (int64_t k = 0; k < features_; ++k) live[k] |= x[k] != 0;
        }
    }

    void list(int64_t group, const uint8_t* live) {
        int32_t* const places = places_.get() + group * features_;
        int32_t* starts = starts_.get() + group * (parts_ + 1);
        int64_t count = 0;
        for (int64_t k = 0; k < features_; ++k) {
            if (k % kGemmDepth == 0) *starts++ = static_cast<int32_t>(count);
            places[count] = static_cast<int32_t>(k);
            count += live[k];
        }
        *starts = static_cast<int32_t>(count);
    }

    void spread(int64_t group, const L* x) {
        const int32_t* const places = places_.get() + group * features_;
        const int64_t rows = height(group);
        const int64_t count = starts_[group * (parts_ + 1) + parts_];
        L* const values = values_.get() + first_row(group) * features_;
        constexpr int64_t line = 16;  // features at once: few enough to stay in the cache
        for (int64_t first = 0; first < count; first += line) {
            const int64_t end = std::min(first + line, count);
            for (int64_t row = 0; row < rows; ++row) {
                const L* const from = x + row * features_;
                for (int64_t i = first; i < end; ++i) values[i * rows + row] = from[places[i]];
            }
        }
    }

    int64_t rows_, features_, groups_, parts_;
    Buffer<L> values_;
    Buffer<int32_t> places_, starts_;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_LIVE_FEATURES_HPP_
