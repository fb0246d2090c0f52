// The CUDA kernels of edit distances, run on the host, against the CPU's: all integers are the
// same.
#include <algorithm>

#include "host_device.hpp"
#include "op_call.hpp"

using namespace testing;

namespace {

using Tokens = std::vector<int32_t>;

// Rows of tokens; what is behind a length is never read.
struct Sequences {
    int64_t size;
    std::vector<int32_t> tokens, lengths;

    Sequences(int64_t size_, const std::vector<Tokens>& rows) : size(size_) {
        for (const Tokens& row : rows) {
            tokens.insert(tokens.end(), row.begin(), row.end());
            tokens.resize(tokens.size() + static_cast<size_t>(size) - row.size(), 123456789);
            lengths.push_back(static_cast<int32_t>(row.size()));
        }
    }
    int64_t batch() const { return static_cast<int64_t>(lengths.size()); }
};

struct Pairs {
    Sequences first, second;
};

struct Outputs {
    std::vector<std::vector<int32_t>> of;

    bool operator==(const Outputs& other) const { return of == other.of; }
    // Of a pair, all that an output has.
    std::vector<int32_t> pair(size_t output, int64_t b, int64_t batch) const {
        const int64_t size = static_cast<int64_t>(of[output].size()) / batch;
        const auto begin = of[output].begin() + b * size;
        return {begin, begin + size};
    }
};

const char* const kOps[] = {"edit_distance", "edit_alignment", "optimal_completion"};

Outputs run(const std::string& op, const Pairs& p, bool cuda) {
    const bool plain = op == "edit_distance";
    const std::string a = plain ? "a" : "hypothesis", b = plain ? "b" : "reference";
    const int64_t batch = p.first.batch(), columns = p.first.size, rows = p.second.size;
    OpCall call(op.c_str(), SF_FLOAT32);
    call.input(a, array_of(p.first.tokens, {batch, columns}));
    call.input(a + "_lengths", array_of(p.first.lengths, {batch}));
    call.input(b, array_of(p.second.tokens, {batch, rows}));
    call.input(b + "_lengths", array_of(p.second.lengths, {batch}));
    Outputs to;
    const auto output = [&](const char* name, const std::vector<int64_t>& shape) {
        int64_t count = 1;
        for (const int64_t size : shape) count *= size;
        to.of.emplace_back(static_cast<size_t>(count), -77);
        call.output(name, array_of(to.of.back(), shape));
    };
    to.of.reserve(3);
    if (plain) output("distance", {batch});
    if (op == "edit_alignment") {
        output("counts", {batch, 3});
        output("hypothesis_positions", {batch, rows});
        output("reference_positions", {batch, columns});
    }
    if (op == "optimal_completion") {
        output("optimal", {batch, columns + 1, rows + 1});
        output("distance", {batch, columns + 1});
    }
    CHECK(call.on_cuda(cuda).run(2) == SF_OK);
    return to;
}

Tokens random_tokens(Random& random, int64_t size, int32_t alphabet) {
    Tokens tokens;
    for (int64_t i = 0; i < size; ++i) tokens.push_back(random.below(alphabet) - alphabet / 2);
    return tokens;
}

// What becomes of tokens with about one edit in `spacing`.
Tokens edited(Random& random, const Tokens& from, int32_t alphabet, int spacing) {
    Tokens to;
    for (const int32_t token : from) {
        const int edit = random.below(3 * spacing);
        if (edit == 0) continue;
        to.push_back(edit == 1 ? random.below(alphabet) : token);
        if (edit == 2) to.push_back(random.below(alphabet));
    }
    return to;
}

Pairs pairs_of(const std::vector<Tokens>& first, const std::vector<Tokens>& second,
               int64_t more = 0) {
    const auto longest = [&](const std::vector<Tokens>& rows) {
        size_t size = 0;
        for (const Tokens& row : rows) size = std::max(size, row.size());
        return static_cast<int64_t>(size) + more;
    };
    return {Sequences(longest(first), first), Sequences(longest(second), second)};
}

// Of all pairs of these lengths, half of them alike.
Pairs of_lengths(Random& random, const std::vector<int>& lengths, int32_t alphabet) {
    std::vector<Tokens> first, second;
    for (const int n : lengths) {
        for (const int m : lengths) {
            first.push_back(random_tokens(random, n, alphabet));
            second.push_back(random_tokens(random, m, alphabet));
            if (random.below(2) == 0) {
                std::copy_n(first.back().begin(), std::min(n, m), second.back().begin());
                if (n > 0 && m > 0) second.back()[static_cast<size_t>(random.below(m))] ^= 1;
            }
        }
    }
    return pairs_of(first, second, alphabet % 3);
}

void compare(const Pairs& p) {
    for (const char* const op : kOps) {
        context() = op;
        CHECK(run(op, p, true) == run(op, p, false));
    }
}

void use_order(int variant) {
    use_host_device({kThreadOrders[variant % 3], 32, variant % 4 + 1, variant % 2 != 0});
}

}  // namespace

SEQFRONT_TEST(cuda_edit, is_as_on_the_cpu) {
    Random random(1);
    int variant = 0;
    // The longest has strips for one lane, for a few, and for a number that is no power of 2.
    for (const std::vector<int>& lengths : {std::vector<int>{0, 1, 2, 15, 16, 17, 63, 64},
                                            {0, 1, 5, 31, 64, 65, 100, 128},
                                            {0, 3, 63, 129, 192, 193, 260},
                                            {0, 64, 170, 700}}) {
        for (const int32_t alphabet : {1, 2, 5, 30, 1000000}) {
            use_order(variant++);
            compare(of_lengths(random, lengths, alphabet));
        }
    }
}

