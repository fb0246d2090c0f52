"""
Kernels of seqfront over raw memory; use `seqfront.native` and the losses instead.
"""

from collections.abc import Sequence

def rnnt_forward(
    logits: int,
    dtype: int,
    shape: Sequence[int],
    strides: Sequence[int],
    targets: int,
    targets_stride: int,
    frame_lengths: int,
    label_lengths: int,
    blank: int,
    normalized: bool,
    loss: int,
    saved: int,
    threads: int = 0,
) -> None:
    """
    RNN-T loss of each sequence, and `saved` [batch, frames, labels + 1, 3] for the
    gradient.

    `shape` is (batch, frames, labels, classes); the logits have labels + 1 positions, and
    strides for batch, frame and position. `dtype`: 0 float32, 1 float64, 2 bfloat16, 3
    float16. Loss and saved are float64 for float64 logits, else float32; targets and
    lengths are int32. `threads` 0 is the default. Raises ValueError for lengths or targets
    out of range.
    """

def rnnt_backward(
    logits: int,
    dtype: int,
    shape: Sequence[int],
    strides: Sequence[int],
    targets: int,
    targets_stride: int,
    frame_lengths: int,
    label_lengths: int,
    blank: int,
    normalized: bool,
    saved: int,
    grad_loss: int,
    grad: int,
    grad_strides: Sequence[int],
    threads: int = 0,
) -> None:
    """
    Gradient of the RNN-T loss, times `grad_loss` [batch], into `grad`, of the dtype of the
    logits; it may be the logits themselves.
    """

def ctc_forward(
    logits: int,
    dtype: int,
    shape: Sequence[int],
    strides: Sequence[int],
    targets: int,
    targets_stride: int,
    frame_lengths: int,
    label_lengths: int,
    blank: int,
    normalized: bool = False,
    max_approx: bool = False,
    label_loop: bool = True,
    *,
    loss: int,
    saved: int,
    threads: int = 0,
) -> None:
    """
    CTC loss of each sequence, and `saved` [batch, frames, labels + 2] for the gradient.

    `shape` is (batch, frames, labels, classes); strides are those of batch and frame. The
    rest is as in `rnnt_forward`.
    """

def ctc_backward(
    logits: int,
    dtype: int,
    shape: Sequence[int],
    strides: Sequence[int],
    targets: int,
    targets_stride: int,
    frame_lengths: int,
    label_lengths: int,
    blank: int,
    normalized: bool = False,
    max_approx: bool = False,
    label_loop: bool = True,
    *,
    saved: int,
    grad_loss: int,
    grad: int,
    grad_strides: Sequence[int],
    threads: int = 0,
) -> None:
    """
    Gradient of the CTC loss, times `grad_loss` [batch], into `grad`, of the dtype of the
    logits; it may be the logits themselves.
    """

def edit_distance(
    batch: int,
    a: int,
    a_stride: int,
    a_size: int,
    a_lengths: int,
    b: int,
    b_stride: int,
    b_size: int,
    b_lengths: int,
    distance: int,
    threads: int = 0,
) -> None:
    """
    Levenshtein distance of each pair of rows of `a` [batch, a_size] and `b`
    [batch, b_size], up to their lengths, into `distance` [batch]. All are int32.
    """

def version() -> str:
    """Version of the library."""

def isa() -> str:
    """Instruction set of the kernels: 'baseline', 'avx2' or 'avx512'."""

def set_isa(name: str) -> None:
    """
    Use another instruction set that this processor has; for tests and benchmarks.
    """

def default_threads() -> int:
    """Threads of a call that asks for 0."""

def set_default_threads(threads: int) -> None:
    """Set the threads of a call that asks for 0."""
