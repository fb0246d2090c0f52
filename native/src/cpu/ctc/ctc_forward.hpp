// The loss of CTC, and what its gradient needs of it. `Lattice` is CtcSum or CtcBestPath.
#ifndef SEQFRONT_CPU_CTC_FORWARD_HPP_
#define SEQFRONT_CPU_CTC_FORWARD_HPP_

#include <vector>

#include "ctc/ctc_rows.hpp"
#include "ctc/ctc_schedule.hpp"
#include "ctc/ctc_sum.hpp"
#include "thread_pool.hpp"

namespace seqfront {

template <class T, class Lattice>
class CtcForward {
    using L = typename RowKernelsOf<T>::Lattice;

  public:
    CtcForward(const CtcProblem& p, const T* logits, L* loss, L* frames, L* states, L* ends)
        : p_(p),
          at_{p},
          threads_(usable_threads(p.threads)),
          logits_(logits),
          loss_(loss),
          frames_(reinterpret_cast<CtcFrame<L>*>(frames)),
          states_(states),
          ends_(ends),
          rows_(p, kernels()),
          step_(std::min<int64_t>(p.interval(), 32)),
          state_size_(ctc_states(p.most_labels)),
          scores_(allocate<L>(p.batch * score_size())),
          current_(allocate<L>(p.batch * state_size_)),
          lattices_(ctc_lattices<Lattice>(p, lattice_kernels<L>(kernels()), threads_, 1)) {}

    void run() {
        if (ctc_by_sequence(p_, threads_)) {
            parallel_for(p_.batch, p_.frames * ctc_row_work(p_), threads_,
                         [&](int32_t slot, int64_t first, int64_t last) {
                             for (int64_t b = first; b < last; ++b) run_sequence(slot, b);
                         });
        } else {
            for_each_step([&](int64_t begin, int64_t end) { run_step(begin, end); });
        }
        for (int64_t b = 0; b < p_.batch; ++b) finish_empty(CtcSequence(p_, b));
    }

  private:
    int64_t score_size() const { return step_ * (p_.most_labels + 1); }

    // Calls body(begin, end) for a few frames after another; checkpoints are where some begin.
    template <class Body>
    void for_each_step(Body&& body) {
        for (int64_t from = 0; from < p_.frames; from += p_.interval()) {
            const int64_t stop = std::min(p_.frames, from + p_.interval());
            for (int64_t t = from; t < stop; t += step_) body(t, std::min(t + step_, stop));
        }
    }

    void run_sequence(int32_t slot, int64_t b) {
        const CtcSequence s(p_, b);
        for_each_step([&](int64_t begin, int64_t end) {
            if (begin < s.frames) measure(s, begin, std::min(end, s.frames), begin);
            move(lattices_[static_cast<size_t>(slot)], b, begin, end);
        });
    }

    void run_step(int64_t begin, int64_t end) {
        measure(begin, end);
        parallel_for(p_.batch, ctc_lattice_work(p_, step_), threads_,
                     [&](int32_t slot, int64_t first, int64_t last) {
                         Lattice& lattice = lattices_[static_cast<size_t>(slot)];
                         for (int64_t b = first; b < last; ++b) move(lattice, b, begin, end);
                     });
    }

    // Scores of frames [begin, end) of all sequences.
    void measure(int64_t begin, int64_t end) {
        const int64_t count = end - begin;
        parallel_for(p_.batch * count, ctc_row_work(p_), threads_,
                     [&](int32_t, int64_t first, int64_t last) {
                         while (first < last) {
                             const int64_t b = first / count, t = begin + first % count;
                             const CtcSequence s(p_, b);
                             const int64_t stop = std::min({t + last - first, end, s.frames});
                             if (stop > t) measure(s, t, stop, begin);
                             first += end - t;
                         }
                     });
    }
    void measure(const CtcSequence& s, int64_t begin, int64_t end, int64_t block) {
        rows_.measure(s, logits_ + s.index * p_.logits_stride[0] + begin * p_.logits_stride[1],
                      end - begin, frames_ + at_.frame(s, begin),
                      scores_.get() + s.index * score_size() + (begin - block) * s.pitch());
    }

    void move(Lattice& lattice, int64_t b, int64_t begin, int64_t end) {
        const CtcSequence s(p_, b);
        if (begin >= s.frames) return;
        L* const states = current_.get() + b * state_size_;
        lattice.ready(s);
        if (begin == 0) lattice.start(states);
        if (begin % p_.interval() == 0) {
            const int64_t k = begin / p_.interval();
            lattice.pack(states, states_ + at_.body(s, k), ends_ + at_.tail(s, k));
        }
        const int64_t count = std::min(end, s.frames) - begin;
        lattice.advance(scores_.get() + b * score_size(), count, states);
        if (begin + count == s.frames) finish(lattice, s, states);
    }

    void finish(Lattice& lattice, const CtcSequence& s, L* states) {
        CtcEnd<L> end = lattice.end(states);
        for (int64_t t = 0; t < s.frames; ++t) {
            if (!frames_[at_.frame(s, t)].valid()) end.loss = std::numeric_limits<L>::quiet_NaN();
        }
        save(s, end);
    }
    void finish_empty(const CtcSequence& s) {
        constexpr L impossible = std::numeric_limits<L>::infinity();
        if (s.frames == 0) save(s, {s.labels == 0 ? 0 : impossible, 0});
    }
    void save(const CtcSequence& s, const CtcEnd<L>& end) {
        loss_[s.index] = ends_[at_.end(s)] = end.loss;
        ends_[at_.end(s) + 1] = end.rest;
    }

    const CtcProblem& p_;
    CtcPlaces at_;
    int32_t threads_;
    const T* logits_;
    L* loss_;
    CtcFrame<L>* frames_;
    L* states_;
    L* ends_;
    CtcRows<T> rows_;
    int64_t step_, state_size_;
    Buffer<L> scores_, current_;
    std::vector<Lattice> lattices_;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_CTC_FORWARD_HPP_
