// Edit distances on a GPU, the matrix: bit-parallel (edit_strip.hpp), a lane for each strip of 64
// rows. The first warp of a block is 32 strips of one pair, or of several pairs that have few, so
// that a batch of short sequences fills it too.
//
// A step of a lane is 16 columns of its strip; the strip above has done them a step before, and
// handed over the differences along its last row in one word. Meanwhile the other eight warps find
// for the next step which rows have the tokens of those columns: 64 comparisons for a word, of
// which 256 threads do as many as the 32 lanes take, in about the time that these need for the
// dependent operations of 16 columns. So there are no tables of tokens, which would have to be
// cleared, filled one token at a time and searched; tokens may be any int32, and no data is slow.
//
// More than 2048 rows go in bands, one after another; what goes from one to the next is a word for
// each 16 columns in global memory. Bytes: the tokens, once for each band, and nothing else, unless
// columns are kept: those take 16 bytes for 64 cells.
#ifndef SEQFRONT_CUDA_EDIT_EDIT_SWEEP_HPP_
#define SEQFRONT_CUDA_EDIT_EDIT_SWEEP_HPP_

#include "cuda/edit/edit_problem.hpp"

namespace seqfront {
namespace cuda {

constexpr int kBandRows = kWarp * static_cast<int>(kStripRows);

// Which bands of its rows a sweep runs: from `first` on, of those that a pair has.
struct EditBands {
    int first, end;
    int without;  // the last bands of each pair that are left out

    static SF_EVERYWHERE int64_t count(int64_t rows) { return (rows + kBandRows - 1) / kBandRows; }
};

// Differences along the last row of a band, a word for each step of its columns.
struct EditBorder {
    uint32_t* of;   // null if there is but one band
    int64_t steps;  // words of a band
    int64_t kept;   // bands of each pair; of 1, each takes the place of the one before

    SF_DEVICE uint32_t* below(int64_t b, int64_t band) const {
        return of + (b * kept + (kept == 1 ? 0 : band)) * steps;
    }
};

struct EditSweep {
    static constexpr int kSearchers = 256;  // threads that look for tokens
    static constexpr int kMostThreads = kWarp + kSearchers;
    static constexpr int kStep = 16;  // columns

    struct Args {
        EditProblem problem;
        int shift;  // of the lanes of a pair, a power of 2
        EditBands bands;
        EditBorder border;
        EditColumns columns;
        int32_t* distance;  // [batch]; null: it is not asked for
    };

    // For pairs of so many strips.
    static int shift(int64_t strips) {
        int shift = 0;
        while (1 << shift < strips && 1 << shift < kWarp) ++shift;
        return shift;
    }
    static SF_EVERYWHERE int64_t steps(int64_t columns) { return (columns + kStep - 1) / kStep; }
    static Grid grid(int64_t batch, int shift) {
        const int64_t at_once = kWarp >> shift;
        return {(batch + at_once - 1) / at_once, 1, kMostThreads, sizeof(Shared)};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const int64_t at_once = kWarp >> args.shift;
        for (int64_t first = block.x() * at_once; first < args.problem.batch;
             first += block.count_x() * at_once) {
            Sweep<Block>(block, args, first).run();
            block.phase([](int) {});  // all have read what the next turn writes
        }
    }

  private:
    struct alignas(16) FourTokens {
        int32_t of[4];
    };
    static constexpr int kFours = static_cast<int>(kStripRows) / 4;
    static constexpr int kPitch = kWarp + 1;  // so that 16 columns lie in different banks

    struct Shared {
        FourTokens rows[kWarp][kFours];      // of each lane's strip
        uint64_t matches[2][kStep][kPitch];  // of this step and the next
        uint32_t passed[2][kWarp];
        uint32_t entering[2];  // the first lane, from the band above
        int32_t sums[kWarp];
        EditPair pairs[kWarp];
    };

    struct Lane {
        EditStrip strip;
        int32_t sum;  // of the differences from row to row in the last column, of all bands
    };

    template <class Block>
    class Sweep {
      public:
        SF_DEVICE Sweep(Block& block, const Args& args, int64_t first)
            : block_(block),
              args_(args),
              first_(first),
              lanes_(block),
              shared_(*block.template shared<Shared>()) {}

