// The lattice of one sequence of a transducer: from the saved columns of its rows to its likelihood
// and to the columns of its gradient.
#ifndef SEQFRONT_CPU_TRANSDUCER_LATTICE_HPP_
#define SEQFRONT_CPU_TRANSDUCER_LATTICE_HPP_

#include "transducer/transducer.hpp"

namespace seqfront {

// Scratch memory of one thread, large enough for any sequence of a problem.
template <class L>
class TransducerScratch {
  public:
    // `tables`: for the arcs of any problem, one whose rows need no tables otherwise too.
    TransducerScratch(const TransducerProblem& p, int32_t slots, bool gradient,
                      bool tables = false);
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

// The arcs of a sequence whose rows are not a band, [arcs, frames, positions]: what they weigh, and
// which part of the paths they have. False: a logit is NaN or +inf. The scratch has to have tables.
template <class L>
bool transducer_weights(const TransducerProblem& p, const TransducerSequence& s, const L* saved,
                        L* arcs, const TransducerScratch<L>& scratch, int32_t slot);

// -log likelihood; the arcs are written only if it is finite.
template <class L>
L transducer_posteriors(const TransducerProblem& p, const TransducerSequence& s, const L* saved,
                        L* arcs, const TransducerScratch<L>& scratch, int32_t slot);

}  // namespace seqfront

#endif  // SEQFRONT_CPU_TRANSDUCER_LATTICE_HPP_
