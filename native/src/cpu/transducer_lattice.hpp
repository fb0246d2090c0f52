// The lattice of one sequence of a transducer: from the saved columns of its rows to its likelihood
// and to the columns of its gradient.
#ifndef SEQFRONT_CPU_TRANSDUCER_LATTICE_HPP_
#define SEQFRONT_CPU_TRANSDUCER_LATTICE_HPP_

#include "transducer.hpp"

namespace seqfront {

// Scratch memory of one thread, large enough for any sequence of a problem.
template <class L>
class TransducerScratch {
  public:
    TransducerScratch(const TransducerProblem& p, int32_t slots, bool gradient);
    L* numbers(int32_t slot) const { return numbers_.get() + slot * number_count_; }
    int64_t* indices(int32_t slot) const { return indices_.get() + slot * index_count_; }

  private:
    int64_t number_count_, index_count_;
    Buffer<L> numbers_;
    Buffer<int64_t> indices_;
};

// -log likelihood as it is reported.
template <class L>
L transducer_loss(const TransducerProblem& p, const TransducerSequence& s, const L* saved,
                  const TransducerScratch<L>& scratch, int32_t slot);

// Fills the columns of the gradient of one sequence; false if it is all zeros, and the columns have
// not been written. With a clamp, the factor of the softmax is without the upstream gradient.
template <class L>
bool transducer_gradient(const TransducerProblem& p, const TransducerSequence& s, const L* saved,
                         L upstream, L* columns, const TransducerScratch<L>& scratch, int32_t slot);

}  // namespace seqfront

#endif  // SEQFRONT_CPU_TRANSDUCER_LATTICE_HPP_
