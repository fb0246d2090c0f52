// CTC prefix beam search: the op. It reads some frames of each sequence, and goes on from the
// hypotheses there were before them. The search itself is in ctc_beam.hpp.
//
// Hypotheses come as their labels, from which the tree of prefixes is made anew; and for each there
// are two alignments, whose runs of labels the caller keeps. What the op gives of these is which of
// those before each grew from (of `2*beam`: first those that end in the blank, then those that end
// in a label, without that label), and the runs since then.
#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <limits>
#include <vector>

#include "op.hpp"
#include "search/ctc_beam.hpp"
#include "status.hpp"
#include "thread_pool.hpp"

namespace seqfront {
namespace {

enum Input { kLogits, kFrameLengths, kScores, kStarts, kPrefixes, kPrefixLengths, kFirstFrames };
enum Attribute { kBlank, kNormalized, kBest, kTokens, kSkip, kTemperature };
enum Output {
    kNewScores,
    kLast,
    kNewStarts,
    kFrames,
    kSource,
    kCounts,
    kLabels,
    kLogProbs,
    kBegins,
    kEnds
};  // clang-format off
enum Score { kBlankEnd, kLabelEnd, kBestBlankEnd, kBestLabelEnd, kRun, kScoreCount };
// clang-format on

struct Problem {
    explicit Problem(const Call& call);

    int64_t batch, frames, beam, labels;
    int64_t logits_stride;
    const int32_t *frame_lengths, *first_frames, *prefixes, *prefix_lengths;
    CtcReading reading;
    bool best;

  private:
    void check(const Call& call);
    void check_prefixes(const char* op) const;
};

Problem::Problem(const Call& call)
    : batch(call.size(kLogits, 0)),
      frames(call.size(kLogits, 1)),
      beam(call.size(kScores, 2)),
      labels(call.size(kPrefixes, 2)),
      logits_stride(call.input(kLogits).stride[0]),
      frame_lengths(call.in<int32_t>(kFrameLengths)),
      first_frames(call.in<int32_t>(kFirstFrames)),
      prefixes(call.in<int32_t>(kPrefixes)),
      prefix_lengths(call.in<int32_t>(kPrefixLengths)),
      reading{call.size(kLogits, 2),  call.integer(kBlank),
              call.integer(kTokens),  call.input(kLogits).stride[1],
              call.flag(kNormalized), call.number(kTemperature),
              call.number(kSkip)},
      best(call.flag(kBest)) {
    check(call);
    const int64_t others = std::max<int64_t>(reading.classes - 1, 1);
    reading.tokens = reading.tokens == 0 ? others : std::min(reading.tokens, others);
}

void Problem::check(const Call& call) {
    const char* op = call.name();
    check_blank(op, reading.blank, reading.classes);
    check_lengths(op, "frame_lengths", frame_lengths, batch, frames);
    check_lengths(op, "prefix_lengths", prefix_lengths, batch * beam, labels);
    if (beam < 1) invalid("%s: there is no place in the beam, needed 1 or more", op);
    if (reading.tokens < 0)
        invalid("%s: tokens is %" PRId64 ", needed 0 or more", op, reading.tokens);
    if (!(reading.temperature > 0) || std::isinf(reading.temperature)) {
        invalid("%s: temperature is %g, needed a number above 0", op, reading.temperature);
    }
    constexpr int64_t most = std::numeric_limits<int32_t>::max();
    if (beam > most / (frames + labels + 4)) {
        invalid("%s: a beam of %" PRId64 " is too wide for %" PRId64 " frames", op, beam, frames);
    }
    check_lengths(op, "first_frames", first_frames, batch, most - frames);
    check_prefixes(op);
}

void Problem::check_prefixes(const char* op) const {
    for (int64_t row = 0; row < batch * beam; ++row) {
        for (int64_t i = 0; i < prefix_lengths[row]; ++i) {
            const int32_t label = prefixes[row * labels + i];
            if (label >= 0 && label < reading.classes && label != reading.blank) continue;
            invalid("%s: prefixes[%" PRId64 ", %" PRId64 ", %" PRId64 "] is %" PRId32
                    ", needed 0..%" PRId64 " and not the blank %" PRId64,
                    op, row / beam, row % beam, i, label, reading.classes - 1, reading.blank);
        }
    }
}

// What one thread has for its sequences.
template <class T>
class Searcher {
    using L = typename RowKernelsOf<T>::Lattice;

