// Alignments: edit distance in vectors of every instruction set, edits that add up, and results
// that do not depend on the number of threads or on how the logits are stored.
#include <algorithm>

#include "op_call.hpp"

using namespace testing;

namespace {

int32_t textbook(const int32_t* a, int64_t n, const int32_t* b, int64_t m) {
    std::vector<int32_t> row(static_cast<size_t>(m + 1));
    for (size_t j = 0; j < row.size(); ++j) row[j] = static_cast<int32_t>(j);
    for (int64_t i = 0; i < n; ++i) {
        int32_t diagonal = row[0]++;
        for (size_t j = 0; j + 1 < row.size(); ++j) {
            const int32_t substitution = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = std::min(std::min(diagonal, row[j]) + 1, substitution);
        }
    }
    return row.back();
}

// Pairs of all these lengths, each sequence half a copy of the other.
struct Pairs {
    static constexpr int64_t kWidth = 1100;
    std::vector<int32_t> a, b, a_lengths, b_lengths;

    Pairs(const std::vector<int32_t>& lengths, int32_t symbols) {
        Random random(symbols);
        for (const int32_t x : lengths) {
            for (const int32_t y : lengths) {
                a_lengths.push_back(x);
                b_lengths.push_back(y);
                for (int64_t i = 0; i < kWidth; ++i) {
                    a.push_back(random.below(symbols));
                    b.push_back(random.below(2) > 0 ? a.back() : random.below(symbols));
                }
            }
        }
    }
    int64_t count() const { return static_cast<int64_t>(a_lengths.size()); }
    OpCall call(const char* op, const char* first, const char* second) const {
        OpCall made(op, SF_FLOAT32);
        const auto lengths = [](const char* name) { return std::string(name) + "_lengths"; };
        made.input(first, array_of(a, {count(), kWidth}));
        made.input(lengths(first), array_of(a_lengths, {count()}));
        made.input(second, array_of(b, {count(), kWidth}));
        made.input(lengths(second), array_of(b_lengths, {count()}));
        return made;
    }
};

// The lengths around whole strips, and around bands of 4 and of 8 of them.
const std::vector<int32_t> kLengths = {0, 63, 64, 65, 255, 256, 257, 511, 512, 513, 600, 1030};

// CTC over 3 sequences whose logits every dtype holds exactly.
struct CtcCall {
    std::vector<int32_t> targets = {1, 2, 2, 3, 1, 1, 2, 0, 0};
    std::vector<int32_t> frame_lengths = {40, 33, 0}, label_lengths = {3, 2, 0};
    Tensor logits;
    OpCall call;

    CtcCall(const char* op, sf_dtype dtype) : logits(dtype, {3, 40, 5}), call(op, dtype) {
        Random random(7);
        for (int64_t b = 0; b < 3; ++b) {
            for (int64_t t = 0; t < frame_lengths[static_cast<size_t>(b)]; ++t) {
                for (int64_t v = 0; v < 5; ++v) {
                    logits.set({b, t, v}, static_cast<double>(random.below(33) - 16) / 8);
                }
            }
        }
        call.input("logits", array_of(logits)).input("targets", array_of(targets, {3, 3}));
        call.input("frame_lengths", array_of(frame_lengths, {3}));
        call.input("label_lengths", array_of(label_lengths, {3}));
    }
};

}  // namespace

SEQFRONT_TEST(alignment, edit_distance_of_every_instruction_set) {
    const std::string before = sf_isa();
    for (const int32_t symbols : {2, 5, 300}) {
        const Pairs pairs(kLengths, symbols);
        for (const std::string& isa : usable_isas()) {
            context() = isa;
            CHECK(sf_set_isa(isa.c_str()) == SF_OK);
            OpCall call = pairs.call("edit_distance", "a", "b");
            CHECK(call.run(2) == SF_OK);
            for (int64_t i = 0; i < pairs.count(); ++i) {
                const auto at = static_cast<size_t>(i);
                CHECK(static_cast<int32_t>(call.value("distance", i)) ==
                      textbook(pairs.a.data() + i * Pairs::kWidth, pairs.a_lengths[at],
                               pairs.b.data() + i * Pairs::kWidth, pairs.b_lengths[at]));
            }
        }
    }
    CHECK(sf_set_isa(before.c_str()) == SF_OK);
}

SEQFRONT_TEST(alignment, edits_add_up_to_the_distance) {
    for (const int32_t symbols : {1, 3, 50}) {
        const Pairs pairs(kLengths, symbols);
        OpCall distance = pairs.call("edit_distance", "a", "b");
        OpCall one = pairs.call("edit_alignment", "hypothesis", "reference"), two = one;
        CHECK(distance.run(2) == SF_OK && one.run(1) == SF_OK && two.run(2) == SF_OK);
        for (int64_t i = 0; i < pairs.count(); ++i) {
            double edits = 0;
            for (int64_t k = 0; k < 3; ++k) edits += one.value("counts", 3 * i + k);
            CHECK(edits == distance.value("distance", i));
        }
        for (int64_t i = 0; i < pairs.count() * Pairs::kWidth; ++i) {
            CHECK(one.value("hypothesis_positions", i) == two.value("hypothesis_positions", i));
            CHECK(one.value("reference_positions", i) == two.value("reference_positions", i));
        }
    }
}

SEQFRONT_TEST(alignment, ctc_path_is_the_same_for_all_dtypes_and_threads) {
    CtcCall wanted("ctc_align", SF_FLOAT64);
    CHECK(wanted.call.run(1) == SF_OK);
    CHECK(wanted.call.value("score", 2) == 0);
    for (const sf_dtype dtype : kDtypes) {
        for (const int32_t threads : {1, 3}) {
            CtcCall found("ctc_align", dtype);
            CHECK(found.call.run(threads) == SF_OK);
            for (int64_t b = 0; b < 3; ++b) {
                CHECK(close(found.call.value("score", b), wanted.call.value("score", b), 1e-5));
            }
            for (int64_t i = 0; i < 3 * 40; ++i) {
                CHECK(found.call.value("positions", i) == wanted.call.value("positions", i));
            }
        }
    }
}

SEQFRONT_TEST(alignment, ctc_posteriors_add_up_in_each_frame) {
    for (const sf_dtype dtype : kDtypes) {
        CtcCall found("ctc_posteriors", dtype);
        CHECK(found.call.run(2) == SF_OK);
        for (int64_t b = 0; b < 3; ++b) {
            for (int64_t t = 0; t < 40; ++t) {
                double total = found.call.value("blanks", b * 40 + t);
                for (int64_t k = 0; k < 3; ++k) {
                    total += found.call.value("labels", (b * 40 + t) * 3 + k);
                }
                const bool data = t < found.frame_lengths[static_cast<size_t>(b)];
                CHECK(close(total, data ? 1 : 0, 1e-5));
            }
        }
    }
}

SEQFRONT_TEST(alignment, targets_of_posteriors_come_in_rows) {
    CtcCall wrong("ctc_posteriors", SF_FLOAT32);
    wrong.call.input("targets", array_of(wrong.targets, {1, 9}));
    CHECK(wrong.call.run(1) == SF_INVALID_ARGUMENT);
    CHECK(sf_last_error() == std::string("ctc_posteriors: targets has 1 rows, needed 3"));
}