SEQFRONT_TEST(cuda_edit, few_edits_far_apart) {
    Random random(2);
    for (int variant = 0; variant < 12; ++variant) {
        use_order(variant);
        std::vector<Tokens> first, second;
        for (int b = 0; b < 5; ++b) {
            const int32_t alphabet = b % 2 == 0 ? 4 : 3000;
            first.push_back(random_tokens(random, random.below(400), alphabet));
            second.push_back(edited(random, first.back(), alphabet, 1 << (variant % 8)));
        }
        compare(pairs_of(first, second));
        compare(pairs_of(second, first));
    }
}

// Runs of insertions, deletions and substitutions that are longer than a warp.
SEQFRONT_TEST(cuda_edit, long_runs_of_one_kind) {
    use_host_device();
    const Tokens ones(150, 1), twos(150, 2);
    const auto joined = [](const std::vector<Tokens>& parts) {
        Tokens all;
        for (const Tokens& part : parts) all.insert(all.end(), part.begin(), part.end());
        return all;
    };
    const Tokens mixed = joined({{7, 8}, ones, {9}, twos, {5}});
    compare(pairs_of({mixed, joined({{7, 9, 5}}), ones, joined({ones, twos}), mixed, {}, mixed},
                     {joined({{7, 9, 5}}), mixed, twos, joined({twos, ones}), mixed, mixed, {}}));
}

SEQFRONT_TEST(cuda_edit, more_rows_than_a_band) {
    Random random(3);
    for (const int rows : {2048, 2049, 2111, 4097}) {
        for (const int32_t alphabet : {3, 500}) {
            use_order(rows + alphabet);
            const Tokens first = random_tokens(random, rows, alphabet);
            const Tokens few = random_tokens(random, 37, alphabet);
            const Tokens near = edited(random, first, alphabet, 9);
            const Tokens far = random_tokens(random, rows - 40, alphabet);
            context() = std::to_string(rows) + " rows";
            for (const auto& p : {pairs_of({first, few, {}}, {near, first, near}),
                                  pairs_of({few, near, far}, {first, {}, first})}) {
                for (const char* const op : {"edit_distance", "edit_alignment"}) {
                    CHECK(run(op, p, true) == run(op, p, false));
                }
            }
            const Pairs thin = pairs_of({few, {}, few}, {first, near, few});
            CHECK(run(kOps[2], thin, true) == run(kOps[2], thin, false));
        }
    }
}

SEQFRONT_TEST(cuda_edit, extreme_tokens_and_nothing) {
    use_host_device();
    constexpr int32_t low = INT32_MIN, high = INT32_MAX;
    compare(pairs_of({{low, high, 0}, {-1, -1, 0}, {}}, {{high, low}, {}, {0, 0}}));
    compare(pairs_of({{}, {}}, {{1, 2}, {3}}));
    compare(pairs_of({{1, 2}, {3}}, {{}, {}}));
    compare(pairs_of({{}}, {{}}));
    compare(pairs_of({}, {}));
}

// Wrong lengths give -1 in all that belongs to the pair, and change nothing else.
SEQFRONT_TEST(cuda_edit, lengths_out_of_range) {
    Random random(4);
    constexpr int32_t kOdd[] = {-1, INT32_MIN, INT32_MAX, 1 << 20, 71};
    for (int variant = 0; variant < 60; ++variant) {
        use_order(variant);
        const Pairs good = of_lengths(random, {0, 9, 70}, 3);
        Pairs p = pairs_of({}, {});
        p = good;
        std::vector<bool> wrong(9);
        for (size_t b = 0; b < 9; ++b) {
            wrong[b] = random.below(3) == 0;
            if (!wrong[b]) continue;
            Sequences& one = random.below(2) == 0 ? p.first : p.second;
            one.lengths[b] = one.size == 70 ? kOdd[random.below(5)] : kOdd[random.below(4)];
        }
        for (const char* const op : kOps) {
            context() = op;
            const Outputs found = run(op, p, true), expected = run(op, good, false);
            for (size_t i = 0; i < found.of.size(); ++i) {
                for (int64_t b = 0; b < 9; ++b) {
                    std::vector<int32_t> wanted = expected.pair(i, b, 9);
                    if (wrong[static_cast<size_t>(b)]) std::fill(wanted.begin(), wanted.end(), -1);
                    CHECK(found.pair(i, b, 9) == wanted);
                }
            }
        }
    }
}

SEQFRONT_TEST(cuda_edit, memory_is_linear_in_the_longer_one) {
    use_host_device();
    const sf_op_spec* const op = sf_find_op("edit_alignment");
    const auto bytes = [&](int64_t columns, int64_t rows) {
        const std::vector<int32_t> none;
        Tokens memory(1);
        const sf_array inputs[] = {
            row_major(memory.data(), SF_INT32, {1, columns}),
            row_major(memory.data(), SF_INT32, {1}),
            row_major(memory.data(), SF_INT32, {1, rows}),
            row_major(memory.data(), SF_INT32, {1}),
        };
        Tokens other(1);
        const sf_array outputs[] = {row_major(other.data(), SF_INT32, {1, 3}),
                                    row_major(other.data(), SF_INT32, {1, rows}),
                                    row_major(other.data(), SF_INT32, {1, columns})};
        int64_t found = 0;
        CHECK(sf_cuda_workspace(op, inputs, nullptr, outputs, &found) == SF_OK);
        return found;
    };
    CHECK(bytes(100, 64) == 256 + 101 * 16 + 176);
    // 32 strips at a time, and a word for each 16 columns of all bands but the last.
    const int64_t border = 48 * 6250 * 4;
    CHECK(bytes(100000, 100000) - 256 - 32 * 100001 * 16 - border < 512);
}
