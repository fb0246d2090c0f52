// exp, log and the half-precision conversions of every instruction set, over their whole range.
#include <cstring>

#include "simd/dispatch.hpp"
#include "tensors.hpp"
#include "testing.hpp"

using namespace testing;

namespace {

// Distance in units of the last place of `exact`.
template <class L>
double ulps(L value, long double exact) {
    const L rounded = static_cast<L>(exact);
    const L next = std::nextafter(std::fabs(rounded), std::numeric_limits<L>::infinity());
    const long double unit = static_cast<long double>(next) - std::fabs(rounded);
    return static_cast<double>(std::fabs((static_cast<long double>(value) - exact) / unit));
}

template <class L>
void check_exp(double limit) {
    const seqfront::LatticeKernels<L>& kernels = seqfront::lattice_kernels<L>(seqfront::kernels());
    const L smallest = std::numeric_limits<L>::min(), highest = sizeof(L) == 4 ? 88 : 709;
    std::vector<L> x, y(500001);
    for (size_t i = 0; i < y.size(); ++i) {
        const L step = (highest - std::log(smallest)) / static_cast<L>(y.size());
        x.push_back(highest - static_cast<L>(i) * step * static_cast<L>(1.05));
    }
    kernels.exp(x.data(), y.data(), static_cast<int64_t>(x.size()));
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        const long double exact = std::exp(static_cast<long double>(x[i]));
        if (exact < 2 * smallest) {
            CHECK(y[i] >= 0 && y[i] <= 3 * smallest);
        } else {
            worst = std::fmax(worst, ulps<L>(y[i], exact));
        }
    }
    std::printf("       exp %d bit, %s: %.2f ulp\n", static_cast<int>(8 * sizeof(L)), sf_isa(),
                worst);
    CHECK(worst < limit);

    const L infinity = std::numeric_limits<L>::infinity();
    const L special[5] = {-infinity, static_cast<L>(kNan), 0, -1e30f, -2000};
    L result[5];
    kernels.exp(special, result, 5);
    CHECK(result[0] == 0 && std::isnan(result[1]) && result[2] == 1 && result[3] == 0);
    CHECK(result[4] == 0);
}

template <class L>
void check_log(double limit) {
    const seqfront::LatticeKernels<L>& kernels = seqfront::lattice_kernels<L>(seqfront::kernels());
    std::vector<L> x, y(400000);
    const int digits = std::numeric_limits<L>::max_exponent10;
    for (size_t i = 0; i < y.size(); ++i) {
        const double fraction = static_cast<double>(i) / static_cast<double>(y.size());
        const double decades = i % 2 == 0 ? 2 * digits * fraction - digits : fraction - 0.5;
        x.push_back(static_cast<L>(std::pow(10.0, decades)));
    }
    kernels.log(x.data(), y.data(), static_cast<int64_t>(x.size()));
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        const long double exact = std::log(static_cast<long double>(x[i]));
        if (x[i] < std::numeric_limits<L>::min()) {
            CHECK(y[i] == -std::numeric_limits<L>::infinity());
        } else if (exact != 0) {
            worst = std::fmax(worst, ulps<L>(y[i], exact));
        }
    }
    std::printf("       log %d bit, %s: %.2f ulp\n", static_cast<int>(8 * sizeof(L)), sf_isa(),
                worst);
    CHECK(worst < limit);

    const L infinity = std::numeric_limits<L>::infinity();
    const L special[5] = {0, infinity, static_cast<L>(kNan), -1, 1};
    L result[5];
    kernels.log(special, result, 5);
    CHECK(result[0] == -infinity && result[1] == infinity && std::isnan(result[2]));
    CHECK(std::isnan(result[3]) && result[4] == 0);
}

// As the kernels read them: each is the maximum of a row of its own.
template <class Half>
std::vector<float> widened_by_kernel(const std::vector<Half>& all) {
    std::vector<float> maxima(all.size()), sums(all.size());
    seqfront::RowKernelsOf<Half>::in(seqfront::kernels())
        .normalisers(all.data(), 1, static_cast<int64_t>(all.size()), 1, maxima.data(),
                     sums.data());
    return maxima;
}

template <class Half>
void check_half() {
    std::vector<Half> all;
    for (uint32_t bits = 0; bits < 65536; ++bits) all.push_back({static_cast<uint16_t>(bits)});
    const std::vector<float> kernel = widened_by_kernel(all);
    for (const Half half : all) {
        const float value = seqfront::widen(half);
        Half back;
        seqfront::narrow(value, back);
        CHECK(std::isnan(value) ? std::isnan(seqfront::widen(back)) : back.bits == half.bits);
        // A row of one class: its maximum is the value (0 for -inf, and unspecified for NaN).
        const float maximum = kernel[half.bits];
        if (std::isfinite(value)) CHECK(std::memcmp(&maximum, &value, 4) == 0 || maximum == value);
    }
    // Stores, including ties, overflow, subnormals and NaN: scale * exp(0 - 0).
    Random random(3);
    const std::vector<Half> zeros(1, Half{0});
    for (int i = 0; i < 200000; ++i) {
        uint32_t bits = static_cast<uint32_t>(random.below(int64_t{1} << 32));
        if (i % 4 == 0) bits &= 0xffff0000u;
        if (i % 4 == 1) bits = (bits & 0xffffe000u) | 0x1000u;
        if (i % 4 == 2) bits = (bits & 0xffff0000u) | 0x8000u;
        const float value = seqfront::float_of_bits(bits);
        if (value == 0) continue;
        Half plain, stored;
        seqfront::narrow(value, plain);
        seqfront::RowKernelsOf<Half>::in(seqfront::kernels())
            .softmax_gradient(zeros.data(), &stored, 1, 0, value);
        CHECK(std::isnan(value) ? std::isnan(seqfront::widen(stored)) : plain.bits == stored.bits);
    }
}

}  // namespace

SEQFRONT_TEST(math, exp_and_log) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        check_exp<float>(1.6);
        check_exp<double>(1.6);
        check_log<float>(2.5);
        check_log<double>(2.5);
    }
}

SEQFRONT_TEST(math, half_precision) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        context() = isa;
        check_half<seqfront::BFloat16>();
        check_half<seqfront::Float16>();
    }
}
