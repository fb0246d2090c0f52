// The simple loss of pruned RNN-T against the dense loss of the same logits, and pruning bounds.
#include "pruned/pruning_grid.hpp"
#include "simple_problem.hpp"

using namespace testing;

namespace {

// What the dense op gives for the logits am + lm; gradients summed over the other axis.
struct DenseResult {
    LatticeArray loss;
    std::vector<double> am, lm;
};

DenseResult run_dense(SimpleProblem& p) {
    const int64_t b = p.batch(), t = p.most_frames, u = p.most_labels + 1, v = p.classes;
    Tensor logits(SF_FLOAT64, {b, t, u, v}), grad(SF_FLOAT64, {b, t, u, v});
    for (int64_t i = 0; i < b * t * u * v; ++i) {
        const int64_t row = i / v, frame = row / u;
        logits.set({frame / t, frame % t, row % u, i % v},
                   p.am.get({frame / t, frame % t, i % v}) + p.lm.get({frame / t, row % u, i % v}));
    }
    LatticeArray loss(SF_FLOAT64, b), upstream(SF_FLOAT64, b, 1);
    OpCall forward("rnnt", SF_FLOAT64);
    forward.input("logits", array_of(logits))
        .input("targets", array_of(p.targets, {b, p.most_labels}))
        .input("frame_lengths", array_of(p.frames, {b}))
        .input("label_lengths", array_of(p.labels, {b}))
        .attribute("topology", p.attributes[1])
        .attribute("delay_penalty", p.attributes[4])
        .output("loss", array_of(loss, SF_FLOAT64, b));
    CHECK(forward.run() == SF_OK);
    OpCall backward = forward.backward();
    backward.input("grad_loss", array_of(upstream, SF_FLOAT64, b))
        .output("grad_logits", array_of(grad));
    CHECK(backward.run() == SF_OK);
    DenseResult result{loss, std::vector<double>(static_cast<size_t>(b * t * v)),
                       std::vector<double>(static_cast<size_t>(b * u * v))};
    for (int64_t i = 0; i < b * t * u * v; ++i) {
        const int64_t row = i / v, frame = row / u;
        const double g = grad.get({frame / t, frame % t, row % u, i % v});
        result.am[static_cast<size_t>(frame * v + i % v)] += g;
        result.lm[static_cast<size_t>((frame / t * u + row % u) * v + i % v)] += g;
    }
    return result;
}

void check_same(const Tensor& mine, const std::vector<double>& wanted, double allowed) {
    const int64_t rows = mine.shape()[1], classes = mine.shape()[2];
    for (size_t i = 0; i < wanted.size(); ++i) {
        const auto n = static_cast<int64_t>(i);
        const int64_t b = n / classes / rows, row = n / classes % rows;
        CHECK_CLOSE(mine.get({b, row, n % classes}), wanted[i], allowed);
    }
}

void check_against_dense(SimpleProblem p, double allowed) {
    const DenseResult wanted = run_dense(p);
    const SimpleResult result = run(p);
    for (int64_t b = 0; b < p.batch(); ++b) {
        CHECK_CLOSE(result.loss.get(b), wanted.loss.get(b), 3 * allowed);
    }
    check_same(result.am, wanted.am, allowed);
    check_same(result.lm, wanted.lm, allowed);
}

double allowed_error(sf_dtype dtype) {  // rows of the gradient are sums of many
    return dtype == SF_FLOAT64 ? 1e-11 : dtype == SF_FLOAT32 ? 1e-5 : tolerance(dtype) * 1.5;
}

bool is_nan(const Tensor& x, int64_t b, int64_t rows, bool wanted) {
    for (int64_t i = 0; i < x.shape()[1]; ++i) {
        for (int64_t v = 0; v < x.shape()[2]; ++v) {
            if (std::isnan(x.get({b, i, v})) != (wanted && i < rows)) return false;
        }
    }
    return true;
}

}  // namespace

