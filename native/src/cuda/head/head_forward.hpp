// The last layer on a GPU, forward: the normaliser of each row, and the logits that a loss asks
// for. Three kernels a chunk of rows:
//
//     HiddenRows        makes the hidden rows
//     HeadNormalisers   a block takes 128 rows and one class tile after another: product, sum of
//                       exponentials so far, logits that are asked for; nothing else is written
//     FinishRows        a warp for each row adds up what the blocks that share its classes found
//
// HeadNormalisers does 2 * rows * features * classes operations, reads a tile's weight and hidden
// rows from the L2 cache, and of memory only the hidden rows. RNN-T with batch 16, 400 frames, 60
// labels, 640 features and 4096 classes in bfloat16 is 2 T operations. By estimate, for nothing was
// measured yet, an H100 takes 5 ms: mma.sync has two thirds of its 989 TFLOPS, and the reads of
// shared memory (3 KB for 64 k operations, at 128 bytes a cycle) leave some 400. In float, at 67
// TFLOPS, it is 35 ms or more. The logits would be 3 GB, which alone takes 2 ms to write and read.
//
// For the exponentials the tile goes through shared memory: two threads share a row, or four, and
// keep what they have seen of it in registers from class tile to class tile. Of the two blocks of
// a multiprocessor one multiplies meanwhile.
#ifndef SEQFRONT_CUDA_HEAD_FORWARD_HPP_
#define SEQFRONT_CUDA_HEAD_FORWARD_HPP_

#include "cuda/head/head_layer.hpp"

namespace seqfront {
namespace cuda {

template <class Rows>
struct HeadNormalisers {
    using T = typename Rows::Element;
    using L = LatticeType<T>;
    using Part = TilePart<T>;
    static constexpr int kMostThreads = kGemmThreads, kBlocksAtOnce = 2;

    struct Args {
        Rows rows;
        HeadChunk<T> chunk;
        int64_t groups;
        Normaliser<L>* parts;  // [chunk, groups, kParts]
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
        typename Block::template PerThread<Normaliser<L>> seen(block);
        for (int64_t tile = block.x(); tile < chunk.tiles(); tile += block.count_x()) {
            const int64_t row = tile * Part::kSide;
            block.each([&](int thread) { seen[thread] = {}; });
            for (int64_t of = range.begin; of < range.end; ++of) {
                chunk.multiply(block, product, row, of * Part::kSide);
                const L* const logits = product.store();
                block.phase([&](int thread) {
                    const int own = Part::row(thread), first = Part::first(thread);
                    if (row + own >= chunk.rows()) return;
                    see(args, chunk.cell(row + own), of * Part::kSide + first,
                        logits + own * kProductPitch<T> + first, seen[thread]);
                });
            }
            block.each([&](int thread) {
                const int64_t own = row + Part::row(thread);
                if (own >= chunk.rows()) return;
                const int64_t shared = own * args.groups + block.y();
                args.parts[shared * Part::kParts + Part::part(thread)] = seen[thread];
            });
        }
    }

  private:
    // Logits of classes first .. first + kWidth - 1.
    static SF_DEVICE void see(const Args& args, int64_t cell, int64_t first, const L* logits,
                              Normaliser<L>& seen) {
        constexpr int chunk = Chunk<L>::kSize;
        const L* const bias = args.chunk.bias + first;
        const int64_t classes = args.chunk.sizes.classes - first;
        for (int v = 0; v < Part::kWidth; v += chunk) {
            L x[chunk], added[chunk];
            load_shared(logits + v, x);
            Chunk<L>::load(bias + v).widen_to(added);
            SF_UNROLL
            for (int i = 0; i < chunk; ++i) {
                x[i] = v + i < classes ? x[i] + added[i] : -infinity<L>();
            }
            seen.add(x);
        }
        args.rows.take(cell, first, first + Part::kWidth,
                       [&](int64_t v) { return logits[v - first] + bias[v - first]; });
    }
};

template <class Rows>
struct FinishRows {
    using T = typename Rows::Element;
    using L = LatticeType<T>;
    static constexpr int kMostThreads = 256;

    struct Args {
        Rows rows;
        HeadChunk<T> chunk;
        int64_t parts_of_row;
        const Normaliser<L>* parts;
    };

    static Grid grid(const HeadSizes<T>& sizes) { return {sizes.chunk / 8, 1, kMostThreads, 0}; }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        block.each([&](int thread) {
            const int64_t rows = args.chunk.rows();
            for (int64_t i = block.x() * 8 + thread / kWarp; i < rows; i += block.count_x() * 8) {
                finish(args, i, thread % kWarp);
            }
        });
    }

  private:
    static SF_DEVICE void finish(const Args& args, int64_t i, int lane) {
        const Normaliser<L>* const parts = args.parts + i * args.parts_of_row;
        L top = -infinity<L>(), sum = 0;
        for (int64_t k = 0; k < args.parts_of_row; ++k) top = maximum(top, parts[k].top);
        top = Normaliser<L>::reference_of(top);
        for (int64_t k = 0; k < args.parts_of_row; ++k) {
            sum = fused(parts[k].sum, exp(parts[k].top - top), sum);
        }
        args.rows.finish(args.chunk.cell(i), lane, top, log(sum));
    }
};

// The forward half of an op. Rows has
//     enter(cell)                      whether the row of a cell is computed
//     hidden(cell)                     its features
//     take(cell, first, last, logit)   keeps logit(class) of the classes in that range it needs
//     finish(cell, lane, top, log_sum) makes log-probs of what it kept, with the lanes of a warp
template <class T>
struct HeadForward {
    using L = LatticeType<T>;

    // In memory of `bytes` at once, for hidden rows.
    HeadForward(const HeadSizes<T>& all, int64_t bytes, Workspace& workspace)
        : layer(all.with_chunk(bytes, all.padded_features() * sizeof(T)), workspace),
          parts(workspace.take<Normaliser<L>>(layer.sizes.chunk * parts_of_row())) {}

    template <class Rows, class Launcher>
    void run(const Launcher& launcher, const Rows& rows) const {
        using Normalisers = HeadNormalisers<Rows>;
        const HeadSizes<T>& sizes = layer.sizes;
        list_cells(launcher, rows, layer.list);
        layer.each_chunk([&](const HeadChunk<T>& chunk) {
            launcher.template run<HiddenRows<Rows>>(HiddenRows<Rows>::grid(sizes), {rows, chunk});
            launcher.template run<Normalisers>(Normalisers::grid(sizes),
                                               {rows, chunk, sizes.class_groups(), parts});
            launcher.template run<FinishRows<Rows>>(FinishRows<Rows>::grid(sizes),
                                                    {rows, chunk, parts_of_row(), parts});
        });
    }

    HeadLayer<T> layer;
    Normaliser<L>* parts;

  private:
    int64_t parts_of_row() const { return layer.sizes.class_groups() * TilePart<T>::kParts; }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_HEAD_FORWARD_HPP_
