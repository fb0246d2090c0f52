// The transducer family against the enumeration of all paths: random combinations of what each op
// can do, in every dtype and on every instruction set.
#include "transducer_paths.hpp"

using namespace testing;

namespace {

constexpr Family kFamilies[] = {Family::kDense, Family::kPacked, Family::kPruned, Family::kTdt};

void check_row(const TransducerProblem& p, const TransducerResult& result, int64_t b, int64_t t,
               int64_t u, const std::vector<double>& expected, double factor) {
    const double allowed = tolerance(p.logits.dtype()) * std::fmax(1, std::fabs(factor)) *
                           (1 + p.attribute("fastemit"));
    for (int64_t v = 0; v < static_cast<int64_t>(expected.size()); ++v) {
        const double value = v < p.sizes.classes
                                 ? p.get(result.grad, b, t, u, v)
                                 : p.get(result.grad_durations, b, t, u, v - p.sizes.classes);
        CHECK_CLOSE(value, factor * expected[static_cast<size_t>(v)], allowed);
    }
}

// Rows that belong to no sequence have gradient zero.
void check_padding(const TransducerProblem& p, const Tensor& grad) {
    if (p.family == Family::kPacked) return;
    for (int64_t b = 0; b < p.batch(); ++b) {
        for (int64_t t = 0; t < p.sizes.frames; ++t) {
            for (int64_t r = 0; r < p.width(); ++r) {
                if (t < p.frames(b) && p.stores(b, t, p.start(b, t) + r)) continue;
                for (int64_t v = 0; v < grad.shape()[3]; ++v) CHECK(grad.get({b, t, r, v}) == 0);
            }
        }
    }
}

void check(const TransducerProblem& p, const LatticeArray& upstream,
           const TransducerResult& result) {
    for (int64_t b = 0; b < p.batch(); ++b) {
        CHECK_CLOSE(result.loss.get(b), reported_loss(p, b), 3e-6);
        const Rows expected = expected_gradient(p, b);
        size_t next = 0;
        for (int64_t t = 0; t < p.frames(b); ++t) {
            for (int64_t u = 0; u <= p.labels(b); ++u) {
                if (!p.stores(b, t, u)) continue;
                check_row(p, result, b, t, u, expected[next++], upstream.get(b));
            }
        }
    }
    check_padding(p, result.grad);
    if (p.family == Family::kTdt) check_padding(p, result.grad_durations);
}

void add_windows(TransducerProblem& p, Random& random) {
    for (int64_t i = 0; i < p.batch() * p.sizes.labels; ++i) {
        const int32_t first = random.below(3) - 1;
        p.windows.push_back(first);
        p.windows.push_back(first + random.below(4));
    }
}

// Options of a problem, drawn at random; refused combinations are left out.
void choose_options(TransducerProblem& p, Random& random) {
    const auto chance = [&](double value) { return random.below(3) == 0 ? value : 0.0; };
    auto& a = p.attributes;
    a["fastemit"] = chance(0.25);
    a["fastemit_scale"] = chance(1);
    a["clamp"] = chance(0.125);
    a["normalized"] = chance(1);
    a["sigma"] = chance(0.0625);
    if (p.family == Family::kTdt) return;
    const bool pruned = p.family == Family::kPruned;
    a["topology"] = random.below(pruned ? 2 : 3);
    a["delay_penalty"] = chance(0.125);
    if (!pruned) a["star"] = chance(1 + random.below(2));
    a["star_weight"] = -0.75;
    if (random.below(3) == 0) add_windows(p, random);
    if (random.below(3) == 0) {
        const auto last = static_cast<int32_t>(p.sizes.classes - 1);
        p.big_blanks = {last, 2 + random.below(2), last - 1, 2 + random.below(9)};
    } else if (a["normalized"] == 0) {
        a["hat"] = chance(1);
    }
}

std::string description(const TransducerProblem& p, const std::string& isa, unsigned seed) {
    std::string text = isa + " family " + std::to_string(static_cast<int>(p.family)) + " dtype " +
                       std::to_string(p.logits.dtype()) + " seed " + std::to_string(seed);
    for (const auto& [name, value] : p.attributes) {
        if (value != 0) text += " " + name + "=" + std::to_string(value);
    }
    if (!p.windows.empty()) text += " windows";
    if (!p.big_blanks.empty()) text += " big_blanks";
    return text;
}

void check_random(const std::string& isa, Family family, sf_dtype dtype, unsigned seed) {
    Random random(seed);
    const int64_t classes = seed % 8 == 0 ? 37 : 6;
    const int64_t blank = random.below(classes - 2);
    const TransducerSizes sizes = {
        {4, 1, 3, 0, 2, 1, 0, 4}, {3, 2, 0, 0, 3, 0, 1, 1}, 4, 3, classes, blank, 2};
    const std::vector<std::vector<int32_t>> durations = {{0, 1, 2}, {1}, {0, 2, 3, 9}, {1, 2}};
    TransducerProblem p(family, dtype, sizes, seed, static_cast<Tensor::Layout>(seed % 3),
                        family == Family::kTdt ? durations[seed % 4] : std::vector<int32_t>{});
    choose_options(p, random);
    p.threads = 1 + random.below(2);
    LatticeArray upstream(dtype, p.batch(), 1);
    for (int64_t b = 0; b < p.batch(); ++b) upstream.set(b, random.below(5) - 1.5);
    context() = description(p, isa, seed);
    const bool in_place = random.below(2) == 0;
    check(p, upstream, run(p, upstream, in_place, static_cast<Tensor::Layout>(random.below(3))));
}

}  // namespace

SEQFRONT_TEST(transducer, every_path) {
    unsigned seed = 0;
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const Family family : kFamilies) {
            for (int i = 0; i < 60; ++i) check_random(isa, family, kDtypes[i % 4], ++seed);
        }
    }
}

SEQFRONT_TEST(transducer, lattices_longer_than_a_vector) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        context() = isa;
        for (const Family family : kFamilies) {
            for (const auto& [frames, labels] :
                 {std::pair<int, int>{2, 40}, {40, 2}, {1, 33}, {60, 1}}) {
                TransducerProblem p(
                    family, SF_FLOAT64, {{frames}, {labels}, frames, labels, 3, 2, 40}, 5,
                    Tensor::kDense,
                    family == Family::kTdt ? std::vector<int32_t>{0, 20} : std::vector<int32_t>{});
                if (family != Family::kTdt) p.attributes["topology"] = frames > labels;
                check(p, ones(p), run(p, ones(p)));
            }
        }
    }
}
