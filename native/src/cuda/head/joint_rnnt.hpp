// RNN-T on top of a joint network, on a GPU: which kernels a call runs, in which memory.
//
//     JointForward     the rows of all cells within the lengths, then the lattice from its start
//     JointBackward    the lattice both ways, then the rows that alignments pass through
//
// See head_forward.hpp and head_backward.hpp for the rows, which take nearly all of the time, and
// rnnt_lattice.hpp. Of a cell the workspace has 16 bytes forward, and 60 backward (96 in double).
#ifndef SEQFRONT_CUDA_HEAD_JOINT_RNNT_HPP_
#define SEQFRONT_CUDA_HEAD_JOINT_RNNT_HPP_

#include "cpu/head/joint_options.hpp"
#include "cuda/head/head_backward.hpp"
#include "cuda/head/joint_inputs.hpp"
#include "cuda/head/joint_rnnt_rows.hpp"
#include "cuda/transducer/rnnt.hpp"

namespace seqfront {
namespace cuda {

inline RnntProblem joint_problem(const Call& call) {
    const TransducerOptions o(call);
    const char* const what = o.star != kNoStar             ? "star arcs"
                             : call.has(joint::kBigBlanks) ? "big blanks"
                                                           : nullptr;
    if (what != nullptr) invalid("%s: it has no CUDA kernel for %s yet", call.name(), what);
    const int64_t classes = call.size(joint::kWeight, 0), blank = call.integer(joint::kBlank);
    check_blank(call.name(), blank, classes);
    return {call.size(joint::kTargets, 0),
            call.size(joint::kSource, 1),
            call.size(joint::kTargets, 1),
            classes,
            blank,
            false,
            nullptr,
            call.in<int32_t>(joint::kTargets),
            call.in<int32_t>(joint::kFrameLengths),
            call.in<int32_t>(joint::kLabelLengths),
            call.has(joint::kWindows) ? call.in<int32_t>(joint::kWindows) : nullptr,
            false,
            false,
            o.topology == kRegular ? 1 : 0,
            o.topology == kConstrained,
            o.fastemit,
            o.clamp,
            o.delay_penalty,
            o.sigma,
            o.fastemit_scale ? 1 + o.fastemit : 1};
}

template <class T>
struct JointCall {
    explicit JointCall(const Call& call_)
        : call(call_),
          options(call),
          problem(joint_problem(call)),
          inputs{call.in<T>(joint::kSource), call.in<T>(joint::kPrediction),
                 call.size(joint::kSource, 2), options.activation} {}

    HeadSizes<T> sizes() const { return {problem.rows(), problem.classes, inputs.features}; }
    int64_t source_size() const { return problem.batch * problem.frames * inputs.features; }
    int64_t prediction_size() const {
        return problem.batch * (problem.labels + 1) * inputs.features;
    }
    const T* bias() const { return call.has(joint::kBias) ? call.in<T>(joint::kBias) : nullptr; }

    template <class Launcher>
    void pad(const Launcher& launcher, const HeadLayer<T>& layer) const {
        layer.pad(launcher, call.in<T>(joint::kWeight), bias());
    }

    const Call& call;
    JointOptions options;
    RnntProblem problem;
    JointInputs<T> inputs;
};

template <class T>
struct JointForwardMemory {
    using Lattice = RnntMemory<LatticeType<T>, false>;

    template <class Launcher>
    static JointForwardMemory of(const JointCall<T>& call, void* memory) {
        auto lattice = Lattice::template of<Launcher>(call.problem, memory);
        const HeadForward<T> head(call.sizes(), Launcher::bytes(kForwardBytes), lattice.workspace);
        return {lattice, head};
    }

    Lattice lattice;
    HeadForward<T> head;
};

class JointForward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const JointCall<T> of(call);
        const auto memory = JointForwardMemory<T>::template of<Launcher>(of, call.workspace());
        L* const saved = call.out<L>(1);
        of.pad(launcher, memory.head.layer);
        memory.head.run(launcher, JointForwardRows<T>{of.problem, of.inputs, saved});
        using Lattice = RnntLattice<L, false>;
        launcher.template run<Lattice>(
            Lattice::grid(of.problem.batch, memory.lattice.threads),
            {of.problem, saved, {}, nullptr, call.out<L>(0), memory.lattice.border});
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return JointForwardMemory<T>::template of<Launcher>(JointCall<T>(call), nullptr)
            .lattice.workspace.bytes();
    }
};

