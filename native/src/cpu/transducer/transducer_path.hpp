// What alignment ops over transducers have in common: their problem, its rows, and the arcs of one
// sequence after another.
#ifndef SEQFRONT_CPU_TRANSDUCER_PATH_HPP_
#define SEQFRONT_CPU_TRANSDUCER_PATH_HPP_

#include <vector>

#include "op.hpp"
#include "transducer/transducer_run.hpp"

namespace seqfront {

// RNN-T and its variants, or TDT, without what only changes gradients.
TransducerProblem rnnt_path_problem(const Call& call);
TransducerProblem tdt_path_problem(const Call& call);
std::vector<sf_array_spec> rnnt_path_inputs();
std::vector<sf_array_spec> tdt_path_inputs();
std::vector<sf_attribute_spec> rnnt_path_attributes();
std::vector<sf_attribute_spec> tdt_path_attributes();

// The rows of all sequences, and memory for the arcs of one in each thread.
template <class T, class L = typename RowKernelsOf<T>::Lattice>
class TransducerArcTables {
  public:
    TransducerArcTables(const Call& call, const TransducerProblem& p)
        : p_(p),
          saved_(allocate<L>(p.total_cells() * p.columns)),
          work_(3 * lattice_work(p)),
          threads_(useful_threads(p.batch, work_, usable_threads(p.threads))),
          scratch_(p, threads_, true, true),
          size_(static_cast<int64_t>(p.arcs.size()) * p.most_cells),
          arcs_(allocate<L>(threads_ * size_)) {
        const T* durations = p.duration_count > 0 ? call.in<T>(1) : nullptr;
        save_rows(p, call.in<T>(0), durations, saved_.get());
    }

    // Calls body(slot, sequence) for each sequence, in parallel.
    template <class Body>
    void for_each(Body&& body) const {
        parallel_for(p_.batch, work_, threads_, [&](int32_t slot, int64_t begin, int64_t end) {
            for (int64_t b = begin; b < end; ++b) body(slot, p_.sequence(b));
        });
    }

    int32_t threads() const { return threads_; }
    L* arcs(int32_t slot) const { return arcs_.get() + slot * size_; }
    bool weights(int32_t slot, const TransducerSequence& s) const {
        return transducer_weights(p_, s, saved(s), arcs(slot), scratch_, slot);
    }
    L posteriors(int32_t slot, const TransducerSequence& s) const {
        return transducer_posteriors(p_, s, saved(s), arcs(slot), scratch_, slot);
    }

  private:
    const L* saved(const TransducerSequence& s) const {
        return saved_.get() + p_.first_cell(s.index) * p_.columns;
    }

    const TransducerProblem& p_;
    Buffer<L> saved_;
    int64_t work_;
    int32_t threads_;
    TransducerScratch<L> scratch_;
    int64_t size_;
    Buffer<L> arcs_;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_TRANSDUCER_PATH_HPP_
