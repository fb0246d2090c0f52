// CTC beyond small problems: long targets, whose states are made again in blocks; targets one after
// another; and arcs with weights, in every type and on every instruction set.
#include "ctc_problem.hpp"

using namespace testing;

namespace {

// The textbook recurrences with logarithms, in double: the gradient of one sequence.
class Reference {
  public:
    Reference(const CtcProblem& p, int64_t b) : labels_(p.label_length(b)) {
        for (const std::vector<double>& row : p.rows(b)) log_probs_.push_back(log_softmax(row));
        for (int64_t s = 0; s <= 2 * labels_; ++s) {
            symbols_.push_back(s % 2 == 0 ? p.blank : p.target(b, s / 2));
        }
        forward();
        backward();
    }

    double loss() const { return -total_; }
    double gradient(int64_t t, int64_t v) const {
        double posterior = 0;
        for (size_t s = 0; s < symbols_.size(); ++s) {
            if (symbols_[s] == v)
                posterior += std::exp(alpha_[at(t)][s] + beta_[at(t)][s] - total_);
        }
        return std::exp(log_probs_[at(t)][at(v)]) - posterior;
    }

  private:
    static size_t at(int64_t i) { return static_cast<size_t>(i); }
    bool skips(size_t s) const { return s >= 2 && s % 2 == 1 && symbols_[s] != symbols_[s - 2]; }
    double emission(size_t t, size_t s) const { return log_probs_[t][at(symbols_[s])]; }

    void forward() {
        alpha_.assign(log_probs_.size(), std::vector<double>(symbols_.size(), -kInf));
        for (size_t t = 0; t < log_probs_.size(); ++t) {
            for (size_t s = 0; s < symbols_.size(); ++s) {
                std::vector<double> from = {t == 0 && s <= 1 ? 0 : -kInf};
                if (t > 0) {
                    from.push_back(alpha_[t - 1][s]);
                    if (s >= 1) from.push_back(alpha_[t - 1][s - 1]);
                    if (skips(s)) from.push_back(alpha_[t - 1][s - 2]);
                }
                alpha_[t][s] = emission(t, s) + log_sum(from);
            }
        }
        total_ = log_sum(
            {alpha_.back().back(), labels_ > 0 ? alpha_.back()[symbols_.size() - 2] : -kInf});
    }
    void backward() {
        const size_t frames = log_probs_.size(), states = symbols_.size();
        beta_.assign(frames, std::vector<double>(states, -kInf));
        for (size_t t = frames; t-- > 0;) {
            for (size_t s = 0; s < states; ++s) {
                if (t + 1 == frames) {
                    beta_[t][s] = s + 2 >= states ? 0 : -kInf;
                    continue;
                }
                const auto by = [&](size_t to) { return beta_[t + 1][to] + emission(t + 1, to); };
                std::vector<double> ways = {by(s)};
                if (s + 1 < states) ways.push_back(by(s + 1));
                if (s + 2 < states && skips(s + 2)) ways.push_back(by(s + 2));
                beta_[t][s] = log_sum(ways);
            }
        }
    }

    int64_t labels_;
    std::vector<std::vector<double>> log_probs_, alpha_, beta_;
    std::vector<int64_t> symbols_;
    double total_ = 0;
};

// Blocks within the 16 parts of the frames: the states of one part are more than a megabyte.
CtcProblem long_problem(sf_dtype dtype) {
    return CtcProblem(dtype, {1201, 77, 1000}, {900, 30, 400}, 1201, 900, 12, 3, 5);
}

// The gradient with the targets of all sequences in one row; some are left over.
CtcResult run_in_one_row(CtcProblem p) {
    std::vector<int32_t> flat;
    for (int64_t b = 0; b < p.batch(); ++b) {
        for (int64_t k = 0; k < p.label_length(b); ++k) flat.push_back(p.target(b, k));
    }
    flat.push_back(-7);
    const sf_dtype dtype = p.logits.dtype();
    CtcResult result{{dtype, p.batch(), -5}, Tensor(dtype, p.logits.shape())};
    OpCall forward = p.call();
    forward.input("targets", array_of(flat, {1, static_cast<int64_t>(flat.size())}))
        .output("loss", array_of(result.loss, dtype, p.batch()));
    CHECK(forward.run(p.threads) == SF_OK);
    LatticeArray upstream = ones(p);
    OpCall backward = forward.backward();
    backward.input("grad_loss", array_of(upstream, dtype, p.batch()))
        .output("grad_logits", array_of(result.grad));
    if (!CHECK(backward.run(p.threads) == SF_OK)) std::puts(sf_last_error());
    return result;
}

}  // namespace

