"""Inputs for every composed operation that some backend overrides, edges included."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from primitive_cases import array, floats, ints

INF, NAN = math.inf, math.nan


class Inputs(NamedTuple):
    """Arguments of a composed operation: arrays (made raw tensors), and whatever comes after."""

    what: str
    arrays: tuple[np.ndarray | None, ...]
    rest: tuple[Any, ...] = ()
    gradient: bool = True


_DEAD = array([[-INF, -INF, -INF], [1.0, -INF, 2.0], [0.0, 500.0, -500.0], [-INF, 3.0, -INF]])
_TIED = array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])


def _along_axes(*, many: bool) -> list[Inputs]:
    def axes(axis: int) -> Any:
        return (axis,) if many else axis

    found = [Inputs(f"axis {axis}", (floats(2, 3, 4),), (axes(axis),)) for axis in range(3)] + [
        Inputs(f"{what}, axis {axis}", (x,), (axes(axis),))
        for what, x in (("all -inf", _DEAD), ("ties", _TIED))
        for axis in range(2)
    ]
    found += [
        Inputs("no element", (floats(2, 0),), (axes(1),)),
        Inputs("no row", (floats(0, 3),), (axes(1),)),
        Inputs("NaN", (array([[NAN, 1.0], [2.0, 3.0]]),), (axes(1),), gradient=False),
        Inputs("last NaN", (array([[1.0, NAN], [2.0, 3.0]]),), (axes(1),), gradient=False),
        Inputs("float16", (floats(2, 3).astype("float16"),), (axes(1),), gradient=False),
    ]
    return found


def _pointwise(edges: tuple[float, ...] = (INF, NAN)) -> list[Inputs]:
    wide = array([-500.0, -50.0, -20.0, -5.0, -1e-3, 0.0, 0.5, 15.0, 19.9, 20.1, 35.0, 45.0, 500.0])
    return [
        Inputs("values", (floats(3, 4),)),
        Inputs("wide", (wide,)),
        Inputs("nothing", (floats(0, 4),)),
        Inputs("not finite", (array(edges),), gradient=False),
        Inputs("float16", (floats(5).astype("float16"),), gradient=False),
    ]


def _linear() -> list[Inputs]:
    weight, bias = floats(4, 5, seed=1), floats(5, seed=2)
    return [
        Inputs(
            f"{shape} {'with' if b is not None else 'without'} bias", (floats(*shape), weight, b)
        )
        for shape in ((4,), (3, 4), (2, 3, 4), (2, 1, 3, 4), (0, 4), (2, 0, 4))
        for b in (bias, None)
    ] + [Inputs("no input", (floats(2, 0), floats(0, 3), floats(3)))]


def _layer_norm() -> list[Inputs]:
    scale, bias = floats(4, seed=1), floats(4, seed=2)
    found = [
        Inputs(f"{shape} {s is not None} {b is not None}", (floats(*shape), s, b), (1e-3,))
        for shape in ((4,), (3, 4), (2, 3, 4), (0, 4))
        for s in (scale, None)
        for b in (bias, None)
    ]
    constant = np.full((2, 4), 3.0, "float32")
    return [*found, Inputs("constant rows", (constant, scale, bias), (1e-3,))]


def _attention() -> list[Inputs]:
    few, none = np.array([[True, True, False]]), np.zeros((1, 3), bool)
    padding = np.array([[[[True, False, True]]], [[[False] * 3]]])  # nothing to see in the second
    causal = np.tri(4, 3, dtype=bool)
    bias = np.where(causal, floats(4, 3, seed=4), np.float32(-INF))
    found: list[Inputs] = []
    for what, lead, mask, added in (
        ("plain", (), None, None), ("masked", (), few, None), ("nothing seen", (), none, None),
        ("batch", (2,), padding[:, 0], None), ("heads", (2, 5), padding, None),
        ("causal", (2, 5), causal, None), ("bias", (2, 5), None, bias[None, None]),
        ("bias and mask", (2, 5), padding, bias), ("three lead axes", (2, 1, 2), few, bias),
        ("no row", (0, 2), None, None),
    ):  # fmt: skip
        q, k, v = (floats(*lead, n, 8, seed=i) for i, n in enumerate((4, 3, 3)))
        found.append(Inputs(what, (q, k, v, mask, added), (0.3,), added is None))
    q, k, v = floats(2, 5, 4, 8), floats(2, 5, 3, 8, seed=1), floats(2, 5, 3, 6, seed=2)
    half = [x.astype("float16") for x in (q, k, v)]
    return [
        *found,
        Inputs("other width", (q, k, v, padding, None), (0.3,)),
        Inputs("no key", (q, k[:, :, :0], v[:, :, :0], None, None), (0.3,)),
        Inputs("no query", (q[:, :, :0], k, v, padding, None), (0.3,)),
        Inputs("float16", (*half[:2], half[1], padding, None), (0.3,), False),
        Inputs("finite bias", (q, k, k, padding, floats(4, 3, seed=4)), (0.3,)),
    ]


def _lstm() -> list[Inputs]:
    found: list[Inputs] = []
    for time, batch, lengths in (
        (5, 3, None), (5, 3, [5, 2, 0]), (5, 3, [3, 1, 2]), (1, 2, [1, 0]), (4, 2, [0, 0]),
        (0, 2, None), (0, 2, [0, 0]), (3, 0, None), (3, 0, []),
    ):  # fmt: skip
        x = floats(time, batch, 2)
        mask = None
        if lengths is not None:
            mask = np.arange(time)[:, None] < np.array(lengths, "int64")[None]
            x = np.where(mask[:, :, None], x, np.float32(NAN))
        weights = (floats(2, 12, seed=1), floats(3, 12, seed=2), floats(12, seed=3))
        state = (floats(batch, 3, seed=4), floats(batch, 3, seed=5))
        found.append(Inputs(f"time {time}, lengths {lengths}", (x, *weights, *state, mask)))
    return found


def _gru() -> list[Inputs]:
    found: list[Inputs] = []
    for inputs in _lstm():
        x, *_, hidden, _, mask = inputs.arrays
        weights = (floats(2, 9, seed=1), floats(3, 9, seed=2), floats(9, seed=3), floats(3, seed=6))
        found.append(Inputs(inputs.what, (x, *weights, hidden, mask)))
    return found


def _sparse_cross_entropy() -> list[Inputs]:
    return [
        Inputs("values", (floats(2, 3, 4), ints(2, 3, low=0, high=4))),
        Inputs("int64", (floats(3, 4), ints(3, low=0, high=4).astype("int64"))),
        Inputs("one", (floats(4), array(2))),
        Inputs("all -inf", (_DEAD, array([0, 1, 2, 0]))),
        Inputs("impossible", (_DEAD[1:], array([1, 1, 0]))),
        Inputs("no row", (floats(0, 4), np.zeros(0, "int32"))),
        Inputs("NaN", (array([[NAN, 1.0], [2.0, 3.0]]), array([1, 1])), gradient=False),
    ]


def _logaddexp() -> list[Inputs]:
    a = array([1.0, -INF, 2.0, -INF, 500.0, 3.0])
    b = array([-1.0, 1.0, -INF, -INF, -500.0, 3.0])
    return [
        Inputs("values and edges", (a, b)),
        Inputs("broadcast", (floats(3, 1), floats(4, seed=1))),
        Inputs("nothing", (floats(0), floats(0))),
    ]


OVERRIDES: dict[str, Callable[[], list[Inputs]]] = {
    "size": lambda: [Inputs("axis", (floats(2, 3),), (1,), False)],
    "meet": lambda: (
        [
            Inputs(f"{a} {b} {dtype}", (floats(*a), floats(*b).astype(dtype)), (), False)
            for a, b, dtype in [
                ((2, 3), (3,), "float32"),
                ((2, 3), (2, 3), "float32"),
                ((2, 3), (), "float32"),
                ((2, 3), (2,), "float32"),
                ((2,), (2, 2), "float32"),
                ((2, 1), (2, 3), "float32"),
                ((0,), (0,), "float32"),
                ((2,), (2,), "float64"),
                ((2,), (2,), "int32"),
            ]
        ]
        + [Inputs("integers", (ints(2), ints(2)), (), False)]
    ),
    "stack": lambda: [],  # takes a list: see the cases of primitives
    "full_like": lambda: [Inputs("value", (ints(2, 3),), (7,), False)],
    "sequence_mask": lambda: [
        Inputs("lengths", (array([0, 2, 4]),), (4,), False),
        Inputs("two axes", (array([[0], [3]]),), (3,), False),
        Inputs("no position", (array([0, 0]),), (0,), False),
    ],
    "one_hot": lambda: [
        Inputs("classes", (array([[0, 2], [3, 1]]),), (4, "float32"), False),
        Inputs("out of range", (array([-1, 4, 5, 3]),), (4, "float64"), False),
    ],
    "random_words": lambda: [
        Inputs(f"{size} words", (array(low, "int64"), array(high, "int64")), (size, "cpu"), False)
        for size, low, high in ((0, 0, 0), (1, 7, 2**32 - 1), (6, 2**32 - 1, 2**31), (4, 5, 6))
    ],
    "silu": _pointwise,
    "gelu": lambda: _pointwise((NAN,)),
    "softplus": _pointwise,
    "logaddexp": _logaddexp,
    "logsumexp": lambda: [
        *_along_axes(many=True),
        Inputs("several axes", (floats(2, 3, 4),), ((0, 2),)),
        Inputs("keepdims", (_DEAD,), ((1,), True)),
        Inputs("no axis", (_DEAD,), ((),)),
        Inputs("+inf", (array([[INF, 1.0]]),), ((1,),), False),
    ],
    "softmax": lambda: _along_axes(many=False),
    "log_softmax": lambda: _along_axes(many=False),
    "linear": _linear,
    "layer_norm": _layer_norm,
    "attention": _attention,
    "lstm": _lstm,
    "lstm_cell": lambda: [
        Inputs("state", (floats(2, 12), floats(3, 12, seed=1), floats(2, 3), floats(2, 3, seed=2)))
    ],
    "normalized_lstm_cell": lambda: [
        Inputs(
            f"{count} rows",
            (
                floats(count, 12),
                floats(count, 3, seed=1),
                floats(count, 3, seed=2),
                floats(3, 12, seed=3),
                floats(12, seed=4),
                floats(12, seed=5),
                floats(3, seed=6),
                floats(3, seed=7),
            ),
            (0.25,),
        )
        for count in (2, 0)
    ],
    "gru": _gru,
    "gru_cell": lambda: [
        Inputs("state", (floats(2, 9), floats(3, 9, seed=1), floats(3, seed=3), floats(2, 3)))
    ],
    "sparse_cross_entropy": _sparse_cross_entropy,
}