template <class T>
struct JointBackwardMemory {
    using L = LatticeType<T>;
    using Lattice = RnntMemory<L, true>;

    template <class Launcher>
    static JointBackwardMemory of(const JointCall<T>& call, void* memory) {
        auto lattice = Lattice::template of<Launcher>(call.problem, memory);
        const HeadBackward<T> head(call.sizes(), Launcher::bytes(kBackwardBytes),
                                   lattice.workspace);
        auto* const columns = lattice.workspace.template take<JointColumns<L>>(call.problem.rows());
        JointBackwardMemory made = {lattice, head, columns, nullptr, nullptr};
        if constexpr (std::is_same_v<T, L>) {
            made.source = call.call.template out<T>(joint::kGradSource);
            made.prediction = call.call.template out<T>(joint::kGradPrediction);
        } else {
            made.source = made.lattice.workspace.template take<L>(call.source_size());
            made.prediction = made.lattice.workspace.template take<L>(call.prediction_size());
        }
        return made;
    }

    Lattice lattice;
    HeadBackward<T> head;
    JointColumns<L>* columns;
    L* source;      // sums
    L* prediction;  // sums
};

class JointBackward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        const JointCall<T> of(call);
        const auto memory = JointBackwardMemory<T>::template of<Launcher>(of, call.workspace());
        run_lattice(launcher, of, memory);
        of.pad(launcher, memory.head.layer);
        run_rows(launcher, of, memory);
        narrow(launcher, memory.source, call.out<T>(joint::kGradSource), of.source_size());
        narrow(launcher, memory.prediction, call.out<T>(joint::kGradPrediction),
               of.prediction_size());
        T* const bias = of.bias() == nullptr ? nullptr : call.out<T>(joint::kGradBias);
        memory.head.finish(launcher, call.out<T>(joint::kGradWeight), bias);
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        return JointBackwardMemory<T>::template of<Launcher>(JointCall<T>(call), nullptr)
            .lattice.workspace.bytes();
    }

  private:
    template <class T, class Launcher>
    static void run_lattice(const Launcher& launcher, const JointCall<T>& of,
                            const JointBackwardMemory<T>& memory) {
        using L = LatticeType<T>;
        using Lattice = RnntLattice<L, true>;
        launcher.template run<Lattice>(Lattice::grid(of.problem.batch, memory.lattice.threads),
                                       {of.problem,
                                        of.call.template in<L>(joint::kSaved),
                                        {memory.lattice.tables[0], memory.lattice.tables[1]},
                                        memory.lattice.likelihood,
                                        nullptr,
                                        memory.lattice.border});
    }

    template <class T, class Launcher>
    static void run_rows(const Launcher& launcher, const JointCall<T>& of,
                         const JointBackwardMemory<T>& memory) {
        using L = LatticeType<T>;
        JointBackwardRows<T> rows = {{}, of.inputs, of.options.epsilon, memory.columns};
        rows.lattice.problem = of.problem;
        rows.lattice.saved = of.call.template in<L>(joint::kSaved);
        rows.lattice.alpha = memory.lattice.tables[0];
        rows.lattice.beta = memory.lattice.tables[1];
        rows.lattice.likelihood = memory.lattice.likelihood;
        rows.lattice.grad_loss = of.call.template in<L>(joint::kGradLoss);
        clear(launcher, memory.source, of.source_size());
        clear(launcher, memory.prediction, of.prediction_size());
        memory.head.run(launcher, rows, [&](const HeadChunk<T>& chunk, const L* gradient) {
            using Inputs = JointInputGradients<T>;
            launcher.template run<Inputs>(
                Inputs::grid(of.problem),
                {of.problem, chunk, of.options.activation, memory.head.layer.list.place, gradient,
                 memory.source, memory.prediction});
        });
    }
};

}  // namespace cuda
}  // namespace seqfront

#endif  // SEQFRONT_CUDA_HEAD_JOINT_RNNT_HPP_
