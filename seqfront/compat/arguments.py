"""The tensors of one call: of one framework, and of types and shapes that fit together.

What a function takes is declared as the inputs of a native op are: a name, a type ("T" is any
floating dtype, "int32" any integer) and a shape in named sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from seqfront import backends, checks, dtypes, errors
from seqfront.backend import Backend, Raw
from seqfront.native import ArraySpec, Axis

_STATIC = "give the class axis a static size, or count the blank from the start."
_BLANK = "the index of the blank among the classes; negative counts from the end."
_LENGTH = "lengths count positions of the padded tensors."
_SUM = "targets of one axis are the labels of all sequences, one after another."
_LABEL = "check the labels against the classes, and which of them is the blank."


class Spec(NamedTuple):
    """One argument."""

    name: str
    type: str
    shape: str
    axes: tuple[Axis, ...]
    """The shape, read: a trace cannot do that."""


def spec(name: str, type: str, shape: str) -> Spec:
    """Declare an argument."""
    return Spec(name, type, shape, ArraySpec(name, type, shape, 0).axes)


def tensors(
    op: str, names: Sequence[str], values: Sequence[Any]
) -> tuple[Backend, tuple[Raw, ...]]:
    """The framework of the first value, and all values as tensors of it, on its device."""
    backend = backends.of(values[0])
    device = backend.device(values[0])
    found: list[Raw] = []
    for name, value in zip(names, values, strict=True):
        if isinstance(value, (int, list, tuple, np.ndarray)):
            found.append(backend.convert(value, _dtype(value), device))
        elif backends.is_raw(value) and backends.of(value) is backend:
            found.append(value)
        else:
            raise errors.argument_framework(op, name, value, names[0])
    return backend, tuple(found)


def _dtype(value: Any) -> str | None:
    """What an empty list of integers is made of; None: what the value is made of."""
    return "int32" if isinstance(value, (list, tuple)) and len(cast(Any, value)) == 0 else None


class Arguments:
    """Checked tensors, in the order of `specs`.

    Args:
        op: The public function, for messages.
        specs: What it takes.
        values: What it got: first a tensor, which says the framework; then tensors of it, NumPy
            arrays, or integers in lists and tuples.

    Raises:
        BackendError: No tensor, or two frameworks.
        DTypeError: Types that have no meaning here.
        DimError: Shapes that do not fit.
    """

    def __init__(self, op: str, specs: Sequence[Spec], values: Sequence[Any]) -> None:
        self.op = op
        self.specs = tuple(specs)
        self.backend, self.raws = tensors(op, [spec.name for spec in specs], values)
        self.device = self.backend.device(self.raws[0])
        self.may_look = checks.may_look(self.backend, *self.raws)
        self._check_dtypes()
        self._check_shapes()

    def _check_dtypes(self) -> None:
        for spec, raw in zip(self.specs, self.raws, strict=True):
            dtype = self.backend.dtype(raw)
            if spec.type == "T" and not dtypes.is_float(dtype):
                raise errors.argument_dtype(self.op, spec.name, "floating point", self.described())
            if spec.type != "T" and not dtypes.is_int(dtype):
                raise errors.argument_dtype(self.op, spec.name, "integers", self.described())

    def _check_shapes(self) -> None:
        sizes: dict[str, int] = {}
        for spec, raw in zip(self.specs, self.raws, strict=True):
            shape = self.backend.static_shape(raw)
            if len(shape) != len(spec.axes):
                came, needed = len(shape), len(spec.axes)
                raise errors.argument_rank(self.op, spec.name, came, needed, self.described())
            for axis, (known, size) in enumerate(zip(spec.axes, shape, strict=True)):
                if size is None:
                    continue
                wanted = sizes.setdefault(known.name, size - known.offset) if known.name else 0
                if size != wanted + known.offset:
                    raise errors.argument_size(
                        self.op, spec.name, axis, size, wanted + known.offset, self.described()
                    )

    def described(self) -> list[tuple[str, str]]:
        """Name, dtype, shape and layout of every argument."""
        backend = self.backend
        found: list[tuple[str, str]] = []
        for spec, raw in zip(self.specs, self.raws, strict=True):
            sizes = ["?" if n is None else str(n) for n in backend.static_shape(raw)]
            came = f"{backend.dtype(raw)}[{', '.join(sizes)}]"
            found.append((spec.name, f"{came} for [{', '.join(spec.shape.split())}]"))
        return found

    def blank(self, blank: int) -> int:
        """The blank as a class of the first argument; negative ones count from the end."""
        if not isinstance(blank, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise self._refused("blank", repr(blank), "an integer", _BLANK)
        classes = self.backend.shape(self.raws[0])[-1]
        if isinstance(classes, int):
            if not -classes <= blank < classes:
                raise self._refused("blank", blank, f"{-classes} to {classes - 1}", _BLANK)
            return blank if blank >= 0 else blank + classes
        if blank < 0:
            raise self._refused("blank", blank, "0 or more, as the graph has any classes", _STATIC)
        return blank  # the native op checks it

    def check_lengths(self, index: int, limit: int) -> None:
        """That argument `index` is 0 to `limit`."""
        lengths = self.backend.to_numpy(self.raws[index])
        wrong = np.flatnonzero((lengths < 0) | (lengths > limit))
        if len(wrong):
            what = f"{self.specs[index].name}[{wrong[0]}]"
            raise self._refused(what, lengths[wrong[0]], f"0 to {limit}", _LENGTH)

    def check_sum(self, index: int, total: int) -> None:
        """That argument `index` adds up to `total`."""
        came = int(self.backend.to_numpy(self.raws[index]).sum())
        if came != total:
            what = f"the sum of {self.specs[index].name}"
            raise self._refused(what, came, str(total), _SUM)

    def used(self, index: int, size: int) -> Any:
        """bool [batch, size]: which positions lie within the lengths of argument `index`."""
        positions: Any = np.arange(size)
        return positions < self.backend.to_numpy(self.raws[index])[:, None]

    def check_labels(self, index: int, used: Any, classes: int, blank: int) -> None:
        """That argument `index` has labels where the array `used` is true."""
        labels: Any = self.backend.to_numpy(self.raws[index])
        wrong: Any = np.argwhere(used & ((labels < 0) | (labels >= classes) | (labels == blank)))
        if len(wrong):
            what = f"{self.specs[index].name}[{', '.join(map(str, wrong[0]))}]"
            needed = f"0 to {classes - 1} and not the blank {blank}"
            raise self._refused(what, labels[tuple(wrong[0])], needed, _LABEL)

    def _refused(self, what: str, came: Any, needed: str, fix: str) -> errors.DimError:
        return errors.argument_value(self.op, what, came, needed, self.described(), fix)

    def integers(self, index: int) -> Raw:
        """Argument `index` as the native ops take it: int32, where the first argument is."""
        raw = self.backend.cast(self.raws[index], "int32")
        if self.backend.device(raw) == self.device:
            return raw
        return self.backend.to_device(raw, self.device)
