// Matrix products in blocks: a block of threads makes a tile of C = A B, with the depth (the axis
// that is summed over) in steps.
//
// The tiles of A and B of a step lie in shared memory. There are kStages of them: while one is
// multiplied, the copies of the next ones are under way, and there is one barrier a step. A thread
// keeps kValues^2 sums in registers. Float and double are multiplied by fused steps in order of the
// depth, so that bits are those of the plain loop; half precision by tensor cores with sums in
// float (gemm_tensor.hpp), whose order is theirs.
//
//     TileProduct<Block, T, Layout::kDepthLast, Layout::kDepthFirst> product(block);
//     product.run(steps, [&](int thread, int step, T* a, T* b) { ... });
//     L* tile = product.store();      // in shared memory, row after row; or
//     product.each_sum(thread, [&](int row, int column, L value) { ... });
//
// What fills the tiles is the caller's: Operand::copy for matrices in memory, padded to whole
// tiles; or a loop of its own over the elements, written where OperandTile::at says.
//
// A step of 128 x 128 in bfloat16 reads 16 KB for 1 M operations, 64 a byte: at 500 TFLOPS that
// is 8 TB/s, about what the L2 cache of an H100 gives; in float it is 32, of which 67 TFLOPS
// need 2.
#ifndef SEQFRONT_CUDA_GEMM_HPP_
#define SEQFRONT_CUDA_GEMM_HPP_

#include <type_traits>

#include "cuda/gemm_scalar.hpp"
#include "cuda/gemm_tensor.hpp"

namespace seqfront {
namespace cuda {

// A matrix in memory that is padded to whole tiles, with 16-byte aligned lines `pitch` apart.
template <class T, Layout kLayout>
struct Operand {
    using Tile = OperandTile<T, kLayout>;

    const T* data;
    int64_t pitch;

    // Asks for what a thread has of the tile that begins at (row, depth).
    template <class Block>
    SF_DEVICE void copy(Block& block, int thread, int64_t row, int64_t depth, T* to) const {
        constexpr int chunk = Chunk<T>::kSize, of_line = Tile::kLength / chunk;
        const T* const from =
            kLayout == Layout::kDepthLast ? data + row * pitch + depth : data + depth * pitch + row;
        static_assert(Tile::kLines * of_line % kGemmThreads == 0, "as many for each thread");
        SF_UNROLL
        for (int k = 0; k < Tile::kLines * of_line; k += kGemmThreads) {
            const int line = (k + thread) / of_line, first = (k + thread) % of_line * chunk;
            block.copy(to + line * Tile::kPitch + first, from + line * pitch + first);
        }
    }
};

constexpr int kGemmStages = 4;

template <class T>
constexpr int kProductPitch = TileShape<T>::kSide + Chunk<LatticeType<T>>::kSize;

// The shared memory of a product: its stages, and later the tile that `store` makes. (At most 81
// KB, so that sm_80 too has two blocks at once.)
template <class T, Layout kA, Layout kB>
constexpr size_t tile_product_bytes() {
    constexpr size_t stages =
        kGemmStages * (OperandTile<T, kA>::kSize + OperandTile<T, kB>::kSize) * sizeof(T);
    constexpr size_t stored = TileShape<T>::kSide * kProductPitch<T> * sizeof(LatticeType<T>);
    return stages > stored ? stages : stored;
}

template <class Block, class T, Layout kA, Layout kB>
class TileProduct {
  public:
    using L = LatticeType<T>;
    static constexpr int kSide = TileShape<T>::kSide;    // rows and columns of a tile
    static constexpr int kDepth = TileShape<T>::kDepth;  // of a step
    static constexpr int kPitch = kProductPitch<T>;      // of the tile that `store` makes

    SF_DEVICE explicit TileProduct(Block& block)
        : block_(block), sums_(block), shared_(block.template shared<T>()) {}

    // Calls fill(thread, step, a, b) for each thread and step, to write or copy its part of the
    // tiles; a copy it need not wait for. At the end shared memory is free again.
    template <class Fill>
    SF_DEVICE void run(int steps, Fill&& fill) {
        block_.each([&](int thread) { clear(sums_[thread]); });
        for (int step = 0; step < kStages - 1; ++step) start(step, steps, fill);
        for (int step = 0; step < steps; ++step) {
            block_.template await_copies<kStages - 2>();
            start(step + kStages - 1, steps, fill);
            block_.each([&](int thread) {
                const T* const a = stage(step);
                Thread::multiply(thread, a, a + TileA::kSize, sums_[thread].of);
            });
        }
        block_.template await_copies<0>();
    }

    // Calls body(row, column, sum) for the sums that a thread has.
    template <class Body>
    SF_DEVICE void each_sum(int thread, Body&& body) {
        SF_UNROLL
        for (int i = 0; i < kValues; ++i) {
            SF_UNROLL
            for (int j = 0; j < kValues; ++j) {
                body(Thread::row(thread, i), Thread::column(thread, j), sums_[thread].of[i][j]);
            }
        }
    }

    // All sums [kSide, kPitch], for all threads to see. A phase has to end before the next `run`.
    SF_DEVICE L* store() {
        L* const tile = reinterpret_cast<L*>(shared_);
        block_.phase([&](int thread) {
            each_sum(thread,
                     [&](int row, int column, L sum) { tile[row * kPitch + column] = sum; });
        });
        return tile;
    }

    // Calls body(row, column, sums) for what a thread has of a stored tile: arrays of neighbours,
    // 16 bytes, those of a warp behind one another.
    template <class Body>
    static SF_DEVICE void each_stored(int thread, const L* tile, Body&& body) {
        constexpr int chunk = Chunk<L>::kSize, of_row = kSide / chunk;
        for (int i = thread; i < kSide * of_row; i += kGemmThreads) {
            const int row = i / of_row, column = i % of_row * chunk;
            L sums[chunk];
            load_shared(tile + row * kPitch + column, sums);
            body(row, column, sums);
        }
    }

  private:
    static constexpr int kStages = kGemmStages;
    using TileA = OperandTile<T, kA>;
    using TileB = OperandTile<T, kB>;
    using Thread =
        std::conditional_t<sizeof(T) == 2, TensorThread<T, kA, kB>, ScalarThread<T, kA, kB>>;
    static constexpr int kValues = Thread::kValues;
    static constexpr int kStage = TileA::kSize + TileB::kSize;

    struct Sums {
        L of[kValues][kValues];
    };

    static SF_DEVICE void clear(Sums& sums) {
        SF_UNROLL
        for (int i = 0; i < kValues; ++i) {
            SF_UNROLL
            for (int j = 0; j < kValues; ++j) sums.of[i][j] = 0;
        }
    }

    SF_DEVICE T* stage(int step) const { return shared_ + step % kStages * kStage; }

    template <class Fill>
    SF_DEVICE void start(int step, int steps, Fill&& fill) {
        if (step < steps) {
            block_.each([&](int thread) {
                T* const a = stage(step);
                fill(thread, step, a, a + TileA::kSize);
            });
        }
        block_.end_copies();  // of the steps that are not, too: groups are counted
    }

    Block& block_;
    typename Block::template PerThread<Sums> sums_;
    T* const shared_;
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_GEMM_HPP_
