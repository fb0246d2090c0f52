// The rows that a head goes through, one after another without gaps: those of the cells (frames,
// or frames and positions) that are within the lengths and, backward, that count. Which ones is
// known on the device alone, so kernels are launched for all cells, and find out there how many
// there are.
//
// Two kernels: EnterCells asks each cell and counts, 2048 cells a block; PlaceCells adds up the
// counts of the blocks before and numbers the cells, in their order. 16 bytes are kept of a cell.
#ifndef SEQFRONT_CUDA_HEAD_CELL_LIST_HPP_
#define SEQFRONT_CUDA_HEAD_CELL_LIST_HPP_

#include "cuda/numbers.hpp"
#include "cuda/workspace.hpp"

namespace seqfront {
namespace cuda {

struct CellList {
    static constexpr int kThreads = 256, kEach = 8, kTile = kThreads * kEach;

    CellList() = default;
    CellList(int64_t size_, Workspace& workspace)
        : size(size_),
          place(workspace.take<int64_t>(size)),
          cells(workspace.take<int64_t>(size)),
          counts(workspace.take<int64_t>(tiles() + 1)) {}

    // (One even of nothing, to say so.)
    SF_EVERYWHERE int64_t tiles() const { return size > 0 ? (size + kTile - 1) / kTile : 1; }
    SF_EVERYWHERE int64_t* count() const { return counts + tiles(); }
    Grid grid() const { return {tiles(), 1, kThreads, 2 * kThreads * sizeof(int64_t)}; }

    int64_t size;     // all cells
    int64_t* place;   // [size]: the number of a cell among those of the list, or -1
    int64_t* cells;   // the list
    int64_t* counts;  // [tiles + 1]: cells in the list of each tile, and of all
};

// Asks rows.enter(cell) whether a cell is in the list.
template <class Rows>
struct EnterCells {
    static constexpr int kMostThreads = CellList::kThreads;

    struct Args {
        Rows rows;
        CellList list;
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const CellList& list = args.list;
        typename Block::template PerThread<int64_t> entered(block);
        for (int64_t tile = block.x(); tile < list.tiles(); tile += block.count_x()) {
            block.each([&](int thread) {
                entered[thread] = 0;
                for (int i = 0; i < CellList::kEach; ++i) {
                    const int64_t cell = tile * CellList::kTile + i * CellList::kThreads + thread;
                    if (cell >= list.size) break;
                    const bool enters = args.rows.enter(cell);
                    list.place[cell] = enters ? 0 : -1;
                    entered[thread] += enters;
                }
            });
            block.sum(entered, true);
            block.each([&](int thread) {
                if (thread == 0) list.counts[tile] = entered[thread];
            });
        }
    }
};

// Numbers those that are.
struct PlaceCells {
    static constexpr int kMostThreads = CellList::kThreads;

    struct Args {
        CellList list;
    };

    template <class Block>
    static SF_DEVICE void run(Block& block, const Args& args) {
        const CellList& list = args.list;
        typename Block::template PerThread<int64_t> before(block), own(block);
        for (int64_t tile = block.x(); tile < list.tiles(); tile += block.count_x()) {
            block.each([&](int thread) {
                before[thread] = 0;
                for (int64_t i = thread; i < tile; i += CellList::kThreads) {
                    before[thread] += list.counts[i];
                }
                own[thread] = 0;
                each_entered(list, tile, thread, [&](int64_t) { ++own[thread]; });
            });
            block.sum(before, true);
            const int64_t* const up_to = sums(block, own);
            block.each([&](int thread) {
                int64_t next = before[thread] + up_to[thread] - own[thread];
                each_entered(list, tile, thread, [&](int64_t cell) {
                    list.cells[next] = cell;
                    list.place[cell] = next++;
                });
                const bool last = tile == list.tiles() - 1 && thread == CellList::kThreads - 1;
                if (last) list.counts[list.tiles()] = next;
            });
            block.phase([](int) {});  // the sums are read
        }
    }

  private:
    // The cells of a thread are neighbours.
    template <class Body>
    static SF_DEVICE void each_entered(const CellList& list, int64_t tile, int thread,
                                       Body&& body) {
        const int64_t first = tile * CellList::kTile + thread * CellList::kEach;
        for (int64_t cell = first; cell < first + CellList::kEach && cell < list.size; ++cell) {
            if (list.place[cell] >= 0) body(cell);
        }
    }

    // Of each thread, the sum over those up to it.
    template <class Block, class PerThread>
    static SF_DEVICE int64_t* sums(Block& block, PerThread& own) {
        int64_t* from = block.template shared<int64_t>();
        int64_t* to = from + CellList::kThreads;
        block.phase([&](int thread) { from[thread] = own[thread]; });
        for (int step = 1; step < CellList::kThreads; step *= 2) {
            block.phase([&](int thread) {
                to[thread] = from[thread] + (thread >= step ? from[thread - step] : 0);
            });
            int64_t* const last = from;
            from = to;
            to = last;
        }
        return from;
    }
};

template <class Rows, class Launcher>
void list_cells(const Launcher& launcher, const Rows& rows, const CellList& list) {
    launcher.template run<EnterCells<Rows>>(list.grid(), {rows, list});
    launcher.template run<PlaceCells>(list.grid(), {list});
}

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_HEAD_CELL_LIST_HPP_
