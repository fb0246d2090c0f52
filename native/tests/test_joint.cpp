// Rows of joint networks: tanh over its whole range, the other activations, and their slopes, for
// rows of any length; what lies behind a row stays as it is.
#include "simd/dispatch.hpp"
#include "tensors.hpp"
#include "testing.hpp"

using namespace testing;

namespace {

template <class L>
const seqfront::LatticeKernels<L>& kernels_of() {
    return seqfront::lattice_kernels<L>(seqfront::kernels());
}

template <class L>
L tanh_of(L x) {
    const L zero = 0;
    L y;
    kernels_of<L>().joint(&x, &zero, 1, seqfront::kTanh, &y);
    return y;
}

template <class L>
void check_tanh(double units) {
    double worst = 0;
    for (int i = -4000; i <= 4000; ++i) {
        const double size = std::pow(10.0, std::abs(i) % 2000 / 250.0 - 6.5);  // to 30
        const L x = static_cast<L>(i < 0 ? -size : size);
        const long double exact = std::tanh(static_cast<long double>(x));
        const double error = static_cast<double>((tanh_of(x) - exact) / exact);
        worst = std::fmax(worst, std::fabs(error) / std::numeric_limits<L>::epsilon());
    }
    std::printf("       tanh %d bit, %s: %.2f epsilon\n", static_cast<int>(8 * sizeof(L)), sf_isa(),
                worst);
    CHECK(worst < units);
    constexpr L infinity = std::numeric_limits<L>::infinity();
    CHECK(tanh_of<L>(infinity) == 1 && tanh_of<L>(-infinity) == -1 && tanh_of<L>(0) == 0);
    CHECK(std::isnan(tanh_of<L>(static_cast<L>(kNan))));
}

double activated(double x, seqfront::Activation activation) {
    if (activation == seqfront::kTanh) return std::tanh(x);
    return activation == seqfront::kRelu ? std::fmax(x, 0.0) : x;
}

double slope(double x, seqfront::Activation activation) {
    if (activation == seqfront::kTanh) return 1 - std::tanh(x) * std::tanh(x);
    return activation == seqfront::kRelu && x <= 0 ? 0 : 1;
}

template <class L>
void check_row(size_t count, seqfront::Activation activation) {
    context() = std::string(sf_isa()) + " " + std::to_string(count);
    Random random(static_cast<unsigned>(count));
    std::vector<L> a(count), b(count), grad(count), y(count + 1, 7), to_a(count + 1, 1),
        to_b(count + 1, 2);
    for (size_t i = 0; i < count; ++i) {
        a[i] = static_cast<L>(random.normal(1));
        b[i] = static_cast<L>(random.normal(1));
        grad[i] = static_cast<L>(random.normal(1));
    }
    const auto size = static_cast<int64_t>(count);
    kernels_of<L>().joint(a.data(), b.data(), size, activation, y.data());
    kernels_of<L>().joint_gradient(y.data(), grad.data(), size, activation, to_a.data(),
                                   to_b.data());
    kernels_of<L>().add(a.data(), size, to_b.data());
    for (size_t i = 0; i < count; ++i) {
        const double x = static_cast<double>(a[i] + b[i]), g = grad[i] * slope(x, activation);
        CHECK_CLOSE(y[i], activated(x, activation), 1e-6);
        CHECK_CLOSE(to_a[i], 1 + g, 1e-6);
        CHECK_CLOSE(to_b[i], 2 + g + a[i], 1e-6);
    }
    CHECK(y[count] == 7 && to_a[count] == 1 && to_b[count] == 2);
}

}  // namespace

SEQFRONT_TEST(joint, tanh) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        check_tanh<float>(4);
        check_tanh<double>(4);
    }
}

SEQFRONT_TEST(joint, rows_of_any_length) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (size_t count = 0; count < 40; ++count) {
            for (const auto activation : {seqfront::kNone, seqfront::kTanh, seqfront::kRelu}) {
                check_row<float>(count, activation);
                check_row<double>(count, activation);
            }
        }
    }
}
