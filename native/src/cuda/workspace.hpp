// Memory that a call works in: the caller gives it, for an allocation may be a wait for the device,
// and then a CUDA graph could not hold the call.
#ifndef SEQFRONT_CUDA_WORKSPACE_HPP_
#define SEQFRONT_CUDA_WORKSPACE_HPP_

#include <cstdint>

namespace seqfront {
namespace cuda {

// Hands out arrays one after another. Of no memory it hands out null pointers, and counts.
class Workspace {
  public:
    explicit Workspace(void* memory) : memory_(static_cast<unsigned char*>(memory)) {}

    template <class V>
    V* take(int64_t count) {
        unsigned char* const array = memory_ == nullptr ? nullptr : memory_ + bytes_;
        bytes_ +=
            (count * static_cast<int64_t>(sizeof(V)) + kAlignment - 1) / kAlignment * kAlignment;
        return reinterpret_cast<V*>(array);
    }
    int64_t bytes() const { return bytes_; }

  private:
    static constexpr int64_t kAlignment = 256;

    unsigned char* memory_;
    int64_t bytes_ = 0;
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_WORKSPACE_HPP_
