// SeqfrontCtcForward and SeqfrontCtcBackward: the CTC loss as TensorFlow graph ops.

#include "loss_ops.hpp"

namespace seqfront::tensorflow {
namespace {

struct Ctc {
    using Problem = sf_ctc_problem;

    static constexpr const char* kForward = "SeqfrontCtcForward";
    static constexpr const char* kBackward = "SeqfrontCtcBackward";
    static constexpr std::initializer_list<const char*> kAttributes = {
        "T: {float, double, bfloat16, half}",
        "L: {float, double}",
        "blank: int",
        "normalized: bool = false",
        "max_approx: bool = false",
        "label_loop: bool = true",
        "threads: int >= 0 = 0"};
    static constexpr int kLogitsRank = 3;
    static constexpr const char* kLogitsLayout = "[batch, frames, classes]";
    static constexpr const char* kSavedLayout = "[batch, frames, labels + 2]";
    static constexpr auto forward = sf_ctc_forward;
    static constexpr auto backward = sf_ctc_backward;

    static LossSizes sizes(const Dims& logits, const Dims& targets) {
        return {logits.size[0], logits.size[1], targets.size[1], logits.size[2]};
    }

    static Dims saved(const Dims& logits, const Dims& targets) {
        const int64_t labels = targets.size[1];
        return {3, {logits.size[0], logits.size[1], labels == kUnknown ? kUnknown : labels + 2}};
    }

    static void read(Attributes& attributes, Problem& problem) {
        problem.max_approx = attributes.flag("max_approx");
        problem.label_loop = attributes.flag("label_loop");
    }
};

[[maybe_unused]] const bool registered = (LossOps<Ctc>::register_all(), true);

}  // namespace
}  // namespace seqfront::tensorflow
