"""Layers of a framework inside a model: what `seqfront_torch.wrap_module` and
`seqfront_tensorflow.wrap_layer` have in common.

Such a layer knows plain tensors only, so it is said once which dims their axes are. It runs on its
own framework; the model around it runs there, too.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import EllipsisType
from typing import Any, ClassVar, TypeAlias, cast

from seqfront import align, backends, dtypes, errors
from seqfront.backend import Backend, Raw, Size, product
from seqfront.dim import Dim
from seqfront.lengths import Entry, Lengths
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter
from seqfront.ops import elementwise
from seqfront.ops.dtype import cast as cast_to
from seqfront.ops.mask import masked
from seqfront.tensor import Tensor

Axes: TypeAlias = Sequence[Dim | EllipsisType]
"""Dims in the order of a plain tensor's axes. `...` stands for all dims of the first input that are
not named, as one axis: the batch, whatever it is made of."""

DerivedLengths: TypeAlias = Mapping[Dim, Callable[..., Tensor]]
"""For dims of a result: its lengths, as a function of the inputs."""


class Foreign(Module, abc.ABC):
    """A layer of a framework as a module. Subclasses say how to run it, and what it holds."""

    framework: ClassVar[str]
    """Name of the backend that it runs on."""
    op: ClassVar[str]
    """The function that makes one, for messages."""

    def __init__(
        self,
        in_dims: Axes | Sequence[Axes],
        out_dims: Any,
        lengths: DerivedLengths | None,
        call: Callable[..., Any] | None,
    ) -> None:
        several = in_dims if _nested(in_dims) else (in_dims,)
        self._in_dims = tuple([_checked(self.op, axes) for axes in several])
        self._out_dims = _checked_results(self.op, out_dims)
        self._lengths = dict(lengths or {})
        self._call = call
        self._views: dict[str, Parameter] = {}

    @abc.abstractmethod
    def variables(self) -> Iterator[tuple[str, Raw, bool]]:
        """All that the layer keeps, by paths with dots, and whether it is trained."""

    @abc.abstractmethod
    def variable(self, path: str) -> Raw:
        """One of `variables`, as the layer has it now."""

    def generators(self) -> Sequence[Raw]:
        """State of random numbers, where that is made of variables; no checkpoint has it."""
        return ()

    @abc.abstractmethod
    def runner(self) -> Callable[..., Any]:
        """The layer as a function of plain tensors, in the mode of this module."""

    @property
    @abc.abstractmethod
    def kind(self) -> str:
        """What the layer is, for messages."""

    def held(self) -> Mapping[str, Any]:
        """The variables of the layer, by parts of their paths."""
        tree: dict[str, Any] = {}
        for path, raw, trainable in self.variables():
            *above, name = path.split(".")
            node = tree
            for part in above:
                node = node.setdefault(part, {})
            node[name] = self._view(path, raw, trainable)
        return tree

    def _view(self, path: str, raw: Raw, trainable: bool) -> Parameter:
        shape = backends.get(self.framework).static_shape(raw)
        view = self._views.get(path)
        if view is None or tuple(dim.size for dim in view.dims) != tuple(shape):
            dims = tuple(Dim(f"axis{axis}", size) for axis, size in enumerate(shape))
            view = self._views[path] = Parameter.of_layer(dims, _Variables(self), path)
        view.trainable = trainable
        return view

    def __call__(self, *inputs: Tensor) -> Any:
        """What the layer gives, with dims. Padding is zero on the way in."""
        backend, raws, rest = self._unwrapped(inputs)
        run = self.runner()
        found = run(*raws) if self._call is None else self._call(run, *raws)
        table = self._table(inputs)
        return self._wrapped(found, self._out_dims, backend, table, rest)

    # -- the way in --------------------------------------------------------------------------------

    def _unwrapped(
        self, inputs: Sequence[Tensor]
    ) -> tuple[Backend, list[Raw], tuple[tuple[Dim, ...], tuple[Size, ...]]]:
        if len(inputs) != len(self._in_dims):
            needed = f"{len(self._in_dims)}, as in_dims has dims for so many"
            fix = "pass a Tensor for each, in that order."
            raise errors.bad_argument(self.op, "the number of inputs", len(inputs), needed, fix)
        for x in inputs:
            align.check(self.op, x)
            if x.backend.name != self.framework:
                raise errors.foreign_framework(self.op, self.kind, self.framework, x)
        rest: tuple[Dim, ...] | None = None
        sizes: tuple[Size, ...] = ()
        raws: list[Raw] = []
        for x, axes in zip(inputs, self._in_dims, strict=True):
            if rest is None and Ellipsis in axes:
                rest = tuple([dim for dim in x.dims if dim not in axes])
                sizes = tuple([x.size(dim) for dim in rest])
            raws.append(self._plain(x, axes, rest or ()))
        return inputs[0].backend, raws, (rest or (), sizes)

    def _plain(self, x: Tensor, axes: Axes, rest: tuple[Dim, ...]) -> Raw:
        """The raw tensor in the order of the axes, those of `rest` merged; zeros in the padding."""
        wanted = spread(axes, rest)
        if len(wanted) != len(x.dims) or any(dim not in x.dims for dim in wanted):
            raise errors.wrong_dims(self.op, x, wanted)
        raw = masked(x, 0.0).raw_in(wanted)
        if Ellipsis not in axes or len(rest) == 1:
            return raw
        shape, at = x.backend.shape(raw), axes.index(...)
        count = product(shape[at : at + len(rest)])
        return x.backend.reshape(raw, (*shape[:at], count, *shape[at + len(rest) :]))

    # -- the way out -------------------------------------------------------------------------------

    def _table(self, inputs: Sequence[Tensor]) -> Lengths:
        table = align.common_lengths(self.op, inputs)
        entries = {dim: self._entry(dim, make(*inputs)) for dim, make in self._lengths.items()}
        return table.with_entries(entries) if entries else table

    def _entry(self, dim: Dim, lengths: Tensor) -> Entry:
        align.check(self.op, lengths, name="lengths")
        if not dtypes.is_int(lengths.dtype):
            raise errors.bad_lengths_dtype(dim, lengths.dtype)
        least = elementwise.maximum(lengths, 0)  # a sequence shorter than a window
        return Entry(cast_to(least, "int32").raw, lengths.dims)

    def _wrapped(self, found: Any, wanted: Any, backend: Backend, table: Lengths, rest: Any) -> Any:
        if wanted is None:
            return None
        if isinstance(wanted, tuple):
            return self._named(found, cast("Axes", wanted), backend, table, rest)
        if not isinstance(found, tuple | list) or len(cast("list[Any]", found)) != len(wanted):
            raise errors.other_result(self.op, self.kind, _said(found), _said_dims(wanted))
        pairs = zip(cast("list[Any]", found), wanted, strict=True)
        return tuple([self._wrapped(part, axes, backend, table, rest) for part, axes in pairs])

    def _named(
        self,
        raw: Any,
        axes: Axes,
        backend: Backend,
        table: Lengths,
        rest: tuple[tuple[Dim, ...], tuple[Size, ...]],
    ) -> Tensor:
        dims, sizes = rest
        if not (backends.is_raw(raw) and backends.of(raw) is backend and _fits(backend, raw, axes)):
            raise errors.other_result(self.op, self.kind, _said(raw), _said_dims(axes))
        if Ellipsis in axes and len(dims) != 1:
            shape, at = backend.shape(raw), axes.index(...)
            raw = backend.reshape(raw, (*shape[:at], *sizes, *shape[at + 1 :]))
        named = align.distinct(self.op, spread(axes, dims))
        untrusted = bool(table.entries) and backend.dtype(raw) != "bool"
        return Tensor(raw, named, table, backend=backend, untrusted=untrusted)


class _Variables(Mapping[str, Any]):
    """The variables of a layer, as it has them now: the owner of the parameters that stand for
    them."""

    def __init__(self, layer: Foreign) -> None:
        self._layer = layer

    def __getitem__(self, key: str) -> Raw:
        return self._layer.variable(key)

    def __iter__(self) -> Iterator[str]:
        return (path for path, *_ in self._layer.variables())

    def __len__(self) -> int:
        return sum(1 for _ in self)


def spread(axes: Axes, rest: Sequence[Dim]) -> tuple[Dim, ...]:
    """Dims in order, with those of the batch in the place of `...`."""
    dims: list[Dim] = []
    for axis in axes:
        dims += [axis] if isinstance(axis, Dim) else rest
    return tuple(dims)


def _checked(op: str, axes: object) -> tuple[Dim | EllipsisType, ...]:
    if not isinstance(axes, tuple | list):
        raise errors.not_a_dim(op, axes)
    given = tuple(cast("Sequence[Any]", axes))
    if given.count(...) > 1:
        fix = "name all dims but those of the batch."
        raise errors.bad_argument(op, "dims", given, "`...` once at most", fix)
    align.distinct(op, [axis for axis in given if axis is not ...])
    return given


def _checked_results(op: str, results: Any) -> Any:
    """Axes as tuples, nested results as lists, None as it is."""
    if results is None:
        return None
    if _nested(results):
        return [_checked_results(op, part) for part in results]
    return _checked(op, results)


def _nested(value: Any) -> bool:
    """Whether this is several axes, not one."""
    if not isinstance(value, tuple | list):
        return False
    parts = cast("Sequence[Any]", value)
    return any(isinstance(part, tuple | list) or part is None for part in parts)


def _fits(backend: Backend, raw: Raw, axes: Axes) -> bool:
    """Whether there is an axis for each dim, of its size."""
    shape = backend.static_shape(raw)
    if len(shape) != len(axes):
        return False
    pairs = zip(axes, shape, strict=True)
    return not any(
        isinstance(axis, Dim) and None not in (axis.size, size) and axis.size != size
        for axis, size in pairs
    )


def _said(found: Any) -> str:
    """What a layer gave, for messages."""
    if isinstance(found, tuple | list):
        return f"({', '.join([_said(part) for part in cast('Sequence[Any]', found)])})"
    if not backends.is_raw(found):
        return type(found).__name__
    backend = backends.of(found)
    sizes = ["?" if size is None else str(size) for size in backend.static_shape(found)]
    return f"{backend.dtype(found)}[{', '.join(sizes)}]"


def _said_dims(wanted: Any) -> str:
    if wanted is None or wanted is ...:
        return "anything" if wanted is None else "..."
    if isinstance(wanted, Dim):
        return repr(wanted)
    return f"({', '.join([_said_dims(part) for part in wanted])})"
