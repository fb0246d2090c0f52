/* The C ABI of seqfront's lattice library: the only door to the kernels.
 *
 * Plain pointers, strides in elements and int64 sizes; no exceptions cross it, every function
 * returns a status and leaves a message for `sf_last_error`. It knows no Python, no PyTorch and no
 * TensorFlow, so that one build serves every version of each.
 *
 * A loss is two ops. The forward half reads the logits once and gives the loss and what the lattice
 * needs of each row (`saved`: the normaliser and the few log-probs that arcs use). The backward
 * half takes the upstream gradient of each sequence, runs the lattice both ways and writes the
 * gradient of the logits; it may write over the logits themselves. So a loss without gradient costs
 * one read of the logits, and nothing the size of the logits is ever kept.
 *
 * "Lattice type" below is double for double logits, and float for all others.
 * Positions beyond a sequence's lengths are never read, and get zero gradient. A logit of -inf is a
 * class that is impossible. NaN or +inf makes the loss and the gradient of its own sequence NaN,
 * and no other's. An upstream gradient of 0 gives zeros whatever the loss.
 *
 * Results do not depend on the number of threads, to the last bit. All functions may be called from
 * several threads at once, and after fork().
 */
#ifndef SEQFRONT_SEQFRONT_H_
#define SEQFRONT_SEQFRONT_H_

#include <stdint.h>

#if defined(_WIN32)
#define SF_API __declspec(dllexport)
#else
#define SF_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sf_status {
    SF_OK = 0,
    SF_INVALID_ARGUMENT = 1, /* sizes, lengths or labels that make no sense */
    SF_OUT_OF_MEMORY = 2,
    SF_INTERNAL = 3,
    SF_UNAVAILABLE = 4 /* no CUDA kernels in this build, or none for this op */
} sf_status;

typedef enum sf_dtype {
    SF_FLOAT32 = 0,
    SF_FLOAT64 = 1,
    SF_BFLOAT16 = 2,
    SF_FLOAT16 = 3,
    SF_INT32 = 4
} sf_dtype;

/* Text of the last error on this thread; valid until the next call into the library from it. */
SF_API const char* sf_last_error(void);
SF_API const char* sf_version(void);

/* Instruction set the kernels run on: "baseline", "avx2" or "avx512"; SEQFRONT_ISA, else by cpuid.
 * `sf_set_isa` picks another that this processor has (for tests and benchmarks). */
SF_API const char* sf_isa(void);
SF_API sf_status sf_set_isa(const char* name);

/* Threads of a call that says 0: SEQFRONT_NUM_THREADS, else the processors this process may use. */
SF_API int32_t sf_default_threads(void);
SF_API sf_status sf_set_default_threads(int32_t threads);

/* Arrays: of any strides (in elements) where an op says so, else row-major without gaps. */
#define SF_MAX_RANK 5

typedef struct sf_array {
    void* data; /* may be null if there are no elements */
    int32_t dtype;
    int32_t rank;
    int64_t shape[SF_MAX_RANK];
    int64_t stride[SF_MAX_RANK];
} sf_array;

/* What an op takes and gives. All ops are declared in one table, from which the bindings of every
 * framework are made; see native/README.md. */
enum {
    SF_DIFFERENTIABLE = 1, /* input: the op has a gradient for it. output: it carries a gradient */
    SF_OPTIONAL = 2,       /* input: may be left out, as an array of shape [0] */
    SF_STRIDED = 4,        /* any strides, the last axis contiguous; so is its gradient */
    SF_SAVED = 8,          /* output: private, for the backward half */
    SF_REUSABLE = 16       /* input: its gradient may be written over it */
};

typedef struct sf_array_spec {
    const char* name;
    const char* type;  /* "T": a floating dtype, one for all "T" of a call; "L": the lattice type */
                       /* of T; or the name of a dtype */
    const char* shape; /* sizes by name, "batch frames labels+1 3": a name stands for one size */
    int32_t flags;
} sf_array_spec;

typedef struct sf_attribute_spec {
    const char* name;
    const char* type; /* "bool", "int" or "float" */
    double fallback;  /* the value of an attribute that is not given */
} sf_attribute_spec;

typedef struct sf_op_spec {
    const char* name;
    int32_t input_count, output_count, attribute_count;
    const sf_array_spec* inputs;
    const sf_array_spec* outputs;
    const sf_attribute_spec* attributes;
    /* The op `<name>_backward`, or null. Its inputs are those of the op, its saved outputs, and
     * `grad_<output>` for each differentiable output; its outputs are `grad_<input>`. */
    const struct sf_op_spec* backward;
} sf_op_spec;

SF_API int32_t sf_op_count(void);
SF_API const sf_op_spec* sf_op(int32_t index);         /* null if there is none; no backward ops */
SF_API const sf_op_spec* sf_find_op(const char* name); /* backward ops too */

/* The input that an output of a backward op is the gradient of; -1 for any other output. */
SF_API int32_t sf_gradient_source(const sf_op_spec* op, int32_t output);

/* Shapes as far as they are known. A size that is not is -1; a rank that is not is -1. */
typedef struct sf_shape {
    int32_t rank;
    int64_t size[SF_MAX_RANK];
    /* Of an output: an axis of an input that has the same size, known or not; input -1 if none. */
    int32_t input[SF_MAX_RANK];
    int32_t axis[SF_MAX_RANK];
} sf_shape;

/* Checks the shapes of the inputs against each other and gives those of the outputs. */
SF_API sf_status sf_infer(const sf_op_spec* op, const sf_shape* inputs, sf_shape* outputs);

/* Runs an op: arrays and attributes in the order of its declaration. A gradient of a reusable input
 * may be the input itself. Attributes of type bool are 0 or 1. */
SF_API sf_status sf_call(const sf_op_spec* op, const sf_array* inputs, const double* attributes,
                         const sf_array* outputs, int32_t threads);

/* -- CUDA: arrays in the memory of a GPU
 * -----------------------------------------------------------
 *
 * The kernels are a library of their own, libseqfront_cuda.so, beside this one; the first of these
 * functions that is called loads it. Calls are put on a stream and return at once; they never wait
 * for the device and allocate nothing on it, so that CUDA graphs can hold them. Results are the
 * same from run to run, to the last bit. Lengths and labels are not looked at by the host: a
 * sequence of which one is out of range has a loss and a gradient of NaN, and -1 for integers. */

/* 1 if there are CUDA kernels; else 0, and sf_last_error() says why. */
SF_API int32_t sf_has_cuda(void);
/* 1 if an op, or a backward half, has a CUDA kernel. */
SF_API int32_t sf_has_cuda_kernel(const sf_op_spec* op);

/* Bytes that a call needs to work in. It depends on shapes and dtypes only. */
SF_API sf_status sf_cuda_workspace(const sf_op_spec* op, const sf_array* inputs,
                                   const double* attributes, const sf_array* outputs,
                                   int64_t* bytes);

/* sf_call on a stream (a cudaStream_t) of a device. The workspace has to begin at a multiple of
 * 256, and is free again for what comes after on the stream. */
SF_API sf_status sf_call_cuda(const sf_op_spec* op, const sf_array* inputs,
                              const double* attributes, const sf_array* outputs, void* workspace,
                              int32_t device, void* stream);

#ifdef __cplusplus
}
#endif

#endif /* SEQFRONT_SEQFRONT_H_ */
