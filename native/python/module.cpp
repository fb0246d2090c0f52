// seqfront._native: the C ABI for Python. The only file that knows Python.
//
// Arrays come as addresses (int), sizes and strides in elements: the callers have checked their
// tensors already, and this way a call costs less than wrapping four arrays would. The interpreter
// lock is released while a kernel runs.
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>

#include <array>
#include <cstdint>
#include <new>
#include <stdexcept>

#include "seqfront/seqfront.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using Address = uintptr_t;
using Shape = std::array<int64_t, 4>;

template <class T>
T* at(Address address) {
    return reinterpret_cast<T*>(address);
}

// Runs a kernel without the interpreter lock, and raises what went wrong.
template <class Kernel>
void run(Kernel&& kernel) {
    sf_status status;
    {
        nb::gil_scoped_release release;
        status = kernel();
    }
    switch (status) {
        case SF_OK:
            return;
        case SF_INVALID_ARGUMENT:
            throw nb::value_error(sf_last_error());
        case SF_OUT_OF_MEMORY:
            throw std::bad_alloc();
        default:
            throw std::runtime_error(sf_last_error());
    }
}

sf_rnnt_problem rnnt_problem(int dtype, const Shape& shape, const std::array<int64_t, 3>& strides,
                             Address targets, int64_t targets_stride, Address frame_lengths,
                             Address label_lengths, int64_t blank, bool normalized, int threads) {
    sf_rnnt_problem problem{};
    problem.batch = shape[0];
    problem.frames = shape[1];
    problem.labels = shape[2];
    problem.classes = shape[3];
    for (int i = 0; i < 3; ++i) problem.logits_stride[i] = strides[i];
    problem.targets = at<const int32_t>(targets);
    problem.targets_stride = targets_stride;
    problem.frame_lengths = at<const int32_t>(frame_lengths);
    problem.label_lengths = at<const int32_t>(label_lengths);
    problem.blank = blank;
    problem.dtype = dtype;
    problem.normalized = normalized;
    problem.threads = threads;
    return problem;
}

sf_ctc_problem ctc_problem(int dtype, const Shape& shape, const std::array<int64_t, 2>& strides,
                           Address targets, int64_t targets_stride, Address frame_lengths,
                           Address label_lengths, int64_t blank, bool normalized, bool max_approx,
                           bool label_loop, int threads) {
    sf_ctc_problem problem{};
    problem.batch = shape[0];
    problem.frames = shape[1];
    problem.labels = shape[2];
    problem.classes = shape[3];
    for (int i = 0; i < 2; ++i) problem.logits_stride[i] = strides[i];
    problem.targets = at<const int32_t>(targets);
    problem.targets_stride = targets_stride;
    problem.frame_lengths = at<const int32_t>(frame_lengths);
    problem.label_lengths = at<const int32_t>(label_lengths);
    problem.blank = blank;
    problem.dtype = dtype;
    problem.normalized = normalized;
    problem.max_approx = max_approx;
    problem.label_loop = label_loop;
    problem.threads = threads;
    return problem;
}

void define_rnnt(nb::module_& m) {
    m.def(
        "rnnt_forward",
        [](Address logits, int dtype, Shape shape, std::array<int64_t, 3> strides, Address targets,
           int64_t targets_stride, Address frame_lengths, Address label_lengths, int64_t blank,
           bool normalized, Address loss, Address saved, int threads) {
            const sf_rnnt_problem problem =
                rnnt_problem(dtype, shape, strides, targets, targets_stride, frame_lengths,
                             label_lengths, blank, normalized, threads);
            run([&] {
                return sf_rnnt_forward(&problem, at<void>(logits), at<void>(loss), at<void>(saved));
            });
        },
        "logits"_a, "dtype"_a, "shape"_a, "strides"_a, "targets"_a, "targets_stride"_a,
        "frame_lengths"_a, "label_lengths"_a, "blank"_a, "normalized"_a, "loss"_a, "saved"_a,
        "threads"_a = 0,
        "RNN-T loss of each sequence, and `saved` [batch, frames, labels + 1, 3] for the\n"
        "gradient.\n"
        "\n"
        "`shape` is (batch, frames, labels, classes); the logits have labels + 1 positions, and\n"
        "strides for batch, frame and position. `dtype`: 0 float32, 1 float64, 2 bfloat16, 3\n"
        "float16. Loss and saved are float64 for float64 logits, else float32; targets and\n"
        "lengths are int32. `threads` 0 is the default. Raises ValueError for lengths or targets\n"
        "out of range.");
    m.def(
        "rnnt_backward",
        [](Address logits, int dtype, Shape shape, std::array<int64_t, 3> strides, Address targets,
           int64_t targets_stride, Address frame_lengths, Address label_lengths, int64_t blank,
           bool normalized, Address saved, Address grad_loss, Address grad,
           std::array<int64_t, 3> grad_strides, int threads) {
            const sf_rnnt_problem problem =
                rnnt_problem(dtype, shape, strides, targets, targets_stride, frame_lengths,
                             label_lengths, blank, normalized, threads);
            run([&] {
                return sf_rnnt_backward(&problem, at<void>(logits), at<void>(saved),
                                        at<void>(grad_loss), at<void>(grad), grad_strides.data());
            });
        },
        "logits"_a, "dtype"_a, "shape"_a, "strides"_a, "targets"_a, "targets_stride"_a,
        "frame_lengths"_a, "label_lengths"_a, "blank"_a, "normalized"_a, "saved"_a, "grad_loss"_a,
        "grad"_a, "grad_strides"_a, "threads"_a = 0,
        "Gradient of the RNN-T loss, times `grad_loss` [batch], into `grad`, of the dtype of the\n"
        "logits; it may be the logits themselves.");
}

