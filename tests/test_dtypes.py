"""One promotion table, on every backend."""

from __future__ import annotations

import itertools
import operator

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends, dtypes

feature = sf.Dim("feature", 2)


def _tensor(dtype: str, backend: str) -> sf.Tensor:
    target = backends.get(backend)
    return sf.wrap(target.convert(np.array([1, 2]), dtype), (feature,))


@pytest.mark.parametrize(("a", "b"), list(itertools.combinations_with_replacement(dtypes.ALL, 2)))
def test_tensors_promote_by_the_table(a: str, b: str, backend_name: str) -> None:
    x, y = _tensor(a, backend_name), _tensor(b, backend_name)
    wanted = dtypes.promote(a, b)
    arithmetic = "int32" if wanted == "bool" else wanted
    assert (x + y).dtype == (y + x).dtype == arithmetic
    assert sf.maximum(x, y).dtype == arithmetic
    assert (x / y).dtype == sf.atan2(x, y).dtype == dtypes.to_float(wanted)
    assert sf.power(x, y).dtype == sf.einsum(x, y, out=()).dtype == arithmetic
    assert sf.clip(x, y).dtype == wanted
    assert (x < y).dtype == "bool"
    assert sf.where(x == x, x, y).dtype == wanted
    assert (x + y).numpy().tolist() == [2, 4] or "bool" in (a, b)


@pytest.mark.parametrize("dtype", dtypes.ALL)
@pytest.mark.parametrize("number", [True, 2, 0.5])
def test_numbers_are_weak(dtype: str, number: float, backend_name: str) -> None:
    x = _tensor(dtype, backend_name)
    wanted = dtypes.promote_scalar(dtype, number)
    arithmetic = "int32" if wanted == "bool" else wanted
    assert (x * number).dtype == (number * x).dtype == arithmetic
    assert (x + number).dtype == arithmetic
    assert (x / number).dtype == dtypes.to_float(wanted)
    assert (x < number).dtype == "bool"
    assert sf.where(x == x, x, number).dtype == wanted


@pytest.mark.parametrize("dtype", dtypes.ALL)
def test_functions_of_reals_make_floats(dtype: str, backend_name: str) -> None:
    x = _tensor(dtype, backend_name)
    for function in (
        sf.exp, sf.log, sf.sqrt, sf.tanh, sf.sigmoid, sf.silu, sf.gelu, sf.softplus, sf.tan,
        sf.atan, sf.sinh, sf.acosh, sf.elu, sf.mish, sf.hard_sigmoid, sf.log2, sf.reciprocal,
        sf.softsign, sf.log_sigmoid, sf.leaky_relu,
    ):  # fmt: skip
        assert function(x).dtype == dtypes.to_float(dtype)
    assert sf.softmax(x, axis=feature).dtype == dtypes.to_float(dtype)
    assert sf.mean(x, axis=feature).dtype == dtypes.to_float(dtype)
    assert sf.logsumexp(x, axis=feature).dtype == dtypes.to_float(dtype)
    assert sf.variance(x, axis=feature).dtype == dtypes.to_float(dtype)
    assert sf.standard_deviation(x, axis=feature).dtype == dtypes.to_float(dtype)
    assert sf.cumlogsumexp(x, axis=feature).dtype == dtypes.to_float(dtype)


@pytest.mark.parametrize("dtype", dtypes.ALL)
def test_sums_keep_the_dtype(dtype: str, backend_name: str) -> None:
    x = _tensor(dtype, backend_name)
    number = "int32" if dtype == "bool" else dtype
    assert sf.sum(x, axis=feature).dtype == number
    for function in (sf.cumsum, sf.cumprod, sf.cummax, sf.cummin):
        assert function(x, axis=feature, exclusive=True, reverse=True).dtype == number
    for function in (sf.negative, sf.abs, sf.sign, sf.square, sf.trunc, sf.relu6):
        assert function(x).dtype == number
    if dtype != "bool":
        assert sf.prod(x, axis=feature).dtype == dtype
        assert sf.max(x, axis=feature).dtype == dtype
    assert sf.argmax(x * 1, axis=feature).dtype == "int64"


@pytest.mark.parametrize(("a", "b"), list(itertools.product(dtypes.ALL, dtypes.ALL)))
def test_cast(a: str, b: str, backend_name: str) -> None:
    x = sf.cast(_tensor(a, backend_name), b)
    assert x.dtype == b
    values = np.array([1, 2]).astype(bool) if "bool" in (a, b) else np.array([1, 2])
    assert x.numpy().astype(float).tolist() == values.astype(float).tolist()


def test_int_times_float_is_float32_everywhere(backend_name: str) -> None:
    for dtype in dtypes.INTS:
        product = _tensor(dtype, backend_name) * 0.5
        assert (product.dtype, product.numpy().tolist()) == ("float32", [0.5, 1.0])


def test_division_rounds_down_as_python_does(backend_name: str) -> None:
    n = sf.Dim("n", 4)
    target = backends.get(backend_name)
    for dtype in ("int32", "int64", "float32"):
        x = sf.wrap(target.convert(np.array([7, -7, 7, -7], dtype)), (n,))
        y = sf.wrap(target.convert(np.array([2, 2, -2, -2], dtype)), (n,))
        for function in (operator.floordiv, operator.mod):
            wanted = [function(a, b) for a, b in zip([7, -7, 7, -7], [2, 2, -2, -2], strict=True)]
            assert function(x, y).numpy().tolist() == wanted
            assert function(x, y).dtype == dtype


def test_promotion_is_a_lattice_up_to_the_pairs_named() -> None:
    for a, b in itertools.product(dtypes.ALL, dtypes.ALL):
        assert dtypes.promote(a, b) == dtypes.promote(b, a)
        assert dtypes.promote(a, a) == a
        assert dtypes.promote(dtypes.promote(a, b), b) == dtypes.promote(a, b)


def test_kinds() -> None:
    assert [d for d in dtypes.ALL if dtypes.is_float(d)] == list(dtypes.FLOATS)
    assert [d for d in dtypes.ALL if dtypes.is_int(d)] == list(dtypes.INTS)
    assert dtypes.number(0.0, "int32") == 0
    assert isinstance(dtypes.number(0.0, "int32"), int)
    assert dtypes.number(0.0, "bool") is False
