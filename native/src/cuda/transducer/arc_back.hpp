// The best path of a transducer with any arcs on a GPU: from the scores of all cells to
// back-pointers.
//
// Which arc a cell was come to by does not matter to the cells that follow, so the lattice leaves
// it to this: a thread for each word of codes, all at once, neighbours at neighbouring positions of
// the same step. Each score is computed again as the lattice did, from what a cache has. Here too
// all that is saved is looked at: the lattice saw no arc that leads out of it.
#ifndef SEQFRONT_CUDA_TRANSDUCER_ARC_BACK_HPP_
#define SEQFRONT_CUDA_TRANSDUCER_ARC_BACK_HPP_

#include "cuda/best_path.hpp"
#include "cuda/transducer/arcs.hpp"
#include "cuda/transducer/paths.hpp"

namespace seqfront {
namespace cuda {

template <class L>
struct ArcBack {
    static constexpr int kMostThreads = 192;

    struct Args {
        RnntProblem problem;
        ArcList list;
        const L* saved;
        const LogWeight* scores;  // of all cells
        BackPointers back;
        AllPaths<LogWeight>* total;  // [batch]
        int32_t* last;               // [batch]: the codes of the last arcs
    };

    static Grid grid(const Args& args) {
        return {(words(args) + kMostThreads - 1) / kMostThreads, 1, kMostThreads, 0};
    }

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        for (int64_t first = block.x() * kMostThreads; first < words(args);
             first += block.count_x() * kMostThreads) {
            block.each([&](int thread) {
                const int64_t i = first + thread;
                if (i >= words(args)) return;
                const int64_t b = divided(i, args.back.words_of_sequence);
                const RnntSequence s = args.problem.sequence(b);
                Cells(args, s).write(i - b * args.back.words_of_sequence);
            });
        }
    }

  private:
    static SF_EVERYWHERE int64_t words(const Args& args) {
        return args.problem.batch * args.back.words_of_sequence;
    }

    // The best of the arcs that lead to a cell.
    struct Best {
        LogWeight score;
        uint32_t code;
    };

    class Cells {
      public:
        SF_DEVICE Cells(const Args& args, const RnntSequence& s)
            : args_(args), s_(s), weights_(args.problem, s, args.saved) {}

        SF_DEVICE void write(int64_t index) const {
            const BackPointers& back = args_.back;
            const int64_t row = divided(index, s_.positions()), u = index - row * s_.positions();
            if (s_.frames == 0 || row > back.row(s_.last_step())) return;
            if (index == 0) write_end();
            uint32_t word = 0;
            for (int64_t k = 0; k < int64_t{1} << back.log_steps; ++k) {
                const int64_t step = (row << back.log_steps) + k, t = step - s_.skew * u;
                if (t < 0 || t >= s_.frames) continue;
                if (is_wrong(s_.cell(t, u))) args_.total[s_.index].valid = 0;
                word |= best(t, u).code << back.shift(step);
            }
            back.of_sequence(s_.index)[index] = word;
        }

      private:
        SF_DEVICE void write_end() const {
            const Best end = best(s_.frames, s_.labels);
            args_.total[s_.index].value = end.score;
            args_.last[s_.index] = static_cast<int32_t>(end.code);
        }

        SF_DEVICE bool is_wrong(int64_t cell) const {
            bool wrong = false;
            for (int k = kBlankColumn; k < args_.problem.columns(); ++k) {
                wrong |= !(weights_.column(k, cell) < infinity<L>());
            }
            return wrong;
        }

        // (t, u) may be the end, to which no arc within a frame leads. Of equals it is the first.
        SF_DEVICE Best best(int64_t t, int64_t u) const {
            Best best = {{-infinity<double>()}, 0};
            for (int a = 0; a < *args_.list.count; ++a) {
                const Arc& arc = args_.list.arcs[a];
                const int64_t from = t - arc.frames, position = u - arc.labels;
                if (from < 0 || from >= s_.frames || position < 0) continue;
                const LogWeight score = score_by(arc, from, position);
                if (best.score < score) best = {score, static_cast<uint32_t>(a)};
            }
            return best;
        }
        SF_DEVICE LogWeight score_by(const Arc& arc, int64_t t, int64_t u) const {
            const int64_t cell = s_.cell(t, u);
            const L weight = weights_.weight(arc, t, u, cell, weights_.saved(arc, cell));
            return args_.scores[s_.first_cell + cell] * BestOfPaths<L>::weight(weight);
        }

        const Args& args_;
        const RnntSequence& s_;
        const ArcWeights<L> weights_;
    };
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_TRANSDUCER_ARC_BACK_HPP_