SEQFRONT_TEST(pruned, simple_is_dense) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const sf_dtype dtype : kDtypes) {
            for (const Tensor::Layout layout :
                 {Tensor::kDense, Tensor::kTimeMajor, Tensor::kGaps}) {
                for (const int topology : {0, 1}) {
                    SimpleProblem p(dtype, {9, 1, 4, 0, 2, 0}, {3, 0, 4, 0, 2, 1}, 21, 5, layout);
                    p.attributes[1] = topology;
                    check_against_dense(p, allowed_error(dtype));
                    p.attributes[4] = 0.3;
                    check_against_dense(p, allowed_error(dtype));
                }
            }
        }
    }
}

// More frames than a tile, more classes than a block, and not whole ones.
SEQFRONT_TEST(pruned, simple_is_dense_when_large) {
    SimpleProblem p(SF_FLOAT32, {201, 97}, {20, 31}, 523, 6);
    check_against_dense(p, 3e-5);
    p.attributes[1] = 1;
    check_against_dense(p, 3e-5);
}

// Peaks at different classes: the product of the exponentials is too small for a number.
SEQFRONT_TEST(pruned, peaks_apart) {
    for (const double scale : {40.0, 200.0, 3000.0}) {
        check_against_dense(SimpleProblem(SF_FLOAT64, {6, 3}, {3, 2}, 30, 7, Tensor::kDense, scale),
                            1e-10);
        check_against_dense(SimpleProblem(SF_FLOAT32, {6, 3}, {3, 2}, 30, 8, Tensor::kDense, scale),
                            1e-6 * scale);  // as the rounding of the logits' sums
    }
}

SEQFRONT_TEST(pruned, impossible_classes) {
    SimpleProblem p(SF_FLOAT32, {5, 4, 3}, {2, 2, 1}, 9, 9);
    for (int64_t t = 0; t < 5; ++t) p.am.set({0, t, p.targets[0]}, -kInf);  // no alignment
    for (int64_t v = 0; v < 9; ++v) p.lm.set({1, 2, v}, -kInf);             // no way to the end
    p.am.set({2, 1, 0}, -kInf);                                             // no blank there
    check_against_dense(p, 1e-5);
    CHECK(run(p).loss.get(0) == kInf);
}

// A joint row without possible classes does not matter, if joint log-probs have no share.
SEQFRONT_TEST(pruned, no_share_of_the_joint) {
    SimpleProblem p(SF_FLOAT64, {3}, {1}, 4, 14);
    for (int64_t v = 0; v < 4; ++v) (v < 2 ? p.am : p.lm).set({0, 1, v}, -kInf);
    p.attributes[0] = 3;
    p.targets[0] = 2;
    p.attributes[2] = 1;
    const SimpleResult plain = run(p);
    CHECK(plain.loss.get(0) == kInf);  // the last row of lm has no blank
    for (int64_t v = 0; v < 4; ++v) p.lm.set({0, 1, v}, v < 2 ? -kInf : 0.5);
    for (int64_t v = 0; v < 4; ++v) p.am.set({0, 1, v}, v < 2 ? 0.5 : -kInf);
    const SimpleResult result = run(p);
    CHECK(std::isfinite(result.loss.get(0)));
    CHECK(is_nan(result.am, 0, 0, false) && is_nan(result.lm, 0, 0, false));
}

SEQFRONT_TEST(pruned, any_band_that_is_wide_enough) {
    SimpleProblem p(SF_FLOAT32, {6, 2}, {2, 5}, 7, 15);
    for (const double band : {6.0, 7.0, 2147483647.0}) {
        p.attributes[5] = band;
        for (const int32_t start : run(p).starts) CHECK(start == 0);
    }
}

SEQFRONT_TEST(pruned, invalid_logits_stay_apart) {
    for (const double bad : {kNan, kInf}) {
        for (const bool in_lm : {false, true}) {
            SimpleProblem p(SF_FLOAT32, {5, 4, 3}, {2, 2, 1}, 9, 10);
            const SimpleResult before = run(p);
            (in_lm ? p.lm : p.am).set({1, 1, 8}, bad);
            const SimpleResult after = run(p);
            for (int64_t b = 0; b < 3; ++b) {
                CHECK(std::isnan(after.loss.get(b)) == (b == 1));
                CHECK(is_nan(after.am, b, p.frames[static_cast<size_t>(b)], b == 1));
                CHECK(is_nan(after.lm, b, p.labels[static_cast<size_t>(b)] + 1, b == 1));
                if (b != 1) CHECK(after.loss.get(b) == before.loss.get(b));
            }
            const SimpleResult none = run(p, 0);
            for (int64_t b = 0; b < 3; ++b) CHECK(is_nan(none.am, b, 0, false));
        }
    }
}

