// The best path of RNN-T on a GPU, the way back: one block for each sequence.
//
// One thread walks, for a step back is known only after the one before. What it will need lies in
// few places, whichever way it goes: in as many steps as the block has threads it gets no further
// than as many positions. So all threads fetch the words of such a tile, at once and side by side,
// and the walk goes through shared memory; a run of blanks in a word is one step. What bounds it is
// a fetch and a barrier for each tile, and the latency of shared memory for each label and word.
// The scores of the labels are gathered afterwards, by all threads.
#ifndef SEQFRONT_CUDA_TRANSDUCER_RNNT_TRACE_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_RNNT_TRACE_HPP_

#include "cuda/best_path.hpp"
#include "cuda/transducer/rnnt_problem.hpp"

namespace seqfront {
namespace cuda {

template <class L>
struct RnntTrace {
    static constexpr int kMostThreads = 128;

    struct Args {
        RnntProblem problem;
        const L* saved;
        BackPointers back;
        const BestEnd* end;        // [batch]
        L* score;                  // [batch]
        int32_t* label_frames;     // [batch, labels]
        int32_t* label_durations;  // [batch, labels]
        L* label_scores;           // [batch, labels]
    };

    static Grid grid(const Args& args, int threads) {
        const auto rows = static_cast<size_t>(tile_rows(args, threads));
        const size_t words = rows * static_cast<size_t>(threads) * sizeof(uint32_t);
        return {args.problem.batch, 1, threads, sizeof(Cell) + words};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        for (int64_t b = block.x(); b < args.problem.batch; b += block.count_x()) {
            Way<Block>(block, args, args.problem.sequence(b)).run();
        }
    }

  private:
    // A cell, or the end behind the last frame.
    struct alignas(16) Cell {
        int64_t t, u;
    };

    // Words of a position in a tile: those of as many steps as there are threads.
    static SF_EVERYWHERE int tile_rows(const Args& args, int threads) {
        return threads >> args.back.log_steps;
    }

    template <class Block>
    class Way {
      public:
        SF_DEVICE Way(Block& block, const Args& args, const RnntSequence& s)
            : block_(block),
              args_(args),
              s_(s),
              end_(args.end[s.index]),
              at_(block.template shared<Cell>()),
              tile_(reinterpret_cast<uint32_t*>(at_ + 1)) {}

        SF_DEVICE void run() {
            const bool found = end_.valid && end_.score > -infinity<double>();
            block_.phase([&](int thread) {
                const int64_t labels = found ? s_.labels : 0;
                if (thread == 0) start();
                for (int64_t k = labels + thread; k < args_.problem.labels; k += block_.threads()) {
                    fill(k);
                }
            });
            if (!found) return;
            walk();
            block_.phase([&](int thread) {
                for (int64_t k = thread; k < s_.labels; k += block_.threads()) gather(k);
            });
        }

      private:
        SF_DEVICE L score() const {
            return end_.valid ? static_cast<L>(end_.score) : not_a_number<L>();
        }
        SF_DEVICE int64_t label(int64_t k) const { return s_.index * args_.problem.labels + k; }

        SF_DEVICE void start() const {
            args_.score[s_.index] = score();
            Cell cell = {s_.frames, s_.labels};
            if (s_.frames > 0) take(static_cast<uint32_t>(end_.code), cell);
            *at_ = cell;
        }

        // What a label gets that is on no path, or beyond the length.
        SF_DEVICE void fill(int64_t k) const {
            args_.label_frames[label(k)] = -1;
            args_.label_durations[label(k)] = 0;
            args_.label_scores[label(k)] = k < s_.labels ? score() : 0;
        }

        // Goes back through an arc.
        SF_DEVICE void take(uint32_t code, Cell& cell) const {
            const int frames = code == 0 ? 1 : 1 - s_.skew;
            cell.t -= frames;
            if (code == 0) return;
            --cell.u;
            args_.label_frames[label(cell.u)] = static_cast<int32_t>(cell.t);
            args_.label_durations[label(cell.u)] = frames;
        }

        // At position 0 there are but blanks left.
        SF_DEVICE void walk() {
            for (Cell from = *at_; from.u > 0; from = *at_) {
                const int64_t row = args_.back.row(step_of(from));
                block_.phase([&](int thread) { fetch(row, from.u - thread, thread); });
                block_.phase([&](int thread) {
                    if (thread == 0) *at_ = through_tile(row, from);
                });
            }
        }

        SF_DEVICE int64_t step_of(const Cell& cell) const { return cell.t + s_.skew * cell.u; }

        SF_DEVICE void fetch(int64_t row, int64_t u, int thread) {
            if (u < 0) return;
            const uint32_t* const words = args_.back.of_sequence(s_.index);
            for (int r = 0; r < tile_rows(args_, block_.threads()) && r <= row; ++r) {
                tile_[r * block_.threads() + thread] = words[(row - r) * s_.positions() + u];
            }
        }

        SF_DEVICE Cell through_tile(int64_t row, const Cell& from) const {
            const BackPointers& back = args_.back;
            Cell cell = from;
            while (cell.u > 0) {
                const int64_t step = step_of(cell), r = row - back.row(step), u = from.u - cell.u;
                if (r >= tile_rows(args_, block_.threads()) || u >= block_.threads()) break;
                const uint32_t word = tile_[r * block_.threads() + u];
                const int blanks = back.zeros_in(word, step);
                cell.t -= blanks;
                if (back.row(step - blanks) != back.row(step)) continue;
                take(back.code_in(word, step - blanks), cell);
            }
            return cell;
        }

        SF_DEVICE void gather(int64_t k) const {
            const int64_t t = args_.label_frames[label(k)];
            const RnntSaved<L> saved = saved_at(args_.problem, s_, args_.saved, s_.cell(t, k), k);
            args_.label_scores[label(k)] = weighed(args_.problem, s_, t, k, saved).label;
        }

        Block& block_;
        const Args& args_;
        const RnntSequence s_;
        const BestEnd end_;
        Cell* const at_;
        uint32_t* const tile_;  // [tile rows, threads]
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_RNNT_TRACE_HPP_
