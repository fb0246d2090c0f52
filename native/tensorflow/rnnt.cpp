// SeqfrontRnntForward and SeqfrontRnntBackward: the RNN-T loss as TensorFlow graph ops.

#include "loss_ops.hpp"

namespace seqfront::tensorflow {
namespace {

struct Rnnt {
    using Problem = sf_rnnt_problem;

    static constexpr const char* kForward = "SeqfrontRnntForward";
    static constexpr const char* kBackward = "SeqfrontRnntBackward";
    static constexpr std::initializer_list<const char*> kAttributes = {
        "T: {float, double, bfloat16, half}", "L: {float, double}", "blank: int",
        "normalized: bool = false", "threads: int >= 0 = 0"};
    static constexpr int kLogitsRank = 4;
    static constexpr const char* kLogitsLayout = "[batch, frames, labels + 1, classes]";
    static constexpr const char* kSavedLayout = "[batch, frames, labels + 1, 3]";
    static constexpr auto forward = sf_rnnt_forward;
    static constexpr auto backward = sf_rnnt_backward;

    // An empty label axis gives -2 labels, which no size may be.
    static LossSizes sizes(const Dims& logits, const Dims& targets) {
        const int64_t positions = logits.size[2];
        const int64_t labels = positions == kUnknown ? targets.size[1]
                               : positions == 0      ? kUnknown - 1
                                                     : positions - 1;
        return {logits.size[0], logits.size[1], labels, logits.size[3]};
    }

    static Dims saved(const Dims& logits, const Dims&) {
        return {4, {logits.size[0], logits.size[1], logits.size[2], 3}};
    }

    static void read(Attributes&, Problem&) {}
};

[[maybe_unused]] const bool registered = (LossOps<Rnnt>::register_all(), true);

}  // namespace
}  // namespace seqfront::tensorflow
