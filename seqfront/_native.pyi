"""
Kernels of seqfront over raw memory; use `seqfront.native` and the losses instead.
"""

from collections.abc import Sequence

def ops() -> list[
    tuple[
        str,
        list[tuple[str, str, str, int]],
        list[tuple[str, str, str, int]],
        list[tuple[str, str, float]],
        bool,
    ]
]:
    """
    Declarations of all ops and their backward halves: (name, inputs,
    outputs, attributes, has a backward half).
    An input or output is (name, type, shape, flags), an attribute (name, type, default);
    see seqfront.h for what they mean.
    """

def call(
    op: str,
    inputs: Sequence[object],
    attributes: Sequence[float],
    outputs: Sequence[object],
    threads: int = 0,
) -> None:
    """
    Run an op, or `<op>_backward`, on arrays (address, dtype, shape, strides in elements),
    or None for an optional input. dtype: 0 float32, 1 float64, 2 bfloat16, 3 float16,
    4 int32. `threads` 0 is the default. Raises ValueError for arguments that make no
    sense.
    """

class Program:
    """
    Calls of ops, one after another, on memory that stays where it is: it has to live as
    long as the program. Each is what `call` takes.
    """

    def __init__(
        self, steps: Sequence[tuple[str, Sequence[object], Sequence[float], Sequence[object]]]
    ) -> None: ...
    def __call__(self, threads: int = 0) -> None:
        """Make them; the first that fails raises, as `call` does."""

def cuda_missing() -> str:
    """
    Why there are no CUDA kernels; empty if there are. The first call loads them.
    """

def has_cuda_kernel(op: str) -> bool:
    """Whether an op, or `<op>_backward`, has a CUDA kernel."""

def cuda_workspace(
    op: str, inputs: Sequence[object], attributes: Sequence[float], outputs: Sequence[object]
) -> int:
    """
    Bytes of memory of the device that `call_cuda` works in for these arrays.
    """

def call_cuda(
    op: str,
    inputs: Sequence[object],
    attributes: Sequence[float],
    outputs: Sequence[object],
    workspace: int,
    device: int,
    stream: int,
) -> None:
    """
    Run an op on a stream (the address of a cudaStream_t) of a device. Addresses are of
    memory of that device, the workspace at a multiple of 256. Returns at once.
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
