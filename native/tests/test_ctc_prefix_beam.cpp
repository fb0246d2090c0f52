// CTC prefix beam search: exact where the beam holds all prefixes, the same in parts and for any
// number of threads; and what it refuses.
#include <functional>
#include <map>

#include "op_call.hpp"

using namespace testing;

namespace {

constexpr int64_t kScores = 5;

// Sequences, and the hypotheses there are before them.
struct Beam {
    sf_dtype dtype;
    int64_t batch, frames, classes, beam, labels;
    Tensor logits;
    LatticeArray scores;
    std::vector<int32_t> frame_lengths, starts, prefixes, prefix_lengths, first_frames;

    Beam(sf_dtype dtype_, int64_t batch_, int64_t frames_, int64_t classes_, int64_t beam_)
        : dtype(dtype_),
          batch(batch_),
          frames(frames_),
          classes(classes_),
          beam(beam_),
          labels(0),
          logits(dtype, {batch, frames, classes}, Tensor::kGaps),
          scores(dtype, batch * kScores * beam, -kInf),
          frame_lengths(static_cast<size_t>(batch), static_cast<int32_t>(frames)),
          starts(static_cast<size_t>(batch * beam)),
          prefix_lengths(static_cast<size_t>(batch * beam)),
          first_frames(static_cast<size_t>(batch)) {
        for (int64_t b = 0; b < batch; ++b) {
            for (const int64_t score : {0, 2}) scores.set((b * kScores + score) * beam, 0);
            for (int64_t k = 0; k < beam; ++k) scores.set((b * kScores + 4) * beam + k, 0);
        }
    }

    // Values that every dtype holds exactly.
    void fill(unsigned seed, double scale) {
        Random random(seed);
        for (int64_t b = 0; b < batch; ++b) {
            for (int64_t t = 0; t < frames; ++t) {
                for (int64_t v = 0; v < classes; ++v) {
                    logits.set({b, t, v}, std::round(random.normal(scale) * 8) / 8);
                }
            }
        }
    }

    OpCall call() {
        OpCall made("ctc_prefix_beam", dtype);
        const int32_t lattice = dtype == SF_FLOAT64 ? SF_FLOAT64 : SF_FLOAT32;
        made.input("logits", array_of(logits));
        made.input("frame_lengths", array_of(frame_lengths, {batch}));
        made.input("scores", row_major(scores.data(), lattice, {batch, kScores, beam}));
        made.input("starts", array_of(starts, {batch, beam}));
        made.input("prefixes", array_of(prefixes, {batch, beam, labels}));
        made.input("prefix_lengths", array_of(prefix_lengths, {batch, beam}));
        made.input("first_frames", array_of(first_frames, {batch}));
        return made;
    }

    std::vector<double> log_probs(int64_t b, int64_t t) const {
        std::vector<double> row;
        for (int64_t v = 0; v < classes; ++v) row.push_back(logits.get({b, t, v}));
        return log_softmax(row);
    }
};

// What is said on path `path` of `2 * beam` of a sequence since the first frame.
std::vector<int32_t> said(const OpCall& call, const Beam& p, int64_t b, int64_t path) {
    const int64_t row = b * 2 * p.beam + path;
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < static_cast<int64_t>(call.value("run_counts", row)); ++i) {
        labels.push_back(static_cast<int32_t>(call.value("run_labels", row * (p.frames + 1) + i)));
    }
    return labels;
}

// Log-probabilities of the strings of symbols, by the labels that they read; the first class is the
// blank.
std::map<std::vector<int32_t>, std::vector<double>> strings(const Beam& p, int64_t b) {
    std::map<std::vector<int32_t>, std::vector<double>> found;
    const auto length = static_cast<int64_t>(p.frame_lengths[static_cast<size_t>(b)]);
    int64_t count = 1;
    for (int64_t t = 0; t < length; ++t) count *= p.classes;
    for (int64_t code = 0; code < count; ++code) {
        std::vector<int32_t> labels;
        double score = 0;
        int64_t rest = code;
        int32_t before = 0;
        for (int64_t t = 0; t < length; ++t) {
            const auto symbol = static_cast<int32_t>(rest % p.classes);
            rest /= p.classes;
            score += p.log_probs(b, t)[static_cast<size_t>(symbol)];
            if (symbol != 0 && symbol != before) labels.push_back(symbol);
            before = symbol;
        }
        found[labels].push_back(score);
    }
    return found;
}

bool same(const OpCall& a, const OpCall& b, const char* output) {
    const sf_array &x = a.output(output), &y = b.output(output);
    int64_t count = x.dtype == SF_FLOAT64 ? 8 : 4;
    for (int32_t axis = 0; axis < x.rank; ++axis) count *= x.shape[axis];
    return std::memcmp(x.data, y.data, static_cast<size_t>(count)) == 0;
}

void expect(const std::function<void(Beam&, OpCall&)>& change, const char* message) {
    Beam p(SF_FLOAT32, 2, 3, 5, 2);
    p.labels = 1;
    p.prefixes = {1, 2, 3, 4};
    p.fill(1, 1);
    OpCall call = p.call();
    change(p, call);
    CHECK(call.run() == SF_INVALID_ARGUMENT);
    CHECK_TEXT(sf_last_error(), message);
}

}  // namespace