SEQFRONT_TEST(pruned, threads_do_not_matter) {
    for (const sf_dtype dtype : {SF_FLOAT32, SF_BFLOAT16}) {
        SimpleProblem p(dtype, {230, 150, 70}, {30, 40, 2}, 700, 11);
        p.attributes[2] = 0.25;
        p.attributes[3] = 0.25;
        p.attributes[5] = 5;
        const SimpleResult one = run(p);
        for (const int32_t threads : {2, 3, 7}) {
            p.threads = threads;
            const SimpleResult many = run(p);
            CHECK(many.am.bytes() == one.am.bytes());
            CHECK(many.lm.bytes() == one.lm.bytes());
            CHECK(many.starts == one.starts);
            for (int64_t b = 0; b < 3; ++b) CHECK(many.loss.get(b) == one.loss.get(b));
        }
    }
}

SEQFRONT_TEST(pruned, refused) {
    SimpleProblem p(SF_FLOAT32, {6, 2, 0}, {2, 5, 1}, 7, 12);
    const auto error = [&](int attribute, double value) {
        SimpleProblem other = p;
        other.attributes[attribute] = value;
        const bool ok = other.call().run() == SF_OK;
        return std::string(ok ? "" : sf_last_error());
    };
    CHECK_TEXT(error(1, 2), "rnnt_simple: topology is 2, needed 0 (regular) or 1 (modified)");
    CHECK_TEXT(error(2, -0.5),
               "rnnt_simple: lm_only_scale is -0.5 and am_only_scale is 0, needed 0 or more, and a "
               "sum of at most 1");
    CHECK_TEXT(error(3, 1.5),
               "rnnt_simple: lm_only_scale is 0 and am_only_scale is 1.5, needed 0 or more, and a "
               "sum of at most 1");
    CHECK_TEXT(error(5, -1), "rnnt_simple: band is -1, needed 0 or more");
    CHECK_TEXT(
        error(5, 3),
        "rnnt_simple: sequence 1 has 5 labels in 2 frames, which needs a band of 4, but band "
        "is 3");
    CHECK_TEXT(error(5, 4), "");
}

// Whatever the posteriors are: from 0, never down, no step that a path cannot take, to the end.
SEQFRONT_TEST(pruned, bounds_hold_a_path) {
    Random random(13);
    for (int trial = 0; trial < 3000; ++trial) {
        const int64_t topology = trial % 2, frames = 1 + random.below(12),
                      labels = random.below(14);
        const seqfront::Grid grid(topology, frames, labels);
        const int64_t needed = seqfront::needed_band(grid, frames, labels);
        if (needed == 0) continue;
        const int64_t band = needed + random.below(4);
        std::vector<double> table(static_cast<size_t>(frames * (labels + 1)));
        for (double& x : table) x = std::fabs(random.normal(1));
        const seqfront::Posteriors<double> paths{grid, table.data(), table.data()};
        std::vector<double> sums(static_cast<size_t>(labels + 2));
        std::vector<int32_t> starts(static_cast<size_t>(frames));
        seqfront::pruning_bounds(paths, frames, labels, band, sums.data(), starts.data());
        CHECK(starts[0] == 0);
        const int64_t wanted = std::max<int64_t>(0, labels + 1 - band);
        CHECK(starts.back() == (grid.modified() ? std::min(wanted, frames - 1) : wanted));
        const int64_t step = grid.modified() ? 1 : band - 1;
        int64_t reach = 0;  // the highest position of a path, when it leaves a frame
        for (size_t t = 0; t < starts.size(); ++t) {
            if (t > 0) CHECK(starts[t] >= starts[t - 1] && starts[t] - starts[t - 1] <= step);
            const int64_t last = starts[t] + band - 1;
            reach = std::min(last, grid.modified() ? static_cast<int64_t>(t) : last);
            CHECK(reach >= starts[t]);
        }
        CHECK(reach + (grid.modified() ? 1 : 0) >= labels);
    }
}
