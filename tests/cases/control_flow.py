"""Branches, loops, scans and growing arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import seqfront as sf
from cases.dims import RAGGED, TWO_BATCH_DIMS, batch, feature, group, out, time
from seqfront.lengths import Entry
from seqfront.testing import Case, constant, integers, normal

step, five = sf.Dim("step"), sf.Dim("five", 5)
NO_LISTS = {"torch": "a compiled loop carries tensors only, no growing list"}


class Pair(NamedTuple):
    one: Any
    two: Any


@dataclass(frozen=True)
class Walk:
    x: sf.Tensor
    step: sf.Tensor
    label: str = "walk"


def _shortened(x: sf.Tensor, by: sf.Tensor | int) -> sf.Tensor:
    """The same tensor with other lengths."""
    shorter = sf.maximum(x.lengths(time) - by, 0)
    return x.with_lengths(x.lengths_table.with_entries({time: Entry(shorter.raw, shorter.dims)}))


def _then(layer: Any, x: sf.Tensor, flag: sf.Tensor) -> Any:
    """Captured tensors and parameters."""
    found = sf.cond(
        flag,
        lambda: {"pair": Pair(x * 2.0, None), "y": [layer(x)]},
        lambda: {"y": [sf.tanh(layer(x))], "pair": Pair(x, None)},
    )
    assert found["pair"].two is None
    return found["pair"].one, found["y"][0]


def _otherwise(x: sf.Tensor, flag: sf.Tensor) -> Any:
    """Integers, and other lengths."""
    return sf.cond(
        flag,
        lambda: (x, sf.cast(x, "int32")),
        lambda: (_shortened(x * x, 1), sf.cast(x * 10.0, "int32")),
    )


def _linear(layer: Any, x: np.ndarray) -> np.ndarray:
    return x @ layer.weight.numpy(feature, out) + layer.bias.numpy()


def _loop(x: sf.Tensor) -> Any:
    """Three steps, each of which makes every sequence one position shorter."""
    last = sf.while_loop(
        lambda s: s.step < 3,
        lambda s: Walk(_shortened(sf.tanh(s.x + 0.5), 1), s.step + 1),
        Walk(x, sf.zeros((), dtype="int32", like=x)),
    )
    assert last.label == "walk"
    return last.x, last.step


def _loop_oracle(x: np.ndarray) -> Any:
    for _ in range(3):
        x = np.tanh(x + 0.5)
    return x[: max(len(x) - 3, 0)], np.int32(3)


def _norm(x: sf.Tensor) -> sf.Tensor:
    return sf.sum(x * x, axis=feature)


def _halved(x: sf.Tensor) -> Any:
    """As many steps as the data of each row asks for."""

    def body(s: tuple[sf.Tensor, sf.Tensor]) -> tuple[sf.Tensor, sf.Tensor]:
        y, count = s
        large = _norm(y) > 0.1
        return sf.where(large, y * 0.5, y), count + sf.cast(large, "int32")

    zero = sf.zeros((batch,), dtype="int32", like=x)
    return sf.while_loop(lambda s: sf.any(_norm(s[0]) > 0.1, axis=batch), body, (x, zero))


def _halved_oracle(x: np.ndarray) -> Any:
    count = 0
    while (x * x).sum() > 0.1:
        x, count = x * 0.5, count + 1
    return x, np.int32(count)


def _collected(x: sf.Tensor, steps: sf.Tensor) -> Any:
    """A list that grows to the number of steps of the longest row."""

    def body(s: dict[str, Any]) -> dict[str, Any]:
        y = sf.tanh(s["y"] + 0.5)
        return {"y": y, "found": s["found"].push(y), "at": s["at"] + 1}

    zero = sf.zeros((), dtype="int32", like=x)
    start = {"y": x, "found": sf.TensorArray.empty(like=x), "at": zero}
    last = sf.while_loop(lambda s: s["at"] < sf.max(steps, axis=batch), body, start)
    return last["found"].stack(axis=step, lengths=steps)


def _collected_oracle(x: np.ndarray, steps: np.ndarray) -> np.ndarray:
    found = np.zeros((int(steps), *x.shape))
    for i in range(int(steps)):
        x = found[i] = np.tanh(x + 0.5)
    return found


def _ragged_items(x: sf.Tensor) -> sf.Tensor:
    """Items whose own lengths go along: sums over the data of each."""
    array = sf.TensorArray.empty(like=x)
    for i in range(3):
        array = array.push(_shortened(x * (i + 1.0), i))
    return sf.sum(array.stack(axis=step), axis=time)


def _decayed(total: Any, x: Any) -> tuple[Any, Any]:
    """A state and two results; the logarithm has a pole in what padding might be."""
    after = {"total": 0.5 * total["total"] + sf.log(x["x"] * x["x"])}
    return after, (after["total"] * x["y"], [x["n"]])


def _scan(x: sf.Tensor, y: sf.Tensor, n: sf.Tensor) -> Any:
    start = {"total": sf.zeros((batch, feature), like=x)}
    last, (ys, [ns]) = sf.scan(_decayed, start, {"x": x, "y": y, "n": n}, axis=time)
    return last["total"], ys, ns


def _scan_oracle(x: np.ndarray, y: np.ndarray, n: np.ndarray) -> Any:
    total, ys = np.zeros(4), np.zeros((len(x), 4))
    for t in range(len(x)):
        total = 0.5 * total + np.log(x[t] ** 2)
        ys[t] = total * y[t]
    return total, ys, n


def _recurrent(cell: Any, x: sf.Tensor) -> Any:
    """A layer stepped by hand."""
    last, y = sf.scan(
        lambda state, x: cell(x, axis=None, state=state)[::-1],
        cell.initial_state((batch,), like=x),
        x,
        axis=time,
    )
    return y, last.hidden


def _recurrent_oracle(cell: Any, x: np.ndarray) -> Any:
    y, state = cell(sf.wrap(x, (time, feature)), axis=time)
    return y.numpy(time, out), state.hidden.numpy()


def _fibonacci(x: sf.Tensor) -> Any:
    (a, _), found = sf.scan(lambda s, _: ((s[1], s[0] + s[1]), s[0]), (x, x), axis=five)
    return a, found


def _fibonacci_oracle(x: np.ndarray) -> Any:
    numbers = [1, 1, 2, 3, 5, 8]
    return x * numbers[5], np.stack([x * n for n in numbers[:5]])


class _Decay(sf.nn.Module):
    """A number of its own, used in the loop and around it."""

    def __init__(self) -> None:
        self.factor = 0.625

    def __call__(self, x: sf.Tensor) -> sf.Tensor:
        start = sf.zeros((batch,), dtype=x.dtype, like=x) + self.factor
        _, y = sf.scan(lambda s, x: (s * self.factor + x, s), start, x, axis=time)
        return y * self.factor


def _decay_oracle(layer: Any, x: np.ndarray) -> np.ndarray:
    found, state = np.zeros_like(x), layer.factor
    for t, value in enumerate(x):
        found[t], state = state * layer.factor, state * layer.factor + value
    return found


CASES = [
    Case(
        "cond-then",
        _then,
        {"x": normal(batch, time, feature), "flag": constant(True, dtype="bool")},
        RAGGED,
        covers=("cond",),
        module=lambda: sf.nn.Linear(feature, out),
        batch=(batch,),
        oracle=lambda layer, x, flag: (x * 2, _linear(layer, x)),
    ),
    Case(
        "cond-otherwise",
        _otherwise,
        {"x": normal(batch, time, feature), "flag": constant(False, dtype="bool")},
        RAGGED,
        covers=("cond",),
        batch=(batch,),
        oracle=lambda x, flag: ((x * x)[: max(len(x) - 1, 0)], (x * 10).astype("int32")),
    ),
    Case(
        "while-loop-lengths",
        _loop,
        {"x": normal(batch, time, feature)},
        RAGGED,
        covers=("while_loop",),
        batch=(batch,),
        oracle=_loop_oracle,
    ),
    Case(
        "while-loop-rows",
        _halved,
        {"x": normal(batch, feature)},
        RAGGED,
        covers=("while_loop",),
        batch=(batch,),
        oracle=_halved_oracle,
    ),
    Case(
        "tensor-array-grows",
        _collected,
        {"x": normal(batch, feature), "steps": constant([3, 0, 4], batch)},
        RAGGED,
        covers=("while_loop",),
        batch=(batch,),
        oracle=_collected_oracle,
        not_compiled=NO_LISTS,
    ),
    Case(
        "tensor-array-ragged-items",
        _ragged_items,
        {"x": normal(batch, time, feature)},
        RAGGED,
        batch=(batch,),
        oracle=lambda x: np.stack([x[: max(len(x) - i, 0)].sum(0) * (i + 1) for i in range(3)]),
    ),
    Case(
        "scan-ragged",
        _scan,
        {
            "x": normal(batch, time, feature),
            "y": normal(batch, time, feature),
            "n": integers(batch, time, low=0, high=9),
        },
        RAGGED,
        covers=("scan",),
        batch=(batch,),
        oracle=_scan_oracle,
    ),
    Case(
        "scan-with-a-number-of-an-object",
        lambda layer, x: layer(x),
        {"x": normal(batch, time)},
        RAGGED,
        covers=("scan",),
        module=_Decay,
        batch=(batch,),
        oracle=_decay_oracle,
    ),
    Case(
        "scan-recurrent-layer",
        _recurrent,
        {"x": normal(batch, time, feature)},
        RAGGED,
        covers=("scan",),
        module=lambda: sf.nn.GRU(feature, out),
        batch=(batch,),
        oracle=_recurrent_oracle,
    ),
    Case(
        "scan-reverse-two-batch-dims",
        lambda x: sf.scan(
            lambda s, x: (s + x, s), sf.zeros((group, batch), like=x), x, axis=time, reverse=True
        ),
        {"x": normal(batch, group, time)},
        TWO_BATCH_DIMS,
        covers=("scan",),
        batch=(batch, group),
        oracle=lambda x: (x.sum(), x.sum() - x.cumsum()),
    ),
    Case(
        "scan-without-xs",
        _fibonacci,
        {"x": normal(batch, feature)},
        RAGGED,
        covers=("scan",),
        batch=(batch,),
        oracle=_fibonacci_oracle,
    ),
    Case(
        "scan-without-state",
        lambda x: sf.scan(lambda _, x: (None, x * x), None, x, axis=time)[1],
        {"x": normal(batch, time, feature)},
        RAGGED,
        covers=("scan",),
        batch=(batch,),
        oracle=lambda x: x * x,
    ),
]
"""All cases of this kind."""
