// The beam of a CTC prefix search, frame by frame; one sequence.
//
// A prefix has the log-probability of its alignments that end in the blank, and of those that end
// in its last label; and for both the best alignment alone. A frame makes of it
//
//     itself    by the blank, or by its last label once more
//     longer    by any label; by its own last label only from alignments that end in the blank
//
// What a prefix grows into may be in the beam already: the two meet there, by the tree of prefixes,
// before the best are chosen. Of equal scores the lower place in the beam comes first, then the
// prefix itself, then the better label.
//
// When labels were said is kept as runs, each with the one before it: a run is written down when
// the best alignment leaves it, as then its end is known.
#ifndef SEQFRONT_CPU_CTC_BEAM_HPP_
#define SEQFRONT_CPU_CTC_BEAM_HPP_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "search/ctc_tokens.hpp"
#include "search/prefix_tree.hpp"

namespace seqfront {

template <class L>
struct CtcPrefix {
    L blank, label;            // log-probability of alignments that end so
    L best_blank, best_label;  // of the best one of them
    L run;                     // sum of the log-probs of the last label's run
    L total;
    int32_t node, last;  // in the tree; the last label
    int32_t start;       // of its run
    int32_t path;        // runs of the best alignment that ends in the blank
    int32_t before;      // of the one that ends in the label, without that label

    bool ends_in_blank() const { return best_blank >= best_label; }
};

// A label on an alignment.
template <class L>
struct CtcRun {
    int32_t before;  // another run, or one of those that there were before the first frame
    int32_t label, start, end;
    L log_prob;  // mean over its frames
};

template <class L>
class CtcBeam {
    static constexpr L kImpossible = -std::numeric_limits<L>::infinity();

  public:
    // For sequences of up to so many frames, which begin with prefixes of up to so many labels.
    CtcBeam(const CtcReading& reading, bool best, int64_t width, int64_t frames, int64_t labels)
        : blank_(reading.blank),
          best_(best),
          width_(width),
          kernels_(lattice_kernels<L>(kernels())),
          tree_(width * (frames + labels)),
          tokens_(reading),
          runs_(allocate<CtcRun<L>>(width * (frames + 1))),
          prefixes_(allocate<CtcPrefix<L>>(width)),
          next_(allocate<CtcPrefix<L>>(width)),
          chosen_(allocate<CtcPrefix<L>>(width)),
          candidates_(allocate<Candidate>(width)),
          ended_(allocate<int32_t>(width)),
          first_child_(allocate<int32_t>(width)),
          sibling_(allocate<int32_t>(width)),
          a_(allocate<L>(width)),
          b_(allocate<L>(width)),
          label_(allocate<L>(width)),
          scratch_(allocate<L>(width)) {}

    int64_t size() const { return size_; }
    const CtcPrefix<L>& operator[](int64_t k) const { return prefixes_[k]; }
    PrefixTree& tree() { return tree_; }

    void clear() {
        tree_.clear();
        size_ = run_count_ = 0;
    }

    // A prefix more, worse than those before. `place` is the one it has outside; its runs begin
    // with `place` on the path that ends in the blank, with `place + width` on the other.
    void add(CtcPrefix<L> prefix, int32_t place) {
        if (tree_.place(prefix.node) != PrefixTree::kNone) return;
        if (prefix.last == PrefixTree::kNone) prefix.label = kImpossible;
        make_sound(prefix.blank, prefix.best_blank);
        make_sound(prefix.label, prefix.best_label);
        prefix.run = sound(prefix.run) > kImpossible ? prefix.run : 0;
        prefix.path = place;
        prefix.before = place + static_cast<int32_t>(width_);
        a_[0] = prefix.blank;
        b_[0] = prefix.label;
        meet(1, &prefix.total);
        if (!possible(prefix.total)) return;
        tree_.put(prefix.node, static_cast<int32_t>(size_));
        prefixes_[size_++] = prefix;
    }

    // Reads a frame of log-probs; `silent`: all but the blank are impossible.
    void read(const L* row, bool silent, int32_t now) {
        begin_frame(now);
        stay(row, silent);
        tokens_.clear();
        if (!silent && size_ > 0) tokens_.find(row, least_label());
        grow();
        std::sort(candidates_.get(), candidates_.get() + count_, better);
        choose();
    }

    // Writes down where alignments end, after the last frame.
    void finish(int32_t now) { begin_frame(now); }

