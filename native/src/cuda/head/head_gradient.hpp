// The last layer on a GPU, backward: the products. See head_backward.hpp.
//
// GradientRows makes the logits of a chunk again, a tile at a time, turns each into its gradient in
// shared memory, and writes that in the dtype that is multiplied in; on the way it adds up its
// columns for the bias. HiddenGradients and WeightGradients multiply it with the weight and with
// the hidden rows: a block owns a tile of the sum, and adds to it chunk after chunk in their order.
//
// float16 ends at 6e-8, where gradients of rows that matter would vanish. So its rows are divided
// by a power of two of about their size, which the other products give back.
#ifndef SEQFRONT_CUDA_HEAD_GRADIENT_HPP_
#define SEQFRONT_CUDA_HEAD_GRADIENT_HPP_

#include "cuda/head/head_forward.hpp"

namespace seqfront {
namespace cuda {

// scale * softmax, not above a limit, times a factor: but for the special classes.
template <class L>
struct RowGradient {
    L normaliser, scale, limit, factor;
    L most;  // no element is larger

    SF_DEVICE L of(L logit) const {
        const L wanted = scale * exp(logit - normaliser);
        return (wanted > limit ? limit : wanted) * factor;
    }
    // About how large it is: a power of two.
    SF_DEVICE L size() const {
        constexpr Bits<L> exponent = ~((Bits<L>{1} << Floating<L>::mantissa_bits) - 1);
        return most > 0 && most < infinity<L>() ? of_bits<L>(bits_of(most) & exponent) : L{1};
    }
};

// What the gradients of a chunk are kept in.
template <class T>
struct ChunkGradient {
    using L = LatticeType<T>;
    static constexpr bool kScaled = std::is_same_v<T, Float16>;

    T* rows;           // [chunk, padded classes]
    L* hidden;         // [chunk, padded features]
    L* bias_parts;     // [row tiles, kParts, padded classes]
    L* weight_sums;    // [splits, padded classes, padded features]
    L* bias_sums;      // [padded classes]
    L* sizes;          // [chunk + 1], if kScaled: of each row, and the largest
    T* scaled_hidden;  // if kScaled: the hidden rows times size / largest

    SF_DEVICE L size(int64_t row) const { return kScaled ? sizes[row] : L{1}; }
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

// Makes the other hidden rows, for the gradient of the weight.
template <class T>
struct ScaledHidden {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = 256;

