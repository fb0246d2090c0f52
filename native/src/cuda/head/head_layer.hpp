// The last layer on a GPU, logits = hidden weight^T + bias, in chunks of rows: of the logits, no
// more than a tile or the gradients of a chunk are ever in memory.
//
// The weight is copied once into lines that are whole tiles long, with zeros behind; so are the
// hidden rows of a chunk, narrowed to the dtype that is multiplied in. After that no product looks
// at sizes or alignment. A chunk has up to 32 MB of hidden rows (forward) or 96 MB of gradients
// (backward): about twice as many tiles as multiprocessors can have at once.
#ifndef SEQFRONT_CUDA_HEAD_LAYER_HPP_
#define SEQFRONT_CUDA_HEAD_LAYER_HPP_

#include <algorithm>

#include "cuda/gemm.hpp"
#include "cuda/head/cell_list.hpp"
#include "cuda/launcher.hpp"

namespace seqfront {
namespace cuda {

constexpr int64_t kForwardBytes = int64_t{32} << 20, kBackwardBytes = int64_t{96} << 20;

// About how many blocks keep all multiprocessors busy.
constexpr int64_t kHeadBlocks = 528;

template <class T>
struct HeadSizes {
    static constexpr int64_t kSide = TileShape<T>::kSide;

    int64_t cells, classes, features;
    int64_t chunk = 0;  // rows at once: whole tiles

    static SF_EVERYWHERE int64_t tiles(int64_t count) { return (count + kSide - 1) / kSide; }
    SF_EVERYWHERE int64_t padded_classes() const { return tiles(classes) * kSide; }
    SF_EVERYWHERE int64_t padded_features() const { return tiles(features) * kSide; }

    // With as many rows as have `bytes`, at `row_bytes` each.
    HeadSizes with_chunk(int64_t bytes, int64_t row_bytes) const {
        HeadSizes sizes = *this;
        const int64_t fitting =
            std::max<int64_t>(1, bytes / std::max<int64_t>(1, row_bytes) / kSide);
        sizes.chunk = std::min(fitting, std::max<int64_t>(1, tiles(cells))) * kSide;
        return sizes;
    }
    int64_t chunks() const { return (cells + chunk - 1) / chunk; }

    // Blocks that share the class tiles of a tile of rows.
    int64_t class_groups() const {
        const int64_t row_tiles = chunk / kSide;
        return std::clamp<int64_t>((kHeadBlocks + row_tiles - 1) / row_tiles, 1,
                                   std::max<int64_t>(1, tiles(classes)));
    }
};

// The part of a tile of logits that a thread has: some columns of one row.
template <class T>
struct TilePart {
    static constexpr int kSide = TileShape<T>::kSide;
    static constexpr int kParts = kGemmThreads / kSide, kWidth = kSide / kParts;

    static SF_DEVICE int row(int thread) { return thread % kSide; }
    static SF_DEVICE int part(int thread) { return thread / kSide; }
    static SF_DEVICE int first(int thread) { return part(thread) * kWidth; }
};

// The range of a group's tiles.
struct TileRange {
    int64_t begin, end;

    static SF_DEVICE TileRange of(int64_t tiles, int64_t group, int64_t groups) {
        return {tiles * group / groups, tiles * (group + 1) / groups};
    }
};

// What the kernels of a chunk have in common.
template <class T>
struct HeadChunk {
    using L = LatticeType<T>;
    static constexpr int64_t kSide = HeadSizes<T>::kSide;

    HeadSizes<T> sizes;
    const T* weight;
    const L* bias;
    const int64_t* cells;  // of the list
    const int64_t* count;
    T* hidden;      // [chunk, padded features]
    int64_t begin;  // the chunk's first row in the list

    SF_DEVICE int64_t rows() const {
        const int64_t left = *count - begin;
        return left < 0 ? 0 : left < sizes.chunk ? left : sizes.chunk;
    }
    SF_DEVICE int64_t tiles() const { return HeadSizes<T>::tiles(rows()); }
    SF_DEVICE int64_t cell(int64_t row) const { return cells[begin + row]; }

    // Multiplies a tile of rows by one of classes.
    template <class Block, class Product>
    SF_DEVICE void multiply(Block& block, Product& product, int64_t row, int64_t first) const {
        const Operand<T, Layout::kDepthLast> a = {hidden, sizes.padded_features()};
        const Operand<T, Layout::kDepthLast> b = {weight, sizes.padded_features()};
        constexpr int64_t depth = Product::kDepth;
        product.run(static_cast<int>((sizes.features + depth - 1) / depth),
                    [&](int thread, int step, T* to_a, T* to_b) {
                        a.copy(block, thread, row, step * depth, to_a);
                        b.copy(block, thread, first, step * depth, to_b);
                    });
    }
};

// Copies the weight [classes, features] and the bias, padded; the bias with zeros.
// (head_products.cu)
template <class T>
void pad_layer(const Launcher& launcher, const HeadSizes<T>& sizes, const T* weight, const T* bias,
               T* padded_weight, LatticeType<T>* padded_bias);

// A layer in its workspace.
template <class T>
struct HeadLayer {
    using L = LatticeType<T>;

    HeadLayer(const HeadSizes<T>& sizes_, Workspace& workspace)
        : sizes(sizes_),
          list(sizes.cells, workspace),
          weight(workspace.take<T>(sizes.padded_classes() * sizes.padded_features())),
          bias(workspace.take<L>(sizes.padded_classes())),
          hidden(workspace.take<T>(sizes.chunk * sizes.padded_features())) {}

    template <class Launcher>
    void pad(const Launcher& launcher, const T* from_weight, const T* from_bias) const {
        pad_layer(launcher, sizes, from_weight, from_bias, weight, bias);
    }
    // Calls body(chunk) for each chunk that there may be.
    template <class Body>
    void each_chunk(Body&& body) const {
        for (int64_t i = 0; i < sizes.chunks(); ++i) {
            body(HeadChunk<T>{sizes, weight, bias, list.cells, list.count(), hidden,
                              i * sizes.chunk});
        }
    }

    HeadSizes<T> sizes;
    CellList list;
    T* weight;
    L* bias;
    T* hidden;
};

// Makes the hidden rows of a chunk: a warp for each. What a row is made of is rows.hidden(cell),
// a function of the feature.
template <class Rows>
struct HiddenRows {
    using T = typename Rows::Element;
    static constexpr int kMostThreads = 256;

    struct Args {
        Rows rows;
        HeadChunk<T> chunk;
    };

    static Grid grid(const HeadSizes<T>& sizes) { return {sizes.chunk / 8, 1, kMostThreads, 0}; }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const HeadChunk<T>& chunk = args.chunk;
        const int64_t rows = chunk.rows(), padded = chunk.tiles() * chunk.kSide;
        block.each([&](int thread) {
            for (int64_t i = block.x() * 8 + thread / kWarp; i < padded; i += block.count_x() * 8) {
                write(args, i, i < rows, thread % kWarp);
            }
        });
    }

  private:
    static SF_DEVICE void write(const Args& args, int64_t i, bool real, int lane) {
        const HeadSizes<T>& s = args.chunk.sizes;
        T* const to = args.chunk.hidden + i * s.padded_features();
        const int64_t features = real ? s.features : 0;
        if (real) {
            const auto value = args.rows.hidden(args.chunk.cell(i));
            for (int64_t d = lane; d < features; d += kWarp) to[d] = narrowed<T>(value(d));
        }
        for (int64_t d = features + lane; d < s.padded_features(); d += kWarp) {
            to[d] = narrowed<T>(LatticeType<T>{0});
        }
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_HEAD_LAYER_HPP_
