"""Dims: the names that tensors are programmed by.

A `Dim` is static identity and nothing else: a name, and a size if the size never changes. It holds
no tensor and no lengths, so a model makes its dims once and uses them for every batch, under every
tracer.

    >>> time, mel = Dim("time"), Dim("mel", 80)
    >>> time, mel
    (time, mel:80)

Two dims are equal only if they are the same object: a second `Dim("time")` is another axis. That is
what keeps two "time" axes from meeting by accident. For a second axis of the same meaning (keys
beside queries) there is `time.clone("key_time")`.

Arithmetic gives dims, too. The same expression is the same object, in a canonical form, so that two
parts of a model that subsample alike agree without talking to each other:

    >>> time // 2 is time // 2, (time + 1) + 1 is time + 2, (time + 3) - 3 is time
    (True, True, True)

Lengths are clipped at zero, so what would have to undo a clip is not simplified:

    >>> (time - 3) + 3 is time
    False

`time + 1` appends a frame and `1 + time` prepends one: two different dims of equal length.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import count
from operator import index
from typing import Any, Literal, NamedTuple

from typing_extensions import TypeIs

from seqfront import errors

Op = Literal["pad", "scale", "floor_div", "ceil_div", "slice", "merge", "concat"]


_TO_THE_END = 2**31 - 1
"""The end of a slice that has none."""


class DimExpr(NamedTuple):
    """How a derived dim comes from others: an op, the dims it takes, and its integers."""

    op: Op
    dims: tuple[Dim, ...]
    args: tuple[int, ...] = ()


class Dim:
    """One axis of tensors: a name, and a size if it is static.

    Args:
        name: Shown in messages and pictures; it takes no part in equality.
        size: Number of positions, at least 0. None: dynamic, the size comes with the data.
    """

    name: str
    expr: DimExpr | None
    """How this dim was derived; None for one that was made."""
    origin: str
    """File and line where it was made, for messages."""

    def __init__(self, name: str, size: int | None = None) -> None:
        if not isinstance(name, str) or not name:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.bad_dim_name(name)
        if size is not None and (not _is_int(size) or size < 0):
            raise errors.bad_dim_size(name, size)
        self.name = name
        self._size = size
        self.expr = None
        self.origin = _caller()
        self.serial = _next_serial()

    # -- arithmetic -------------------------------------------------------------------------------

    def __add__(self, other: Dim | int) -> Dim:
        """`time + 2`: two more positions at the end. `a + b`: the two joined, a first."""
        return self.pad(0, other) if _is_int(other) else _combine("concat", self, other)

    def __radd__(self, other: int) -> Dim:
        """`1 + time`: one more position at the start."""
        return self.pad(other, 0)

    def __sub__(self, other: int) -> Dim:
        """`time - 2`: without the last two positions (never fewer than none)."""
        if not _is_int(other):
            raise errors.bad_dim_operand(self, "-", other)
        return self.pad(0, -other)

    def __mul__(self, other: Dim | int) -> Dim:
        """`time * 2`: twice as many. `a * b`: the two merged, b running fastest."""
        return self.scale(other) if _is_int(other) else _combine("merge", self, other)

    def __rmul__(self, other: int) -> Dim:
        return self.scale(other)

    def __floordiv__(self, other: int) -> Dim:
        """`time // 2`: half as many, a rest dropped."""
        return self._divide("floor_div", other)

    def ceil_div(self, divisor: int) -> Dim:
        """Divided by `divisor`, a rest counting as one more."""
        return self._divide("ceil_div", divisor)

    def pad(self, left: int, right: int) -> Dim:
        """With `left` more positions at the start and `right` at the end; negative: fewer."""
        if not _is_int(left) or not _is_int(right):
            raise errors.bad_dim_operand(self, "+", right if _is_int(left) else left)
        base = self
        if self.expr is not None and self.expr.op == "pad":
            inner_left, inner_right = self.expr.args
            grows = inner_left + inner_right >= 0 or left + right <= 0
            if grows and _joins(inner_left, left) and _joins(inner_right, right):
                base = self.expr.dims[0]
                left, right = inner_left + left, inner_right + right
        if left == 0 and right == 0:
            return base
        return base._derived(DimExpr("pad", (base,), (left, right)))

    def scale(self, factor: int) -> Dim:
        """`factor` times as many positions."""
        if not _is_int(factor) or factor < 0:
            raise errors.bad_dim_operand(self, "*", factor)
        if factor == 1:
            return self
        if self.expr is not None and self.expr.op == "scale":
            return self.expr.dims[0].scale(self.expr.args[0] * factor)
        return self._derived(DimExpr("scale", (self,), (factor,)))

    def slice(self, start: int | None = None, end: int | None = None, step: int = 1) -> Dim:
        """The positions `start:end:step` of it, counted as Python does; `step` is at least 1."""
        if not _is_int(step) or step < 1:
            raise errors.bad_dim_operand(self, "slice", step)
        for bound in (start, end):
            if bound is not None and not _is_int(bound):
                raise errors.bad_dim_operand(self, "slice", bound)
        start, stop = start or 0, _TO_THE_END if end is None else end
        if start >= 0 and (end is None or end < 0):  # arithmetic has a name for it
            return self.pad(-start, 0 if end is None else end).ceil_div(step)
        return self._derived(DimExpr("slice", (self,), (start, stop, step)))

    def _divide(self, op: Literal["floor_div", "ceil_div"], divisor: int) -> Dim:
        if not _is_int(divisor) or divisor < 1:
            raise errors.bad_dim_operand(self, "//", divisor)
        if divisor == 1:
            return self
        expr = self.expr
        if expr is not None and expr.op == op:  # floor(floor(n / a) / b) == floor(n / ab)
            return expr.dims[0]._divide(op, expr.args[0] * divisor)
        if expr is not None and expr.op == "scale" and expr.args[0] % divisor == 0:
            return expr.dims[0].scale(expr.args[0] // divisor)
        return self._derived(DimExpr(op, (self,), (divisor,)))

    def clone(self, name: str | None = None) -> Dim:
        """Another axis of the same size and meaning; a tensor never holds one dim twice."""
        return Dim(self.name if name is None else name, self.size)

    def _derived(self, expr: DimExpr) -> Dim:
        """The one dim of an expression. It lives as an attribute of its youngest operand: found
        again for as long as that lives, gone with it, and visible to tracers."""
        args = tuple([index(arg) for arg in expr.args])  # constants, even if a tracer has symbols
        owner, key = _intern(expr.op, args, *expr.dims)
        return getattr(expr.dims[owner], key)

    # -- inspection -------------------------------------------------------------------------------

    @property
    def size(self) -> int | None:
        """Number of positions; None: dynamic."""
        # `index` makes a constant of what a tracer (`dynamic=True`) would take for a variable
        return None if self._size is None else index(self._size)

    @property
    def is_static(self) -> bool:
        """Whether the size is known without data."""
        return self.size is not None

    def __repr__(self) -> str:
        return self.name if self.size is None else f"{self.name}:{self.size}"

    def __bool__(self) -> bool:
        return True

    def __reduce__(self) -> tuple[Callable[..., Dim], tuple[Any, ...]]:
        """Copies and pickles keep identity within one pickle, as objects do; arithmetic is
        interned again on loading."""
        if self.expr is not None:
            return _rebuild, (self.expr.op, self.expr.dims, self.expr.args)
        return Dim, (self.name, self.size)

    def __copy__(self) -> Dim:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Dim:
        """Identity is what a dim is: a copied model has the dims of the original."""
        return self


# -- the expressions -------------------------------------------------------------------------------


def evaluate(expr: DimExpr, sizes: tuple[Any, ...], maximum: Callable[[Any, int], Any]) -> Any:
    """Size of an expression from the sizes of its dims: ints, symbols, or tensors with operators.

    `maximum(size, 0)` is how a size is clipped.
    """
    first, args = sizes[0], expr.args
    if expr.op == "pad":
        total = args[0] + args[1]
        return first + total if total >= 0 else maximum(first + total, 0)
    if expr.op == "scale":
        return first * args[0]
    if expr.op == "floor_div":
        return first // args[0]
    if expr.op == "ceil_div":
        return (first + (args[0] - 1)) // args[0]
    if expr.op == "slice":
        return _evaluate_slice(first, args, maximum)
    result = first
    for size in sizes[1:]:
        result = result * size if expr.op == "merge" else result + size
    return result


def _evaluate_slice(size: Any, args: tuple[int, ...], maximum: Callable[[Any, int], Any]) -> Any:
    start, stop, step = args

    def bound(position: int) -> Any:
        """A position as one of 0 .. size."""
        if position < 0:
            return maximum(size + position, 0)
        return size + position - maximum(size, position)  # the lesser of the two

    end = size if stop == _TO_THE_END else bound(stop)
    return (maximum(end - bound(start), 0) + (step - 1)) // step


def roots(dim: Dim) -> tuple[Dim, ...]:
    """The dims made by the user that a dim is derived from, in order, without repeats."""
    if dim.expr is None:
        return (dim,)
    found: list[Dim] = []
    for operand in dim.expr.dims:
        found.extend(root for root in roots(operand) if root not in found)
    return tuple(found)


def _combine(op: Literal["merge", "concat"], a: Dim, b: Dim) -> Dim:
    if not isinstance(b, Dim):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.bad_dim_operand(a, "*" if op == "merge" else "+", b)
    parts: tuple[Dim, ...] = ()
    for dim in (a, b):  # (a * b) * c is a * (b * c)
        parts += dim.expr.dims if dim.expr is not None and dim.expr.op == op else (dim,)
    return a._derived(DimExpr(op, parts))  # pyright: ignore[reportPrivateUsage]


def _joins(inner: int, outer: int) -> bool:
    """Whether padding one side by `inner` and then `outer` is padding it once by their sum."""
    return inner >= 0 or outer <= 0


def _is_int(value: object) -> TypeIs[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _rebuild(op: Op, dims: tuple[Dim, ...], args: tuple[int, ...]) -> Dim:
    return dims[0]._derived(DimExpr(op, dims, args))  # pyright: ignore[reportPrivateUsage]


def _intern(op: Op, args: tuple[int, ...], *dims: Dim) -> tuple[int, str]:
    """Make the dim of an expression an attribute of its youngest operand, unless it is there.

    Gives the index of that operand and the name of the attribute. (Dims are arguments of their own
    because TorchDynamo takes an object for a constant there, but not inside a tuple.)
    """
    serials = [dim.serial for dim in dims]
    owner = serials.index(max(serials))
    key = f"_{op}_{'_'.join(map(str, serials))}_{'_'.join(map(str, args))}"
    if key not in dims[owner].__dict__:
        dims[owner].__dict__.setdefault(key, _derive(DimExpr(op, dims, args)))
    return owner, key


def _derive(expr: DimExpr) -> Dim:
    derived = Dim.__new__(Dim)
    derived.expr = expr
    sizes = tuple(dim.size for dim in expr.dims)
    known = all(size is not None for size in sizes)
    derived._size = int(evaluate(expr, sizes, max)) if known else None  # pyright: ignore[reportPrivateUsage]
    derived.name = _describe(expr)
    derived.origin = expr.dims[0].origin
    derived.serial = _next_serial()
    return derived


def _describe(expr: DimExpr) -> str:
    """Name of a derived dim, as one would write it."""
    names = [
        f"({dim.name})" if dim.expr is not None and dim.expr.op != "scale" else dim.name
        for dim in expr.dims
    ]
    first, args = names[0], expr.args
    if expr.op == "pad":
        left, right = args
        head = f"{left}+" if left else ""
        tail = (f"+{right}" if right > 0 else str(right)) if right else ""
        return f"{head}{first}{tail}"
    if expr.op == "scale":
        return f"{first}*{args[0]}"
    if expr.op == "floor_div":
        return f"{first}//{args[0]}"
    if expr.op == "ceil_div":
        return f"⌈{first}/{args[0]}⌉"
    if expr.op == "slice":
        return f"{first}[{span(*args)}]"
    return ("*" if expr.op == "merge" else "+").join(names)


def span(start: int, stop: int, step: int) -> str:
    """The positions of a slice, as Python writes them: `1:4:2`."""
    end = "" if stop == _TO_THE_END else stop
    return f"{start or ''}:{end}{f':{step}' if step > 1 else ''}"


_serials = count()


def _next_serial() -> int:
    return next(_serials)


def _caller() -> str:
    """`file.py:line` of the code outside this module that is making a dim."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"


TRACE_CONSTANT_FUNCTIONS = (_intern, _caller, _next_serial)
"""Functions of static things only: a tracer may call them once and keep the answer."""
