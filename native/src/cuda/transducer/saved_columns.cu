// The columns that lattices take, of all rows of any transducer.
#include "cuda/transducer/duration_rows.hpp"
#include "cuda/transducer/saved_columns.hpp"

namespace seqfront {
namespace cuda {

template <class T>
void save_columns(const Launcher& launcher, const Call& call, const RnntProblem& p,
                  LatticeType<T>* saved) {
    if (p.big_blank_count > 0) {
        save_rnnt_rows<T, true>(launcher, call, p, saved);
    } else {
        save_rnnt_rows<T, false>(launcher, call, p, saved);
    }
    if (p.duration_count > 0) save_durations<T>(launcher, call, p, saved);
}

template void save_columns<float>(const Launcher&, const Call&, const RnntProblem&, float*);
template void save_columns<double>(const Launcher&, const Call&, const RnntProblem&, double*);
template void save_columns<BFloat16>(const Launcher&, const Call&, const RnntProblem&, float*);
template void save_columns<Float16>(const Launcher&, const Call&, const RnntProblem&, float*);

}  // namespace cuda
}  // namespace seqfront
