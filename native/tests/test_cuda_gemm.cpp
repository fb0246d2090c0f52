// Matrix products in blocks against the plain loop: each dtype, each layout of the operands, any
// number of steps, tiles that are copied and tiles that are written, threads in several orders.
#include "cuda/gemm.hpp"
#include "host_block.hpp"
#include "tensors.hpp"
#include "testing.hpp"

using namespace testing;
using namespace seqfront::cuda;
using seqfront::BFloat16;
using seqfront::Float16;

namespace {

// C [rows, columns] of padded operands; with kWritten, tiles are filled element by element.
template <class T, Layout kA, Layout kB, bool kWritten>
struct Multiply {
    using L = LatticeType<T>;
    static constexpr int kMostThreads = kGemmThreads;

    struct Args {
        Operand<T, kA> a;
        Operand<T, kB> b;
        int64_t row_tiles, column_tiles;
        int steps;
        L* c;
        bool stored;  // by way of shared memory
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        using Product = TileProduct<Block, T, kA, kB>;
        constexpr int side = Product::kSide, depth = Product::kDepth;
        const int64_t pitch = args.column_tiles * side;
        for (int64_t i = block.x(); i < args.row_tiles * args.column_tiles; i += block.count_x()) {
            const int64_t row = i / args.column_tiles * side, column = i % args.column_tiles * side;
            L* const to = args.c + row * pitch + column;
            Product product(block);
            product.run(args.steps, [&](int thread, int step, T* a, T* b) {
                fill(block, args.a, thread, row, step * depth, a);
                fill(block, args.b, thread, column, step * depth, b);
            });
            if (args.stored) {
                const L* const tile = product.store();
                block.phase([&](int thread) {
                    for (int at = thread; at < side * side; at += kGemmThreads) {
                        const L value = tile[at / side * Product::kPitch + at % side];
                        to[at / side * pitch + at % side] = value;
                    }
                });
            } else {
                block.each([&](int thread) {
                    product.each_sum(thread,
                                     [&](int r, int v, L value) { to[r * pitch + v] = value; });
                });
            }
        }
    }

    template <class Block, Layout kLayout>
    static void fill(Block& block, const Operand<T, kLayout>& from, int thread, int64_t row,
                     int64_t k, T* to) {
        if (!kWritten) return from.copy(block, thread, row, k, to);
        using Tile = OperandTile<T, kLayout>;
        for (int i = thread; i < Tile::kSide * Tile::kDepth; i += kGemmThreads) {
            const int r = i / Tile::kDepth, of = i % Tile::kDepth;
            to[Tile::at(r, of)] = kLayout == Layout::kDepthLast
                                      ? from.data[(row + r) * from.pitch + k + of]
                                      : from.data[(k + of) * from.pitch + row + r];
        }
    }
};

// A matrix of normal numbers [rows, depth], in lines with NaN between them.
template <class T, Layout kLayout>
struct Matrix {
    int64_t pitch;
    std::vector<double> memory;  // aligned for chunks
    T* data;

    Matrix(Random& random, int64_t rows, int64_t depth) {
        const bool deep = kLayout == Layout::kDepthLast;
        const int64_t lines = deep ? rows : depth, length = deep ? depth : rows;
        pitch = length + 2 * Chunk<T>::kSize;
        memory.assign(static_cast<size_t>(lines * pitch) * sizeof(T) / sizeof(double) + 2, kNan);
        const auto address = reinterpret_cast<uintptr_t>(memory.data());
        data = reinterpret_cast<T*>((address + 15) / 16 * 16);
        for (int64_t i = 0; i < lines * length; ++i) {
            const auto value = static_cast<LatticeType<T>>(random.normal(1));
            data[i / length * pitch + i % length] = narrowed<T>(value);
        }
    }
    double at(int64_t row, int64_t k) const {
        return widened(kLayout == Layout::kDepthLast ? data[row * pitch + k]
                                                     : data[k * pitch + row]);
    }
    Operand<T, kLayout> operand() const { return {data, pitch}; }
};

template <class T, Layout kA, Layout kB>
class Check {
  public:
    using L = LatticeType<T>;
    static constexpr int64_t kSide = TileShape<T>::kSide, kDepth = TileShape<T>::kDepth;

