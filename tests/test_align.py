"""How the dims of operands meet: one rule on every path."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seqfront as sf
from seqfront import align, backends

DIMS = tuple(sf.Dim(name, size) for name, size in (("a", 2), ("b", 3), ("c", 4), ("d", 5)))
a, b, c, d = DIMS


def _values(dims: tuple[sf.Dim, ...]) -> sf.Tensor:
    shape = [dim.size or 0 for dim in dims]
    raw = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    return sf.wrap(raw, dims)


def _by_einsum(x: sf.Tensor, y: sf.Tensor, dims: tuple[sf.Dim, ...]) -> np.ndarray:
    terms = ["".join(dim.name for dim in over) for over in (x.dims, y.dims, dims)]
    return np.einsum(f"{terms[0]},{terms[1]}->{terms[2]}", x.numpy(), y.numpy())


@given(st.permutations(DIMS), st.permutations(DIMS), st.integers(0, 3))
def test_the_larger_operand_gives_the_dims(
    whole: list[sf.Dim], others: list[sf.Dim], count: int
) -> None:
    x, y = _values(tuple(whole)), _values(tuple(others[:count]))
    for product in (x * y, y * x):
        assert product.dims == tuple(whole)
        np.testing.assert_allclose(product.numpy(), _by_einsum(x, y, product.dims))


@settings(max_examples=50)
@given(st.sets(st.sampled_from(DIMS)), st.sets(st.sampled_from(DIMS)))
def test_outer_products_are_asked_for(left: set[sf.Dim], right: set[sf.Dim]) -> None:
    x = _values(tuple(dim for dim in DIMS if dim in left))
    y = _values(tuple(dim for dim in reversed(DIMS) if dim in right))
    if not (left <= right or right <= left):
        with pytest.raises(sf.DimError, match="no operand has the dims of all others"):
            _ = x * y
    product = sf.multiply(x, y, allow_broadcast=True)
    assert set(product.dims) == left | right
    np.testing.assert_allclose(product.numpy(), _by_einsum(x, y, product.dims))


def test_equal_sets_take_the_order_of_the_first() -> None:
    x, y = _values((a, b)), _values((b, a))
    assert (x + y).dims == (a, b)
    assert (y + x).dims == (b, a)


def test_one_rule_for_several_operands() -> None:
    flags = _values((a, b, c)) > 3.0
    chosen = sf.where(flags, _values((c,)), _values((b,)))
    assert chosen.dims == (a, b, c)


def test_nothing_moves_without_need() -> None:
    assert align.move_to((b, c), (a, b, c)) is None
    assert align.move_to((), (a, b)) is None
    assert align.move_to((a, b), (a, b)) is None


@pytest.mark.parametrize("order", list(itertools.permutations((a, b, c))))
def test_moves_broadcast(order: tuple[sf.Dim, ...]) -> None:
    numpy = backends.get("numpy")
    for size in range(4):
        for dims in itertools.permutations(order, size):
            moved = align.moved(numpy, _values(dims).raw, align.move_to(dims, order))
            shape = [dim.size if dim in dims else 1 for dim in order]
            assert list(moved.shape) == shape[len(shape) - moved.ndim :]
            assert all(n == 1 for n in shape[: len(shape) - moved.ndim])


def test_union() -> None:
    assert align.union([(a, b), (c, b), (d,)]) == (a, b, c, d)


def test_plans_are_kept() -> None:
    x, y = _values((a, b)), _values((b,))
    assert align.plan("test", (x, y)) is align.plan("test", (x, y))


def test_contradicting_lengths_are_refused(backend_name: str) -> None:
    backend, time = backends.get(backend_name), sf.Dim("time")
    raw = backend.convert(np.ones((2, 4), np.float32))
    x = sf.wrap(raw, (a, time), lengths={time: [4, 2]})
    y = sf.wrap(raw, (a, time), lengths={time: [4, 3]})
    for op in (
        lambda: x + y,
        lambda: sf.concat((x, a), (y, a)),
        lambda: sf.stack([x, y], sf.Dim("pair")),
    ):
        with pytest.raises(sf.DimError, match="different lengths"):
            op()
