"""Random choices: events, classes, whole numbers, orders.

Seeds are as in `seqfront.ops.noise`. All of these are made of uniform draws, so that a recording of
those (`sf.randomness.record`) replays them, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.ops import elementwise
from seqfront.ops.gradient import stop_gradient
from seqfront.ops.mask import own_lengths
from seqfront.ops.noise import check_rate, drawn, random_gumbel
from seqfront.ops.order import argsort, check_rows
from seqfront.ops.reduce import argmax
from seqfront.random_key import Seed
from seqfront.tensor import Tensor

_LIMITS = {"uint8": 2**8, "int8": 2**7, "int16": 2**15, "int32": 2**31, "int64": 2**63}


def random_bernoulli(
    dims: Sequence[Dim],
    probability: float | Tensor,
    *,
    like: Tensor | None = None,
    device: str | None = None,
    seed: Seed | None = None,
) -> Tensor:
    """True with a probability, else false.

    Args:
        dims: Dims of the result.
        probability: A number in [0, 1]; or a float Tensor of them, over some of `dims`.
        like: Where sizes and lengths of dynamic dims, backend and device come from; without it, the
            Tensor `probability`.
        device: As in `sf.random_uniform`; so is `seed`.

    Returns:
        bool over `dims`.

    Example:
        >>> import seqfront as sf
        >>> sf.random_bernoulli((sf.Dim("four", 4),), 0.5, seed=3).raw
        array([False,  True, False, False])
    """
    op = "random_bernoulli"
    if isinstance(probability, Tensor):
        if not dtypes.is_float(probability.dtype):
            raise errors.wrong_dtype(op, "probability", probability, "floating point")
        like = probability if like is None else like
        align.common_backend(op, (like, probability))
        if any(dim not in dims for dim in probability.dims):
            raise errors.wrong_dims(op, probability, tuple(dims), "probability")
    else:
        check_rate(op, probability)
    u = drawn(op, "uniform", dims, "float32", like, device, seed)
    if isinstance(probability, Tensor):
        return elementwise.binary("lt", u, probability)
    return elementwise.binary("lt", u, float(probability))


def random_categorical(
    *,
    logits: Tensor | None = None,
    probs: Tensor | None = None,
    axis: Dim,
    dims: Sequence[Dim] = (),
    seed: Seed | None = None,
) -> Tensor:
    """A class for each row, with the probabilities of a softmax.

    By the greatest of logits plus Gumbel noise (Gumbel 1954; Maddison et al. 2014), so backends
    agree under one seed except where two classes are equal to rounding.

    Args:
        logits: Unnormalised log-probabilities over `axis` and any other dims; -inf never happens.
        probs: Instead of logits: probabilities, in any scale; 0 never happens.
        axis: The classes; padding of a ragged dim is never drawn.
        dims: Further dims of the result, for several independent draws.
        seed: As in `sf.random_uniform`.

    Returns:
        Labels of `axis` (int64) over `dims` and the other dims of the rows. Where a row has no
        class, or all are impossible, the label is 0.

    Example:
        >>> import numpy as np, seqfront as sf
        >>> vocab, draw = sf.Dim("vocab", 3), sf.Dim("draw", 6)
        >>> p = sf.wrap(np.array([0.8, 0.0, 0.2], "float32"), (vocab,))
        >>> sf.random_categorical(probs=p, axis=vocab, dims=(draw,), seed=5).raw
        array([0, 2, 0, 2, 2, 2])
    """
    op = "random_categorical"
    if (logits is None) == (probs is None):
        raise errors.logits_or_probs(op, "none" if logits is None else "both")
    name, given = ("probs", probs) if logits is None else ("logits", logits)
    align.distinct(op, (axis,))
    x = _checked(op, given, axis, name)
    scores = elementwise.log(x) if logits is None else x
    wide = "float64" if x.dtype == "float64" else "float32"
    over = align.distinct(op, (*dims, *x.dims))
    noise = random_gumbel(over, dtype=wide, like=x, seed=seed)
    return argmax(noise + stop_gradient(scores), axis=axis)


def _checked(op: str, x: Tensor | None, axis: Dim, name: str) -> Tensor:
    align.check(op, cast(Tensor, x), axis, name=name)
    return cast(Tensor, x)


def random_integers(
    dims: Sequence[Dim],
    *,
    low: int = 0,
    high: int,
    dtype: str = "int32",
    like: Tensor | None = None,
    device: str | None = None,
    seed: Seed | None = None,
) -> Tensor:
    """Whole numbers from `low` to below `high`, all as likely (to 2**-53 of the range).

    Args:
        dims: Dims of the result.
        low: The least number.
        high: One above the greatest; `high - low` is at most 2**53. As labels of a dim:
            `sf.random_integers(dims, high=10).labels_of(dim)`.
        dtype: An integer type that has all these numbers.
        like: Where sizes and lengths of dynamic dims, backend and device come from.
        device: As in `sf.random_uniform`; so is `seed`.

    Example:
        >>> import seqfront as sf
        >>> sf.random_integers((sf.Dim("four", 4),), low=-3, high=4, seed=1).raw
        array([3, 3, 1, 1], dtype=int32)
    """
    op = "random_integers"
    if not dtypes.is_int(dtypes.check(dtype, op)):
        raise errors.unknown_dtype(op, dtype, dtypes.INTS)
    _check_range(op, low, high, dtype)
    u = drawn(op, "uniform", dims, "float64", like, device, seed)
    p = u.backend
    offset = p.cast(p.unary("floor", p.binary("mul", u.raw, float(high - low))), "int64")
    raw = p.cast(p.binary("add", offset, low), dtype)
    return Tensor(raw, u.dims, u.lengths_table, backend=p)


def _check_range(op: str, low: object, high: object, dtype: str) -> None:
    least = 0 if dtype == "uint8" else -_LIMITS[dtype]
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in (low, high))
    first, last = cast("tuple[int, int]", (low, high))
    if not whole or not least <= first < last <= _LIMITS[dtype] or last - first > 2**53:
        raise errors.bad_bounds(op, low, high, f"ints, low < high, that {dtype} has")


def random_permutation(
    axis: Dim,
    *,
    dims: Sequence[Dim] = (),
    like: Tensor | None = None,
    device: str | None = None,
    seed: Seed | None = None,
) -> Tensor:
    """The positions of a dim in random order; of a ragged one, those of each sequence by itself.

    Args:
        axis: The dim. `sf.gather(x, indices=order, axis=axis)` puts a tensor in that order.
        dims: Further dims of the result, each with an order of its own.
        like: Where sizes and lengths, backend and device come from.
        device: As in `sf.random_uniform`; so is `seed`.

    Returns:
        Positions, int64, as labels of `axis`, over `axis`, `dims` and the dims that lengths of
        `axis` run over. Padding stays where it is.

    Raises:
        DimError: Lengths of one of `dims` run over `axis`: sequences would be torn apart.

    Example:
        >>> import seqfront as sf
        >>> batch, time = sf.Dim("batch"), sf.Dim("time")
        >>> x = sf.wrap([[1, 2, 3, 4], [5, 6, 0, 0]], (batch, time), lengths={time: [4, 2]})
        >>> sf.random_permutation(time, like=x, seed=3).raw
        array([[1, 2, 3, 0],
               [0, 1, 2, 3]])
    """
    op = "random_permutation"
    align.distinct(op, (*align.distinct(op, dims), axis))
    lead = tuple(dims)
    if like is not None:
        align.check(op, like, name="like")
        entry = own_lengths(like, axis)
        lead = lead if entry is None else align.union((entry.dims, lead))
    u = drawn(op, "uniform", (*lead, axis), "float64", like, device, seed)
    check_rows(op, u, axis)
    return argsort(u, axis=axis)