    Check(Random& random, int64_t row_tiles, int64_t column_tiles, int steps)
        : row_tiles_(row_tiles),
          column_tiles_(column_tiles),
          steps_(steps),
          a_(random, row_tiles * kSide, steps * kDepth),
          b_(random, column_tiles * kSide, steps * kDepth) {}

    template <bool kWritten>
    std::vector<L> product(bool stored) const {
        std::vector<L> c(static_cast<size_t>(row_tiles_ * column_tiles_ * kSide * kSide),
                         static_cast<L>(kNan));
        using Kernel = Multiply<T, kA, kB, kWritten>;
        HostLauncher(0, nullptr)
            .template run<Kernel>(
                {row_tiles_ * column_tiles_, 1, kGemmThreads, tile_product_bytes<T, kA, kB>()},
                {a_.operand(), b_.operand(), row_tiles_, column_tiles_, steps_, c.data(), stored});
        return c;
    }

    // The bits of the plain loop of fused steps; of half precision, the sums within rounding.
    void compare(const std::vector<L>& c) const {
        const int64_t columns = column_tiles_ * kSide;
        for (int64_t i = 0; i < static_cast<int64_t>(c.size()); i += 17) {
            const int64_t row = i / columns, column = i % columns;
            L sum = 0;
            double size = 1;
            for (int64_t k = 0; k < steps_ * kDepth; ++k) {
                const double x = a_.at(row, k), y = b_.at(column, k);
                sum = std::fma(static_cast<L>(x), static_cast<L>(y), sum);
                size += std::fabs(x * y);
            }
            const L value = c[static_cast<size_t>(i)];
            if (sizeof(T) == 2) {
                CHECK_CLOSE(value / size, sum / size, 1e-6);
            } else {
                CHECK(value == sum);
            }
        }
    }

  private:
    int64_t row_tiles_, column_tiles_;
    int steps_;
    Matrix<T, kA> a_;
    Matrix<T, kB> b_;
};

template <class T, Layout kA, Layout kB>
void check_layouts() {
    Random random(1);
    for (const int steps : {0, 1, 2, 3, 5}) {
        const Check<T, kA, kB> check(random, steps % 2 + 1, 1 + steps / 4, steps);
        context() = std::to_string(sizeof(T)) + " bytes, " + std::to_string(steps) + " steps";
        HostDevice::current() = {ThreadOrder::kUp, 32, 2, false};
        const auto expected = check.template product<false>(false);
        check.compare(expected);
        HostDevice::current() = {kThreadOrders[steps % 3], 32, 2, true};
        CHECK(check.template product<false>(true) == expected);
        CHECK(check.template product<true>(false) == expected);
    }
    HostDevice::current() = {};
}

template <class T>
void check_dtype() {
    check_layouts<T, Layout::kDepthLast, Layout::kDepthLast>();
    check_layouts<T, Layout::kDepthLast, Layout::kDepthFirst>();
    check_layouts<T, Layout::kDepthFirst, Layout::kDepthLast>();
    check_layouts<T, Layout::kDepthFirst, Layout::kDepthFirst>();
}

}  // namespace

SEQFRONT_TEST(cuda_gemm, float_is_the_plain_loop_to_the_bit) { check_dtype<float>(); }

SEQFRONT_TEST(cuda_gemm, double_is_the_plain_loop_to_the_bit) { check_dtype<double>(); }

SEQFRONT_TEST(cuda_gemm, half_precision_sums_in_float) {
    check_dtype<BFloat16>();
    check_dtype<Float16>();
}

SEQFRONT_TEST(cuda_gemm, shared_memory_lets_two_blocks_in) {
    constexpr auto kDeep = Layout::kDepthLast;
    constexpr size_t kEach = (164 - 2) * 1024 / 2;  // of sm_80, less what a block has reserved
    CHECK((tile_product_bytes<float, kDeep, kDeep>() <= kEach));
    CHECK((tile_product_bytes<double, kDeep, kDeep>() <= kEach));
    CHECK((tile_product_bytes<BFloat16, kDeep, kDeep>() <= kEach));
}
