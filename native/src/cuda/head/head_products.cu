// The last layer on a GPU: its padded copy, and the products of a chunk's gradient. A block owns a
// tile of a sum, and adds to it chunk after chunk in their order.
#include "cuda/head/head_products.hpp"

namespace seqfront {
namespace cuda {
namespace {

template <class T>
struct PadLayer {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = 256;

    struct Args {
        HeadSizes<T> sizes;
        const T* weight;
        const T* bias;  // or null
        T* padded_weight;
        L* padded_bias;
    };

    static Grid grid(const HeadSizes<T>& sizes) {
        return {(sizes.padded_classes() + 7) / 8, 1, kMostThreads, 0};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const HeadSizes<T>& s = args.sizes;
        block.each([&](int thread) {
            const int lane = thread % kWarp;
            for (int64_t v = block.x() * 8 + thread / kWarp; v < s.padded_classes();
                 v += block.count_x() * 8) {
                const bool real = v < s.classes;
                T* const to = args.padded_weight + v * s.padded_features();
                for (int64_t d = lane; d < s.padded_features(); d += kWarp) {
                    to[d] = real && d < s.features ? args.weight[v * s.features + d]
                                                   : narrowed<T>(L{0});
                }
                const bool biased = real && args.bias != nullptr;
                if (lane == 0) args.padded_bias[v] = biased ? widened(args.bias[v]) : L{0};
            }
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

    static Grid grid(const HeadSizes<T>& s) {
        return {s.tiles(s.classes) * s.tiles(s.features), weight_splits(s), kMostThreads,
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

// Adds what the tiles of a chunk found for the bias.
template <class T>
struct BiasGradients {
    static constexpr int kMostThreads = 128;

    struct Args {
        HeadChunk<T> chunk;
        ChunkGradient<T> gradient;
    };

    static Grid grid(const HeadSizes<T>& s) {
        return {(s.padded_classes() + kMostThreads - 1) / kMostThreads, 1, kMostThreads, 0};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const int64_t classes = args.chunk.sizes.padded_classes();
        const int64_t parts = args.chunk.tiles() * TilePart<T>::kParts;
        block.each([&](int thread) {
            for (int64_t v = block.x() * kMostThreads + thread; v < classes;
                 v += block.count_x() * kMostThreads) {
                LatticeType<T> sum = args.gradient.bias_sums[v];
                for (int64_t i = 0; i < parts; ++i) {
                    sum += args.gradient.bias_parts[i * classes + v];
                }
                args.gradient.bias_sums[v] = sum;
            }
        });
    }
};

// The gradients of weight and bias, from their sums.
template <class T>
struct FinishLayer {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = 256;

    struct Args {
        HeadSizes<T> sizes;
        ChunkGradient<T> gradient;
        int64_t splits;
        T* weight;
        T* bias;  // or null
    };

    static Grid grid(const HeadSizes<T>& s) { return {(s.classes + 7) / 8, 1, kMostThreads, 0}; }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const HeadSizes<T>& s = args.sizes;
        const int64_t split = s.padded_classes() * s.padded_features();
        block.each([&](int thread) {
            const int lane = thread % kWarp;
            for (int64_t v = block.x() * 8 + thread / kWarp; v < s.classes;
                 v += block.count_x() * 8) {
                const L* const sums = args.gradient.weight_sums + v * s.padded_features();
                for (int64_t d = lane; d < s.features; d += kWarp) {
                    L sum = 0;
                    for (int64_t i = 0; i < args.splits; ++i) sum += sums[i * split + d];
                    args.weight[v * s.features + d] = narrowed<T>(sum);
                }
                const bool last = lane == 0 && args.bias != nullptr;
                if (last) args.bias[v] = narrowed<T>(args.gradient.bias_sums[v]);
            }
        });
    }
};

}  // namespace

template <class T>
void pad_layer(const Launcher& launcher, const HeadSizes<T>& sizes, const T* weight, const T* bias,
               T* padded_weight, LatticeType<T>* padded_bias) {
    launcher.template run<PadLayer<T>>(PadLayer<T>::grid(sizes),
                                       {sizes, weight, bias, padded_weight, padded_bias});
}

template <class T>
void scale_hidden(const Launcher& launcher, const HeadChunk<T>& chunk,
                  const ChunkGradient<T>& gradient) {
    using Scaled = ScaledHidden<T>;
    launcher.template run<Scaled>({chunk.sizes.chunk / 8, 1, Scaled::kMostThreads, 0},
                                  {chunk, gradient});
}

template <class T>
void add_to_layer(const Launcher& launcher, const HeadChunk<T>& chunk,
                  const ChunkGradient<T>& gradient) {
    launcher.template run<BiasGradients<T>>(BiasGradients<T>::grid(chunk.sizes), {chunk, gradient});
    launcher.template run<WeightGradients<T>>(WeightGradients<T>::grid(chunk.sizes),
                                              {chunk, gradient, weight_splits(chunk.sizes)});
}

template <class T>
void multiply_by_weight(const Launcher& launcher, const HeadChunk<T>& chunk,
                        const ChunkGradient<T>& gradient) {
    launcher.template run<HiddenGradients<T>>(HiddenGradients<T>::grid(chunk.sizes),
                                              {chunk, gradient});
}

template <class T>
void finish_layer(const Launcher& launcher, const HeadSizes<T>& sizes,
                  const ChunkGradient<T>& gradient, T* weight, T* bias) {
    launcher.template run<FinishLayer<T>>(FinishLayer<T>::grid(sizes),
                                          {sizes, gradient, weight_splits(sizes), weight, bias});
}

#define SEQFRONT_HEAD_PRODUCTS(T)                                                                 \
    template void pad_layer(const Launcher&, const HeadSizes<T>&, const T*, const T*, T*,         \
                            LatticeType<T>*);                                                     \
    template void add_to_layer(const Launcher&, const HeadChunk<T>&, const ChunkGradient<T>&);    \
    template void multiply_by_weight(const Launcher&, const HeadChunk<T>&,                        \
                                     const ChunkGradient<T>&);                                    \
    template void finish_layer(const Launcher&, const HeadSizes<T>&, const ChunkGradient<T>&, T*, \
                               T*);
SEQFRONT_HEAD_PRODUCTS(float)
SEQFRONT_HEAD_PRODUCTS(double)
SEQFRONT_HEAD_PRODUCTS(BFloat16)
SEQFRONT_HEAD_PRODUCTS(Float16)
#undef SEQFRONT_HEAD_PRODUCTS
template void scale_hidden(const Launcher&, const HeadChunk<Float16>&,
                           const ChunkGradient<Float16>&);

}  // namespace cuda
}  // namespace seqfront
