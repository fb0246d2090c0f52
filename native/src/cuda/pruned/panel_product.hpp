// Products of matrices on a GPU, in tiles: a block has a tile of kTile by kTile of the product, a
// thread 8 by 4 of it in registers. The two factors come by panels of kInner inner indices through
// shared memory, computed on their way there (the exponentials of logits are never stored), and the
// next panels are asked for before the ones at hand are used. The tile is left in shared memory.
//
// For each panel a thread loads 16 bytes once or twice, stores 8 numbers, and has 512 products to
// add, of what it reads by 16 bytes. Sums are in the order of the inner index, whoever computes
// them.
#ifndef SEQFRONT_CUDA_PRUNED_PANEL_PRODUCT_HPP_
#define SEQFRONT_CUDA_PRUNED_PANEL_PRODUCT_HPP_

#include "cuda/rows.hpp"
#include "cuda/shared.hpp"

namespace seqfront {
namespace cuda {

constexpr int kTile = 64;
constexpr int kInner = 16;
constexpr int kTileThreads = 128;

// Elements of a line of a tile, or of a panel: a few more than there are keep threads apart that
// store a column.
constexpr int kTilePitch = kTile + 4;

// What a thread has of a tile while it is computed.
template <class L>
struct PanelPart {
    static constexpr int kRows = 8, kColumns = 4;
    L of[kRows][kColumns];

    static SF_DEVICE int row(int thread) { return thread / (kTile / kColumns) * kRows; }
    static SF_DEVICE int column(int thread) { return thread % (kTile / kColumns) * kColumns; }
};

// Afterwards, calls body(row, column) for the quads of a tile that a thread has: four columns from
// there on. Threads of a warp have the same two rows.
constexpr int kQuad = 4;

template <class Body>
SF_DEVICE void each_quad(int thread, Body&& body) {
    for (int i = thread; i < kTile * kTile / kQuad; i += kTileThreads) {
        body(i / (kTile / kQuad), i % (kTile / kQuad) * kQuad);
    }
}

// N elements of global memory, read or written by 16 bytes at once, or 8 where they are no more.
template <class T, int N>
struct Group {
    using L = LatticeType<T>;
    static constexpr int kBytes = N * static_cast<int>(sizeof(T));
    static_assert(kBytes == 8 || kBytes % 16 == 0, "");

    static SF_DEVICE bool may_be_at(const T* memory) {
        return reinterpret_cast<uintptr_t>(memory) % (kBytes < 16 ? kBytes : 16) == 0;
    }

    static SF_DEVICE void load(const T* from, L (&x)[N]) {
        if constexpr (kBytes == 8) {
            T of[N];
#if defined(__CUDACC__)
            const uint2 words = *reinterpret_cast<const uint2*>(from);
            memcpy(of, &words, sizeof(words));
#else
            memcpy(of, from, sizeof(of));
#endif
            SF_UNROLL
            for (int i = 0; i < N; ++i) x[i] = widened(of[i]);
        } else {
            SF_UNROLL
            for (int i = 0; i < N; i += Chunk<T>::kSize) Chunk<T>::load(from + i).widen_to(x + i);
        }
    }

    static SF_DEVICE void store(const L (&x)[N], T* to) {
        if constexpr (kBytes == 8) {
            T of[N];
            SF_UNROLL
            for (int i = 0; i < N; ++i) of[i] = narrowed<T>(x[i]);
#if defined(__CUDACC__)
            uint2 words;
            memcpy(&words, of, sizeof(words));
            __stwb(reinterpret_cast<uint2*>(to), words);
#else
            memcpy(to, of, sizeof(of));
#endif
        } else {
            SF_UNROLL
            for (int i = 0; i < N; i += Chunk<T>::kSize) {
                Chunk<T>::narrowed_from(x + i).store(to + i);
            }
        }
    }
};

// Elements from `from` on, of which there are `left`; the others stay as they are.
template <class T, int N>
SF_DEVICE void load_some(const T* from, int64_t left, LatticeType<T> (&x)[N]) {
    if (left >= N && Group<T, N>::may_be_at(from)) return Group<T, N>::load(from, x);
    SF_UNROLL
    for (int i = 0; i < N; ++i) {
        if (i < left) x[i] = widened(from[i]);
    }
}
template <class T, int N>
SF_DEVICE void store_some(const LatticeType<T> (&x)[N], T* to, int64_t left) {
    if (left >= N && Group<T, N>::may_be_at(to)) return Group<T, N>::store(x, to);
    SF_UNROLL
    for (int i = 0; i < N; ++i) {
        if (i < left) to[i] = narrowed<T>(x[i]);
    }
}

// A factor: exp(x - maximum of its row), of rows of logits.
template <class T>
struct Exponentials {
    using Element = T;
    using L = LatticeType<T>;
    static constexpr int kSize = Chunk<T>::kSize;

