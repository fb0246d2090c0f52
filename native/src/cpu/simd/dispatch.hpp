// Which instruction set the kernels run on.
#ifndef SEQFRONT_CPU_DISPATCH_HPP_
#define SEQFRONT_CPU_DISPATCH_HPP_

#include "simd/kernels.hpp"

namespace seqfront {

// The table in use: the best this processor has, unless SEQFRONT_ISA or sf_set_isa said otherwise.
const Kernels& kernels() noexcept;

// Throws InvalidArgument if this build or this processor does not have it.
void set_kernels(const char* name);

template <class L>
const LatticeKernels<L>& lattice_kernels(const Kernels& table);
template <>
inline const LatticeKernels<float>& lattice_kernels(const Kernels& table) {
    return table.single_lattice;
}
template <>
inline const LatticeKernels<double>& lattice_kernels(const Kernels& table) {
    return table.double_lattice;
}

template <class T>
struct RowKernelsOf;
template <>
struct RowKernelsOf<float> {
    using Lattice = float;
    static const RowKernels<float>& in(const Kernels& table) { return table.float32; }
};
template <>
struct RowKernelsOf<double> {
    using Lattice = double;
    static const RowKernels<double>& in(const Kernels& table) { return table.float64; }
};
template <>
struct RowKernelsOf<BFloat16> {
    using Lattice = float;
    static const RowKernels<float>& in(const Kernels& table) { return table.bfloat16; }
};
template <>
struct RowKernelsOf<Float16> {
    using Lattice = float;
    static const RowKernels<float>& in(const Kernels& table) { return table.float16; }
};

}  // namespace seqfront

#endif  // SEQFRONT_CPU_DISPATCH_HPP_