SEQFRONT_TEST(ctc_prefix_beam, every_string) {
    for (const std::string& isa : usable_isas()) {
        sf_set_isa(isa.c_str());
        for (const sf_dtype dtype : kDtypes) {
            for (const bool best : {false, true}) {
                context() = isa + (best ? ", best path" : ", sum");
                Beam p(dtype, 2, 4, 3, 60);
                p.fill(3, 1.5);
                p.frame_lengths = {4, 2};
                OpCall call = p.call();
                call.attribute("best", best);
                CHECK(call.run() == SF_OK);
                const double tolerance = dtype == SF_FLOAT64 ? 1e-12 : 2e-5;
                for (int64_t b = 0; b < 2; ++b) {
                    auto expected = strings(p, b);
                    double above = kInf;
                    for (size_t k = 0; k < expected.size(); ++k) {
                        const auto at = static_cast<int64_t>(k);
                        const double score = call.value("new_scores", b * 6 * 60 + at);
                        const auto& ways = expected.at(said(call, p, b, at));
                        double top = -kInf;
                        for (const double way : ways) top = std::fmax(top, way);
                        CHECK_CLOSE(score, best ? top : log_sum(ways), tolerance);
                        CHECK(score <= above);
                        CHECK(said(call, p, b, at) == said(call, p, b, 60 + at));
                        above = score;
                    }
                    const auto rest = b * 6 * 60 + static_cast<int64_t>(expected.size());
                    CHECK(call.value("new_scores", rest) == -kInf);
                }
            }
        }
    }
    sf_set_isa(usable_isas().back().c_str());
}

SEQFRONT_TEST(ctc_prefix_beam, parts_and_threads) {
    for (const int64_t split : {0, 1, 7, 16, 20, 40}) {
        Beam whole(SF_FLOAT32, 3, 40, 30, 5);
        whole.fill(5, 3);
        OpCall expected = whole.call(), again = whole.call();
        CHECK(expected.run(1) == SF_OK && again.run(3) == SF_OK);
        for (const char* name : {"new_scores", "run_labels", "run_starts", "run_log_probs"}) {
            CHECK(same(expected, again, name));
        }
        Beam part(SF_FLOAT32, 3, 40, 30, 5);
        part.fill(5, 3);
        part.frame_lengths.assign(3, static_cast<int32_t>(split));
        OpCall first = part.call();
        CHECK(first.run() == SF_OK);
        Beam rest(SF_FLOAT32, 3, 40 - split, 30, 5);
        rest.labels = 41;
        for (int64_t b = 0; b < 3; ++b) {
            rest.first_frames[static_cast<size_t>(b)] = static_cast<int32_t>(split);
            for (int64_t i = 0; i < kScores * 5; ++i) {
                rest.scores.set(b * kScores * 5 + i, first.value("new_scores", b * 30 + 5 + i));
            }
            for (int64_t k = 0; k < 5; ++k) {
                std::vector<int32_t> labels = said(first, part, b, k);
                rest.prefix_lengths[static_cast<size_t>(b * 5 + k)] =
                    static_cast<int32_t>(labels.size());
                labels.resize(41);
                rest.prefixes.insert(rest.prefixes.end(), labels.begin(), labels.end());
                rest.starts[static_cast<size_t>(b * 5 + k)] =
                    static_cast<int32_t>(first.value("new_starts", b * 5 + k));
            }
            for (int64_t t = split; t < 40; ++t) {
                for (int64_t v = 0; v < 30; ++v) {
                    rest.logits.set({b, t - split, v}, whole.logits.get({b, t, v}));
                }
            }
        }
        OpCall second = rest.call();
        CHECK(second.run() == SF_OK);
        for (const char* name : {"new_scores", "last", "new_starts", "frames_read"}) {
            CHECK(same(expected, second, name));
        }
    }
}

SEQFRONT_TEST(ctc_prefix_beam, refusals) {
    using P = Beam&;
    using C = OpCall&;
    expect([](P p, C) { p.frame_lengths[1] = 4; },
           "ctc_prefix_beam: frame_lengths[1] is 4, needed 0..3");
    expect([](P p, C) { p.prefix_lengths[2] = 2; },
           "ctc_prefix_beam: prefix_lengths[2] is 2, needed 0..1");
    expect([](P p, C) { p.first_frames[0] = -1; },
           "ctc_prefix_beam: first_frames[0] is -1, needed 0..2147483644");
    expect(
        [](P p, C) {
            p.prefix_lengths[3] = 1;
            p.prefixes[3] = 0;
        },
        "ctc_prefix_beam: prefixes[1, 1, 0] is 0, needed 0..4 and not the blank 0");
    expect([](P, C call) { call.attribute("blank", 5); },
           "ctc_prefix_beam: blank is 5, needed 0..4");
    expect([](P, C call) { call.attribute("tokens", -1); },
           "ctc_prefix_beam: tokens is -1, needed 0 or more");
    expect([](P, C call) { call.attribute("temperature", 0); },
           "ctc_prefix_beam: temperature is 0, needed a number above 0");
}
