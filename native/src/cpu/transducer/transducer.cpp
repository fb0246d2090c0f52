// The transducer family: checks of a call, its arcs, and where its rows lie.
#include "transducer/transducer.hpp"

#include <algorithm>
#include <cinttypes>

#include "status.hpp"

namespace seqfront {
namespace {

const int32_t* optional(const Call& call, int input) {
    return input >= 0 && call.has(input) ? call.in<int32_t>(input) : nullptr;
}

void copy_strides(const Call& call, int input, int64_t* stride) {
    if (input < 0) return;
    std::copy_n(call.input(input).stride, std::min(call.input(input).rank - 1, 3), stride);
}

int64_t frame_limit(const Call& call, Storage storage, int logits) {
    return call.size(logits, storage == Storage::kPacked ? 0 : 1);
}

}  // namespace

TransducerProblem::TransducerProblem(const Call& call, Storage storage_, const TransducerInputs& at)
    : LatticeProblem(call, {at.logits, at.targets, 0, at.weight},
                     frame_limit(call, storage_, at.logits)),
      storage(storage_),
      options(call),
      starts(optional(call, at.starts)),
      windows(optional(call, at.windows)),
      big_blanks(optional(call, at.big_blanks)),
      durations(optional(call, at.durations)),
      big_blank_count(big_blanks == nullptr ? 0 : call.size(at.big_blanks, 0)),
      duration_count(at.durations < 0 ? 0 : call.size(at.durations, 0)),
      row_stride{},
      duration_row_stride{},
      width(storage == Storage::kBand ? call.size(at.logits, 2) : labels + 1),
      most_cells(frames * width) {
    copy_strides(call, at.logits, row_stride);
    copy_strides(call, at.duration_logits, duration_row_stride);
    check_options(call.name());
    check_big_blanks(call.name());
    if (storage == Storage::kBand) check_starts(call.name());
    if (storage == Storage::kPacked) pack(call);
    if (at.durations >= 0) check_durations(call.name());
    make_arcs();
    columns = kFirstExtra + big_blank_count + duration_count;
}

void TransducerProblem::check_options(const char* op) const {
    if (big_blanks != nullptr) options.check_big_blanks(op);
    if (storage == Storage::kBand && options.topology == kConstrained) {
        invalid(
            "%s: topology is 2 (constrained), needed 0 or 1: the blank after a label may lie "
            "outside the band",
            op);
    }
    if (storage == Storage::kBand && options.star != kNoStar) {
        invalid("%s: star is %" PRId64 ", needed 0: skipped frames leave the band", op,
                options.star);
    }
}

void TransducerProblem::check_big_blanks(const char* op) const {
    std::vector<bool> special(static_cast<size_t>(big_blank_count > 0 ? classes : 0));
    if (big_blank_count > 0) special[static_cast<size_t>(blank)] = true;
    for (int64_t i = 0; i < big_blank_count; ++i) {
        const int32_t value = big_blanks[2 * i], duration = big_blanks[2 * i + 1];
        if (value < 0 || value >= classes || special[static_cast<size_t>(value)]) {
            invalid("%s: big_blanks[%" PRId64 ", 0] is %" PRId32 ", needed 0..%" PRId64
                    ", and no other blank",
                    op, i, value, classes - 1);
        }
        if (duration < 2) {
            invalid("%s: big_blanks[%" PRId64 ", 1] is %" PRId32 ", needed 2 or more frames", op, i,
                    duration);
        }
        special[static_cast<size_t>(value)] = true;
    }
    for (int64_t b = 0; b < batch && big_blank_count > 0; ++b) {
        for (int64_t k = 0; k < label_lengths[b]; ++k) {
            if (special[static_cast<size_t>(targets[b * labels + k])]) {
                invalid("%s: targets[%" PRId64 ", %" PRId64 "] is %" PRId32 ", a big blank", op, b,
                        k, targets[b * labels + k]);
            }
        }
    }
}

void TransducerProblem::check_starts(const char* op) {
    for (int64_t b = 0; b < batch; ++b) {
        for (int64_t t = 0; t < frame_lengths[b]; ++t) {
            const int32_t value = starts[b * frames + t];
            if (value < 0 || value > labels) {
                invalid("%s: starts[%" PRId64 ", %" PRId64 "] is %" PRId32 ", needed 0..%" PRId64,
                        op, b, t, value, labels);
            }
            if (t > 0 && value < starts[b * frames + t - 1]) most_cells = frames * (labels + 1);
        }
    }
}

void TransducerProblem::check_durations(const char* op) const {
    for (int64_t i = 0; i < duration_count; ++i) {
        const int32_t least = i == 0 ? 0 : durations[i - 1] + 1;
        if (durations[i] < least) {
            invalid("%s: durations[%" PRId64 "] is %" PRId32 ", needed %" PRId32
                    " or more: they ascend",
                    op, i, durations[i], least);
        }
    }
    if (duration_count == 0 || durations[duration_count - 1] == 0) no_duration_above_0(op);
}

void TransducerProblem::pack(const Call& call) {
    first_cell_.push_back(0);
    first_frame_.push_back(0);
    const int64_t rows = call.size(0, 0);
    int64_t longest = 0;
    most_cells = 0;
    for (int64_t b = 0; b < batch; ++b) {
        const int64_t cells = frame_lengths[b] * (label_lengths[b] + int64_t{1});
        if (cells > rows - first_cell_.back()) {
            invalid("%s: logits has %" PRId64 " rows, too few for sequence %" PRId64
                    ": it has frame_length * (label_length + 1) after those before",
                    call.name(), rows, b);
        }
        first_cell_.push_back(first_cell_.back() + cells);
        first_frame_.push_back(first_frame_.back() + frame_lengths[b]);
        longest = std::max<int64_t>(longest, frame_lengths[b]);
        most_cells = std::max(most_cells, cells);
    }
    if (first_cell_.back() != rows) {
        invalid("%s: logits has %" PRId64 " rows, but the sequences have %" PRId64
                ": frame_length * (label_length + 1) each",
                call.name(), rows, first_cell_.back());
    }
    frames = longest;
}

void TransducerProblem::make_arcs() {
    if (duration_count > 0) {
        for (int64_t i = 0; i < duration_count; ++i) {
            const int column = kFirstExtra + static_cast<int>(i);
            if (durations[i] > 0) arcs.push_back({durations[i], 0, kBlankColumn, column});
            arcs.push_back({durations[i], 1, kLabelColumn, column});
        }
        return;
    }
    arcs.push_back({1, 0, kBlankColumn, 0});
    arcs.push_back({options.topology == kRegular ? 0 : 1, 1, kLabelColumn, 0});
    for (int64_t i = 0; i < big_blank_count; ++i) {
        arcs.push_back({big_blanks[2 * i + 1], 0, kFirstExtra + static_cast<int>(i), 0});
    }
}

bool TransducerProblem::standard() const {
    return arcs.size() == 2 && duration_count == 0 && options.topology == kRegular &&
           options.star == kNoStar && storage != Storage::kBand;
}

bool TransducerProblem::plain() const {
    return standard() && !options.hat && windows == nullptr && options.fastemit == 0 &&
           options.clamp == 0 && options.delay_penalty == 0 && options.sigma == 0;
}

TransducerSequence TransducerProblem::sequence(int64_t b) const {
    const int64_t count = label_lengths[b];
    const bool band = storage == Storage::kBand;
    return {b,
            frame_lengths[b],
            count,
            band ? width : count + 1,
            band,
            count > 0 ? targets + b * labels : nullptr,
            band ? starts + b * frames : nullptr,
            windows == nullptr ? nullptr : windows + b * labels * 2};
}

RowPlace TransducerProblem::place(const TransducerSequence& s, const int64_t* stride) const {
    if (storage != Storage::kPacked) return {s.index * stride[0], stride[1], stride[2]};
    return {first_cell(s.index) * stride[0], s.width * stride[0], stride[0]};
}

int64_t TransducerProblem::first_cell(int64_t b) const {
    return storage == Storage::kPacked ? first_cell_[static_cast<size_t>(b)] : b * frames * width;
}

bool TransducerProblem::is_dense(const int64_t* stride) const {
    if (storage == Storage::kPacked) return stride[0] == classes;
    return stride[2] == classes && stride[1] == width * classes &&
           stride[0] == frames * width * classes;
}

int64_t TransducerProblem::frame_count() const {
    return storage == Storage::kPacked ? first_frame_.back() : batch * frames;
}

TransducerProblem::Frame TransducerProblem::frame(int64_t i) const {
    if (storage != Storage::kPacked) return {i / frames, i % frames};
    const auto next = std::upper_bound(first_frame_.begin(), first_frame_.end(), i);
    return {next - first_frame_.begin() - 1, i - *(next - 1)};
}

int64_t TransducerProblem::frame_work() const {
    const int64_t rows =
        storage == Storage::kPacked ? total_cells() / std::max<int64_t>(1, frame_count()) : width;
    return rows * (classes + 64);
}

}  // namespace seqfront
