"""The Tensor itself: what it is, the way in, the way out."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends
from seqfront.lengths import FULL

batch, time, mel, vocab = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4), sf.Dim("vocab", 9)


@pytest.fixture
def raw(backend_name: str) -> Any:
    return backends.get(backend_name).convert(np.arange(24, dtype=np.float32).reshape(2, 3, 4))


@pytest.fixture
def x(raw: Any) -> sf.Tensor:
    return sf.wrap(raw, (batch, time, mel), lengths={time: [3, 1]})


def test_what_it_is(x: sf.Tensor, raw: Any, backend_name: str) -> None:
    assert x.raw is raw
    assert x.dims == (batch, time, mel)
    assert (x.dtype, x.device, x.backend.name) == ("float32", "cpu", backend_name)
    assert [x.axis(dim) for dim in (batch, time, mel)] == [0, 1, 2]
    assert [int(x.size(dim)) for dim in (batch, time, mel)] == [2, 3, 4]
    assert x.sparse_dim is None


def test_lengths_and_masks(x: sf.Tensor) -> None:
    assert x.lengths(time).numpy().tolist() == [3, 1]
    assert x.lengths(time).dims == (batch,)
    assert x.lengths(time).dtype == "int32"
    assert x.is_ragged(time)
    assert not x.is_ragged(batch)
    assert int(x.lengths(batch)) == 2
    assert x.lengths(mel).dims == ()
    assert x.mask(time).numpy(batch, time).tolist() == [[True, True, True], [True, False, False]]
    assert x.mask(mel).numpy().tolist() == [True] * 4


def test_lengths_of_derived_dims(x: sf.Tensor) -> None:
    assert x.lengths(time // 2).numpy().tolist() == [1, 0]
    assert x.lengths(time.ceil_div(2)).numpy().tolist() == [2, 1]
    assert x.lengths((time - 2) + 1).numpy().tolist() == [2, 1]
    assert x.is_ragged(time + 3)


def test_raw_in_is_the_way_out(x: sf.Tensor) -> None:
    order = (mel, batch, time)
    assert x.backend.to_numpy(x.raw_in(order)).shape == (4, 2, 3)
    assert x.raw_in(x.dims) is x.raw
    np.testing.assert_array_equal(x.numpy(*order), x.numpy().transpose(2, 0, 1))


def test_rename(x: sf.Tensor) -> None:
    key = time.clone("key")
    y = x.rename(time, key)
    assert y.dims == (batch, key, mel)
    assert y.lengths(key).numpy().tolist() == [3, 1]
    assert not y.is_ragged(time)
    assert x.rename(time, time) is x


def test_rename_of_what_lengths_depend_on(x: sf.Tensor) -> None:
    rows = sf.Dim("rows")
    y = x.rename(batch, rows)
    assert y.lengths(time).dims == (rows,)
    assert sf.sum(y, axis=time).numpy(rows, mel).tolist() == sf.sum(x, axis=time).numpy().tolist()


def test_labels(backend_name: str) -> None:
    plain = sf.wrap(backends.get(backend_name).convert(np.array([1, 2])), (batch,))
    labels = plain.labels_of(vocab)
    assert labels.sparse_dim is vocab
    assert labels.labels_of(None).sparse_dim is None
    assert (labels + 1).sparse_dim is None
    assert labels.raw is plain.raw


def test_with_lengths(x: sf.Tensor) -> None:
    assert not x.with_lengths(FULL).is_ragged(time)


def test_scalars(backend_name: str) -> None:
    with sf.use_backend(backend_name):
        seven = sf.full((), 7)
    assert (int(seven), float(seven), bool(seven)) == (7, 7.0, True)
    assert not bool(seven - 7)


def test_wrapping_lists_and_numbers(backend_name: str) -> None:
    with sf.use_backend(backend_name):
        assert sf.wrap([1, 2], (batch,)).dtype == "int32"
        assert sf.wrap([1.0, 2.0], (batch,)).dtype == "float32"
        assert sf.wrap(True).dtype == "bool"
        assert sf.wrap(3).backend.name == backend_name


def test_lengths_given_as_anything(raw: Any, backend_name: str) -> None:
    backend = backends.get(backend_name)
    for lengths in ([3, 1], (3, 1), np.array([3, 1]), backend.convert(np.array([3, 1], np.int64))):
        x = sf.wrap(raw, (batch, time, mel), lengths={time: lengths})
        assert x.lengths(time).numpy().tolist() == [3, 1]
        assert x.lengths(time).dtype == "int32"
    wrapped = sf.wrap(backend.convert(np.array([1, 2, 1, 3])), (mel,))
    x = sf.wrap(raw, (batch, time, mel), lengths={time: wrapped})
    assert x.lengths(time).dims == (mel,)


def test_lengths_over_nothing(raw: Any) -> None:
    x = sf.wrap(raw, (batch, time, mel), lengths={time: 2})
    assert int(x.lengths(time)) == 2
    assert sf.sum(x, axis=time).numpy().tolist() == [[4, 6, 8, 10], [28, 30, 32, 34]]


def test_immutable_in_use(x: sf.Tensor) -> None:
    before = x.numpy().copy()
    _ = (x + 1.0) * 2.0 - sf.softmax(x, axis=time)
    np.testing.assert_array_equal(x.numpy(), before)


def test_comparison_and_hash_do_not_mix(x: sf.Tensor) -> None:
    assert isinstance(x == x, sf.Tensor)
    assert hash(x) == hash(x)
    assert len({x, x}) == 1


def test_at_most_25_public_members() -> None:
    assert len([name for name in dir(sf.Tensor) if not name.startswith("_")]) <= 25


def test_copies_share_the_framework_tensor(x: sf.Tensor) -> None:
    assert copy.copy(x).dims == x.dims