    const T* x;
    int64_t stride;
    const L* maxima;
    int64_t rows, columns;

    struct Fetched {
        L x[kSize];
        L maximum;
    };

    SF_DEVICE Fetched fetch(int64_t row, int64_t column) const {
        Fetched chunk;
        SF_UNROLL
        for (int i = 0; i < kSize; ++i) chunk.x[i] = -infinity<L>();
        chunk.maximum = 0;
        if (row >= rows) return chunk;
        chunk.maximum = maxima[row];
        load_some(x + row * stride + column, columns - column, chunk.x);
        return chunk;
    }
    static SF_DEVICE L value(const Fetched& chunk, int i) {
        return exp(chunk.x[i] - chunk.maximum);
    }
    // From a row or a column on.
    SF_DEVICE Exponentials from_row(int64_t row) const {
        return {x + row * stride, stride, maxima + row, rows - row, columns};
    }
    SF_DEVICE Exponentials from_column(int64_t column) const {
        return {x + column, stride, maxima, rows, columns - column};
    }
};

// A factor: weights that are there as numbers. Negative ones are for something else.
template <class L>
struct Weights {
    using Element = L;
    static constexpr int kSize = Chunk<L>::kSize;

    const L* x;
    int64_t stride;
    int64_t rows, columns;

    struct Fetched {
        L x[kSize];
    };

    SF_DEVICE Fetched fetch(int64_t row, int64_t column) const {
        Fetched chunk;
        SF_UNROLL
        for (int i = 0; i < kSize; ++i) chunk.x[i] = 0;
        if (row < rows) load_some(x + row * stride + column, columns - column, chunk.x);
        return chunk;
    }
    static SF_DEVICE L value(const Fetched& chunk, int i) { return maximum(chunk.x[i], L{0}); }
    SF_DEVICE Weights from_row(int64_t row) const {
        return {x + row * stride, stride, rows - row, columns};
    }
    SF_DEVICE Weights from_column(int64_t column) const {
        return {x + column, stride, rows, columns - column};
    }
};

// kTile rows or columns of the product by kInner inner indices. A source has rows and columns of
// its own: with kAlongInner, its columns are the inner indices, and else its rows.
template <class Source, bool kAlongInner>
struct Panel {
    using L = LatticeType<typename Source::Element>;
    static constexpr int kSize = Source::kSize;
    static constexpr int kChunks = kTile * kInner / kSize / kTileThreads;
    static constexpr int kElements = kInner * kTilePitch;

    struct Fetched {
        typename Source::Fetched of[kChunks];
    };

    // The source of a tile.
    static SF_DEVICE Source from(const Source& source, int64_t outer) {
        return kAlongInner ? source.from_row(outer) : source.from_column(outer);
    }

    static SF_DEVICE void fetch(const Source& source, int64_t inner, int thread, Fetched& to) {
        SF_UNROLL
        for (int i = 0; i < kChunks; ++i) {
            const int o = outer_of(thread, i);
            const int64_t k = inner + inner_of(thread, i);
            to.of[i] = kAlongInner ? source.fetch(o, k) : source.fetch(k, o);
        }
    }

    static SF_DEVICE void store(const Fetched& from, int thread, L* panel) {
        SF_UNROLL
        for (int i = 0; i < kChunks; ++i) {
            L* const to = panel + inner_of(thread, i) * kTilePitch + outer_of(thread, i);
            L x[kSize];
            SF_UNROLL
            for (int j = 0; j < kSize; ++j) x[j] = Source::value(from.of[i], j);
            if constexpr (kAlongInner) {
                SF_UNROLL
                for (int j = 0; j < kSize; ++j) to[j * kTilePitch] = x[j];
            } else {
                store_shared(x, to);
            }
        }
    }

  private:
    static constexpr int kAcross = (kAlongInner ? kInner : kTile) / kSize;