  public:
    Searcher(const Call& call, const Problem& p)
        : call_(call),
          p_(p),
          reader_(p.reading),
          beam_(p.reading, p.best, p.beam, p.frames, p.labels) {}

    void search(int64_t row) {
        load(row);
        const int32_t begin = p_.first_frames[row], count = p_.frame_lengths[row];
        const T* logits = call_.in<T>(kLogits) + row * p_.logits_stride;
        for (int32_t t = 0; t < count; ++t) {
            const int64_t i = t % reader_.kBlock;
            if (i == 0) {
                const int64_t block = std::min<int64_t>(reader_.kBlock, count - t);
                reader_.read(logits + t * p_.reading.row_stride, block);
            }
            const L* frame = reader_.row(i);
            const bool silent = frame[p_.reading.blank] > static_cast<L>(p_.reading.skip);
            beam_.read(frame, silent, begin + t);
        }
        beam_.finish(begin + count);
        call_.out<int32_t>(kFrames)[row] = begin + count;
        store(row);
    }

  private:
    void load(int64_t row) {
        beam_.clear();
        const L* scores = call_.in<L>(kScores) + row * kScoreCount * p_.beam;
        for (int64_t k = 0; k < p_.beam; ++k) {
            const int64_t at = row * p_.beam + k;
            int32_t node = PrefixTree::kRoot;
            const int32_t* labels = p_.prefixes + at * p_.labels;
            for (int32_t i = 0; i < p_.prefix_lengths[at]; ++i) {
                node = beam_.tree().child(node, labels[i]);
            }
            CtcPrefix<L> prefix{};
            prefix.blank = scores[kBlankEnd * p_.beam + k];
            prefix.label = scores[kLabelEnd * p_.beam + k];
            prefix.best_blank = scores[kBestBlankEnd * p_.beam + k];
            prefix.best_label = scores[kBestLabelEnd * p_.beam + k];
            prefix.run = scores[kRun * p_.beam + k];
            prefix.node = node;
            prefix.last = beam_.tree().label(node);
            prefix.start = call_.in<int32_t>(kStarts)[at];
            beam_.add(prefix, static_cast<int32_t>(k));
        }
    }

    void store(int64_t row) {
        constexpr L impossible = -std::numeric_limits<L>::infinity();
        L* const scores = call_.out<L>(kNewScores) + row * (kScoreCount + 1) * p_.beam;
        std::fill_n(scores, kScoreCount * p_.beam, impossible);
        std::fill_n(scores + kScoreCount * p_.beam, p_.beam, L{0});
        int32_t* const last = call_.out<int32_t>(kLast) + row * p_.beam;
        int32_t* const starts = call_.out<int32_t>(kNewStarts) + row * p_.beam;
        std::fill_n(last, p_.beam, PrefixTree::kNone);
        std::fill_n(starts, p_.beam, 0);
        clear_runs(row);
        for (int64_t k = 0; k < beam_.size(); ++k) {
            const CtcPrefix<L>& prefix = beam_[k];
            const L values[] = {prefix.total,      prefix.blank,      prefix.label,
                                prefix.best_blank, prefix.best_label, prefix.run};
            for (int64_t i = 0; i <= kScoreCount; ++i) scores[i * p_.beam + k] = values[i];
            last[k] = prefix.last;
            starts[k] = prefix.start;
            store_runs(row * 2 * p_.beam + k, beam_.path(k));
            store_runs((row * 2 + 1) * p_.beam + k, beam_.label_path(k));
        }
    }

