/* The C ABI of seqfront's lattice library: the only door to the kernels.
 *
 * Plain pointers, strides in elements and int64 sizes; no exceptions cross it, every function
 * returns a status and leaves a message for `sf_last_error`. It knows no Python, no PyTorch and no
 * TensorFlow, so that one build serves every version of each.
 *
 * A loss is two calls. `*_forward` reads the logits once and gives the loss and what the lattice
 * needs of each row (`saved`: the normaliser and the few log-probs that arcs use). `*_backward`
 * takes the upstream gradient of each sequence, runs the lattice both ways and writes the gradient
 * of the logits; it may write over the logits themselves. So a loss without gradient costs one
 * read of the logits, and nothing the size of the logits is ever kept.
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
    SF_INTERNAL = 3
} sf_status;

typedef enum sf_dtype { SF_FLOAT32 = 0, SF_FLOAT64 = 1, SF_BFLOAT16 = 2, SF_FLOAT16 = 3 } sf_dtype;

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

/* RNN-T (Graves 2012, arXiv:1211.3711).
 *
 * logits [batch, frames, labels + 1, classes], classes contiguous, the other axes with any stride.
 * loss = -log p(targets | logits); +inf, with zero gradient, for a sequence with labels but without
 * frames; 0 for one with neither. */
typedef struct sf_rnnt_problem {
    int64_t batch;
    int64_t frames;
    int64_t labels;
    int64_t classes;
    int64_t logits_stride[3];     /* batch, frame, label */
    const int32_t* targets;       /* [batch, labels] */
    int64_t targets_stride;       /* between sequences; labels are contiguous */
    const int32_t* frame_lengths; /* [batch], each in 0..frames */
    const int32_t* label_lengths; /* [batch], each in 0..labels */
    int64_t blank;                /* in 0..classes-1; no target may equal it */
    int32_t dtype;                /* an sf_dtype: of the logits and of their gradient */
    int32_t normalized;           /* the logits are log-probs already: no softmax inside */
    int32_t threads;              /* 0: the default */
} sf_rnnt_problem;

/* loss [batch] and saved [batch, frames, labels + 1, 3] are of the lattice type. The layout of
 * `saved` is private. */
SF_API sf_status sf_rnnt_forward(const sf_rnnt_problem* problem, const void* logits, void* loss,
                                 void* saved);

/* grad_loss: lattice type [batch]. grad: as the logits, with strides of its own; may be `logits`.
 * With `normalized`, the gradient is that of log-probs taken as free inputs: -(arc posteriors). */
SF_API sf_status sf_rnnt_backward(const sf_rnnt_problem* problem, const void* logits,
                                  const void* saved, const void* grad_loss, void* grad,
                                  const int64_t grad_stride[3]);

/* CTC (Graves et al. 2006).
 *
 * logits [batch, frames, classes], classes contiguous. loss = -log p(targets | logits); +inf, with
 * zero gradient, for a sequence with too few frames for its labels; 0 for one without both. */
typedef struct sf_ctc_problem {
    int64_t batch;
    int64_t frames;
    int64_t labels;
    int64_t classes;
    int64_t logits_stride[2]; /* batch, frame */
    const int32_t* targets;
    int64_t targets_stride;
    const int32_t* frame_lengths;
    const int32_t* label_lengths;
    int64_t blank;
    int32_t dtype;
    int32_t normalized;
    int32_t max_approx; /* the best alignment only (Viterbi), instead of the sum over all */
    int32_t label_loop; /* a label may stay for several frames (CTC); 0: one frame each (RNA) */
    int32_t threads;
} sf_ctc_problem;

/* The same, with saved [batch, frames, labels + 2]. */
SF_API sf_status sf_ctc_forward(const sf_ctc_problem* problem, const void* logits, void* loss,
                                void* saved);
SF_API sf_status sf_ctc_backward(const sf_ctc_problem* problem, const void* logits,
                                 const void* saved, const void* grad_loss, void* grad,
                                 const int64_t grad_stride[2]);

/* Levenshtein distance of each pair of rows of a [batch, *] and b [batch, *]; distance [batch]. */
SF_API sf_status sf_edit_distance(int64_t batch, const int32_t* a, int64_t a_stride, int64_t a_size,
                                  const int32_t* a_lengths, const int32_t* b, int64_t b_stride,
                                  int64_t b_size, const int32_t* b_lengths, int32_t* distance,
                                  int32_t threads);

#ifdef __cplusplus
}
#endif

#endif /* SEQFRONT_SEQFRONT_H_ */
