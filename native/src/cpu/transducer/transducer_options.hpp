// The attributes that ops of the transducer family have, and the columns of their cells: the same
// on every device.
#ifndef SEQFRONT_CPU_TRANSDUCER_OPTIONS_HPP_
#define SEQFRONT_CPU_TRANSDUCER_OPTIONS_HPP_

#include "op.hpp"

namespace seqfront {

enum Topology : int64_t {
    kRegular,     // a label stays in its frame
    kModified,    // a label goes to the next frame: one symbol per frame
    kConstrained  // as kModified, and pays the blank that follows it in its frame
};

// Free rides of fixed weight (W-transducer): from (0, 0) to any (t, 0), and from any (t, S) to
// (T - 1, S) or out of the lattice.
enum Star : int64_t { kNoStar, kForceFinal, kAllowIgnore };

// The columns of a cell. In `saved` these are the log-normaliser and log-probs; in the gradient the
// factor of the softmax and the gradients of the special classes.
enum Column : int { kRow, kBlankColumn, kLabelColumn, kFirstExtra };

// The attributes of an op of the family, as far as it has them.
struct TransducerOptions {
    // Throws InvalidArgument for what makes no sense.
    explicit TransducerOptions(const Call& call);
    // Of a call with big blanks.
    void check_big_blanks(const char* op) const;

    bool normalized, hat, fastemit_scale;
    int64_t topology, star;
    double fastemit, clamp, delay_penalty, sigma, star_weight;
};

// The durations of a TDT call have none that leads to the next frame.
[[noreturn]] void no_duration_above_0(const char* op);

}  // namespace seqfront

#endif  // SEQFRONT_CPU_TRANSDUCER_OPTIONS_HPP_
