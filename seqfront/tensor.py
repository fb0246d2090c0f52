"""Tensors over named dims.

A `Tensor` is a framework's own tensor together with the dims of its axes:

    >>> import numpy as np, seqfront as sf
    >>> batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 80)
    >>> x = sf.wrap(np.zeros((2, 5, 80), "float32"), (batch, time, mel), lengths={time: [5, 3]})
    >>> x
    float32[batch≤2, time≤5, mel:80] numpy:cpu
    >>> x.lengths(time).raw
    array([5, 3], dtype=int32)

It is immutable, and the order of its axes is nobody's business: every operation speaks of dims, and
gives the same for any order. Beyond the lengths of a ragged dim may stand anything, NaN included:
no operation lets it into data, or into a gradient (`seqfront.ops.mask` says how).

`raw_in` is the way out, to plain tensors in an order of your choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, Union

from typing_extensions import Self

from seqfront import dtypes, errors, overview, show
from seqfront.dim import Dim
from seqfront.lengths import FULL, Lengths

if TYPE_CHECKING:
    from seqfront.backend import Backend, Raw, Size

Number: TypeAlias = float
"""A Python bool, int or float."""

Operand: TypeAlias = Union["Tensor", Number]


class Tensor:
    """A raw tensor and the dims of its axes. Users make one with `sf.wrap`, which checks.

    Args:
        raw: The framework's tensor, one axis for each dim.
        dims: Dims of the axes, in the order of the axes; none twice.
        lengths: Lengths of ragged dims; None: all dims are full.
        sparse_dim: The dim that the values are indices into (labels), if they are.
        backend: Whose `raw` it is.
        untrusted: Padding may hold NaN, as it came from outside.
    """

    __slots__ = (
        "__weakref__", "backend", "dims", "lengths_table", "raw", "sparse_dim", "untrusted",
    )  # fmt: skip

    raw: Raw
    """The framework's own tensor, axes in the order of `dims`."""
    dims: tuple[Dim, ...]
    """Dims in the physical order of the axes."""
    lengths_table: Lengths
    """The table of lengths this tensor carries, for code that makes new tensors."""
    sparse_dim: Dim | None
    """The dim that the integer values are indices into."""
    backend: Backend
    """The backend whose tensor this is."""
    untrusted: bool
    """Whether the padding is as it came from outside. Results of operations never are: their
    padding is finite, though it means nothing."""

    def __init__(
        self,
        raw: Raw,
        dims: tuple[Dim, ...],
        lengths: Lengths | None = None,
        sparse_dim: Dim | None = None,
        *,
        backend: Backend,
        untrusted: bool = False,
    ) -> None:
        self.raw = raw
        self.dims = dims
        self.lengths_table = FULL if lengths is None else lengths
        self.sparse_dim = sparse_dim
        self.backend = backend
        self.untrusted = untrusted

    # -- what it is -------------------------------------------------------------------------------

    @property
    def dtype(self) -> str:
        """Dtype by name: `"float32"`, `"int64"`, `"bool"`, ..."""
        return self.backend.dtype(self.raw)

    @property
    def device(self) -> str:
        """`"cpu"`, `"cuda:0"`, ..."""
        return self.backend.device(self.raw)

    def axis(self, dim: Dim) -> int:
        """Physical axis of a dim; `DimError` if the tensor has no such dim."""
        try:
            return self.dims.index(dim)
        except ValueError:
            raise errors.missing_dim("axis", self, dim) from None

    def size(self, dim: Dim) -> Size:
        """Padded extent of a dim: an int, or a symbol of the trace (SymInt, scalar tensor)."""
        if not isinstance(dim, Dim):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.not_a_dim("size", dim)
        return dim.size if dim.size is not None else self.backend.size(self.raw, self.axis(dim))

    def lengths(self, dim: Dim) -> Tensor:
        """How many positions of a dim are data, over the dims this depends on; for a full dim a
        scalar, its size. Integers."""
        if not isinstance(dim, Dim):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.not_a_dim("lengths", dim)
        entry = self.lengths_table.of(dim, self.backend)
        if entry is not None:
            return Tensor(entry.raw, entry.dims, self.lengths_table, backend=self.backend)
        size = self.backend.convert(self.size(dim), "int32", self.device)
        return Tensor(size, (), backend=self.backend)

    def mask(self, dim: Dim) -> Tensor:
        """bool over `dim` and what its lengths depend on: true where there is data."""
        size = self.size(dim)
        entry = self.lengths_table.mask(dim, size, self.backend)
        if entry is not None:
            return Tensor(entry.raw, entry.dims, self.lengths_table, backend=self.backend)
        return Tensor(
            self.backend.full((size,), True, "bool", self.device), (dim,), backend=self.backend
        )

    def is_ragged(self, dim: Dim) -> bool:
        """Whether a dim has lengths of its own here, so that there may be padding."""
        if not isinstance(dim, Dim):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.not_a_dim("is_ragged", dim)
        return self.lengths_table.of(dim, self.backend) is not None

    # -- the same values otherwise ----------------------------------------------------------------

    def raw_in(self, dims: Sequence[Dim]) -> Raw:
        """The framework's tensor with its axes in the order of `dims`, which are all of them."""
        if not isinstance(dims, (tuple, list)):
            raise errors.not_a_dim("raw_in", dims)
        wanted = tuple(dims)
        if wanted == self.dims:
            return self.raw
        if len(wanted) != len(self.dims) or set(wanted) != set(self.dims):
            raise errors.wrong_dims("raw_in", self, wanted)
        return self.backend.transpose(self.raw, [self.dims.index(dim) for dim in wanted])

    def rename(self, old: Dim, new: Dim) -> Tensor:
        """The same tensor with `new` for `old`; a static size has to be the same."""
        axis = self.axis(old)
        if new is old:
            return self
        if not isinstance(new, Dim):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.not_a_dim("rename", new)
        if new in self.dims:
            raise errors.repeated_dim("rename", (*self.dims, new), new)
        size = self.backend.static_shape(self.raw)[axis]
        if new.size is not None and size is not None and new.size != size:
            raise errors.wrong_size("rename", self, new, size)
        dims = tuple(new if dim is old else dim for dim in self.dims)
        lengths = self.lengths_table.renamed(old, new, self.backend)
        return self._same(dims, lengths, self.sparse_dim)

    def labels_of(self, dim: Dim | None) -> Tensor:
        """The same integers as indices into `dim`; None: plain numbers."""
        if dim is not None and not isinstance(dim, Dim):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.not_a_dim("labels_of", dim)
        if dim is not None and not dtypes.is_int(self.dtype):
            raise errors.wrong_dtype("labels_of", "x", self, "an integer type")
        return self._same(self.dims, self.lengths_table, dim)

    def with_lengths(self, table: Lengths) -> Tensor:
        """The same tensor with another table of lengths."""
        return self._same(self.dims, table, self.sparse_dim)

    def _same(self, dims: tuple[Dim, ...], table: Lengths, sparse_dim: Dim | None) -> Tensor:
        backend, untrusted = self.backend, self.untrusted
        return Tensor(self.raw, dims, table, sparse_dim, backend=backend, untrusted=untrusted)

    def numpy(self, *dims: Dim) -> Any:
        """As a NumPy array, detached; axes in the order of `dims` if given. Not while tracing."""
        if self.backend.is_tracing():
            raise errors.needs_values("numpy", self, "the value of a tensor")
        return self.backend.to_numpy(self.raw_in(dims) if dims else self.raw)

    # -- operators (bound by seqfront.ops.elementwise) --------------------------------------------

    def __add__(self, other: Operand) -> Tensor:
        return operators.binary("add", self, other)

    def __radd__(self, other: Number) -> Tensor:
        return operators.binary("add", other, self)

    def __sub__(self, other: Operand) -> Tensor:
        return operators.binary("sub", self, other)

    def __rsub__(self, other: Number) -> Tensor:
        return operators.binary("sub", other, self)

    def __mul__(self, other: Operand) -> Tensor:
        return operators.binary("mul", self, other)

    def __rmul__(self, other: Number) -> Tensor:
        return operators.binary("mul", other, self)

    def __truediv__(self, other: Operand) -> Tensor:
        return operators.binary("div", self, other)

    def __rtruediv__(self, other: Number) -> Tensor:
        return operators.binary("div", other, self)

    def __floordiv__(self, other: Operand) -> Tensor:
        return operators.binary("floor_div", self, other)

    def __rfloordiv__(self, other: Number) -> Tensor:
        return operators.binary("floor_div", other, self)

    def __mod__(self, other: Operand) -> Tensor:
        return operators.binary("mod", self, other)

    def __rmod__(self, other: Number) -> Tensor:
        return operators.binary("mod", other, self)

    def __pow__(self, other: Operand) -> Tensor:
        return operators.binary("pow", self, other)

    def __rpow__(self, other: Number) -> Tensor:
        return operators.binary("pow", other, self)

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return operators.binary("eq", self, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return operators.binary("ne", self, other)

    def __lt__(self, other: Operand) -> Tensor:
        return operators.binary("lt", self, other)

    def __le__(self, other: Operand) -> Tensor:
        return operators.binary("le", self, other)

    def __gt__(self, other: Operand) -> Tensor:
        return operators.binary("gt", self, other)

    def __ge__(self, other: Operand) -> Tensor:
        return operators.binary("ge", self, other)

    def __and__(self, other: Operand) -> Tensor:
        return operators.binary("and", self, other)

    def __or__(self, other: Operand) -> Tensor:
        return operators.binary("or", self, other)

    def __xor__(self, other: Operand) -> Tensor:
        return operators.binary("xor", self, other)

    def __neg__(self) -> Tensor:
        return operators.unary("neg", self)

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Tensor:
        return operators.unary("abs", self)

    def __invert__(self) -> Tensor:
        return operators.unary("not", self)

    __hash__ = object.__hash__
    __array_ufunc__ = None  # NumPy leaves `array + tensor` to the tensor, which refuses it

    # -- what it is not ---------------------------------------------------------------------------

    def __bool__(self) -> bool:
        if self.dims:
            raise errors.ambiguous_truth(self)
        return bool(self.numpy())

    def __float__(self) -> float:
        if self.dims:
            raise errors.not_a_scalar("float", self)
        return float(self.numpy())

    def __int__(self) -> int:
        if self.dims:
            raise errors.not_a_scalar("int", self)
        return int(self.numpy())

    def __getitem__(self, key: object) -> NoReturn:
        raise errors.no_indexing(self)

    def __iter__(self) -> NoReturn:
        raise errors.no_indexing(self)

    def __array__(self, *options: object, **more: object) -> NoReturn:
        raise errors.no_array(self)

    def __repr__(self) -> str:
        return show.tensor(self)

    def _repr_html_(self) -> str:
        return overview.html(self)

    def __rich_console__(self, console: object, options: object) -> Iterator[Any]:
        return overview.rich(self)

    # -- nested structures: static parts and raw tensors (the protocol of tf.nest) ----------------

    def __tf_flatten__(self) -> tuple[Any, tuple[Any, ...]]:
        entries = self.lengths_table.entries
        over = tuple((dim, entry.dims) for dim, entry in entries.items())
        static = (self.backend, self.dims, self.sparse_dim, self.untrusted, over)
        return static, (self.raw, *(entry.raw for entry in entries.values()))

    @classmethod
    def __tf_unflatten__(cls, metadata: Any, components: tuple[Any, ...]) -> Tensor:
        return operators.rebuild(metadata, components)


class Operators:
    """What the operators above call; filled in by the layers that define them."""

    binary: Callable[[Any, Any, Any], Tensor]
    unary: Callable[[Any, Tensor], Tensor]
    rebuild: Callable[[Any, tuple[Any, ...]], Tensor]


operators = Operators()
