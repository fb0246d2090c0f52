"""Lengths: one table that tensors share, and what operations make of it."""

from __future__ import annotations

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends
from seqfront.lengths import FULL, Entry, Lengths, merged

batch, group, time, mel = sf.Dim("batch"), sf.Dim("group"), sf.Dim("time"), sf.Dim("mel", 4)
NUMPY = backends.get("numpy")


def _tensor(backend: str, lengths: list[int], *dims: sf.Dim) -> sf.Tensor:
    shape = [{batch: 2, time: 5, mel: 4}[dim] for dim in dims]
    raw = backends.get(backend).convert(np.ones(shape, np.float32))
    return sf.wrap(raw, dims, lengths={time: lengths})


def test_results_share_the_table(backend_name: str) -> None:
    x = _tensor(backend_name, [5, 2], batch, time, mel)
    for y in (x + 1.0, sf.exp(x), x * x, sf.softmax(x, axis=mel), sf.sum(x, axis=mel)):
        assert y.lengths_table is x.lengths_table


def test_full_tensors_have_the_empty_table(backend_name: str) -> None:
    raw = backends.get(backend_name).convert(np.ones((2, 5), np.float32))
    assert sf.wrap(raw, (batch, time)).lengths_table is FULL


def test_derived_lengths_are_computed_once(backend_name: str) -> None:
    x = _tensor(backend_name, [5, 2], batch, time)
    assert x.lengths(time // 2).raw is x.lengths(time // 2).raw
    assert x.mask(time).raw is x.mask(time).raw


def test_equal_lengths_made_twice_agree(backend_name: str) -> None:
    x, y = (_tensor(backend_name, [5, 2], batch, time) for _ in range(2))
    assert (x + y).lengths(time).numpy().tolist() == [5, 2]


def test_the_ragged_operand_makes_the_result_ragged(backend_name: str) -> None:
    x = _tensor(backend_name, [5, 2], batch, time)
    weight = sf.wrap(backends.get(backend_name).convert(np.ones(5, np.float32)), (time,))
    for y in (x * weight, weight * x):
        assert y.lengths(time).numpy().tolist() == [5, 2]


def test_the_finer_lengths_stand() -> None:
    per_row, longest = Entry(np.array([5, 2]), (batch,)), Entry(np.array(5), ())
    for tables in ([{time: per_row}, {time: longest}], [{time: longest}, {time: per_row}]):
        assert merged(map(Lengths, tables)).entries[time] is per_row


def test_merging_keeps_what_is_there() -> None:
    a = Lengths({time: Entry(np.array([5, 2]), (batch,))})
    b = Lengths({mel: Entry(np.array([1, 2]), (batch,))})
    assert merged([FULL, a]) is a
    assert merged([a, FULL, a]) is a
    assert merged([]) is FULL
    assert set(merged([a, b]).entries) == {time, mel}


def test_lengths_of_merged_dims_are_not_guessed() -> None:
    table = Lengths({time: Entry(np.array([5, 2]), (batch,))})
    assert table.of(time * mel, NUMPY) is None
    assert table.of(batch, NUMPY) is None


@pytest.mark.parametrize(
    ("op", "wanted"),
    [
        (lambda x: sf.max(x, axis=batch), 5),
        (lambda x: sf.gather(x, indices=1, axis=batch), 2),
        (lambda x: sf.dot(x, x, reduce=(batch, mel)), 5),
    ],
)
def test_lengths_without_the_batch(op: object, wanted: int, backend_name: str) -> None:
    y = op(_tensor(backend_name, [5, 2], batch, time, mel))  # type: ignore[operator]
    assert y.lengths(time).dims == ()
    assert int(y.lengths(time)) == wanted


def test_joining_adds_lengths(backend_name: str) -> None:
    x = _tensor(backend_name, [5, 2], batch, time)
    y = sf.concat((x, time), (x, time))
    assert y.lengths(time + time).numpy().tolist() == [10, 4]
    assert sf.pad(x, axis=time, left=1, right=1).lengths(1 + time + 1).numpy().tolist() == [7, 4]


def test_merged_batch_dims_carry_lengths(backend_name: str) -> None:
    raw = backends.get(backend_name).convert(np.ones((2, 3, 5), np.float32))
    x = sf.wrap(raw, (batch, group, time), lengths={time: [[1, 2, 3], [4, 5, 0]]})
    y = sf.merge_dims(x, (group, batch))
    assert y.lengths(time).numpy().tolist() == [1, 4, 2, 5, 3, 0]
    assert sf.sum(y, axis=time).numpy().tolist() == [1, 4, 2, 5, 3, 0]