    // The runs of the best alignment that ends in the blank, or in the label; of the other kind, if
    // there is none.
    int32_t path(int64_t k) {
        return prefixes_[k].best_blank > kImpossible ? prefixes_[k].path : ended(k);
    }
    int32_t label_path(int64_t k) {
        return prefixes_[k].best_label > kImpossible ? ended(k) : prefixes_[k].path;
    }
    // Null for what there was before the first frame.
    const CtcRun<L>* run(int32_t path) const {
        return path < 2 * width_ ? nullptr : runs_.get() + (path - 2 * width_);
    }

  private:
    struct Candidate {
        L score;
        int32_t source, token;  // -1: the prefix itself
    };

    static bool better(const Candidate& a, const Candidate& b) {
        if (a.score != b.score) return a.score > b.score;
        return a.source != b.source ? a.source < b.source : a.token < b.token;
    }
    static bool possible(L x) { return x > kImpossible && x < std::numeric_limits<L>::infinity(); }
    static L sound(L x) { return x < std::numeric_limits<L>::infinity() ? x : kImpossible; }
    static void make_sound(L& score, L& best) {
        score = sound(score);
        best = score > kImpossible && !(sound(best) > kImpossible) ? score : sound(best);
        if (!(score > kImpossible)) best = kImpossible;
    }

    void begin_frame(int32_t now) {
        now_ = now;
        std::fill_n(ended_.get(), size_, PrefixTree::kNone);
    }

    // to = a_ and b_ together.
    void meet(int64_t count, L* to) {
        if (best_) {
            for (int64_t k = 0; k < count; ++k) to[k] = std::max(a_[k], b_[k]);
            return;
        }
        for (int64_t k = 0; k < count; ++k) {
            const L high = std::max(a_[k], b_[k]), low = std::min(a_[k], b_[k]);
            to[k] = high;
            scratch_[k] = low > kImpossible ? low - high : kImpossible;
        }
        kernels_.exp(scratch_.get(), scratch_.get(), count);
        for (int64_t k = 0; k < count; ++k) scratch_[k] += 1;
        kernels_.log(scratch_.get(), scratch_.get(), count);
        for (int64_t k = 0; k < count; ++k) to[k] += scratch_[k];
    }

    // The node of the last label of prefix k, whose run ends now.
    int32_t ended(int64_t k) {
        if (ended_[k] == PrefixTree::kNone) {
            const CtcPrefix<L>& p = prefixes_[k];
            const int64_t frames = std::max<int64_t>(int64_t{now_} - p.start, 1);
            runs_[run_count_] = {p.before, p.last, p.start, now_, p.run / static_cast<L>(frames)};
            ended_[k] = static_cast<int32_t>(2 * width_ + run_count_++);
        }
        return ended_[k];
    }
    int32_t best_path(int64_t k) {
        return prefixes_[k].ends_in_blank() ? prefixes_[k].path : ended(k);
    }

    // What `label` adds to has to have ended in: the blank, if it is the last label itself.
    L before_label(const CtcPrefix<L>& p, int32_t label) const {
        return p.last == label ? p.blank : p.total;
    }
    L best_before(const CtcPrefix<L>& p, int32_t label) const {
        return p.last == label ? p.best_blank : std::max(p.best_blank, p.best_label);
    }
    int32_t path_before(int64_t k, int32_t label) {
        return prefixes_[k].last == label ? prefixes_[k].path : best_path(k);
    }

    // Prefixes as they are after the frame if they stay, in `next_`; the first candidates.
    void stay(const L* row, bool silent) {
        std::fill_n(first_child_.get(), size_, PrefixTree::kNone);
        for (int64_t k = 0; k < size_; ++k) {
            const CtcPrefix<L>& p = prefixes_[k];
            CtcPrefix<L>& to = next_[k] = p;
            const L own = silent || p.last < 0 ? kImpossible : row[p.last];
            to.blank = sound(p.total + row[blank_]);
            to.best_blank = sound(std::max(p.best_blank, p.best_label) + row[blank_]);
            to.best_label = sound(p.best_label + own);
            a_[k] = sound(p.label + own);
            b_[k] = kImpossible;
            if (own > kImpossible) to.run += own;
            const int32_t parent = p.last < 0 ? p.last : tree_.place(tree_.parent(p.node));
            if (parent < 0) continue;
            sibling_[k] = first_child_[parent];
            first_child_[parent] = static_cast<int32_t>(k);
            b_[k] = sound(before_label(prefixes_[parent], p.last) + own);
            const L anew = sound(best_before(prefixes_[parent], p.last) + own);
            if (!(anew > to.best_label)) continue;
            to.best_label = anew;
            to.before = path_before(parent, p.last);
            to.start = now_;
            to.run = own;
        }
        meet(size_, label_.get());
        for (int64_t k = 0; k < size_; ++k) {
            next_[k].label = b_[k] = label_[k];
            a_[k] = next_[k].blank;
        }
        meet(size_, label_.get());
        count_ = 0;
        for (int64_t k = 0; k < size_; ++k) {
            next_[k].total = label_[k];
            if (possible(label_[k]))
                candidates_[count_++] = {label_[k], static_cast<int32_t>(k), -1};
        }
    }

