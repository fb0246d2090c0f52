// CTC: the op. The lattice itself is in simd_ctc.hpp, and for the best path alone in
// ctc_best_path.hpp; what lies between it and the logits, in ctc_rows.hpp.
//
// Memory: the logits are the largest thing there is, and nothing of the size of [frames, labels] is
// kept beside them. All sequences go through the frames together, a few frames at a time: their
// scores are taken from the logits while these are in the caches, then each lattice moves on. The
// loss saves the normaliser of each frame and the states at 16 frames. The gradient goes back from
// one of those frames to the one before, and takes the scores from the logits again, right before
// it overwrites them.
#include <cmath>
#include <vector>

#include "ctc_best_path.hpp"
#include "ctc_rows.hpp"
#include "ctc_sum.hpp"
#include "thread_pool.hpp"

namespace seqfront {
namespace {

enum Saved { kFrames = ctc::kLogPrior + 1, kStates, kEnds, kGradLoss };  // inputs of the gradient
constexpr int64_t kEndsSize = 2 + 2 * ctc::kCheckpoints;

// Where a sequence has its part of what is saved.
struct Places {
    const CtcProblem& p;

    int64_t frame(const CtcSequence& s, int64_t t) const { return s.index * p.frames + t; }
    int64_t body(const CtcSequence& s, int64_t checkpoint) const {
        return 4 * (checkpoint * p.target_rows * p.target_columns +
                    p.starts[static_cast<size_t>(s.index)]);
    }
    int64_t end(const CtcSequence& s) const { return s.index * kEndsSize; }
    int64_t tail(const CtcSequence& s, int64_t checkpoint) const {
        return end(s) + 2 + 2 * checkpoint;
    }
};

int64_t row_work(const CtcProblem& p) { return p.classes + 2 * p.most_labels + 64; }
int64_t lattice_work(const CtcProblem& p, int64_t frames) {
    return 8 * frames * (p.most_labels + 2);
}

// One lattice for each thread that will take part.
template <class Lattice, class L>
std::vector<Lattice> lattices(const CtcProblem& p, const LatticeKernels<L>& kernels, int32_t threads,
                              int64_t work, int64_t kept_frames) {
    std::vector<Lattice> all;
    const int32_t count = useful_threads(p.batch, work, threads);
    all.reserve(static_cast<size_t>(count));
    for (int32_t i = 0; i < count; ++i) {
        all.emplace_back(kernels, p.label_loop, p.most_labels, kept_frames);
    }
    return all;
}

// -- loss -----------------------------------------------------------------------------------------

template <class T, class Lattice>
class Forward {
    using L = typename RowKernelsOf<T>::Lattice;

  public:
    Forward(const CtcProblem& p, const T* logits, L* loss, L* frames, L* states, L* ends)
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
          lattices_(lattices<Lattice>(p, lattice_kernels<L>(kernels()), threads_,
                                      lattice_work(p, step_), 1)) {}

    void run() {
        for (int64_t k = 0; k * p_.interval() < p_.frames; ++k) {
            const int64_t stop = std::min(p_.frames, (k + 1) * p_.interval());
            for (int64_t t = k * p_.interval(); t < stop; t += step_) {
                const int64_t end = std::min(t + step_, stop);
                measure(t, end);
                parallel_for(p_.batch, lattice_work(p_, step_), threads_,
                             [&](int32_t slot, int64_t first, int64_t last) {
                                 Lattice& lattice = lattices_[static_cast<size_t>(slot)];
                                 for (int64_t b = first; b < last; ++b) move(lattice, b, t, end);
                             });
            }
        }
        for (int64_t b = 0; b < p_.batch; ++b) finish_empty(CtcSequence(p_, b));
    }

  private:
    int64_t score_size() const { return step_ * (p_.most_labels + 1); }