void define_ctc(nb::module_& m) {
    m.def(
        "ctc_forward",
        [](Address logits, int dtype, Shape shape, std::array<int64_t, 2> strides, Address targets,
           int64_t targets_stride, Address frame_lengths, Address label_lengths, int64_t blank,
           bool normalized, bool max_approx, bool label_loop, Address loss, Address saved,
           int threads) {
            const sf_ctc_problem problem =
                ctc_problem(dtype, shape, strides, targets, targets_stride, frame_lengths,
                            label_lengths, blank, normalized, max_approx, label_loop, threads);
            run([&] {
                return sf_ctc_forward(&problem, at<void>(logits), at<void>(loss), at<void>(saved));
            });
        },
        "logits"_a, "dtype"_a, "shape"_a, "strides"_a, "targets"_a, "targets_stride"_a,
        "frame_lengths"_a, "label_lengths"_a, "blank"_a, "normalized"_a = false,
        "max_approx"_a = false, "label_loop"_a = true, nb::kw_only(), "loss"_a, "saved"_a,
        "threads"_a = 0,
        "CTC loss of each sequence, and `saved` [batch, frames, labels + 2] for the gradient.\n"
        "\n"
        "`shape` is (batch, frames, labels, classes); strides are those of batch and frame. The\n"
        "rest is as in `rnnt_forward`.");
    m.def(
        "ctc_backward",
        [](Address logits, int dtype, Shape shape, std::array<int64_t, 2> strides, Address targets,
           int64_t targets_stride, Address frame_lengths, Address label_lengths, int64_t blank,
           bool normalized, bool max_approx, bool label_loop, Address saved, Address grad_loss,
           Address grad, std::array<int64_t, 2> grad_strides, int threads) {
            const sf_ctc_problem problem =
                ctc_problem(dtype, shape, strides, targets, targets_stride, frame_lengths,
                            label_lengths, blank, normalized, max_approx, label_loop, threads);
            run([&] {
                return sf_ctc_backward(&problem, at<void>(logits), at<void>(saved),
                                       at<void>(grad_loss), at<void>(grad), grad_strides.data());
            });
        },
        "logits"_a, "dtype"_a, "shape"_a, "strides"_a, "targets"_a, "targets_stride"_a,
        "frame_lengths"_a, "label_lengths"_a, "blank"_a, "normalized"_a = false,
        "max_approx"_a = false, "label_loop"_a = true, nb::kw_only(), "saved"_a, "grad_loss"_a,
        "grad"_a, "grad_strides"_a, "threads"_a = 0,
        "Gradient of the CTC loss, times `grad_loss` [batch], into `grad`, of the dtype of the\n"
        "logits; it may be the logits themselves.");
}

void define_edit_distance(nb::module_& m) {
    m.def(
        "edit_distance",
        [](int64_t batch, Address a, int64_t a_stride, int64_t a_size, Address a_lengths, Address b,
           int64_t b_stride, int64_t b_size, Address b_lengths, Address distance, int threads) {
            run([&] {
                return sf_edit_distance(batch, at<const int32_t>(a), a_stride, a_size,
                                        at<const int32_t>(a_lengths), at<const int32_t>(b),
                                        b_stride, b_size, at<const int32_t>(b_lengths),
                                        at<int32_t>(distance), threads);
            });
        },
        "batch"_a, "a"_a, "a_stride"_a, "a_size"_a, "a_lengths"_a, "b"_a, "b_stride"_a, "b_size"_a,
        "b_lengths"_a, "distance"_a, "threads"_a = 0,
        "Levenshtein distance of each pair of rows of `a` [batch, a_size] and `b`\n"
        "[batch, b_size], up to their lengths, into `distance` [batch]. All are int32.");
}

}  // namespace

NB_MODULE(_native, m) {
    m.doc() = "Kernels of seqfront over raw memory; use `seqfront.native` and the losses instead.";
    define_rnnt(m);
    define_ctc(m);
    define_edit_distance(m);
    m.def("version", &sf_version, "Version of the library.");
    m.def("isa", &sf_isa, "Instruction set of the kernels: 'baseline', 'avx2' or 'avx512'.");
    m.def(
        "set_isa", [](const char* name) { run([&] { return sf_set_isa(name); }); }, "name"_a,
        "Use another instruction set that this processor has; for tests and benchmarks.");
    m.def("default_threads", &sf_default_threads, "Threads of a call that asks for 0.");
    m.def(
        "set_default_threads",
        [](int32_t threads) { run([&] { return sf_set_default_threads(threads); }); }, "threads"_a,
        "Set the threads of a call that asks for 0.");
}
