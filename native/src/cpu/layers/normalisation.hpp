// Layer normalisation (Ba et al. 2016, arXiv:1607.06450) of rows, as ops do it.
#ifndef SEQFRONT_CPU_NORMALISATION_HPP_
#define SEQFRONT_CPU_NORMALISATION_HPP_

#include "op.hpp"
#include "simd/dispatch.hpp"
#include "status.hpp"

namespace seqfront {

template <class L>
class Normalisation {
  public:
    // `epsilon` is an attribute of the call, `features` the size of a row.
    Normalisation(const Call& call, int epsilon, int64_t features, const L* scale, const L* bias)
        : epsilon_(static_cast<L>(call.number(epsilon))),
          features_(features),
          scale_(scale),
          bias_(bias) {
        if (epsilon_ >= 0) return;
        invalid("%s: epsilon is %g, needed 0 or more", call.name(), call.number(epsilon));
    }

    // `to` may be `row`.
    void operator()(const L* row, L* to) const {
        lattice_kernels<L>(kernels()).normalise(row, features_, scale_, bias_, epsilon_, to);
    }

  private:
    L epsilon_;
    int64_t features_;
    const L *scale_, *bias_;
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_NORMALISATION_HPP_
