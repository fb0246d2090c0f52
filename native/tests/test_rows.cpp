// Rows of every number of classes, against the edge of the memory that may be touched.
#include <sys/mman.h>
#include <unistd.h>

#include "ctc_problem.hpp"

using namespace testing;

namespace {

// `size` bytes between two pages that nobody may touch: right after the first, or before the
// second.
class Fenced {
  public:
    Fenced(size_t size, bool at_end)
        : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))),
          inner_((size / page_ + 1) * page_),
          map_(static_cast<unsigned char*>(
              mmap(nullptr, inner_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
        CHECK(map_ != MAP_FAILED);
        CHECK(mprotect(map_ + page_, inner_, PROT_READ | PROT_WRITE) == 0);
        data_ = map_ + page_ + (at_end ? inner_ - size : 0);
    }
    Fenced(const Fenced&) = delete;
    Fenced& operator=(const Fenced&) = delete;
    ~Fenced() { munmap(map_, inner_ + 2 * page_); }

    unsigned char* data() { return data_; }

  private:
    size_t page_, inner_;
    unsigned char* map_;
    unsigned char* data_;
};

// The second sequence is a single frame with a single label.
CtcProblem problem(sf_dtype dtype, int64_t classes, Tensor::Layout layout) {
    return CtcProblem(dtype, {3, 1}, {2, 1}, 3, 2, classes, 0, static_cast<unsigned>(classes),
                      layout);
}

void check_single_frame(const CtcProblem& p, const CtcResult& result) {
    const std::vector<double> log_probs = log_softmax(p.rows(1)[0]);
    CHECK_CLOSE(result.loss.get(1), -log_probs[static_cast<size_t>(p.target(1, 0))], 3e-6);
    for (int64_t v = 0; v < p.classes; ++v) {
        const double expected = std::exp(log_probs[static_cast<size_t>(v)]) - (v == p.target(1, 0));
        CHECK_CLOSE(result.grad.get({1, 0, v}), expected, tolerance(p.logits.dtype()));
    }
}

// Its gradient, with the logits and the gradient in fenced memory; the gradient over the logits if
// in_place.
std::vector<unsigned char> fenced_gradient(CtcProblem p, bool at_end, bool in_place) {
    const size_t size = p.logits.bytes().size();
    Fenced logits(size, at_end), grad(size, at_end);
    std::memcpy(logits.data(), p.logits.data(), size);
    unsigned char* to = in_place ? logits.data() : grad.data();
    LatticeArray upstream = ones(p);
    sf_array from = array_of(p.logits), into = from;
    from.data = logits.data();
    into.data = to;
    OpCall forward = p.call();
    CHECK(forward.input("logits", from).run() == SF_OK);
    OpCall backward = forward.backward();
    backward.input("grad_loss", array_of(upstream, p.logits.dtype(), 2));
    CHECK(backward.output("grad_logits", into).run() == SF_OK);
    return {to, to + size};
}

}  // namespace

SEQFRONT_TEST(rows, of_any_length_are_touched_exactly) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const sf_dtype dtype : kDtypes) {
            for (int64_t classes = 2; classes <= 70; ++classes) {
                context() =
                    isa + " dtype " + std::to_string(dtype) + " classes " + std::to_string(classes);
                const CtcProblem dense = problem(dtype, classes, Tensor::kDense);
                const CtcResult expected = run(dense, ones(dense));
                check_single_frame(dense, expected);
                for (const bool at_end : {false, true}) {
                    for (const bool in_place : {false, true}) {
                        CHECK(fenced_gradient(dense, at_end, in_place) == expected.grad.bytes());
                    }
                }
                // NaN between the rows is neither read nor written over.
                const CtcProblem gaps = problem(dtype, classes, Tensor::kGaps);
                const CtcResult result = run(gaps, ones(gaps), false, Tensor::kGaps);
                for (int64_t b = 0; b < 2; ++b) {
                    CHECK(result.loss.get(b) == expected.loss.get(b));
                    for (int64_t t = 0; t < 3; ++t) {
                        for (int64_t v = 0; v < classes; ++v) {
                            CHECK(result.grad.get({b, t, v}) == expected.grad.get({b, t, v}));
                        }
                        CHECK(std::isnan(result.grad.get({b, t, classes})));
                    }
                }
            }
        }
    }
}
