// Label sequences as nodes of a tree: equal sequences are one node, compared label by label.
//
// A node knows where in the beam it is. Nodes stay when their sequence leaves the beam, as longer
// ones may still be in it, and it may come back.
#ifndef SEQFRONT_CPU_PREFIX_TREE_HPP_
#define SEQFRONT_CPU_PREFIX_TREE_HPP_

#include <algorithm>
#include <cstdint>

#include "problem.hpp"

namespace seqfront {

class PrefixTree {
  public:
    static constexpr int32_t kRoot = 0;   // the empty sequence
    static constexpr int32_t kNone = -1;  // no place, or no label

    // Room for so many nodes besides the root.
    explicit PrefixTree(int64_t nodes)
        : nodes_(allocate<Node>(nodes + 1)), table_(allocate<int32_t>(capacity_for(nodes + 1))) {}

    // Leaves the root alone.
    void clear() {
        nodes_[kRoot] = {kNone, kNone, kNone};
        count_ = 1;
        capacity_ = kFirstCapacity;
        std::fill_n(table_.get(), capacity_, kNone);
    }

    int32_t parent(int32_t node) const { return nodes_[node].parent; }
    int32_t label(int32_t node) const { return nodes_[node].label; }
    int32_t place(int32_t node) const { return nodes_[node].place; }
    void put(int32_t node, int32_t place) { nodes_[node].place = place; }

    // The node of a sequence with one label more; made, if there is none.
    int32_t child(int32_t parent, int32_t label) {
        int64_t at = find(parent, label);
        if (table_[at] != kNone) return table_[at];
        if (2 * (count_ + 1) > capacity_) {
            grow();
            at = find(parent, label);
        }
        nodes_[count_] = {parent, label, kNone};
        return table_[at] = static_cast<int32_t>(count_++);
    }

  private:
    struct Node {
        int32_t parent, label, place;
    };

    static constexpr int64_t kFirstCapacity = 256;

    static int64_t capacity_for(int64_t nodes) {
        int64_t capacity = kFirstCapacity;
        while (capacity < 2 * nodes) capacity *= 2;
        return capacity;
    }

    // Where a child is in the table, or would be.
    int64_t find(int32_t parent, int32_t label) const {
        const uint64_t pair =
            uint64_t{static_cast<uint32_t>(parent)} << 32 | static_cast<uint32_t>(label);
        auto at = static_cast<int64_t>(pair * 0x9e3779b97f4a7c15u >> 32) & (capacity_ - 1);
        while (table_[at] != kNone) {
            const Node& node = nodes_[table_[at]];
            if (node.parent == parent && node.label == label) break;
            at = (at + 1) & (capacity_ - 1);
        }
        return at;
    }

    void grow() {
        capacity_ *= 2;
        std::fill_n(table_.get(), capacity_, kNone);
        for (int64_t node = 1; node < count_; ++node) {
            table_[find(nodes_[node].parent, nodes_[node].label)] = static_cast<int32_t>(node);
        }
    }

    Buffer<Node> nodes_;
    Buffer<int32_t> table_;  // open addressing, at most half full; a part of the memory there is
    int64_t count_ = 0, capacity_ = 0;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_PREFIX_TREE_HPP_
