// Every path of a transducer lattice, one after another: what the losses are checked against.
#ifndef SEQFRONT_TESTS_TRANSDUCER_PATHS_HPP_
#define SEQFRONT_TESTS_TRANSDUCER_PATHS_HPP_

#include "transducer_problem.hpp"

namespace testing {

// Of a whole path: its log-weight, and the part of its label arcs in that.
struct Path {
    double score;
    double labels;
};

// The paths of one sequence. A row of `rows` is the logits of a cell, then its duration logits.
class Paths {
  public:
    Paths(const TransducerProblem& p, int64_t b, const Rows& rows)
        : p_(p), b_(b), frames_(p.frames(b)), labels_(p.labels(b)) {
        for (const std::vector<double>& row : rows) log_probs_.push_back(log_probs(row));
        size_t next = 0;
        for (int64_t t = 0; t < frames_; ++t) {
            for (int64_t u = 0; u <= labels_; ++u) {
                index_.push_back(p.stores(b, t, u) ? next++ : kNone);
            }
        }
        if (stored(0, 0)) go(0, 0, {0, 0}, true);
        for (int64_t t = 1; star() != 0 && t < frames_; ++t) {
            go(t, 0, {p.attribute("star_weight"), 0}, true);
        }
    }

    const std::vector<Path>& all() const { return all_; }

  private:
    static constexpr size_t kNone = ~size_t{0};

    double star() const { return p_.attribute("star"); }
    double topology() const { return p_.attribute("topology"); }
    bool stored(int64_t t, int64_t u) const { return p_.stores(b_, t, u); }
    bool is_end(int64_t t, int64_t u) const { return t == frames_ && u == labels_; }

    std::vector<double> log_probs(const std::vector<double>& row) const {
        const auto classes = row.begin() + p_.sizes.classes;
        std::vector<double> tokens(row.begin(), classes), durations(classes, row.end());
        if (p_.attribute("hat") != 0) {
            tokens = hat(tokens);
        } else if (p_.attribute("normalized") == 0) {
            tokens = log_softmax(tokens);
        }
        for (double& x : tokens) x -= p_.attribute("sigma");
        for (const double x : log_softmax(durations)) tokens.push_back(x);
        return tokens;
    }

    std::vector<double> hat(std::vector<double> x) const {
        const auto blank = static_cast<size_t>(p_.sizes.blank);
        const double own = x[blank];
        x[blank] = -kInf;
        x = log_softmax(x);
        for (double& v : x) v -= std::log1p(std::exp(own));
        x[blank] = -std::log1p(std::exp(-own));
        return x;
    }

    double log_prob(int64_t t, int64_t u, int64_t value) const {
        const size_t cell = index_[static_cast<size_t>(t * (labels_ + 1) + u)];
        return log_probs_[cell][static_cast<size_t>(value)];
    }
    bool may_emit(int64_t t, int64_t u) const {
        if (p_.windows.empty()) return true;
        const int32_t* w = p_.windows.data() + 2 * (b_ * p_.sizes.labels + u);
        return w[0] <= t && t <= w[1];
    }

    // On from (t, u); `ride`: a ride from the last position may follow.
    void go(int64_t t, int64_t u, Path path, bool ride) {
        if (is_end(t, u)) return all_.push_back(path);
        if (!stored(t, u)) return;
        if (ride && u == labels_ && t < frames_ - 1 && star() != 0) {
            const Path out = {path.score + p_.attribute("star_weight"), path.labels};
            go(star() == 1 ? frames_ - 1 : frames_, u, out, false);
        }
        p_.family == Family::kTdt ? tdt(t, u, path) : regular(t, u, path, ride);
    }

