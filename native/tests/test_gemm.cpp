// Matrix products against the plain triple loop: sizes around every block, any strides, each
// instruction set; nothing but c is written, and nothing outside a and b is read.
#include "problem.hpp"
#include "simd/dispatch.hpp"
#include "tensors.hpp"
#include "testing.hpp"

using namespace testing;

namespace {

// A matrix of normal numbers; whatever lies between its elements is NaN.
template <class L>
struct Operand {
    std::vector<L> data;
    seqfront::Matrix<L> matrix;

    Operand(Random& random, int64_t rows, int64_t columns, int64_t row, int64_t column)
        : data(static_cast<size_t>((rows - 1) * row + (columns - 1) * column + 1),
               static_cast<L>(kNan)),
          matrix{data.data(), row, column} {
        for (int64_t i = 0; i < rows; ++i) {
            for (int64_t j = 0; j < columns; ++j) {
                data[static_cast<size_t>(i * row + j * column)] = static_cast<L>(random.normal(1));
            }
        }
    }
    double at(int64_t i, int64_t j) const {
        return matrix.data[i * matrix.row + j * matrix.column];
    }
};

enum Layout { kRows, kColumns, kSpread };

template <class L>
Operand<L> operand(Random& random, int64_t rows, int64_t columns, Layout layout) {
    if (layout == kRows) return {random, rows, columns, columns + 3, 1};
    if (layout == kColumns) return {random, rows, columns, 1, rows + 2};
    return {random, rows, columns, 2 * columns + 1, 2};
}

template <class L>
std::vector<L> product(const Operand<L>& a, const Operand<L>& b, int64_t m, int64_t n, int64_t k,
                       std::vector<L> c, int64_t c_row, bool accumulate) {
    const auto scratch = seqfront::allocate<L>(seqfront::gemm_scratch());
    seqfront::lattice_kernels<L>(seqfront::kernels())
        .gemm({m, n, k, a.matrix, b.matrix, c.data(), c_row, accumulate, scratch.get()});
    return c;
}

template <class L>
void check(int64_t m, int64_t n, int64_t k, Layout a_layout, Layout b_layout, bool accumulate) {
    context() = std::string(sf_isa()) + " " + std::to_string(m) + "x" + std::to_string(n) + "x" +
                std::to_string(k) + " layouts " + std::to_string(a_layout) +
                std::to_string(b_layout) + (accumulate ? " accumulated" : "");
    Random random(static_cast<unsigned>(m * 7 + n * 3 + k));
    const Operand<L> a = operand<L>(random, m, k, a_layout), b = operand<L>(random, k, n, b_layout);
    const int64_t c_row = n + 5;
    std::vector<L> before(static_cast<size_t>(m * c_row));
    for (L& x : before) x = static_cast<L>(random.normal(1));
    const std::vector<L> c = product(a, b, m, n, k, before, c_row, accumulate);
    for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < c_row; ++j) {
            const auto at = static_cast<size_t>(i * c_row + j);
            double sum = j < n && !accumulate ? 0 : before[at], size = std::fabs(sum);
            for (int64_t p = 0; p < k && j < n; ++p) {
                sum += a.at(i, p) * b.at(p, j);
                size += std::fabs(a.at(i, p) * b.at(p, j));
            }
            const double unit = std::numeric_limits<L>::epsilon() * std::sqrt(k + 1.0);
            CHECK_CLOSE(c[at] / (size + 1), sum / (size + 1), j < n ? unit : 0);
        }
    }
}

template <class L>
void check_sizes() {
    const Layout layouts[] = {kRows, kColumns, kSpread};
    int turn = 0;
    for (const int64_t m : {1, 2, 5, 6, 11, 13, 17, 24}) {
        for (const int64_t n : {1, 3, 8, 15, 16, 31, 33, 65}) {
            for (const int64_t k : {1, 2, 7, 16, 19, 40}) {
                check<L>(m, n, k, layouts[turn % 3], layouts[turn / 3 % 3], turn % 2 == 0);
                ++turn;
            }
        }
    }
    // Around the blocks.
    check<L>(121, 40, 257, kColumns, kColumns, true);
    check<L>(250, 33, 513, kRows, kColumns, false);
    check<L>(37, 1025, 30, kRows, kRows, false);
    check<L>(13, 1060, 300, kSpread, kColumns, true);
}

}  // namespace

SEQFRONT_TEST(gemm, is_the_plain_product) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        check_sizes<float>();
        check_sizes<double>();
    }
}

SEQFRONT_TEST(gemm, of_nothing) {
    Random random(1);
    const Operand<float> a(random, 3, 1, 1, 1), b(random, 1, 4, 4, 1);
    const std::vector<float> c(12, 2.0f);
    CHECK(product<float>(a, b, 3, 4, 0, c, 4, true) == c);
    CHECK(product<float>(a, b, 3, 4, 0, c, 4, false) == std::vector<float>(12, 0.0f));
    CHECK(product<float>(a, b, 0, 4, 1, c, 4, false) == c);
    CHECK(product<float>(a, b, 3, 0, 1, c, 4, false) == c);
}

// A caller may cut rows and columns as it likes.
SEQFRONT_TEST(gemm, does_not_depend_on_the_other_rows_and_columns) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        context() = isa;
        constexpr int64_t m = 29, n = 70, k = 400;
        Random random(5);
        const Operand<float> a = operand<float>(random, m, k, kRows);
        const Operand<float> b = operand<float>(random, k, n, kColumns);
        const std::vector<float> none(m * n);
        const std::vector<float> whole = product(a, b, m, n, k, none, n, false);
        std::vector<float> parts(m * n);
        const auto scratch = seqfront::allocate<float>(seqfront::gemm_scratch());
        for (int64_t i = 0; i < m; i += 10) {
            for (int64_t j = 0; j < n; j += 17) {
                seqfront::Gemm<float> g{std::min<int64_t>(10, m - i),
                                        std::min<int64_t>(17, n - j),
                                        k,
                                        a.matrix,
                                        b.matrix,
                                        parts.data() + i * n + j,
                                        n,
                                        false,
                                        scratch.get()};
                g.a.data += i * g.a.row;
                g.b.data += j * g.b.column;
                seqfront::lattice_kernels<float>(seqfront::kernels()).gemm(g);
            }
        }
        CHECK(parts == whole);
    }
}