        SF_DEVICE void run() {
            block_.phase([&](int thread) {
                if (thread < kWarp) lanes_[thread].sum = 0;
                if (thread >= count()) return;
                const int64_t b = first_ + thread;
                shared_.pairs[thread] =
                    b < args_.problem.batch ? args_.problem.pair(b) : EditPair{};
            });
            const int end = last_band();
            for (int band = args_.bands.first; band < end; ++band) run_band(band, end);
            if (args_.distance != nullptr) finish();
        }

      private:
        // Pairs of the warp.
        SF_DEVICE int count() const { return kWarp >> args_.shift; }

        // Those that share a warp have a band at most.
        SF_DEVICE int last_band() const {
            int64_t rows = 0;
            for (int i = 0; i < count(); ++i) {
                if (shared_.pairs[i].rows > rows) rows = shared_.pairs[i].rows;
            }
            const int64_t end = EditBands::count(rows) - args_.bands.without;
            return end < args_.bands.end ? static_cast<int>(end) : args_.bands.end;
        }

        SF_DEVICE const EditPair& pair(int lane) const {
            return shared_.pairs[lane >> args_.shift];
        }
        // The strip of a lane among those of its band.
        SF_DEVICE int in_band(int lane) const { return lane & ((1 << args_.shift) - 1); }
        SF_DEVICE static int strips(const EditPair& pair, int band) {
            const int64_t left = pair.rows - int64_t{band} * kBandRows;
            return left >= kBandRows ? kWarp : static_cast<int>((left + kRows - 1) / kRows);
        }

        SF_DEVICE void run_band(int band, int end) {
            block_.phase([&](int thread) {
                for (int i = thread; i < kBandRows; i += block_.threads()) {
                    read_row(band, i / kRows, i % kRows);
                }
                if (thread < kWarp) start(band, thread);
            });
            int steps = 0;
            for (int i = 0; i < count(); ++i) {
                const EditPair& pair = shared_.pairs[i];
                const int needed =
                    strips(pair, band) - 1 + static_cast<int>(EditSweep::steps(pair.columns));
                if (pair.columns > 0 && needed > steps) steps = needed;
            }
            block_.phase([&](int thread) { search(band, 0, thread); });
            for (int step = 0; step < steps; ++step) {
                block_.phase([&](int thread) {
                    if (thread < kWarp) advance(band, end, step, thread);
                    if (thread >= kWarp) search(band, step + 1, thread);
                });
            }
            block_.each([&](int thread) {
                if (thread < kWarp) add_up(band, thread);
            });
        }

        SF_DEVICE void read_row(int band, int lane, int i) {
            const EditPair& of = pair(lane);
            const int64_t row = int64_t{band} * kBandRows + in_band(lane) * kRows + i;
            shared_.rows[lane][i / 4].of[i % 4] = row < of.rows ? of.row_tokens[row] : 0;
        }

        SF_DEVICE void start(int band, int lane) {
            lanes_[lane].strip = EditStrip();
            if (args_.columns.of == nullptr || in_band(lane) >= strips(pair(lane), band)) return;
            *kept(band, lane) = {~uint64_t{0}, 0};
        }
        SF_DEVICE EditColumn* kept(int band, int lane) const {
            const int64_t strip = int64_t{band} * kWarp + in_band(lane);
            return args_.columns.strip(first_ + (lane >> args_.shift), strip);
        }

        // Finds the rows that have the tokens of the columns of a step.
        SF_DEVICE void search(int band, int step, int thread) {
            const int searchers = step == 0 ? block_.threads() : kSearchers;
            const int searcher = step == 0 ? thread : thread - kWarp;
            for (int i = searcher; i < kWarp * kStep; i += searchers) {
                const int lane = i / kStep, column = i % kStep;
                const EditPair& of = pair(lane);
                const int64_t at = int64_t{step - in_band(lane)} * kStep + column;
                if (in_band(lane) >= strips(of, band) || at < 0 || at >= of.columns) continue;
                shared_.matches[step % 2][column][lane] =
                    rows_with(shared_.rows[lane], of.column_tokens[at]);
            }
            if (searcher == 0 && band > 0 && step < EditSweep::steps(pair(0).columns)) {
                shared_.entering[step % 2] = args_.border.below(first_, band - 1)[step];
            }
        }