    void clear_runs(int64_t row) {
        const int64_t paths = 2 * p_.beam, cells = paths * (p_.frames + 1);
        std::fill_n(call_.out<int32_t>(kSource) + row * paths, paths, 0);
        std::fill_n(call_.out<int32_t>(kCounts) + row * paths, paths, 0);
        for (const int output : {kLabels, kBegins, kEnds}) {
            std::fill_n(call_.out<int32_t>(output) + row * cells, cells, 0);
        }
        std::fill_n(call_.out<L>(kLogProbs) + row * cells, cells, L{0});
    }

    void store_runs(int64_t at, int32_t path) {
        int64_t count = 0;
        int32_t first = path;
        for (const CtcRun<L>* run; (run = beam_.run(first)) != nullptr; first = run->before)
            ++count;
        call_.out<int32_t>(kSource)[at] = first;
        call_.out<int32_t>(kCounts)[at] = static_cast<int32_t>(count);
        int64_t to = at * (p_.frames + 1) + count;
        for (const CtcRun<L>* run; (run = beam_.run(path)) != nullptr; path = run->before) {
            --to;
            call_.out<int32_t>(kLabels)[to] = run->label;
            call_.out<L>(kLogProbs)[to] = run->log_prob;
            call_.out<int32_t>(kBegins)[to] = run->start;
            call_.out<int32_t>(kEnds)[to] = run->end;
        }
    }

    const Call& call_;
    const Problem& p_;
    CtcRowReader<T> reader_;
    CtcBeam<L> beam_;
};

// Time for one sequence, in logits read.
int64_t work_of(const Problem& p) {
    return (p.frames + 1) * (4 * p.reading.classes + 200 * p.beam);
}

void run(const Call& call) {
    const Problem p(call);
    with_element_type(call.input(kLogits).dtype, [&](auto element) {
        using T = decltype(element);
        const int64_t work = work_of(p);
        const int32_t threads = useful_threads(p.batch, work, usable_threads(call.threads()));
        std::vector<Searcher<T>> searchers;
        for (int32_t i = 0; i < threads; ++i) searchers.emplace_back(call, p);
        parallel_for(p.batch, work, threads, [&](int32_t slot, int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row) {
                searchers[static_cast<size_t>(slot)].search(row);
            }
        });
    });
}

}  // namespace

const Op& ctc_prefix_beam_op() {
    static const Op op = {
        "ctc_prefix_beam",
        {{"logits", "T", "batch frames classes", SF_STRIDED},
         {"frame_lengths", "int32", "batch", 0},
         {"scores", "L", "batch 5 beam", 0},  // blank, label; the best of each; run
         {"starts", "int32", "batch beam", 0},
         {"prefixes", "int32", "batch beam labels", 0},
         {"prefix_lengths", "int32", "batch beam", 0},
         {"first_frames", "int32", "batch", 0}},
        {{"new_scores", "L", "batch 6 beam", 0},  // total; then as before
         {"last", "int32", "batch beam", 0},      // -1: no label
         {"new_starts", "int32", "batch beam", 0},
         {"frames_read", "int32", "batch", 0},
         {"source", "int32", "batch 2*beam", 0},
         {"run_counts", "int32", "batch 2*beam", 0},
         {"run_labels", "int32", "batch 2*beam frames+1", 0},
         {"run_log_probs", "L", "batch 2*beam frames+1", 0},
         {"run_starts", "int32", "batch 2*beam frames+1", 0},
         {"run_ends", "int32", "batch 2*beam frames+1", 0}},
        {{"blank", "int", 0},
         {"normalized", "bool", 0},
         {"best", "bool", 0},
         {"tokens", "int", 0},  // labels of a frame that begin new hypotheses; 0: all
         {"skip", "float", 1},  // log-prob of the blank above which there are none
         {"temperature", "float", 1}},
        run,
        nullptr,
    };
    return op;
}

}  // namespace seqfront
