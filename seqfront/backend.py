"""The seam: what a framework must offer, and what it gets for free.

Below this line there are only raw tensors and integer axes; above it only named dims. A backend is
one subclass of `Backend`. Its *abstract* methods are the primitives: all of them are mandatory, and
each does one thing whose meaning is fixed here, so that frameworks agree to the last dtype. The
*composed* operations (`seqfront.composed`) are written in these primitives, right by construction;
a backend may override any of them with something faster, and a test holds every override to the
default it replaces, in values and in gradients.

A third party's backend is finished when it can be instantiated and `tests/backends` passes:

    class Backend(seqfront.backend.Backend):
        name = "jax"
        ...

What every primitive keeps to:

- Raw tensors of one call live on one device. Dtypes are given by name ("float32", "int64", "bool");
  the caller has already promoted operands, so a primitive never changes a dtype unasked.
- Shapes are tuples of ints, or of what the backend uses for an unknown size while it traces.
- Axes are non-negative ints. Floating-point results do not depend on whether a graph is traced.
- Gradients flow through everything differentiable; integer and boolean tensors have none.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

from seqfront.composed import ComposedOps
from seqfront.tables import ArgReduceName as ArgReduceName
from seqfront.tables import BinaryName as BinaryName
from seqfront.tables import BitwiseName as BitwiseName
from seqfront.tables import CumulativeName as CumulativeName
from seqfront.tables import RandomName as RandomName
from seqfront.tables import ReduceName as ReduceName
from seqfront.tables import ScatterName as ScatterName
from seqfront.tables import UnaryName as UnaryName

Raw: TypeAlias = Any
"""A framework's own tensor: `numpy.ndarray`, `torch.Tensor`, `tf.Tensor`."""

Size: TypeAlias = Any
"""The extent of an axis: an int, or while tracing a `torch.SymInt` or a scalar `tf.Tensor`."""


def product(sizes: Iterable[Size]) -> Size:
    """The extent of axes that become one; 1 for none. (A loop, which every tracer can follow.)"""
    count: Size = 1
    for size in sizes:
        count = count * size
    return count