    void regular(int64_t t, int64_t u, Path path, bool ride) {
        go(t + 1, u, {path.score + log_prob(t, u, p_.sizes.blank), path.labels}, ride);
        for (size_t i = 0; i < p_.big_blanks.size(); i += 2) {
            go(t + p_.big_blanks[i + 1], u,
               {path.score + log_prob(t, u, p_.big_blanks[i]), path.labels}, ride);
        }
        if (u == labels_ || !may_emit(t, u)) return;
        double label = log_prob(t, u, p_.target(b_, u));
        if (topology() == 2) label += log_prob(t, u + 1, p_.sizes.blank);
        const double delay = p_.attribute("delay_penalty") *
                             ((static_cast<double>(frames_) - 1) / 2 - static_cast<double>(t));
        go(topology() == 0 ? t : t + 1, u + 1, {path.score + label + delay, path.labels + label},
           ride);
    }

    void tdt(int64_t t, int64_t u, Path path) {
        for (size_t d = 0; d < p_.durations.size(); ++d) {
            const int64_t next = t + p_.durations[d];
            const double lasts = log_prob(t, u, p_.sizes.classes + static_cast<int64_t>(d));
            if (next > t) {
                go(next, u, {path.score + log_prob(t, u, p_.sizes.blank) + lasts, path.labels},
                   false);
            }
            if (u == labels_ || next >= frames_) continue;
            const double label = log_prob(t, u, p_.target(b_, u)) + lasts;
            go(next, u + 1, {path.score + label, path.labels + label}, false);
        }
    }

    const TransducerProblem& p_;
    int64_t b_, frames_, labels_;
    Rows log_probs_;
    std::vector<size_t> index_;
    std::vector<Path> all_;
};

inline double loss_of(const std::vector<Path>& paths) {
    std::vector<double> scores;
    for (const Path& path : paths) scores.push_back(path.score);
    return -log_sum(scores);
}

// The rows of sequence b.
inline Rows rows_of(const TransducerProblem& p, int64_t b) {
    Rows out;
    for (int64_t t = 0; t < p.frames(b); ++t) {
        for (int64_t u = 0; u <= p.labels(b); ++u) {
            if (!p.stores(b, t, u)) continue;
            out.emplace_back();
            for (int64_t v = 0; v < p.sizes.classes; ++v) {
                out.back().push_back(p.get(p.logits, b, t, u, v));
            }
            for (size_t d = 0; d < p.durations.size(); ++d) {
                out.back().push_back(p.get(p.duration_logits, b, t, u, static_cast<int64_t>(d)));
            }
        }
    }
    return out;
}

inline double reported_loss(const TransducerProblem& p, int64_t b) {
    if (p.frames(b) == 0) return p.labels(b) == 0 ? 0 : kInf;
    const double loss = loss_of(Paths(p, b, rows_of(p, b)).all());
    return p.attribute("fastemit_scale") != 0 ? loss * (1 + p.attribute("fastemit")) : loss;
}

// Gradient of the rows of sequence b, with upstream gradient 1. FastEmit adds that of the expected
// log-weight of label arcs, under path probabilities that are held fixed.
inline Rows expected_gradient(const TransducerProblem& p, int64_t b) {
    const Rows rows = rows_of(p, b);
    const std::vector<Path> fixed = Paths(p, b, rows).all();
    const double loss = loss_of(fixed), fastemit = p.attribute("fastemit");
    Rows out = finite_differences(rows, [&](const Rows& r) {
        const std::vector<Path> paths = Paths(p, b, r).all();
        if (paths.empty()) return 0.0;
        double value = loss_of(paths);
        for (size_t i = 0; i < paths.size(); ++i) {
            value -= fastemit * std::exp(fixed[i].score + loss) * paths[i].labels;
        }
        return value;
    });
    const double clamp = p.attribute("clamp");
    for (std::vector<double>& row : out) {
        for (double& x : row) x = clamp > 0 ? std::min(std::max(x, -clamp), clamp) : x;
    }
    return out;
}

}  // namespace testing

#endif  // SEQFRONT_TESTS_TRANSDUCER_PATHS_HPP_
