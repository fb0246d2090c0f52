// Sequences of tokens, and dense numbers for the distinct tokens of one.
#ifndef SEQFRONT_CPU_TOKENS_HPP_
#define SEQFRONT_CPU_TOKENS_HPP_

#include <cstdint>
#include <cstring>

#include "problem.hpp"

namespace seqfront {

struct Tokens {
    const int32_t* begin;
    int64_t size;

    int32_t at_end(int64_t i) const { return begin[size - 1 - i]; }  // 0 is the last
    Tokens without(int64_t prefix, int64_t suffix) const {
        return {begin == nullptr ? nullptr : begin + prefix, size - prefix - suffix};
    }
};

// How many tokens two sequences begin with alike.
inline int64_t common_prefix(const Tokens& a, const Tokens& b) {
    int64_t count = 0;
    while (count < a.size && count < b.size && a.begin[count] == b.begin[count]) ++count;
    return count;
}

// How many they end with alike.
inline int64_t common_suffix(const Tokens& a, const Tokens& b) {
    int64_t count = 0;
    while (count < a.size && count < b.size && a.at_end(count) == b.at_end(count)) ++count;
    return count;
}

// A number for each distinct token of the pattern, by open addressing.
class TokenTable {
  public:
    explicit TokenTable(int64_t pattern_size) {
        while (slots_ < 2 * pattern_size) slots_ *= 2;
        keys_ = allocate<int32_t>(slots_);
        ids_ = allocate<int32_t>(slots_);
    }

    // Forgets all, and makes room for `pattern_size` tokens.
    void clear(int64_t pattern_size) {
        int64_t used = 16;
        while (used < 2 * pattern_size) used *= 2;
        mask_ = static_cast<uint64_t>(used - 1);
        std::memset(ids_.get(), 0, static_cast<size_t>(used) * sizeof(int32_t));
        count_ = 0;
    }

    int32_t add(int32_t token) {
        const int64_t slot = find(token);
        if (ids_[slot] == 0) {
            keys_[slot] = token;
            ids_[slot] = ++count_;
        }
        return ids_[slot];
    }

    // 0 for tokens that the pattern does not have.
    int32_t id(int32_t token) const { return ids_[find(token)]; }

    // How many distinct tokens were added.
    int32_t count() const { return count_; }

  private:
    int64_t find(int32_t token) const {
        uint64_t slot = static_cast<uint32_t>(token) * uint64_t{0x9E3779B97F4A7C15} >> 32 & mask_;
        while (ids_[slot] != 0 && keys_[slot] != token) slot = (slot + 1) & mask_;
        return static_cast<int64_t>(slot);
    }

    int64_t slots_ = 16;
    uint64_t mask_ = 0;
    int32_t count_ = 0;
    Buffer<int32_t> keys_;
    Buffer<int32_t> ids_;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_TOKENS_HPP_
