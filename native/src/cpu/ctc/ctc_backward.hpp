// The gradient of CTC. `Lattice` is CtcSum or CtcBestPath.
#ifndef SEQFRONT_CPU_CTC_BACKWARD_HPP_
#define SEQFRONT_CPU_CTC_BACKWARD_HPP_

#include <cmath>
#include <vector>

#include "ctc/ctc_rows.hpp"
#include "ctc/ctc_schedule.hpp"
#include "ctc/ctc_sum.hpp"
#include "thread_pool.hpp"

namespace seqfront {

template <class T, class Lattice>
class CtcBackward {
    using L = typename RowKernelsOf<T>::Lattice;

  public:
    CtcBackward(const CtcProblem& p, const Call& call)
        : p_(p),
          at_{p},
          threads_(usable_threads(p.threads)),
          logits_(call.in<T>(ctc::kLogits)),
          frames_(reinterpret_cast<const CtcFrame<L>*>(call.in<L>(ctc::kFrames))),
          states_(call.in<L>(ctc::kStates)),
          ends_(call.in<L>(ctc::kEnds)),
          grad_loss_(call.in<L>(ctc::kGradLoss)),
          grad_(call.out<T>(0)),
          stride_(call.output(0).stride),
          rows_(p, kernels()),
          writer_(kernels(), grad_, logits_, p.classes,
                  p.batch * p.frames * p.classes * static_cast<int64_t>(sizeof(T)),
                  stride_[1] == p.classes && stride_[0] == p.frames * p.classes),
          state_size_(ctc_states(p.most_labels)),
          block_(frames_at_once()),
          parts_(allocate<L>(p.batch * part_size())),
          beta_(allocate<L>(p.batch * state_size_)),
          inner_(allocate<L>(p.batch * blocks() * state_size_)),
          repeats_(static_cast<size_t>(p.batch)),
          lattices_(ctc_lattices<Lattice>(p, lattice_kernels<L>(kernels()), threads_, block_)) {
        for (size_t i = 0; i < lattices_.size(); ++i) scores_.push_back(allocate<L>(part_size()));
        for (int32_t i = 0; i < threads_; ++i) scratch_.push_back(allocate<L>(p.most_labels + 1));
        for (int64_t b = 0; b < p.batch; ++b) {
            if (has_gradient(b)) find_repeats(CtcSequence(p, b));
        }
    }

    void run() {
        if (!ctc_by_sequence(p_, threads_)) {
            for_each_block([&](const Block& block) { run_block(block); });
            return;
        }
        parallel_for(p_.batch, p_.frames * ctc_row_work(p_), threads_,
                     [&](int32_t slot, int64_t first, int64_t last) {
                         for (int64_t b = first; b < last; ++b) {
                             run_sequence(static_cast<size_t>(slot), CtcSequence(p_, b));
                         }
                     });
    }