SEQFRONT_TEST(ctc_long, gradient_of_long_targets) {
    for (const sf_dtype dtype : {SF_FLOAT32, SF_FLOAT64}) {
        const CtcProblem p = long_problem(dtype);
        const CtcResult result = run(p, ones(p), true);
        const double allowed = dtype == SF_FLOAT64 ? 1e-10 : 2e-5;
        for (const int64_t b : {0, 1}) {
            const Reference expected(p, b);
            CHECK_CLOSE(result.loss.get(b) / expected.loss(), 1, 1e-6);
            for (int64_t t = 0; t < p.frame_length(b); t += 7) {
                for (int64_t v = 0; v < p.classes; ++v) {
                    CHECK_CLOSE(result.grad.get({b, t, v}), expected.gradient(t, v), allowed);
                }
            }
        }
    }
}

SEQFRONT_TEST(ctc_long, threads_are_bit_identical) {
    for (const bool max_approx : {false, true}) {
        CtcProblem p = long_problem(SF_FLOAT32);
        p.max_approx = max_approx;
        const CtcResult one = run(p, ones(p));
        p.threads = 3;  // few sequences: the threads share their rows
        const CtcResult three = run(p, ones(p), true);
        CHECK(one.grad.bytes() == three.grad.bytes());
        for (int64_t b = 0; b < 3; ++b) CHECK(one.loss.get(b) == three.loss.get(b));
    }
}

SEQFRONT_TEST(ctc_long, nothing_of_frames_times_labels_is_saved) {
    CtcProblem p = long_problem(SF_FLOAT32);
    OpCall call = p.call();
    CHECK(call.run() == SF_OK);
    int64_t saved = 0;
    for (const char* name : {"saved_frames", "saved_states", "saved_ends"}) {
        const sf_array& array = call.output(name);
        int64_t count = 1;
        for (int32_t i = 0; i < array.rank; ++i) count *= array.shape[i];
        saved += count;
    }
    CHECK(saved == p.batch() * (3 * p.frames + 16 * 4 * p.labels + 34));
}

SEQFRONT_TEST(ctc_long, targets_in_one_row_are_bit_identical) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (const bool max_approx : {false, true}) {
            for (const sf_dtype dtype : kDtypes) {
                CtcProblem p(dtype, {40, 0, 33, 7, 29}, {9, 0, 17, 2, 0}, 40, 20, 23, 4, 6);
                p.max_approx = max_approx;
                const CtcResult rows = run(p, ones(p)), row = run_in_one_row(p);
                CHECK(rows.grad.bytes() == row.grad.bytes());
                for (int64_t b = 0; b < p.batch(); ++b) CHECK(rows.loss.get(b) == row.loss.get(b));
            }
        }
    }
}

