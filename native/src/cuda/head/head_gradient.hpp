// The last layer on a GPU, backward: the gradient of the rows of a chunk. See head_backward.hpp.
//
// The logits of a tile are made again, turned into their gradient in shared memory, and that is
// written in the dtype that it is multiplied in. On the way its columns are added up for the bias.
#ifndef SEQFRONT_CUDA_HEAD_GRADIENT_HPP_
#define SEQFRONT_CUDA_HEAD_GRADIENT_HPP_

#include "cuda/head/head_products.hpp"

namespace seqfront {
namespace cuda {

// scale * softmax, not above a limit, times a factor: but for the special classes.
template <class L>
struct RowGradient {
    L normaliser, scale, limit, factor;
    L most;  // no element is larger

    SF_DEVICE L of(L logit) const {
        const L wanted = scale * quick_exp(logit - normaliser);
        return (wanted > limit ? limit : wanted) * factor;
    }
    // About how large it is: a power of two, of which the inverse is one, too.
    SF_DEVICE L size() const {
        constexpr Bits<L> exponent = ~((Bits<L>{1} << Floating<L>::mantissa_bits) - 1);
        constexpr L least = static_cast<L>(1e-30), limit = static_cast<L>(1e30);
        return most > least && most < limit ? of_bits<L>(bits_of(most) & exponent) : L{1};
    }
};

// Finds how large the gradients of rows are. One block, for there is little to do.
template <class Rows>
struct RowSizes {
    using T = typename Rows::Element;
    using L = LatticeType<T>;
    static constexpr int kMostThreads = 1024;

    struct Args {
        Rows rows;
        HeadChunk<T> chunk;
        ChunkGradient<T> gradient;
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        typename Block::template PerThread<L> largest(block);
        const int64_t rows = args.chunk.rows();
        block.each([&](int thread) {
            largest[thread] = 0;
            for (int64_t i = thread; i < rows; i += block.threads()) {
                const L size = args.rows.gradient(args.chunk.cell(i)).size();
                args.gradient.sizes[i] = size;
                largest[thread] = maximum(largest[thread], size);
            }
        });
        block.maximum(largest, true);
        block.each([&](int thread) {
            if (thread == 0) args.gradient.sizes[args.chunk.sizes.chunk] = largest[0];
        });
    }
};

template <class Rows>
struct GradientRows {
    using T = typename Rows::Element;
    using L = LatticeType<T>;
    using Part = TilePart<T>;
    static constexpr int kMostThreads = kGemmThreads, kBlocksAtOnce = 2;
    static constexpr int kPitch = kProductPitch<T>;

    struct Args {
        Rows rows;
        HeadChunk<T> chunk;
        ChunkGradient<T> gradient;
        int64_t groups;
    };

    static Grid grid(const HeadSizes<T>& sizes) {
        return {sizes.chunk / Part::kSide, sizes.class_groups(), kMostThreads,
                tile_product_bytes<T, Layout::kDepthLast, Layout::kDepthLast>()};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const HeadChunk<T>& chunk = args.chunk;
        const TileRange range =
            TileRange::of(HeadSizes<T>::tiles(chunk.sizes.classes), block.y(), args.groups);
        TileProduct<Block, T, Layout::kDepthLast, Layout::kDepthLast> product(block);
        for (int64_t tile = block.x(); tile < chunk.tiles(); tile += block.count_x()) {
            for (int64_t of = range.begin; of < range.end; ++of) {
                const int64_t row = tile * Part::kSide, first = of * Part::kSide;
                chunk.multiply(block, product, row, first);
                L* const x = product.store();
                block.phase([&](int thread) {
                    const int from = Part::first(thread), own = Part::row(thread);
                    change(args, row + own, first + from, x + own * kPitch + from);
                });
                block.phase([&](int thread) {
                    write(args, row, first, x, thread);
                    add_columns(args, tile, first, x, thread);
                });
            }
        }
    }

  private:
    // From logits of classes first .. first + kWidth - 1 to their gradient.
    static SF_DEVICE void change(const Args& args, int64_t row, int64_t first, L* x) {
        constexpr int chunk = Chunk<L>::kSize;
        const bool real = row < args.chunk.rows();
        const int64_t cell = real ? args.chunk.cell(row) : 0;
        const int64_t classes = real ? args.chunk.sizes.classes - first : 0;
        const RowGradient<L> gradient = real ? args.rows.gradient(cell) : RowGradient<L>{};
        for (int v = 0; v < Part::kWidth; v += chunk) {
            L logits[chunk], added[chunk];
            load_shared(x + v, logits);
            Chunk<L>::load(args.chunk.bias + first + v).widen_to(added);
            SF_UNROLL
            for (int i = 0; i < chunk; ++i) {
                logits[i] = v + i < classes ? gradient.of(logits[i] + added[i]) : L{0};
            }
            store_shared(logits, x + v);
        }
        if (real) args.rows.change(cell, first, first + Part::kWidth, x);
    }

    static SF_DEVICE void write(const Args& args, int64_t row, int64_t first, const L* x,
                                int thread) {
        constexpr int size = Chunk<T>::kSize, of_row = Part::kSide / size;
        T* const to = args.gradient.rows + row * args.chunk.sizes.padded_classes() + first;
        for (int i = thread; i < Part::kSide * of_row; i += kGemmThreads) {
            const int own = i / of_row, from = i % of_row * size;
            const L scale = row + own < args.chunk.rows() ? 1 / args.gradient.size(row + own) : 1;
            L values[size];
            load_shared(x + own * kPitch + from, values);
            SF_UNROLL
            for (int v = 0; v < size; ++v) values[v] *= scale;
            Chunk<T>::narrowed_from(values).store(to + own * args.chunk.sizes.padded_classes() +
                                                  from);
        }
    }

    // A part of the rows of each class.
    static SF_DEVICE void add_columns(const Args& args, int64_t tile, int64_t first, const L* x,
                                      int thread) {
        L sum = 0;
        const L* const column = x + Part::first(thread) * kPitch + Part::row(thread);
        for (int i = 0; i < Part::kWidth; ++i) sum += column[i * kPitch];
        const int64_t part = tile * Part::kParts + Part::part(thread);
        args.gradient
            .bias_parts[part * args.chunk.sizes.padded_classes() + first + Part::row(thread)] = sum;
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_HEAD_GRADIENT_HPP_