    // What a label has to have for any prefix that it is added to to be among the best.
    L least_label() const {
        if (count_ < width_) return kImpossible;
        L most = kImpossible, least = candidates_[0].score;
        for (int64_t k = 0; k < size_; ++k) most = std::max(most, prefixes_[k].total);
        for (int64_t k = 1; k < count_; ++k) least = std::min(least, candidates_[k].score);
        const L slack = 8 * std::numeric_limits<L>::epsilon() * (std::abs(most) + std::abs(least));
        return least - most - slack;
    }

    // Whether prefix k with this label is in the beam already.
    bool is_there(int64_t k, int32_t label) const {
        for (int32_t i = first_child_[k]; i >= 0; i = sibling_[i]) {
            if (prefixes_[i].last == label) return true;
        }
        return false;
    }

    // The best of all candidates, a heap with the worst of them on top.
    void grow() {
        Candidate* const first = candidates_.get();
        bool full = count_ == width_;
        if (full) std::make_heap(first, first + count_, better);
        for (int64_t k = 0; k < size_; ++k) {
            const CtcPrefix<L>& p = prefixes_[k];
            for (int64_t i = 0; i < tokens_.count(); ++i) {
                const CtcToken<L>& token = tokens_[i];
                const bool again = token.label == p.last;
                const Candidate found = {(again ? p.blank : p.total) + token.log_prob,
                                         static_cast<int32_t>(k), static_cast<int32_t>(i)};
                if (full && !better(found, first[0])) {
                    if (again) continue;
                    break;  // all others of this prefix are worse
                }
                if (!possible(found.score) || is_there(k, token.label)) continue;
                if (full) {
                    std::pop_heap(first, first + count_, better);
                    first[count_ - 1] = found;
                    std::push_heap(first, first + count_, better);
                } else {
                    first[count_++] = found;
                    full = count_ == width_;
                    if (full) std::make_heap(first, first + count_, better);
                }
            }
        }
    }

    // The candidates become the beam.
    void choose() {
        for (int64_t i = 0; i < count_; ++i) chosen(candidates_[i], chosen_[i]);
        for (int64_t k = 0; k < size_; ++k) tree_.put(prefixes_[k].node, PrefixTree::kNone);
        std::swap(prefixes_, chosen_);
        size_ = count_;
        for (int64_t k = 0; k < size_; ++k) tree_.put(prefixes_[k].node, static_cast<int32_t>(k));
    }

    void chosen(const Candidate& from, CtcPrefix<L>& to) {
        const int64_t k = from.source;
        const CtcPrefix<L>& p = prefixes_[k];
        if (from.token < 0) {
            to = next_[k];
            to.path = best_path(k);
            return;
        }
        const CtcToken<L>& token = tokens_[from.token];
        to.blank = to.best_blank = kImpossible;
        to.label = to.total = from.score;
        to.best_label = sound(best_before(p, token.label) + token.log_prob);
        to.run = token.log_prob;
        to.node = tree_.child(p.node, token.label);
        to.last = token.label;
        to.start = now_;
        to.before = to.path = path_before(k, token.label);
    }

    int64_t blank_;
    bool best_;
    int64_t width_;
    const LatticeKernels<L>& kernels_;
    PrefixTree tree_;
    CtcBestTokens<L> tokens_;
    Buffer<CtcRun<L>> runs_;
    Buffer<CtcPrefix<L>> prefixes_, next_, chosen_;
    Buffer<Candidate> candidates_;
    Buffer<int32_t> ended_, first_child_, sibling_;
    Buffer<L> a_, b_, label_, scratch_;
    int64_t size_ = 0, count_ = 0, run_count_ = 0;
    int32_t now_ = 0;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_CTC_BEAM_HPP_
