// RNN-T on top of a joint network, on a GPU: which kernels a call runs, in which memory.
//
//     JointForward     the rows of all cells within the lengths, then the lattice from its start
//     JointBackward    the lattice both ways, then the rows that alignments pass through
//
// See head_forward.hpp and head_backward.hpp for the rows, which take nearly all of the time, and
// rnnt_lattice.hpp. Of a cell the workspace has 16 bytes forward, and 44 backward (72 in double).
#ifndef SEQFRONT_CUDA_HEAD_JOINT_RNNT_HPP_
#define SEQFRONT_CUDA_HEAD_JOINT_RNNT_HPP_

#include "cpu/head/joint_options.hpp"
#include "cuda/head/head_backward.hpp"
#include "cuda/head/head_forward.hpp"
#include "cuda/head/joint_inputs.hpp"
#include "cuda/head/joint_lattice.hpp"
#include "cuda/head/joint_rnnt_rows.hpp"

namespace seqfront {
namespace cuda {

inline RnntProblem joint_problem(const Call& call) {
    RnntProblem p = transducer_problem(call, joint::kTargets, call.size(joint::kSource, 1),
                                       call.size(joint::kWeight, 0));
    add_optional(call, joint::kWindows, joint::kBigBlanks, p);
    return p;
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

class JointForward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const JointCall<T> of(call);
        Workspace workspace(call.workspace());
        const Memory<T> memory(of, workspace);
        L* const saved = call.out<L>(1);
        of.pad(launcher, memory.head.layer);
        memory.head.run(launcher, JointForwardRows<T>{of.problem, of.inputs, saved});
        memory.lattice.losses(launcher, saved, call.out<L>(0));
    }

    template <class T, class Launcher>
    static int64_t workspace(const Call& call) {
        Workspace workspace(nullptr);
        Memory<T>(JointCall<T>(call), workspace);
        return workspace.bytes();
    }

  private:
    template <class T>
    struct Memory {
        Memory(const JointCall<T>& of, Workspace& workspace)
            : lattice(of.problem, workspace),
              head(of.sizes(), Launcher::bytes(kForwardBytes), workspace) {}

        JointLattice<LatticeType<T>, false> lattice;
        HeadForward<T> head;
    };
};

class JointBackward {
  public:
    template <class T, class Launcher>
    static void run(const Launcher& launcher, const Call& call) {
        using L = LatticeType<T>;
        const JointCall<T> of(call);
        Workspace workspace(call.workspace());
        const Memory<T> memory(of, workspace);
        memory.lattice.columns(launcher, call.in<L>(joint::kSaved), call.in<L>(joint::kGradLoss),
                               memory.columns);
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
        Workspace workspace(nullptr);
        Memory<T>(JointCall<T>(call), workspace);
        return workspace.bytes();
    }

  private:
    template <class T>
    struct Memory {
        using L = LatticeType<T>;

        Memory(const JointCall<T>& of, Workspace& workspace)
            : lattice(of.problem, workspace),
              head(of.sizes(), Launcher::bytes(kBackwardBytes), workspace),
              columns(workspace.take<L>(of.problem.rows() * of.problem.columns())) {
            if constexpr (std::is_same_v<T, L>) {
                source = of.call.template out<T>(joint::kGradSource);
                prediction = of.call.template out<T>(joint::kGradPrediction);
            } else {
                source = workspace.take<L>(of.source_size());
                prediction = workspace.take<L>(of.prediction_size());
            }
        }

        JointLattice<L, true> lattice;
        HeadBackward<T> head;
        L* columns;
        L* source;      // sums
        L* prediction;  // sums
    };

    template <class T, class Launcher>
    static void run_rows(const Launcher& launcher, const JointCall<T>& of,
                         const Memory<T>& memory) {
        using L = LatticeType<T>;
        const JointBackwardRows<T> rows = {
            of.problem,         of.inputs,
            of.options.epsilon, of.call.template in<L>(joint::kSaved),
            memory.columns,     of.call.template in<L>(joint::kGradLoss)};
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
