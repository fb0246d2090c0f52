"""Operations whose gradient is given, and gradients changed on their way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from seqfront import align, dtypes, errors
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.ops import elementwise
from seqfront.ops.dtype import cast
from seqfront.ops.mask import clean, masked
from seqfront.ops.reduce import sum
from seqfront.tensor import Tensor


def custom_gradient(
    forward: Callable[..., Tensor], backward: Callable[..., Any], *xs: Tensor
) -> Tensor:
    """`forward(*xs)`, differentiated by a rule of your own.

    Args:
        forward: Gives one Tensor. What it refers to other than `xs`, parameters for example, gets
            no gradient: pass it among `xs`.
        backward: From the gradient of the result, the result, and `xs` to the gradient of each of
            `xs`: a tuple (of one, the Tensor alone will do). Each has the dims of its argument, in
            any order, and its dtype; None for one that has none.
        xs: The arguments, of any dims and dtypes; their padding is finite in `forward`.

    Returns:
        What `forward` gave, with the lengths of `xs`.

    Raises:
        DTypeError: `backward` gives something else than that. (When the gradient is computed.)

    Example:
        >>> import seqfront as sf
        >>> time = sf.Dim("time")
        >>> x = sf.wrap([0.2, 0.7], (time,))
        >>> hard = sf.custom_gradient(sf.round, lambda slope, y, x: slope, x)  # straight through
        >>> hard.numpy()
        array([0., 1.], dtype=float32)
    """
    for name, function in (("forward", forward), ("backward", backward)):
        if not callable(function):
            raise errors.bad_argument(
                "custom_gradient", name, function, "a function", f"give {name} as a function."
            )
    if not xs:
        raise errors.nothing_to_join("custom_gradient")
    backend = align.common_backend("custom_gradient", xs)
    table = align.common_lengths("custom_gradient", xs)
    xs = tuple([clean(x) for x in xs])
    made: list[Tensor] = []

    def raw_forward(*raws: Raw) -> Raw:
        result = forward(*[_like(x, raw) for x, raw in zip(xs, raws, strict=True)])
        align.check("custom_gradient", result, name="forward(*xs)")
        made.append(result)
        return result.raw

    def raw_backward(grad: Raw, result: Raw, *raws: Raw) -> list[Raw | None]:
        dims = made[0].dims
        slope, value = (Tensor(raw, dims, table, backend=backend) for raw in (grad, result))
        again = [_like(x, raw) for x, raw in zip(xs, raws, strict=True)]
        found = backward(slope, value.labels_of(made[0].sparse_dim), *again)
        return _raw_gradients(found, xs)

    raw = backend.custom_gradient(raw_forward, raw_backward, *[x.raw for x in xs])
    return Tensor(raw, made[0].dims, table, made[0].sparse_dim, backend=backend)


def _like(x: Tensor, raw: Raw) -> Tensor:
    return Tensor(raw, x.dims, x.lengths_table, x.sparse_dim, backend=x.backend)


def _raw_gradients(found: Any, xs: Sequence[Tensor]) -> list[Raw | None]:
    gradients: list[Any] = list(found) if isinstance(found, (tuple, list)) else [found]  # pyright: ignore
    if len(gradients) != len(xs):
        raise errors.wrong_gradient_count(len(gradients), len(xs))
    raws: list[Raw | None] = []
    for number, (gradient, x) in enumerate(zip(gradients, xs, strict=True)):
        if gradient is None or not dtypes.is_float(x.dtype):
            raws.append(None)
            continue
        fits = isinstance(gradient, Tensor) and set(gradient.dims) == set(x.dims)
        if not fits or gradient.dtype != x.dtype:
            raise errors.not_a_gradient(number, gradient, x)
        raws.append(gradient.raw_in(x.dims))
    return raws


def scale_gradient(x: Tensor, scale: float) -> Tensor:
    """The same values; their gradient is multiplied by a number.

    Args:
        x: Any dims, float.
        scale: The factor; 0 stops the gradient, a negative number turns it round.

    Example:
        >>> import seqfront as sf
        >>> sf.scale_gradient(sf.wrap([1.0, 2.0], (sf.Dim("time"),)), 0.1).numpy()
        array([1., 2.], dtype=float32)
    """
    _check("scale_gradient", x)
    dtypes.check_number("scale_gradient", "scale", scale, x.dtype)
    return _changed(x, lambda slope: slope * scale)


def reverse_gradient(x: Tensor, scale: float = 1.0) -> Tensor:
    """The same values; their gradient changes its sign (Ganin & Lempitsky 2015, arXiv:1409.7495).

    What comes before learns to make the loss behind it greater: not to tell speakers apart.

    Args:
        x: Any dims, float.
        scale: Factor of the turned gradient.

    Example:
        >>> import seqfront as sf
        >>> sf.reverse_gradient(sf.wrap([1.0, 2.0], (sf.Dim("time"),))).numpy()
        array([1., 2.], dtype=float32)
    """
    _check("reverse_gradient", x)
    dtypes.check_number("reverse_gradient", "scale", scale, x.dtype)
    return _changed(x, lambda slope: slope * -scale)


def clip_gradient(
    x: Tensor,
    *,
    value: float | None = None,
    norm: float | None = None,
    axis: Sequence[Dim] | None = None,
) -> Tensor:
    """The same values; their gradient is kept small.

    Args:
        x: Any dims, float.
        value: Most that each single gradient may be, up and down.
        norm: Most that the Euclidean norm may be; a greater gradient is scaled down to it. Either
            this or `value`.
        axis: The dims that a norm is over, data only; along all others each has its own, for
            example one for each sequence. None: all dims.

    Example:
        >>> import seqfront as sf
        >>> batch, time = sf.Dim("batch", 2), sf.Dim("time", 3)
        >>> x = sf.ones((batch, time))
        >>> sf.clip_gradient(x, norm=1.0, axis=(time,))
        float32[batch:2, time:3] numpy:cpu
    """
    _check("clip_gradient", x)
    over = x.dims if axis is None else align.distinct("clip_gradient", axis)
    align.check("clip_gradient", x, *over)
    limit = norm if value is None else value
    if limit is None or (value is not None and norm is not None):
        raise errors.bad_argument(
            "clip_gradient",
            "value and norm",
            (value, norm),
            "one of the two",
            "value=1.0 for each single gradient, norm=1.0 for the norm of many.",
        )
    dtypes.check_number("clip_gradient", "norm" if value is None else "value", limit, x.dtype)
    if not limit > 0:
        raise errors.bad_argument(
            "clip_gradient", "the limit", limit, "a number above 0", "sf.stop_gradient(x) for none."
        )
    if value is not None:
        return _changed(x, lambda slope: _within(slope, limit))
    return _changed(x, lambda slope: _shortened(slope, limit, over))


def _within(slope: Tensor, limit: float) -> Tensor:
    return elementwise.binary("min", elementwise.binary("max", slope, -limit), limit)


def _shortened(slope: Tensor, limit: float, over: Sequence[Dim]) -> Tensor:
    """With a norm of at most `limit`; in float32 at least, where squares do not overflow early."""
    dtype = dtypes.promote(slope.dtype, "float32")
    wide = cast(masked(slope, 0.0), dtype)
    norm = elementwise.sqrt(sum(wide * wide, axis=over))
    factor = limit / elementwise.binary("max", norm, limit)
    return cast(wide * factor, slope.dtype)


def _check(op: str, x: Tensor) -> None:
    align.check(op, x)
    if not dtypes.is_float(x.dtype):
        raise errors.wrong_dtype(op, "x", x, "floating point")


def _changed(x: Tensor, rule: Callable[[Tensor], Tensor]) -> Tensor:
    """`x`, with a rule that its gradient goes through."""

    def forward(x: Tensor) -> Tensor:
        return x

    def backward(slope: Tensor, result: Tensor, x: Tensor) -> Tensor:
        return rule(slope)

    return custom_gradient(forward, backward, x)