  private:
    // Frames whose states are kept at once: all between two checkpoints if they fit into a cache,
    // else so many that the states within and between such blocks need the least memory.
    int64_t frames_at_once() const {
        constexpr int64_t kCacheBytes = 1 << 20;
        const int64_t bytes = p_.interval() * state_size_ * static_cast<int64_t>(sizeof(L));
        if (bytes <= kCacheBytes) return p_.interval();
        return static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(p_.interval()))));
    }
    int64_t blocks() const { return (p_.interval() + block_ - 1) / block_; }
    int64_t part_size() const { return block_ * (p_.most_labels + 1); }

    const L& loss(int64_t b) const { return ends_[b * ctc::kEndsSize]; }
    bool has_gradient(int64_t b) const {
        return p_.frame_lengths[b] > 0 && grad_loss_[b] != 0 && std::isfinite(loss(b));
    }

    void find_repeats(const CtcSequence& s) {
        std::vector<int32_t>& pairs = repeats_[static_cast<size_t>(s.index)];
        order_.clear();
        for (int32_t k = 0; k < s.labels; ++k) order_.push_back(k);
        std::sort(order_.begin(), order_.end(), [&](int32_t a, int32_t b) {
            return s.targets[a] != s.targets[b] ? s.targets[a] < s.targets[b] : a < b;
        });
        size_t first = 0;
        for (size_t i = 1; i < order_.size(); ++i) {
            if (s.targets[order_[i]] == s.targets[order_[first]]) {
                pairs.push_back(order_[i]);
                pairs.push_back(order_[first]);
            } else {
                first = i;
            }
        }
    }

    // Some frames: block `index` of those after a checkpoint.
    struct Block {
        int64_t checkpoint, index, begin, end;
    };

    // Calls body(block), from the last frames to the first.
    template <class Body>
    void for_each_block(Body&& body) {
        for (int64_t k = ctc::kCheckpoints - 1; k >= 0; --k) {
            const int64_t from = k * p_.interval(), to = std::min(p_.frames, from + p_.interval());
            for (int64_t i = blocks() - 1; i >= 0; --i) {
                const int64_t begin = from + i * block_, end = std::min(to, begin + block_);
                if (begin < end) body(Block{k, i, begin, end});
            }
        }
    }

    void run_sequence(size_t slot, const CtcSequence& s) {
        for_each_block([&](const Block& block) {
            retreat(slot, s, block);
            for (int64_t t = block.begin; t < block.end; ++t) write(slot, s, block.begin, t);
        });
    }

    // First all lattices, then all rows of the gradient.
    void run_block(const Block& block) {
        parallel_for(p_.batch, ctc_lattice_work(p_, 3 * block_), threads_,
                     [&](int32_t slot, int64_t first, int64_t last) {
                         for (int64_t b = first; b < last; ++b) {
                             retreat(static_cast<size_t>(slot), CtcSequence(p_, b), block);
                         }
                     });
        const int64_t count = block.end - block.begin;
        parallel_for(p_.batch * count, ctc_row_work(p_), threads_,
                     [&](int32_t slot, int64_t first, int64_t last) {
                         for (int64_t n = first; n < last; ++n) {
                             write(static_cast<size_t>(slot), CtcSequence(p_, n / count),
                                   block.begin, block.begin + n % count);
                         }
                     });
    }

    // Asks for a row of logits: all of it will be read soon.
    void prefetch(const T* x) const {
        constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(T));
        for (int64_t v = 0; v < p_.classes; v += line) __builtin_prefetch(x + v);
    }

    void take_scores(const CtcSequence& s, int64_t begin, int64_t count, L* scores) const {
        const T* x = logits_ + s.index * p_.logits_stride[0] + begin * p_.logits_stride[1];
        for (int64_t t = 0; t < count; ++t) {
            if (t + 1 < count) prefetch(x + (t + 1) * p_.logits_stride[1]);
            rows_.score(s, x + t * p_.logits_stride[1], frames_[at_.frame(s, begin + t)],
                        scores + t * s.pitch());
        }
    }

    L* inner(const CtcSequence& s, int64_t i) {
        return inner_.get() + (s.index * blocks() + i) * state_size_;
    }

    void retreat(size_t slot, const CtcSequence& s, const Block& block) {
        if (block.begin >= s.frames || !has_gradient(s.index)) return;
        Lattice& lattice = lattices_[slot];
        L* const scores = scores_[slot].get();
        const int64_t from = block.checkpoint * p_.interval(), begin = block.begin;
        const int64_t stop = std::min(s.frames, block.end);
        const CtcEnd<L> end = {loss(s.index), ends_[at_.end(s) + 1]};
        L* const beta = beta_.get() + s.index * state_size_;
        lattice.ready(s);
        if (stop == s.frames) lattice.start_back(end, beta);
        const bool last_block = stop == std::min(s.frames, from + p_.interval());
        if (last_block) enter(lattice, s, block, scores);
        take_scores(s, begin, stop - begin, scores);
        const bool raw = p_.normalized || p_.weighted();
        const L upstream = grad_loss_[s.index];
        lattice.retreat(
            {scores, stop - begin, parts_.get() + s.index * part_size(),
             repeats_[static_cast<size_t>(s.index)], upstream, raw ? L{0} : upstream, end},
            inner(s, block.index), beta);
    }

    // States before the blocks up to `last`, of those after the same checkpoint.
    void enter(Lattice& lattice, const CtcSequence& s, const Block& last, L* scores) {
        const int64_t k = last.checkpoint;
        lattice.unpack(states_ + at_.body(s, k), ends_ + at_.tail(s, k), inner(s, 0));
        for (int64_t i = 0; i < last.index; ++i) {
            std::copy_n(inner(s, i), state_size_, inner(s, i + 1));
            take_scores(s, k * p_.interval() + i * block_, block_, scores);
            lattice.advance(scores, block_, inner(s, i + 1));
        }
    }

    void write(size_t slot, const CtcSequence& s, int64_t block, int64_t t) {
        T* const g = grad_ + s.index * stride_[0] + t * stride_[1];
        const L upstream = grad_loss_[s.index];
        const bool invalid = std::isnan(loss(s.index)) && upstream != 0;
        if (t >= s.frames || !(has_gradient(s.index) || invalid)) {
            writer_.clear(g, 1, p_.classes);
            return;
        }
        const T* x = logits_ + s.index * p_.logits_stride[0] + t * p_.logits_stride[1];
        L* const part = parts_.get() + s.index * part_size() + (t - block) * s.pitch();
        const CtcFrame<L>& frame = frames_[at_.frame(s, t)];
        if (invalid) {
            rows_.write_invalid(writer_, s, x, g);
        } else {
            rows_.write(writer_, s, frame, upstream, x, part, g, scratch_[slot].get());
        }
    }

    const CtcProblem& p_;
    CtcPlaces at_;
    int32_t threads_;
    const T* logits_;
    const CtcFrame<L>* frames_;
    const L* states_;
    const L* ends_;
    const L* grad_loss_;
    T* grad_;
    const int64_t* stride_;
    CtcRows<T> rows_;
    GradientRows<T> writer_;
    int64_t state_size_, block_;
    Buffer<L> parts_, beta_, inner_;
    std::vector<std::vector<int32_t>> repeats_;
    std::vector<int32_t> order_;
    std::vector<Lattice> lattices_;
    std::vector<Buffer<L>> scores_, scratch_;  // of each thread
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_CTC_BACKWARD_HPP_