class Backend(ComposedOps, abc.ABC):
    """One framework: primitives on raw tensors. See the module's text for the rules."""

    name: ClassVar[str]
    """As in `sf.set_backend(name)`, `repr(tensor)` and error messages."""

    raw_types: ClassVar[tuple[type, ...]]
    """Every concrete class of raw tensor; all are registered when the backend is loaded."""

    has_gradients: ClassVar[bool] = True

    has_half_products: ClassVar[bool] = True
    """Whether `sf.autocast` is of use."""

    sizes_may_be_data: ClassVar[bool] = False
    """Whether an integer that a trace computes may be the extent of an axis."""

    bodies_see_tensors_only: ClassVar[bool] = False
    """Whether nothing but tensors gets into and out of the branches and bodies that a trace runs:
    no growing array, and no change of a Python object."""

    native_devices: ClassVar[tuple[str, ...]] = ("cpu",)
    """Kinds of devices whose memory native ops read where it lies, if they have a kernel for it."""

    copies_for_native: ClassVar[bool] = False
    """Whether native ops take tensors on any device, by copies to the CPU and back."""

    # -- inspect and convert ----------------------------------------------------------------------

    @abc.abstractmethod
    def shape(self, x: Raw) -> tuple[Size, ...]:
        """Extents; unknown ones as symbols of the trace."""

    @abc.abstractmethod
    def static_shape(self, x: Raw) -> tuple[int | None, ...]:
        """Extents as ints; None where the trace does not know."""

    @abc.abstractmethod
    def dtype(self, x: Raw) -> str:
        """Dtype by name."""

    @abc.abstractmethod
    def device(self, x: Raw) -> str:
        """`"cpu"`, `"cuda:0"`, ..."""

    @abc.abstractmethod
    def convert(self, value: Any, dtype: str | None = None, device: str | None = None) -> Raw:
        """A raw tensor of a number, a nested sequence or an array. Python floats become float32
        and ints int32; an array keeps its dtype."""

    @abc.abstractmethod
    def to_numpy(self, x: Raw) -> Any:
        """As `numpy.ndarray` (bfloat16 as float32), detached. Only when eager."""

    @abc.abstractmethod
    def cast(self, x: Raw, dtype: str) -> Raw:
        """Convert values; floats to ints truncate towards zero."""

    @abc.abstractmethod
    def to_device(self, x: Raw, device: str) -> Raw:
        """Copy to a device, if it is not there."""

    def version(self, x: Raw) -> Hashable:
        """Equal as long as the values of this tensor are the same: whether what was made of them
        is still good. None if the framework does not tell."""
        return None

    # -- create -----------------------------------------------------------------------------------

    @abc.abstractmethod
    def full(self, shape: Sequence[Size], value: float, dtype: str, device: str) -> Raw:
        """Constant of a shape."""

    @abc.abstractmethod
    def arange(self, size: Size, dtype: str, device: str) -> Raw:
        """0, 1, ..., size - 1."""

    @abc.abstractmethod
    def random(self, kind: RandomName, shape: Sequence[Size], dtype: str, device: str) -> Raw:
        """From the framework's own generator: uniform in [0, 1), or the standard normal."""

    # -- elementwise (operands broadcast as in NumPy) ---------------------------------------------

    @abc.abstractmethod
    def unary(self, name: UnaryName, x: Raw) -> Raw:
        """One of the table `UnaryName`."""

    @abc.abstractmethod
    def binary(self, name: BinaryName, a: Raw, b: Raw) -> Raw:
        """One of the table `BinaryName`; one of `a`, `b` may be a Python number."""

    @abc.abstractmethod
    def bitwise(self, name: BitwiseName, a: Raw, b: Raw) -> Raw:
        """One of the table `BitwiseName`, on integers of one dtype; `b` may be a Python int."""

    @abc.abstractmethod
    def where(self, condition: Raw, a: Raw, b: Raw) -> Raw:
        """`a` where true, else `b`; either may be a Python number. The gradient of the operand not
        chosen is exactly zero, whatever it holds."""

    # -- reduce -----------------------------------------------------------------------------------

    @abc.abstractmethod
    def reduce(self, name: ReduceName, x: Raw, axes: Sequence[int], keepdims: bool = False) -> Raw:
        """Reduce some axes; `sum` and `prod` keep the dtype of `x`."""

    @abc.abstractmethod
    def arg_reduce(self, name: ArgReduceName, x: Raw, axis: int) -> Raw:
        """Index of the greatest or least along an axis."""

    @abc.abstractmethod
    def cumulative(self, name: CumulativeName, x: Raw, axis: int) -> Raw:
        """One of the table `CumulativeName`, each position included; keeps the dtype of `x`."""

    # -- move -------------------------------------------------------------------------------------

    @abc.abstractmethod
    def reshape(self, x: Raw, shape: Sequence[Size]) -> Raw:
        """Row-major; no -1."""

    @abc.abstractmethod
    def transpose(self, x: Raw, permutation: Sequence[int]) -> Raw:
        """Axis i of the result is axis `permutation[i]` of `x`."""

    @abc.abstractmethod
    def expand_dims(self, x: Raw, axes: Sequence[int]) -> Raw:
        """Insert axes of size one; `axes` ascending, counted in the result."""

    @abc.abstractmethod
    def squeeze(self, x: Raw, axes: Sequence[int]) -> Raw:
        """Remove axes of size one."""

    @abc.abstractmethod
    def broadcast_to(self, x: Raw, shape: Sequence[Size]) -> Raw:
        """As NumPy's; memory may be shared."""

    @abc.abstractmethod
    def concat(self, xs: Sequence[Raw], axis: int) -> Raw:
        """Join along an existing axis."""

    @abc.abstractmethod
    def split(self, x: Raw, sizes: Sequence[Size], axis: int) -> tuple[Raw, ...]:
        """Cut into pieces of the sizes given, which add up to the axis."""

    @abc.abstractmethod
    def pad(self, x: Raw, paddings: Sequence[tuple[Size, Size]], value: float) -> Raw:
        """Constant before and after, for every axis."""

    @abc.abstractmethod
    def slice(self, x: Raw, axis: int, start: Size, stop: Size, step: int = 1) -> Raw:
        """`x[start:stop:step]` along an axis, as Python counts: negative from the end, and cut to
        the extent; step >= 1."""

    @abc.abstractmethod
    def flip(self, x: Raw, axis: int) -> Raw:
        """Reverse an axis."""

    # -- index ------------------------------------------------------------------------------------

    @abc.abstractmethod
    def gather(self, x: Raw, indices: Raw, axis: int, batch_ndim: int = 0) -> Raw:
        """Take slices along `axis`; the first `batch_ndim` axes of `x` and `indices` go together
        (axis >= batch_ndim). Result: x.shape[:axis] + indices.shape[batch_ndim:] +
        x.shape[axis+1:]. Indices lie in range: the caller sees to that."""

    @abc.abstractmethod
    def scatter(self, name: ScatterName, x: Raw, indices: Raw, updates: Raw) -> Raw:
        """Combine `updates[i, ...]` into `x[indices[i], ...]` along the first axis; `indices` is
        1-D. For `update`, the last one wins. Gives a new tensor."""

    @abc.abstractmethod
    def sort(self, x: Raw, axis: int, descending: bool = False) -> tuple[Raw, Raw]:
        """Stable: values and int64 indices."""

    @abc.abstractmethod
    def top_k(self, x: Raw, k: int) -> tuple[Raw, Raw]:
        """Greatest `k` of the last axis, descending; lower index first among equals; int64."""

    @abc.abstractmethod
    def search_sorted(self, sorted_values: Raw, values: Raw, side: Literal["left", "right"]) -> Raw:
        """Insertion points in the last axis; leading axes go together; int64."""

    @abc.abstractmethod
    def masked_select(self, x: Raw, mask: Raw) -> Raw:
        """Rows `x[i, ...]` where the 1-D `mask[i]`, in order; a size known only at run time."""

    # -- contract and transform -------------------------------------------------------------------

    @abc.abstractmethod
    def einsum(self, equation: str, *xs: Raw) -> Raw:
        """Explicit form with an arrow, one letter an axis, e.g. `"btf,fo->bto"`."""

    @abc.abstractmethod
    def conv(
        self, x: Raw, kernel: Raw, strides: Sequence[int], dilations: Sequence[int], groups: int
    ) -> Raw:
        """Cross-correlation without padding, 1 to 3 spatial axes. Where the input is shorter than
        the window, the output is empty.

        x [batch, *spatial, in], kernel [*window, in / groups, out] -> [batch, *spatial', out].
        """

    @abc.abstractmethod
    def conv_transpose(self, x: Raw, kernel: Raw, strides: Sequence[int]) -> Raw:
        """The gradient of `conv` with respect to its input (groups 1, no dilation).

        x [batch, *spatial, out], kernel [*window, in, out] ->
        [batch, *((spatial - 1) * stride + window), in]. An empty axis stays empty.
        """

    @abc.abstractmethod
    def pool(
        self, name: Literal["max", "mean"], x: Raw, window: Sequence[int], strides: Sequence[int]
    ) -> Raw:
        """Without padding: x [batch, *spatial, channels], 1 to 3 spatial axes. Empty as `conv`."""

    @abc.abstractmethod
    def rfft(self, x: Raw, size: int) -> tuple[Raw, Raw]:
        """Real FFT of the last axis (cut or zero-padded to `size`): real and imaginary parts."""

    @abc.abstractmethod
    def irfft(self, real: Raw, imaginary: Raw, size: int) -> Raw:
        """Inverse of `rfft`."""

    # -- control flow (nested tuples, lists and dicts of raw tensors) ------------------------------

    @abc.abstractmethod
    def cond(self, predicate: Raw, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
        """One of two branches, with results of one structure, by a scalar bool."""

    @abc.abstractmethod
    def while_loop(
        self, condition: Callable[[Any], Raw], body: Callable[[Any], Any], state: Any
    ) -> Any:
        """Repeat `state = body(state)` while `condition(state)`."""

    @abc.abstractmethod
    def scan(
        self,
        body: Callable[[Any, Any], tuple[Any, Any]],
        state: Any,
        xs: Any,
        size: Size,
        reverse: bool = False,
    ) -> tuple[Any, Any]:
        """`state, y = body(state, x[i])` along the first axis of every leaf of `xs`.

        Gives the last state and the stacked `y`. `size` may be zero: then `y` is empty.
        """

    @abc.abstractmethod
    def array_empty(self, like: Raw) -> Any:
        """A growing array without items, which will be like `like`: state of a `while_loop`."""

    @abc.abstractmethod
    def array_push(self, array: Any, x: Raw) -> Any:
        """The array with one more item; the old one stays as it is."""

    @abc.abstractmethod
    def array_stack(self, array: Any, dtype: str, shape: Sequence[int | None]) -> Raw:
        """All items along a new first axis; `dtype` and the static `shape` are those of each."""

    # -- gradient ---------------------------------------------------------------------------------

    @abc.abstractmethod
    def stop_gradient(self, x: Raw) -> Raw:
        """The same value, a constant to differentiation."""

    @abc.abstractmethod
    def custom_gradient(
        self,
        forward: Callable[..., Raw],
        backward: Callable[..., Sequence[Raw | None]],
        *xs: Raw,
    ) -> Raw:
        """`forward(*xs)`, with `backward(grad, result, *xs)` as its gradient for every `x`."""

    @abc.abstractmethod
    def value_and_grad(
        self, fn: Callable[[], tuple[Raw, Any]], wrt: Sequence[Raw]
    ) -> tuple[tuple[Raw, Any], list[Raw]]:
        """`fn()` gives a scalar to differentiate, and anything else; gradients of `wrt`, zeros
        where the value does not depend on one."""

    @abc.abstractmethod
    def no_grad(self, fn: Callable[[], Any]) -> Any:
        """`fn()` without recording for differentiation."""

    @abc.abstractmethod
    def checkpoint(self, fn: Callable[..., Any], *xs: Raw) -> Any:
        """`fn(*xs)`, computed again for the gradient instead of kept."""

    # -- parameters -------------------------------------------------------------------------------

    @abc.abstractmethod
    def parameter(self, value: Any, device: str | None = None, trainable: bool = True) -> Raw:
        """A variable of the framework that starts as the NumPy array `value`."""

    @abc.abstractmethod
    def assign(self, parameter: Raw, value: Raw) -> None:
        """Overwrite a variable in place."""

    # -- graph ------------------------------------------------------------------------------------

    @abc.abstractmethod
    def is_tracing(self) -> bool:
        """Whether a graph is being built at this moment, so that values are not at hand."""

    @abc.abstractmethod
    def compile(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """The framework's way to run `fn` (raw tensors in and out) as one graph."""

    @abc.abstractmethod
    def check(self, condition: Raw, message: str) -> Raw:
        """The scalar bool `condition`, tied to a check that fails with `message` when it runs."""

    @abc.abstractmethod
    def set_seed(self, seed: int) -> None:
        """Seed the framework's generator."""

    @abc.abstractmethod
    def random_state(self) -> Any:
        """State of the generator, for `set_random_state`."""

    @abc.abstractmethod
    def set_random_state(self, state: Any) -> None:
        """Continue from a state."""

    # -- native -----------------------------------------------------------------------------------

    @abc.abstractmethod
    def native_call(
        self, op: str, inputs: Sequence[Raw | None], attributes: Mapping[str, float]
    ) -> tuple[Raw, ...]:
        """The results of one op of `seqfront.native.ops()`, differentiable as declared there.

        An optional input may be None; at the end, it may be missing. The attribute `reuse`, which
        every differentiable op has beside its own, allows the gradient to be written over the input
        it belongs to.
        """
