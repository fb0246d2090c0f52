// The last layer of a loss, logits = hidden weight^T + bias, a tile at a time: its logits are never
// all in memory. Forward keeps the normaliser of each row and the logits that a lattice asks for;
// backward makes the logits again, turns them into their gradient in place, and multiplies that
// into the gradients of weight and hidden.
//
// Tiles are cut at fixed places and added in a fixed order, so that results do not depend on the
// number of threads.
#ifndef SEQFRONT_CPU_LINEAR_HEAD_HPP_
#define SEQFRONT_CPU_LINEAR_HEAD_HPP_

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "float16.hpp"
#include "problem.hpp"
#include "simd/dispatch.hpp"
#include "thread_pool.hpp"
#include "widened.hpp"

namespace seqfront {

constexpr int64_t kHeadBlock = 240;         // rows of one thread
constexpr int64_t kHeadTile = 1024;         // rows whose gradients are in memory at once
constexpr int64_t kForwardClasses = 1024;   // of a block
constexpr int64_t kBackwardClasses = 4096;  // of a tile

// A gradient that is added up in that type, from zero.
template <class T>
class Accumulated {
  public:
    using L = typename RowKernelsOf<T>::Lattice;

    Accumulated(T* to, int64_t count) : to_(to), count_(count) {
        if constexpr (std::is_same_v<T, L>) {
            data_ = to;
        } else {
            sum_ = allocate<L>(count);
            data_ = sum_.get();
        }
        std::fill_n(data_, count, L{0});
    }
    L* data() const { return data_; }
    void finish() const {
        if constexpr (!std::is_same_v<T, L>) {
            for (int64_t i = 0; i < count_; ++i) narrow(data_[i], to_[i]);
        }
    }

  private:
    T* to_;
    int64_t count_;
    Buffer<L> sum_;
    L* data_;
};

// Chunks of classes, of nearly equal size.
struct ClassChunks {
    ClassChunks(int64_t classes_, int64_t limit) : classes(classes_) {
        const int64_t count = std::max<int64_t>(1, (classes + limit - 1) / limit);
        size = ((classes + count - 1) / count + 31) / 32 * 32;
    }
    int64_t columns(int64_t first) const { return std::min(size, classes - first); }

    int64_t classes, size;
};

template <class L>
class Head {
  public:
    // weight [classes, features]; bias [classes] or null.
    Head(const L* weight, const L* bias, int64_t classes, int64_t features)
        : classes(classes),
          features(features),
          lattice(lattice_kernels<L>(kernels())),
          rows(RowKernelsOf<L>::in(kernels())),
          weight_(weight),
          bias_(bias) {}

    // Logits of classes [first, first + columns).
    void logits(const L* hidden, int64_t count, int64_t first, int64_t columns, L* to,
                L* scratch) const {
        for (int64_t i = 0; bias_ != nullptr && i < count; ++i) {
            std::copy_n(bias_ + first, columns, to + i * columns);
        }
        lattice.gemm({count,
                      columns,
                      features,
                      {hidden, features, 1},
                      {weight_ + first * features, 1, features},
                      to,
                      columns,
                      bias_ != nullptr,
                      scratch});
    }

    // The gradient of hidden (or what these classes add to it) from that of logits.
    void backward(const L* gradient, int64_t count, int64_t first, int64_t columns, L* to,
                  L* scratch) const {
        lattice.gemm({count,
                      features,
                      columns,
                      {gradient, columns, 1},
                      {weight_ + first * features, features, 1},
                      to,
                      features,
                      first > 0,
                      scratch});
    }

    // Cost of a row, as parallel_for wants it: about 64 multiplications a logit read.
    int64_t row_work() const { return classes * (features / 64 + 2); }

    const int64_t classes, features;
    const LatticeKernels<L>& lattice;
    const RowKernels<L>& rows;

  private:
    const L* weight_;
    const L* bias_;
};

// The maximum and log(sum(exp(x - maximum))) of a row, from those of its chunks.
template <class L>
struct RowNormaliser {
    L maximum = 0;
    double sum = 0;

    void add(L chunk_maximum, L chunk_log_sum) {
        if (chunk_log_sum == -std::numeric_limits<L>::infinity()) return;  // all impossible
        if (sum == 0) maximum = chunk_maximum;
        const L top = std::max(maximum, chunk_maximum);
        sum = sum * std::exp(static_cast<double>(maximum) - static_cast<double>(top)) +
              std::exp(static_cast<double>(chunk_log_sum) +
                       (static_cast<double>(chunk_maximum) - static_cast<double>(top)));
        maximum = top;
    }
    L log_sum() const { return static_cast<L>(std::log(sum)); }
};

// What one thread needs to find normalisers.
template <class L>
class HeadForward {
  public:
    explicit HeadForward(const Head<L>& head)
        : head_(head),
          chunks_(head.classes, kForwardClasses),
          hidden_(allocate<L>(kHeadBlock * head.features)),
          logits_(allocate<L>(kHeadBlock * chunks_.size)),
          scratch_(allocate<L>(gemm_scratch())) {}

    L* hidden(int64_t i) const { return hidden_.get() + i * head_.features; }
    const RowNormaliser<L>& normaliser(int64_t i) const { return normalisers_[i]; }

    // Normalisers of the first `count` rows of hidden. Calls pick(i, first, columns, logits) for
    // each row and chunk of classes, for the caller to take logits from.
    template <class Pick>
    void run(int64_t count, Pick&& pick) {
        std::fill_n(normalisers_, count, RowNormaliser<L>{});
        for (int64_t first = 0; first < head_.classes; first += chunks_.size) {
            const int64_t columns = chunks_.columns(first);
            head_.logits(hidden_.get(), count, first, columns, logits_.get(), scratch_.get());
            head_.rows.normalisers(logits_.get(), columns, count, columns, maximum_, log_sum_);
            for (int64_t i = 0; i < count; ++i) {
                normalisers_[i].add(maximum_[i], log_sum_[i]);
                pick(i, first, columns, logits_.get() + i * columns);
            }
        }
    }

