// Transducer topologies as lattices of RnntLattice, and the bounds of pruned RNN-T.
#ifndef SEQFRONT_CPU_PRUNING_GRID_HPP_
#define SEQFRONT_CPU_PRUNING_GRID_HPP_

#include <algorithm>
#include <cstdint>

namespace seqfront {

// Where the arcs of frame t and position s stand in the tables of RnntLattice.
//
// Regular: at cell (t, s). Modified (a label takes a frame too): a walk of blanks and labels that
// is at (t, s) has seen t - s blanks, so it is a regular walk through the cells (t - s, s), with
// T - S + 1 rows, and a last arc of probability 1 where the final blank would be: at frame T,
// position S. The cells are just those that lie on a walk. (With no label both are the same.)
class Grid {
  public:
    Grid(int64_t topology, int64_t frames, int64_t labels)
        : frames_(frames), labels_(labels), modified_(topology == 1 && labels > 0) {}

    bool modified() const { return modified_; }
    bool feasible() const { return frames_ > 0 && (!modified_ || frames_ >= labels_); }
    int64_t frames() const { return modified_ ? frames_ - labels_ + 1 : frames_; }

    // Positions with an arc at frame t.
    int64_t first(int64_t t) const {
        return modified_ ? std::max<int64_t>(0, t - frames() + 1) : 0;
    }
    int64_t last(int64_t t) const { return modified_ ? std::min(labels_, t) : labels_; }

    int64_t cell(int64_t t, int64_t s) const {
        return (modified_ ? t : t + s) % frames() * (labels_ + 1) + s;
    }
    int64_t final_cell() const { return cell(frames_, labels_); }  // modified only

  private:
    int64_t frames_, labels_;
    bool modified_;
};

// Smallest band that has a path: within a frame a path climbs at most band - 1 labels, and bands of
// neighbouring frames share a position. (Modified: one position a frame will do.) 0: none has.
inline int64_t needed_band(const Grid& grid, int64_t frames, int64_t labels) {
    if (!grid.feasible()) return 0;
    return labels == 0 || grid.modified() ? 1 : (labels - 1) / frames + 2;
}

// Posterior probabilities of the arcs of a sequence, in the layout of its grid; null: none known.
template <class L>
struct Posteriors {
    const Grid& grid;
    const L* blank;
    const L* label;

    double blank_at(int64_t t, int64_t s) const { return at(blank, t, s); }
    double label_at(int64_t t, int64_t s) const { return at(label, t, s); }

  private:
    double at(const L* table, int64_t t, int64_t s) const {
        if (table == nullptr || s < grid.first(t) || s > grid.last(t)) return 0;
        return static_cast<double>(table[grid.cell(t, s)]);
    }
};

// Where the window of `band` positions begins that most paths of a frame keep to. Each path leaves
// the frame once, by a blank (modified: by any arc): that should be in the window, and it should
// not climb into the window from below. `sums` has room for labels + 2 numbers.
template <class L>
int64_t best_window(const Posteriors<L>& paths, int64_t t, int64_t labels, int64_t band,
                    double* sums) {
    const bool modified = paths.grid.modified();
    sums[0] = 0;
    for (int64_t s = 0; s <= labels; ++s) {
        const double leaving = paths.blank_at(t, s) + (modified ? paths.label_at(t, s) : 0);
        sums[s + 1] = sums[s] + leaving;
    }
    int64_t best = 0;
    double most = -1;
    for (int64_t r = 0; r <= std::max<int64_t>(0, labels - band + 1); ++r) {
        const double climbing = modified || r == 0 ? 0 : paths.label_at(t, r - 1);
        const double score = sums[std::min(r + band, labels + 1)] - sums[r] - climbing;
        if (score > most) {
            most = score;
            best = r;
        }
    }
    return best;
}

// First position of the band of each frame (arXiv:2206.13236): the best windows, then
// made monotone, with steps that a path can take, from 0 to a window that holds the last position.
// (Modified, as many labels as frames and a band of one: the last but one, whose label ends it.)
template <class L>
void pruning_bounds(const Posteriors<L>& paths, int64_t frames, int64_t labels, int64_t band,
                    double* sums, int32_t* starts) {
    const int64_t highest = std::max<int64_t>(0, labels - band + 1);
    const int64_t step = paths.grid.modified() ? 1 : band - 1;
    int64_t later = highest, start = highest;
    for (int64_t t = frames - 1; t >= 0; --t) {
        if (t < frames - 1) {
            later = std::min(later, best_window(paths, t, labels, band, sums));
            start = std::max(later, start - step);
        }
        starts[t] = static_cast<int32_t>(std::min(start, step * t));
    }
}

}  // namespace seqfront

#endif  // SEQFRONT_CPU_PRUNING_GRID_HPP_
