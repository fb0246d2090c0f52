"""`checked`: calls held to their annotations.

What there is to check is found once, when a function is decorated. A call then compares dims and
dtypes, in plain Python that tracers follow; values are never looked at.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
import weakref
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, TypeVar, cast

from seqfront import errors
from seqfront.typing.annotations import KINDS
from seqfront.typing.expected import Expected, expected
from seqfront.typing.matching import Call

Checkable = TypeVar("Checkable", bound=Callable[..., Any])

_MENTION = re.compile(rf"\b(?:{'|'.join(KINDS)})\[")
"""Text of an annotation that is ours to check."""

RESULT = "the result"
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


_PLANS: dict[int, _Plan] = {}
"""What is to be checked, by number: TorchDynamo follows a function to a global, but not always to
what it encloses (the `__init__` of a class that a graph makes an object of)."""
_keys = count()


def checked(function: Checkable) -> Checkable:
    """Check tensors against their annotations at every call; see `seqfront.typing`.

    Arguments are checked before the call and the result after it, also inside of tuples, lists and
    dicts; a union holds if one of its parts does. Of a dataclass the fields are checked when one is
    made (`@sf.checked` stands above `@dataclass`). Of coroutines the arguments are checked only.

    With `SEQFRONT_CHECKED=0` in the environment, functions are given back as they are.

    Args:
        function: A function, method or dataclass with annotations of `seqfront.typing`.

    Raises:
        DimError: At a call, for dims that are not as annotated.
        DTypeError: At a call, for another dtype, or a value that is no tensor.

    Example:
        >>> import numpy as np, seqfront as sf
        >>> from seqfront.typing import Float
        >>> @sf.checked
        ... def double(x: Float[sf.Tensor, "time ..."]) -> Float[sf.Tensor, "time ..."]:
        ...     return x * 2
        >>> double(sf.wrap(np.ones((2, 3), "float32"), (sf.Dim("time"), sf.Dim("mel", 3))))
        float32[time≤2, mel:3] numpy:cpu
    """
    if os.environ.get("SEQFRONT_CHECKED") == "0":
        return function
    names = dict(sys._getframe(1).f_locals)  # pyright: ignore[reportPrivateUsage]
    return cast("Checkable", _decorated(function, names))


def _decorated(function: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(function, (staticmethod, classmethod)):
        inner: Any = cast("Any", function).__func__
        return type(cast("Any", function))(_decorated(inner, names))
    if isinstance(function, type):
        return _checked_dataclass(function, names)
    if not inspect.isfunction(function):
        raise errors.cannot_check(function)
    return _checked_function(function, _Plan(function, _hints(function, names)))


def _checked_dataclass(cls: Any, names: Mapping[str, Any]) -> Any:
    """The same class, with an `__init__` that checks the fields it is given."""
    if "__init__" not in vars(cls) or "__dataclass_fields__" not in vars(cls):
        raise errors.cannot_check(cls)
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        space = vars(sys.modules[base.__module__]) if base.__module__ in sys.modules else {}
        hints.update(_hints(base, names, space))
    initialise: Any = cls.__init__
    cls.__init__ = _checked_function(initialise, _Plan(initialise, hints))
    return cls


def _checked_function(function: Callable[..., Any], made: _Plan) -> Callable[..., Any]:
    key = next(_keys)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        plan = _PLANS[key]
        if plan.pending:
            plan.complete()
        given = plan.given(args, kwargs)
        checks = Call(plan.op, {**plan.defaults, **given})
        for name, what in plan.parameters:
            error = what.mismatch(checks, name, given[name]) if name in given else None
            if error is not None:
                raise error
        result = function(*args, **kwargs)
        if plan.result is not None:
            error = plan.result.mismatch(checks, RESULT, result)
            if error is not None:
                raise error
        return result

    _PLANS[key] = made
    weakref.finalize(call, _PLANS.pop, key)
    return call


class _Plan:
    """What is to be checked in the calls of a function."""

    def __init__(self, function: Callable[..., Any], hints: Mapping[str, Any]) -> None:
        self.function, self.hints = function, hints
        self.op = _called(function)
        parameters = inspect.signature(function).parameters.values()
        self.positional = [p.name for p in parameters if p.kind in _POSITIONAL]
        self.several = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self.named = next((p.name for p in parameters if p.kind is p.VAR_KEYWORD), None)
        self.known = {p.name for p in parameters}
        self.defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        self.pending = any(_unread(hint) for hint in hints.values())
        self._read(hints)

    def complete(self) -> None:
        """Read annotations that spoke of names which were not there yet."""
        space: dict[str, Any] = getattr(self.function, "__globals__", {})
        hints = {name: _evaluated(hint, space, {}) for name, hint in self.hints.items()}
        for name, hint in hints.items():
            if _unread(hint):
                raise errors.unresolved_annotation(self.op, name, hint)
        self._read(hints)
        self.pending = False

    def _read(self, hints: Mapping[str, Any]) -> None:
        found: dict[str, Expected] = {}
        for name, hint in hints.items():
            what = expected(hint)
            if what is not None:
                found[name] = what.each() if name in (self.several, self.named) else what
        self.result = found.pop("return", None)
        if inspect.iscoroutinefunction(self.function):
            self.result = None
        self.parameters = tuple(found.items())

    def given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a call by name."""
        found: dict[str, Any] = dict(zip(self.positional, args, strict=False))
        if self.several is not None:
            found[self.several] = args[len(self.positional) :]
        if self.named is None:
            found.update(kwargs)
            return found
        found.update({name: v for name, v in kwargs.items() if name in self.known})
        found[self.named] = {name: v for name, v in kwargs.items() if name not in self.known}
        return found


def _unread(hint: Any) -> bool:
    """Whether an annotation is of ours, and still text."""
    return isinstance(hint, str) and _MENTION.search(hint) is not None


def _called(function: Callable[..., Any]) -> str:
    """The function as its users know it: `Encoder` for `Encoder.__call__`."""
    name = function.__qualname__.rpartition("<locals>.")[2]
    return name.removesuffix(".__call__").removesuffix(".__init__")


def _hints(owner: Any, names: Mapping[str, Any], space: Any = None) -> dict[str, Any]:
    """Annotations by parameter; as text still, where they speak of names not known yet."""
    hints = inspect.get_annotations(owner)
    space = getattr(owner, "__globals__", {}) if space is None else space
    return {name: _evaluated(hint, space, names) for name, hint in hints.items()}


def _evaluated(hint: Any, space: dict[str, Any], names: Mapping[str, Any]) -> Any:
    if not isinstance(hint, str):
        return hint
    try:
        return eval(hint, space, dict(names))
    except (NameError, AttributeError, TypeError):
        return hint