    // Scores of frames [begin, end) of all sequences.
    void measure(int64_t begin, int64_t end) {
        const int64_t count = end - begin;
        parallel_for(p_.batch * count, row_work(p_), threads_,
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
    Places at_;
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

// -- gradient -------------------------------------------------------------------------------------

template <class T, class Lattice>
class Backward {
    using L = typename RowKernelsOf<T>::Lattice;

  public:
    Backward(const CtcProblem& p, const Call& call)
        : p_(p),
          at_{p},
          threads_(usable_threads(p.threads)),
          logits_(call.in<T>(ctc::kLogits)),
          frames_(reinterpret_cast<const CtcFrame<L>*>(call.in<L>(kFrames))),
          states_(call.in<L>(kStates)),
          ends_(call.in<L>(kEnds)),
          grad_loss_(call.in<L>(kGradLoss)),
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
          lattices_(lattices<Lattice>(p, lattice_kernels<L>(kernels()), threads_,
                                      lattice_work(p, 3 * block_), block_)) {
        for (size_t i = 0; i < lattices_.size(); ++i) scores_.push_back(allocate<L>(part_size()));
        for (int32_t i = 0; i < threads_; ++i) scratch_.push_back(allocate<L>(p.most_labels + 1));
        for (int64_t b = 0; b < p.batch; ++b) {
            if (has_gradient(b)) find_repeats(CtcSequence(p, b));
        }
    }

    void run() {
        for (int64_t k = ctc::kCheckpoints - 1; k >= 0; --k) {
            const int64_t begin = k * p_.interval();
            const int64_t end = std::min(p_.frames, begin + p_.interval());
            for (int64_t i = blocks() - 1; i >= 0; --i) {
                const int64_t from = begin + i * block_, to = std::min(end, from + block_);
                if (from < to) run_block(k, i, from, to);
            }
        }
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

    const L& loss(int64_t b) const { return ends_[b * kEndsSize]; }
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

    // Block `i` of those after checkpoint `k`: first all lattices, then all rows of the gradient.
    void run_block(int64_t k, int64_t i, int64_t begin, int64_t end) {
        parallel_for(p_.batch, lattice_work(p_, 3 * block_), threads_,
                     [&](int32_t slot, int64_t first, int64_t last) {
                         for (int64_t b = first; b < last; ++b) {
                             if (has_gradient(b) && begin < p_.frame_lengths[b]) {
                                 retreat(static_cast<size_t>(slot), CtcSequence(p_, b), k, i);
                             }
                         }
                     });
        const int64_t count = end - begin;
        parallel_for(p_.batch * count, row_work(p_), threads_,
                     [&](int32_t slot, int64_t first, int64_t last) {
                         for (int64_t n = first; n < last; ++n) {
                             write(static_cast<size_t>(slot), CtcSequence(p_, n / count), begin,
                                   begin + n % count);
                         }
                     });
    }

    void take_scores(const CtcSequence& s, int64_t begin, int64_t count, L* scores) const {
        const T* x = logits_ + s.index * p_.logits_stride[0] + begin * p_.logits_stride[1];
        for (int64_t t = 0; t < count; ++t) {
            rows_.score(s, x + t * p_.logits_stride[1], frames_[at_.frame(s, begin + t)],
                        scores + t * s.pitch());
        }
    }

    L* inner(const CtcSequence& s, int64_t i) {
        return inner_.get() + (s.index * blocks() + i) * state_size_;
    }

    void retreat(size_t slot, const CtcSequence& s, int64_t k, int64_t i) {
        Lattice& lattice = lattices_[slot];
        L* const scores = scores_[slot].get();
        const int64_t from = k * p_.interval(), begin = from + i * block_;
        const int64_t stop = std::min({s.frames, from + p_.interval(), begin + block_});
        const CtcEnd<L> end = {loss(s.index), ends_[at_.end(s) + 1]};
        L* const beta = beta_.get() + s.index * state_size_;
        lattice.ready(s);
        if (stop == s.frames) lattice.start_back(end, beta);
        const bool last_block = stop == std::min(s.frames, from + p_.interval());
        if (last_block) enter(lattice, s, k, i, scores);
        take_scores(s, begin, stop - begin, scores);
        const bool raw = p_.normalized || p_.weighted();
        const L upstream = grad_loss_[s.index];
        lattice.retreat({scores, stop - begin, parts_.get() + s.index * part_size(),
                         repeats_[static_cast<size_t>(s.index)], upstream, raw ? L{0} : upstream,
                         end},
                        inner(s, i), beta);
    }

    // States at the blocks up to `last` of those after checkpoint `k`.
    void enter(Lattice& lattice, const CtcSequence& s, int64_t k, int64_t last, L* scores) {
        lattice.unpack(states_ + at_.body(s, k), ends_ + at_.tail(s, k), inner(s, 0));
        for (int64_t i = 0; i < last; ++i) {
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
    Places at_;
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

// -- entry points ---------------------------------------------------------------------------------

// Calls body(T{}, lattice type).
template <class Body>
void with_lattice(const Call& call, const CtcProblem& p, Body&& body) {
    with_element_type(call.input(ctc::kLogits).dtype, [&](auto element) {
        using L = typename RowKernelsOf<decltype(element)>::Lattice;
        if (p.max_approx) {
            body(element, static_cast<CtcBestPath<L>*>(nullptr));
        } else {
            body(element, static_cast<CtcSum<L>*>(nullptr));
        }
    });
}

void run_forward(const Call& call) {
    const CtcProblem p(call);
    with_lattice(call, p, [&](auto element, auto* lattice) {
        using T = decltype(element);
        using L = typename RowKernelsOf<T>::Lattice;
        Forward<T, std::remove_pointer_t<decltype(lattice)>>(
            p, call.in<T>(ctc::kLogits), call.out<L>(0), call.out<L>(1), call.out<L>(2),
            call.out<L>(3))
            .run();
    });
}

void run_backward(const Call& call) {
    const CtcProblem p(call);
    with_lattice(call, p, [&](auto element, auto* lattice) {
        Backward<decltype(element), std::remove_pointer_t<decltype(lattice)>>(p, call).run();
    });
}

}  // namespace

const Op& ctc_op() {
    static const Op op = {
        "ctc",
        {{"logits", "T", "batch frames classes", SF_DIFFERENTIABLE | SF_STRIDED | SF_REUSABLE},
         {"targets", "int32", "rows labels", 0},
         {"frame_lengths", "int32", "batch", 0},
         {"label_lengths", "int32", "batch", 0},
         {"log_prior", "L", "classes", SF_OPTIONAL}},
        {{"loss", "L", "batch", SF_DIFFERENTIABLE},
         {"saved_frames", "L", "batch frames 3", SF_SAVED},
         {"saved_states", "L", "16 rows 4*labels", SF_SAVED},
         {"saved_ends", "L", "batch 34", SF_SAVED}},
        {{"blank", "int", 0},
         {"normalized", "bool", 0},
         {"max_approx", "bool", 0},
         {"label_loop", "bool", 1},
         {"prior_scale", "float", 1},
         {"star", "int", static_cast<double>(ctc::kNoStar)},
         {"star_any", "bool", 0},
         {"star_score", "float", 0}},
        run_forward,
        run_backward,
    };
    return op;
}

}  // namespace seqfront