// What comes of any weights: loss from the lattice in double, gradient by differences of that.
SEQFRONT_TEST(ctc_long, weights_by_differences) {
    for (const std::string& isa : usable_isas()) {
        CHECK(sf_set_isa(isa.c_str()) == SF_OK);
        for (int variant = 0; variant < 16; ++variant) {
            CtcProblem p(SF_FLOAT64, {6, 4, 5}, {3, 2, 0}, 6, 3, 5, 2, 9);
            p.normalized = variant % 2 != 0;
            p.targets = {0, 5, 0, 5, 4, -7, -7, -7, -7};
            std::vector<double> prior = {-1.0, -2.5, -0.25, -3.0, -0.5};
            const auto call = [&](CtcProblem& problem) {
                OpCall made = problem.call();
                made.attribute("star", 5)
                    .attribute("star_any", variant / 2 % 2)
                    .attribute("star_score", variant / 2 % 2 != 0 ? 0 : -0.5)
                    .attribute("max_approx", variant / 8 % 2);
                if (variant / 4 % 2 != 0) {
                    made.input("log_prior", row_major(prior.data(), SF_FLOAT64, {5}));
                    made.attribute("prior_scale", 0.5);
                }
                return made;
            };
            const auto loss = [&](CtcProblem problem) {
                OpCall made = call(problem);
                CHECK(made.run() == SF_OK);
                return made.value("loss", 0) + made.value("loss", 1) + made.value("loss", 2);
            };
            OpCall forward = call(p);
            if (!CHECK(forward.run() == SF_OK)) std::puts(sf_last_error());
            LatticeArray upstream = ones(p);
            OpCall backward = forward.backward();
            backward.input("grad_loss", array_of(upstream, SF_FLOAT64, p.batch()));
            CHECK(backward.run() == SF_OK);
            context() = isa + " variant " + std::to_string(variant);
            for (int64_t i = 0; i < 3 * 6 * 5; ++i) {
                const int64_t b = i / 30, t = i / 5 % 6, v = i % 5;
                if (t >= p.frame_length(b)) continue;
                const double step = 1e-5, x = p.logits.get({b, t, v});
                CtcProblem up = p, down = p;
                up.logits.set({b, t, v}, x + step);
                down.logits.set({b, t, v}, x - step);
                const double slope = (loss(up) - loss(down)) / (2 * step);
                CHECK_CLOSE(backward.value("grad_logits", i), slope, 2e-8);
            }
        }
    }
}

// A blank that is nearly certain leaves a star what the other classes have, not a rounding error.
SEQFRONT_TEST(ctc_long, star_beside_a_certain_blank) {
    CtcProblem p(SF_FLOAT32, {1}, {1}, 1, 1, 4, 1, 1);
    p.targets = {4};
    for (int64_t v = 0; v < 4; ++v)
        p.logits.set({0, 0, v}, v == 1 ? 60 : 0.5 * static_cast<double>(v));
    OpCall forward = p.call();
    forward.attribute("star", 4).attribute("star_any", 1);
    CHECK(forward.run() == SF_OK);
    const double others = log_sum({0.0, 1.0, 1.5});
    CHECK_CLOSE(forward.value("loss", 0), 60 - others, 1e-5);
    LatticeArray upstream = ones(p);
    OpCall backward = forward.backward();
    backward.input("grad_loss", array_of(upstream, SF_FLOAT32, 1));
    CHECK(backward.run() == SF_OK);
    for (int64_t v = 0; v < 4; ++v) {
        const double expected = v == 1 ? 1 : -std::exp(0.5 * static_cast<double>(v) - others);
        CHECK_CLOSE(backward.value("grad_logits", v), expected, 1e-6);
    }
}

SEQFRONT_TEST(ctc_long, refusals) {
    const auto refused = [](OpCall call, const char* message) {
        CHECK(call.run() == SF_INVALID_ARGUMENT);
        if (!CHECK(sf_last_error() == std::string(message))) std::puts(sf_last_error());
    };
    CtcProblem p(SF_FLOAT32, {3, 3, 3}, {2, 1, 0}, 3, 2, 5, 0, 1);
    std::vector<int32_t> two = {1, 2, 3, 4}, flat = {1, 2};
    OpCall call = p.call();
    refused(call.input("targets", array_of(two, {2, 2})),
            "ctc: targets has 2 rows, needed 3, or 1 with all sequences one after another");
    refused(call.input("targets", array_of(flat, {1, 2})),
            "ctc: label_lengths add up to 3, needed 0..2");
    flat = {1, 2, 9};
    refused(call.input("targets", array_of(flat, {1, 3})),
            "ctc: targets[0, 2] is 9, needed 0..4 and not the blank 0");
    refused(p.call().attribute("star", 4), "ctc: star is the class 4, needed none of 0..4");
    std::vector<float> prior = {0, 0, -static_cast<float>(kInf), 0, 0};
    refused(p.call().input("log_prior", row_major(prior.data(), SF_FLOAT32, {5})),
            "ctc: log_prior[2] is -inf, needed a finite number");
    prior[2] = 0;
    refused(p.call()
                .input("log_prior", row_major(prior.data(), SF_FLOAT32, {5}))
                .attribute("prior_scale", kInf),
            "ctc: prior_scale is inf, needed a finite number");
}