    static SF_DEVICE int along(int thread, int i) {
        return (thread + i * kTileThreads) % kAcross * kSize;
    }
    static SF_DEVICE int across(int thread, int i) { return (thread + i * kTileThreads) / kAcross; }
    static SF_DEVICE int outer_of(int thread, int i) {
        return kAlongInner ? across(thread, i) : along(thread, i);
    }
    static SF_DEVICE int inner_of(int thread, int i) {
        return kAlongInner ? along(thread, i) : across(thread, i);
    }
};

// The product of A [rows, inner] and B [inner, columns].
template <class A, class B>
struct PanelProduct {
    using L = typename A::L;

    // Two panels of each factor, in turn; the tile takes as much.
    static constexpr size_t kSharedBytes = 4 * A::kElements * sizeof(L);
    static_assert(4 * A::kElements >= kTile * kTilePitch, "");

    // The tile at `row` and `column`, in shared memory. A phase has to end before the next run.
    template <class Block, class ASource, class BSource>
    static SF_DEVICE L* run(Block& block, const ASource& a, const BSource& b, int64_t row,
                            int64_t column, int64_t inner) {
        typename Block::template PerThread<PanelPart<L>> sums(block);
        typename Block::template PerThread<typename A::Fetched> of_a(block);
        typename Block::template PerThread<typename B::Fetched> of_b(block);
        L* const shared = block.template shared<L>();
        const ASource from_a = A::from(a, row);
        const BSource from_b = B::from(b, column);
        const auto fetch = [&](int64_t k, int thread) {
            A::fetch(from_a, k, thread, of_a[thread]);
            B::fetch(from_b, k, thread, of_b[thread]);
        };
        block.each([&](int thread) {
            sums[thread] = {};
            if (inner > 0) fetch(0, thread);
        });
        for (int64_t k = 0; k < inner; k += kInner) {
            L* const panels = shared + k / kInner % 2 * 2 * A::kElements;
            block.phase([&](int thread) {
                A::store(of_a[thread], thread, panels);
                B::store(of_b[thread], thread, panels + A::kElements);
            });
            block.each([&](int thread) {
                if (k + kInner < inner) fetch(k + kInner, thread);
                add(panels, thread, sums[thread]);
            });
        }
        block.phase([](int) {});  // before the tile takes the place of the panels
        block.phase([&](int thread) { leave(sums[thread], thread, shared); });
        return shared;
    }

  private:
    static SF_DEVICE void add(const L* panels, int thread, PanelPart<L>& sums) {
        using Part = PanelPart<L>;
        const L* const a = panels + Part::row(thread);
        const L* const b = panels + A::kElements + Part::column(thread);
        SF_UNROLL
        for (int k = 0; k < kInner; ++k) {
            L x[Part::kRows], y[Part::kColumns];
            load_shared(a + k * kTilePitch, x);
            load_shared(b + k * kTilePitch, y);
            SF_UNROLL
            for (int i = 0; i < Part::kRows; ++i) {
                SF_UNROLL
                for (int j = 0; j < Part::kColumns; ++j) {
                    sums.of[i][j] = fused(x[i], y[j], sums.of[i][j]);
                }
            }
        }
    }

    static SF_DEVICE void leave(const PanelPart<L>& sums, int thread, L* tile) {
        using Part = PanelPart<L>;
        L* const to = tile + Part::row(thread) * kTilePitch + Part::column(thread);
        SF_UNROLL
        for (int i = 0; i < Part::kRows; ++i) store_shared(sums.of[i], to + i * kTilePitch);
    }
};

// Tiles of [batch, rows, columns].
struct Tiles {
    int64_t batch, down, across;

    static Tiles of(int64_t batch, int64_t rows, int64_t columns) {
        return {batch, (rows + kTile - 1) / kTile, (columns + kTile - 1) / kTile};
    }
    Grid grid(size_t shared_bytes) const {
        return {batch * down * across, 1, kTileThreads, shared_bytes};
    }

    // Calls body(sequence, row, column) for the tiles of a block.
    template <class Block, class Body>
    SF_DEVICE void each(const Block& block, Body&& body) const {
        for (int64_t i = block.x(); i < batch * down * across; i += block.count_x()) {
            const int64_t strip = divided(i, across), b = divided(strip, down);
            body(b, (strip - b * down) * kTile, (i - strip * across) * kTile);
        }
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_PRUNED_PANEL_PRODUCT_HPP_
