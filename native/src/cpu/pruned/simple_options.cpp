// Attributes of the simple transducer loss: which make no sense.
#include "pruned/simple_options.hpp"

#include <algorithm>
#include <cinttypes>

#include "status.hpp"

namespace seqfront {
namespace simple {

SimpleOptions::SimpleOptions(const Call& call)
    : topology(call.integer(kTopology)),
      band(call.integer(kBand)),
      lm_only_scale(call.number(kLmOnlyScale)),
      am_only_scale(call.number(kAmOnlyScale)),
      delay_penalty(call.number(kDelayPenalty)) {
    if (topology != 0 && topology != 1) {
        invalid("%s: topology is %" PRId64 ", needed 0 (regular) or 1 (modified)", call.name(),
                topology);
    }
    if (band < 0) invalid("%s: band is %" PRId64 ", needed 0 or more", call.name(), band);
    // The same, and no sum of it overflows.
    band = std::min(band, call.size(kTargets, 1) + 1);
    if (!(lm_only_scale >= 0 && am_only_scale >= 0 && lm_only_scale + am_only_scale <= 1 + 1e-6)) {
        invalid(
            "%s: lm_only_scale is %g and am_only_scale is %g, needed 0 or more, and a sum of "
            "at most 1",
            call.name(), lm_only_scale, am_only_scale);
    }
}

}  // namespace simple
}  // namespace seqfront
