// Where the cells of a transducer lattice lie in the tables of its arcs: diagonal after diagonal,
// as the kernels go through them (see ArcLattice).
#ifndef SEQFRONT_CPU_TRANSDUCER_DIAGONALS_HPP_
#define SEQFRONT_CPU_TRANSDUCER_DIAGONALS_HPP_

#include <algorithm>

#include "transducer/transducer.hpp"

namespace seqfront {

// Where the cells of each diagonal lie in the tables of arcs.
struct Diagonals {
    int64_t *first, *last, *row;
    int64_t cells = 0;

    Diagonals(const TransducerSequence& s, int64_t* indices)
        : first(indices), last(first + count(s)), row(last + count(s)) {
        s.band ? lay_out_band(s) : lay_out(s);
        const int64_t end = s.frames + s.labels;
        first[end] = last[end] = s.labels;
        row[end] = cells - s.labels;
        ++cells;
    }

    static int64_t index_count(int64_t frames, int64_t labels) { return 3 * (frames + labels + 1); }
    int64_t cell(int64_t t, int64_t u) const { return row[t + u] + u; }

  private:
    static int64_t count(const TransducerSequence& s) { return s.frames + s.labels + 1; }

    void lay_out(const TransducerSequence& s) {
        for (int64_t n = 0; n < s.frames + s.labels; ++n) {
            first[n] = std::max<int64_t>(0, n - s.frames + 1);
            last[n] = std::min(n, s.labels);
            row[n] = n % s.frames * s.width;
        }
        cells = s.cells();
    }

    // From the first to the last position of the band that lies on the diagonal.
    void lay_out_band(const TransducerSequence& s) {
        std::fill_n(first, count(s), s.labels + 1);
        std::fill_n(last, count(s), -1);
        for (int64_t t = 0; t < s.frames; ++t) {
            for (int64_t u = s.start(t), end = u + s.rows(t); u < end; ++u) {
                first[t + u] = std::min(first[t + u], u);
                last[t + u] = std::max(last[t + u], u);
            }
        }
        for (int64_t n = 0; n < s.frames + s.labels; ++n) {
            row[n] = cells - first[n];
            cells += std::max<int64_t>(0, last[n] - first[n] + 1);
        }
    }
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_TRANSDUCER_DIAGONALS_HPP_