  private:
    const Head<L>& head_;
    ClassChunks chunks_;
    Buffer<L> hidden_, logits_, scratch_;
    RowNormaliser<L> normalisers_[kHeadBlock];
    L maximum_[kHeadBlock], log_sum_[kHeadBlock];
};

// Calls body(begin, count, rows) for blocks of `count` rows, in parallel.
template <class L, class Body>
void for_each_head_block(const Head<L>& head, int64_t count, int32_t threads, Body&& body) {
    const int64_t blocks = (count + kHeadBlock - 1) / kHeadBlock;
    const int64_t work = kHeadBlock * head.row_work();
    const int32_t used = useful_threads(blocks, work, usable_threads(threads));
    std::vector<HeadForward<L>> rows;
    rows.reserve(static_cast<size_t>(used));
    for (int32_t i = 0; i < used; ++i) rows.emplace_back(head);
    parallel_for(blocks, work, std::max(1, used), [&](int32_t slot, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t from = i * kHeadBlock;
            body(from, std::min(kHeadBlock, count - from), rows[static_cast<size_t>(slot)]);
        }
    });
}

// Gradients of weight and bias are added up over tiles of rows; those of a tile's hidden rows are
// there after `run`.
template <class L>
class HeadBackward {
  public:
    HeadBackward(const Head<L>& head, L* grad_weight, L* grad_bias, int64_t rows, int32_t threads)
        : head_(head),
          grad_weight_(grad_weight),
          grad_bias_(grad_bias),
          threads_(threads),
          chunks_(head.classes, kBackwardClasses),
          hidden_(allocate<L>(std::min(rows, kHeadTile) * head.features)),
          grad_hidden_(allocate<L>(std::min(rows, kHeadTile) * head.features)),
          gradient_(allocate<L>(std::min(rows, kHeadTile) * chunks_.size)),
          scratch_(allocate<L>(threads * gemm_scratch())) {}

    const L* hidden(int64_t i) const { return hidden_.get() + i * head_.features; }
    const L* grad_hidden(int64_t i) const { return grad_hidden_.get() + i * head_.features; }

    // A tile of `count` rows. `rows` says what they are: hidden(i, to) makes one, and
    // gradient(i, first, columns, logits) turns logits of some classes into their gradient.
    template <class Rows>
    void run(int64_t count, const Rows& rows) {
        for (int64_t first = 0; first < head_.classes; first += chunks_.size) {
            const int64_t columns = chunks_.columns(first);
            make_rows(count, first, columns, rows);
            add_to_weight(count, first, columns);
        }
    }

  private:
    L* scratch(int32_t slot) const { return scratch_.get() + slot * gemm_scratch(); }

    template <class Rows>
    void make_rows(int64_t count, int64_t first, int64_t columns, const Rows& rows) {
        constexpr int64_t block = kHeadTile / 8;
        parallel_for((count + block - 1) / block, block * head_.row_work(), threads_,
                     [&](int32_t slot, int64_t from, int64_t to) {
                         for (int64_t i = from; i < to; ++i) {
                             const int64_t begin = i * block;
                             make_block(begin, std::min(block, count - begin), first, columns, rows,
                                        scratch(slot));
                         }
                     });
    }

    template <class Rows>
    void make_block(int64_t begin, int64_t count, int64_t first, int64_t columns, const Rows& rows,
                    L* scratch) {
        L* const hidden = hidden_.get() + begin * head_.features;
        L* const gradient = gradient_.get() + begin * columns;
        for (int64_t i = 0; first == 0 && i < count; ++i) {
            rows.hidden(begin + i, hidden + i * head_.features);
        }
        head_.logits(hidden, count, first, columns, gradient, scratch);
        for (int64_t i = 0; i < count; ++i) {
            rows.gradient(begin + i, first, columns, gradient + i * columns);
        }
        head_.backward(gradient, count, first, columns, grad_hidden_.get() + begin * head_.features,
                       scratch);
    }

    // Threads share the classes: each sums all rows, in order.
    void add_to_weight(int64_t count, int64_t first, int64_t columns) {
        constexpr int64_t block = 128;
        parallel_for((columns + block - 1) / block, block * count * (head_.features / 64 + 2),
                     threads_, [&](int32_t slot, int64_t from, int64_t to) {
                         for (int64_t i = from; i < to; ++i) {
                             const int64_t v = i * block;
                             add_classes(count, gradient_.get() + v, columns, first + v,
                                         std::min(block, columns - v), scratch(slot));
                         }
                     });
    }

    void add_classes(int64_t count, const L* gradient, int64_t stride, int64_t first,
                     int64_t classes, L* scratch) {
        const int64_t features = head_.features;
        head_.lattice.gemm({classes,
                            features,
                            count,
                            {gradient, 1, stride},
                            {hidden_.get(), features, 1},
                            grad_weight_ + first * features,
                            features,
                            true,
                            scratch});
        for (int64_t i = 0; grad_bias_ != nullptr && i < count; ++i) {
            head_.lattice.add(gradient + i * stride, classes, grad_bias_ + first);
        }
    }

    const Head<L>& head_;
    L* grad_weight_;
    L* grad_bias_;
    int32_t threads_;
    ClassChunks chunks_;
    Buffer<L> hidden_, grad_hidden_, gradient_, scratch_;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_LINEAR_HEAD_HPP_
