// Sizes of tensors, known or not, and the one check of them that all ops share.
//
// Shape functions see sizes that may be unknown until the graph runs, kernels see all of them.
// Both fill a `Dims` and ask `expect`, so a wrong shape gives one and the same message, as early as
// it can be known: when the graph is traced, or else before the kernel touches any memory.
#ifndef SEQFRONT_TENSORFLOW_DIMS_HPP_
#define SEQFRONT_TENSORFLOW_DIMS_HPP_

#include <cstdarg>
#include <cstdint>
#include <cstdio>

namespace seqfront::tensorflow {

inline constexpr int kMaxRank = 4;
inline constexpr int64_t kUnknown = -1;

// Sizes beyond the first kMaxRank axes are not kept; no op accepts so many.
struct Dims {
    int rank = static_cast<int>(kUnknown);
    int64_t size[kMaxRank] = {kUnknown, kUnknown, kUnknown, kUnknown};
};

// A text of limited length that never allocates.
class Message {
  public:
    __attribute__((format(printf, 2, 3))) void add(const char* format, ...) {
        va_list args;
        va_start(args, format);
        const size_t room = sizeof text_ - length_;
        const int written = std::vsnprintf(text_ + length_, room, format, args);
        va_end(args);
        if (written > 0) {
            const size_t wanted = static_cast<size_t>(written);
            length_ += wanted < room ? wanted : room - 1;
        }
    }

    void add_sizes(const Dims& dims) {
        for (int axis = 0; axis < dims.rank; ++axis) {
            add(axis == 0 ? "[" : ", ");
            if (axis == kMaxRank) {
                add("...");
                break;
            }
            if (dims.size[axis] == kUnknown) {
                add("?");
            } else {
                add("%lld", static_cast<long long>(dims.size[axis]));
            }
        }
        add(dims.rank == 0 ? "a scalar" : "]");
    }

    const char* text() const { return text_; }

  private:
    char text_[512] = "";
    size_t length_ = 0;
};

// Whether `dims` may be `wanted`, of which kUnknown sizes are free; if not, the message says why.
// `layout` names the axes, as in "[batch, labels]".
inline bool expect(const char* op, const char* name, const Dims& dims, const char* layout,
                   const Dims& wanted, Message& message) {
    if (dims.rank == static_cast<int>(kUnknown)) return true;
    bool fits = dims.rank == wanted.rank;
    bool all_free = true;
    for (int axis = 0; axis < wanted.rank; ++axis) {
        if (wanted.size[axis] == kUnknown) continue;
        all_free = false;
        if (fits && dims.size[axis] != kUnknown && dims.size[axis] != wanted.size[axis]) {
            fits = false;
        }
    }
    if (fits) return true;
    message.add("%s: %s must be %s", op, name, layout);
    if (!all_free) {
        message.add(" = ");
        message.add_sizes(wanted);
    }
    message.add(", but is ");
    message.add_sizes(dims);
    message.add(".");
    return false;
}

}  // namespace seqfront::tensorflow

#endif  // SEQFRONT_TENSORFLOW_DIMS_HPP_