    struct Args {
        HeadChunk<T> chunk;
        ChunkGradient<T> gradient;
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const HeadChunk<T>& chunk = args.chunk;
        const int64_t width = chunk.sizes.padded_features(), rows = chunk.tiles() * chunk.kSide;
        block.each([&](int thread) {
            for (int64_t i = block.x() * 8 + thread / kWarp; i < rows; i += block.count_x() * 8) {
                const bool real = i < chunk.rows();
                const L* const sizes = args.gradient.sizes;
                const L scale = real ? sizes[i] / sizes[chunk.sizes.chunk] : L{0};
                for (int64_t d = thread % kWarp; d < width; d += kWarp) {
                    const L value = widened(chunk.hidden[i * width + d]);
                    args.gradient.scaled_hidden[i * width + d] = narrowed<T>(value * scale);
                }
            }
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

    static Grid grid(const HeadSizes<T>& sizes) { return HeadNormalisers<Rows>::grid(sizes); }

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
            Chunk<L>::load(x + v).widen_to(logits);
            Chunk<L>::load(args.chunk.bias + first + v).widen_to(added);
            SF_UNROLL
            for (int i = 0; i < chunk; ++i) {
                logits[i] = v + i < classes ? gradient.of(logits[i] + added[i]) : L{0};
            }
            Chunk<L>::narrowed_from(logits).store(x + v);
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
            SF_UNROLL
            for (int v = 0; v < size; v += Chunk<L>::kSize) {
                Chunk<L>::load(x + own * kPitch + from + v).widen_to(values + v);
            }
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

// hidden = rows weight.
template <class T>
struct HiddenGradients {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = kGemmThreads, kBlocksAtOnce = 2;

    struct Args {
        HeadChunk<T> chunk;
        ChunkGradient<T> gradient;
    };

    static Grid grid(const HeadSizes<T>& s) {
        return {s.chunk / s.kSide, s.tiles(s.features), kMostThreads,
                tile_product_bytes<T, Layout::kDepthLast, Layout::kDepthFirst>()};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        using Product = TileProduct<Block, T, Layout::kDepthLast, Layout::kDepthFirst>;
        const HeadSizes<T>& s = args.chunk.sizes;
        const Operand<T, Layout::kDepthLast> a = {args.gradient.rows, s.padded_classes()};
        const Operand<T, Layout::kDepthFirst> b = {args.chunk.weight, s.padded_features()};
        constexpr int64_t side = Product::kSide, depth = Product::kDepth;
        const int64_t first = block.y() * side;
        Product product(block);
        for (int64_t tile = block.x(); tile < args.chunk.tiles(); tile += block.count_x()) {
            const int64_t row = tile * side;
            product.run(static_cast<int>((s.classes + depth - 1) / depth),
                        [&](int thread, int step, T* to_a, T* to_b) {
                            a.copy(block, thread, row, step * depth, to_a);
                            b.copy(block, thread, first, step * depth, to_b);
                        });
            const L* const sums = product.store();
            block.phase([&](int thread) {
                Product::each_stored(thread, sums, [&](int own, int column, auto& x) {
                    if (row + own >= args.chunk.rows()) return;
                    for (L& value : x) value *= args.gradient.size(row + own);
                    Chunk<L>::narrowed_from(x).store(args.gradient.hidden + first + column +
                                                     (row + own) * s.padded_features());
                });
            });
        }
    }
};

// weight_sums += rows^T hidden; of the rows of a chunk, each split has a range.
template <class T>
struct WeightGradients {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = kGemmThreads, kBlocksAtOnce = 2;

    struct Args {
        HeadChunk<T> chunk;
        ChunkGradient<T> gradient;
        int64_t splits;
    };

    // Enough that all multiprocessors have some.
    static int64_t splits(const HeadSizes<T>& s) {
        const int64_t tiles = std::max<int64_t>(1, s.tiles(s.classes) * s.tiles(s.features));
        return std::clamp<int64_t>(kHeadBlocks / 2 / tiles, 1, s.chunk / s.kSide);
    }
    static Grid grid(const HeadSizes<T>& s) {
        return {s.tiles(s.classes) * s.tiles(s.features), splits(s), kMostThreads,
                tile_product_bytes<T, Layout::kDepthFirst, Layout::kDepthFirst>()};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        using Product = TileProduct<Block, T, Layout::kDepthFirst, Layout::kDepthFirst>;
        constexpr bool scaled = ChunkGradient<T>::kScaled;
        const HeadSizes<T>& s = args.chunk.sizes;
        const T* const hidden = scaled ? args.gradient.scaled_hidden : args.chunk.hidden;
        const Operand<T, Layout::kDepthFirst> a = {args.gradient.rows, s.padded_classes()};
        const Operand<T, Layout::kDepthFirst> b = {hidden, s.padded_features()};
        constexpr int64_t side = Product::kSide, depth = Product::kDepth;
        const int64_t across = s.tiles(s.features), tiles = s.tiles(s.classes) * across;
        const TileRange steps =
            TileRange::of((args.chunk.rows() + depth - 1) / depth, block.y(), args.splits);
        if (steps.begin == steps.end) return;
        Product product(block);
        for (int64_t i = block.x(); i < tiles; i += block.count_x()) {
            const int64_t v = divided(i, across) * side, d = i * side - v * across;
            product.run(static_cast<int>(steps.end - steps.begin),
                        [&](int thread, int step, T* to_a, T* to_b) {
                            a.copy(block, thread, v, (steps.begin + step) * depth, to_a);
                            b.copy(block, thread, d, (steps.begin + step) * depth, to_b);
                        });
            L* const to = args.gradient.weight_sums +
                          (block.y() * s.padded_classes() + v) * s.padded_features() + d;
            const L* const sums = product.store();
            block.phase([&](int thread) {
                const L scale = scaled ? args.gradient.sizes[s.chunk] : L{1};
                Product::each_stored(thread, sums, [&](int own, int column, auto& x) {
                    L* const at = to + own * s.padded_features() + column;
                    L total[Chunk<L>::kSize];
                    Chunk<L>::load(at).widen_to(total);
                    for (int i = 0; i < Chunk<L>::kSize; ++i) {
                        total[i] = fused(x[i], scale, total[i]);
                    }
                    Chunk<L>::narrowed_from(total).store(at);
                });
            });
        }
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_HEAD_GRADIENT_HPP_