        static SF_DEVICE uint64_t rows_with(const FourTokens* rows, int32_t token) {
            uint32_t halves[2] = {0, 0};
            SF_UNROLL
            for (int i = 0; i < kFours; ++i) {
                const FourTokens four = rows[i];
                SF_UNROLL
                for (int k = 0; k < 4; ++k) {
                    if (four.of[k] == token) halves[i / 8] |= uint32_t{1} << (i % 8 * 4 + k);
                }
            }
            return static_cast<uint64_t>(halves[1]) << 32 | halves[0];
        }

        SF_DEVICE void advance(int band, int end, int step, int lane) {
            const EditPair& of = pair(lane);
            const int strip = in_band(lane);
            const int64_t before = int64_t{step - strip} * kStep, left = of.columns - before;
            if (strip >= strips(of, band) || before < 0 || left <= 0) return;
            const int count = left < kStep ? static_cast<int>(left) : kStep;
            const uint32_t from = strip > 0   ? shared_.passed[(step + 1) % 2][lane - 1]
                                  : band == 0 ? (uint32_t{1} << kStep) - 1  // a row of 0, 1, 2 ...
                                              : shared_.entering[step % 2];
            EditColumn* const to =
                args_.columns.of == nullptr ? nullptr : kept(band, lane) + before + 1;
            const uint32_t passed = columns(lane, step, count, from, to);
            shared_.passed[step % 2][lane] = passed;
            if (strip == kWarp - 1 && band + 1 < end + args_.bands.without) {
                args_.border.below(first_, band)[step - strip] = passed;
            }
        }

        // Some columns of a strip: rises in the low half of a word, falls in the high one.
        SF_DEVICE uint32_t columns(int lane, int step, int count, uint32_t from, EditColumn* to) {
            EditStrip strip = lanes_[lane].strip;
            uint64_t matches[kStep];
            SF_UNROLL
            for (int i = 0; i < kStep; ++i) matches[i] = shared_.matches[step % 2][i][lane];
            uint32_t passed = 0;
            SF_UNROLL
            for (int i = 0; i < kStep; ++i) {
                if (i >= count) break;
                const Horizontal row =
                    strip.advance(matches[i], from >> i & 1, from >> (kStep + i) & 1);
                passed |= static_cast<uint32_t>(row.rises >> (kRows - 1)) << i |
                          static_cast<uint32_t>(row.falls >> (kRows - 1)) << (kStep + i);
                if (to != nullptr) to[i] = {strip.up, strip.down};
            }
            lanes_[lane].strip = strip;
            return passed;
        }

        SF_DEVICE void add_up(int band, int lane) {
            const EditPair& of = pair(lane);
            const int64_t rows = of.rows - int64_t{band} * kBandRows - in_band(lane) * kRows;
            if (rows <= 0) return;
            const uint64_t there = rows >= kRows ? ~uint64_t{0} : (uint64_t{1} << rows) - 1;
            const EditStrip& strip = lanes_[lane].strip;
            lanes_[lane].sum += population(strip.up & there) - population(strip.down & there);
        }

        SF_DEVICE void finish() {
            block_.phase([&](int thread) {
                if (thread < kWarp) shared_.sums[thread] = lanes_[thread].sum;
            });
            block_.phase([&](int thread) {
                const int64_t b = first_ + thread;
                if (thread >= count() || b >= args_.problem.batch) return;
                const EditPair& of = shared_.pairs[thread];
                int32_t sum = of.columns;
                for (int i = 0; i < 1 << args_.shift; ++i) {
                    sum += shared_.sums[(thread << args_.shift) + i];
                }
                args_.distance[b] = of.in_range ? sum : kWrong;
            });
        }

        static constexpr int kRows = static_cast<int>(kStripRows);

        Block& block_;
        const Args& args_;
        const int64_t first_;
        typename Block::template PerThread<Lane> lanes_;
        Shared& shared_;
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_EDIT_EDIT_SWEEP_HPP_
