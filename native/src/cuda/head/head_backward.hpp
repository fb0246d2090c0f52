// The last layer on a GPU, backward: which kernels run for a chunk of rows.
//
//     HiddenRows            makes the hidden rows
//     GradientRows          logits, and their gradient g [rows, classes] in the dtype of the op
//     add_to_layer          g^T hidden, and the columns of g, added to the sums of chunks before
//     multiply_by_weight    g weight, for the op to pass on
//
// That is 6 * rows * features * classes operations, a third of them for the logits that are not
// kept. g goes through memory or the L2 cache: written once, read twice. RNN-T with batch 16, 400
// frames, 60 labels, 640 features and 4096 classes in bfloat16 is 6 T operations, 13 to 18 ms on an
// H100 at 400 to 500 TFLOPS; with rows left out that alignments pass by, a sixth of it. What goes
// through memory is at most 10 GB, 3 ms, while the tensor cores work. Memory is that of a chunk,
// and of sums in float or double of the size of the inputs.
//
// No atomics: each sum belongs to one thread, in an order that depends on sizes alone.
#ifndef SEQFRONT_CUDA_HEAD_BACKWARD_HPP_
#define SEQFRONT_CUDA_HEAD_BACKWARD_HPP_

#include "cuda/head/head_gradient.hpp"

namespace seqfront {
namespace cuda {

// Zeros.
template <class T>
struct Clear {
    static constexpr int kMostThreads = 256;

    struct Args {
        T* to;
        int64_t count;
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        block.each([&](int thread) {
            for (int64_t i = block.x() * kMostThreads + thread; i < args.count;
                 i += block.count_x() * kMostThreads) {
                args.to[i] = narrowed<T>(LatticeType<T>{0});
            }
        });
    }
};

inline int64_t blocks_for(int64_t elements) {
    return std::min<int64_t>((elements + 255) / 256, 8 * kHeadBlocks);
}

template <class T>
void clear(const Launcher& launcher, T* to, int64_t count) {
    launcher.template run<Clear<T>>({blocks_for(count), 1, Clear<T>::kMostThreads, 0}, {to, count});
}

// Numbers in the dtype of the op.
template <class T>
struct Narrow {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = 256;

    struct Args {
        const L* from;
        T* to;
        int64_t count;
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        block.each([&](int thread) {
            for (int64_t i = block.x() * kMostThreads + thread; i < args.count;
                 i += block.count_x() * kMostThreads) {
                args.to[i] = narrowed<T>(args.from[i]);
            }
        });
    }
};

// Sums that become an output: in place, if they have its type.
template <class T>
void narrow(const Launcher& launcher, const LatticeType<T>* from, T* to, int64_t count) {
    if constexpr (!std::is_same_v<T, LatticeType<T>>) {
        launcher.template run<Narrow<T>>({blocks_for(count), 1, Narrow<T>::kMostThreads, 0},
                                         {from, to, count});
    }
}

// The backward half of an op. Rows has
//     enter(cell)                   whether the row of a cell has a gradient
//     hidden(cell)                  its features
//     gradient(cell)                what it is, but for special classes
//     change(cell, first, last, x)  puts those that are in that range to rights; x is of `first`
template <class T>
struct HeadBackward {
    using L = LatticeType<T>;

    HeadBackward(const HeadSizes<T>& all, int64_t bytes, Workspace& workspace)
        : layer(all.with_chunk(bytes, row_bytes(all)), workspace) {
        const HeadSizes<T>& s = layer.sizes;
        const int64_t row_tiles = s.chunk / s.kSide, features = s.padded_features();
        gradient.rows = workspace.take<T>(s.chunk * s.padded_classes());
        gradient.hidden = workspace.take<L>(s.chunk * features);
        gradient.bias_parts =
            workspace.take<L>(row_tiles * TilePart<T>::kParts * s.padded_classes());
        gradient.weight_sums = workspace.take<L>(weight_sums());
        gradient.bias_sums = workspace.take<L>(s.padded_classes());
        if (ChunkGradient<T>::kScaled) {
            gradient.sizes = workspace.take<L>(s.chunk + 1);
            gradient.scaled_hidden = workspace.take<T>(s.chunk * features);
        }
    }

    // Calls pass_on(chunk, gradient) with the gradients of the hidden rows of each chunk.
    template <class Rows, class Launcher, class PassOn>
    void run(const Launcher& launcher, const Rows& rows, PassOn&& pass_on) const {
        const HeadSizes<T>& s = layer.sizes;
        list_cells(launcher, rows, layer.list);
        clear(launcher, gradient.weight_sums, weight_sums());
        clear(launcher, gradient.bias_sums, s.padded_classes());
        layer.each_chunk([&](const HeadChunk<T>& chunk) {
            launcher.template run<HiddenRows<Rows>>(HiddenRows<Rows>::grid(s), {rows, chunk});
            if constexpr (ChunkGradient<T>::kScaled) scale(launcher, rows, chunk);
            launcher.template run<GradientRows<Rows>>(GradientRows<Rows>::grid(s),
                                                      {rows, chunk, gradient, s.class_groups()});
            add_to_layer(launcher, chunk, gradient);
            multiply_by_weight(launcher, chunk, gradient);
            pass_on(chunk, gradient.hidden);
        });
    }

    template <class Launcher>
    void finish(const Launcher& launcher, T* weight, T* bias) const {
        finish_layer(launcher, layer.sizes, gradient, weight, bias);
    }

    HeadLayer<T> layer;
    ChunkGradient<T> gradient = {};

  private:
    static int64_t row_bytes(const HeadSizes<T>& s) {
        return std::max<int64_t>(s.padded_classes() * sizeof(T),
                                 s.padded_features() * (sizeof(T) + sizeof(L)));
    }
    int64_t weight_sums() const {
        return weight_splits(layer.sizes) * layer.sizes.padded_classes() *
               layer.sizes.padded_features();
    }

    template <class Rows, class Launcher>
    void scale(const Launcher& launcher, const Rows& rows, const HeadChunk<T>& chunk) const {
        using Sizes = RowSizes<Rows>;
        launcher.template run<Sizes>({1, 1, Sizes::kMostThreads, 0}, {rows, chunk, gradient});
        scale_hidden(launcher, chunk, gradient);
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_HEAD_BACKWARD_HPP_
