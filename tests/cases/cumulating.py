"""Running functions, to the end and to the start, with and without their own position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import seqfront as sf
from cases.dims import PLAIN, RAGGED, TWO_BATCH_DIMS, batch, feature, group, time
from seqfront.testing import Case, Layout, Spec, booleans, constant, distinct, integers, normal

_WAYS = [(exclusive, reverse) for exclusive in (False, True) for reverse in (False, True)]
_NONE = "integers have none"


def _oracle(run: Callable[..., Any], neutral: float, ways: Any) -> Callable[[np.ndarray], Any]:
    def oracle(x: np.ndarray) -> tuple[np.ndarray, ...]:
        found: list[np.ndarray] = []
        for exclusive, reverse in ways:
            y = run(x[::-1] if reverse else x)
            if exclusive:
                y = np.concatenate([np.full_like(y[:1], neutral), y[:-1]])
            found.append(y[::-1] if reverse else y)
        return tuple(found)

    return oracle


def _case(
    name: str,
    where: str,
    run: Callable[..., Any],
    neutral: float,
    x: Spec,
    layout: Layout = RAGGED,
    rows: Any = (batch,),
    ways: Any = _WAYS,
    **flags: Any,
) -> Case:
    return Case(
        f"{name}-{where}",
        lambda x: tuple(
            getattr(sf, name)(
                sf.cast(x, "int32") if x.dtype == "int64" else x,  # whose least number is another
                axis=time,
                exclusive=exclusive,
                reverse=reverse,
            )
            for exclusive, reverse in ways
        ),
        {"x": x},
        layout,
        covers=(name,),
        batch=rows,
        oracle=_oracle(run, neutral, ways),
        **flags,
    )


_X = distinct(batch, time, feature, step=0.1)
_INT = integers(batch, time, low=-3, high=4)
_RUN: dict[str, tuple[Callable[..., Any], float]] = {
    "cumsum": (np.cumsum, 0),
    "cumprod": (np.cumprod, 1),
    "cummax": (np.maximum.accumulate, -np.inf),
    "cummin": (np.minimum.accumulate, np.inf),
    "cumlogsumexp": (np.logaddexp.accumulate, -np.inf),
}


def _over_time(name: str) -> Callable[..., Any]:
    run = _RUN[name][0]
    return run if hasattr(run, "__self__") else lambda x: run(x, 0)


WAYS = [
    *(
        _case(name, "all-ways", _over_time(name), _RUN[name][1], _X)
        for name in ("cumsum", "cumprod")
    ),
    *(
        case
        for name in ("cummax", "cummin", "cumlogsumexp")
        for case in (
            _case(name, "inclusive", _over_time(name), 0, _X, ways=_WAYS[:2]),
            _case(name, "exclusive", _over_time(name), _RUN[name][1], _X, ways=_WAYS[2:],
                  no_finite_difference="the result of nothing is infinite"),
        )
    ),
    *(
        _case(name, "all-ways-of-integers", _over_time(name), neutral, _INT, no_gradient=_NONE)
        for name, neutral in {"cumsum": 0, "cummax": -(2**31), "cummin": 2**31 - 1}.items()
    ),
    _case("cumlogsumexp", "all-ways-of-bools", lambda x: np.logaddexp.accumulate(x * 1.0), -np.inf,
          booleans(batch, time), no_gradient=_NONE),
    _case("cumsum", "all-ways-full", _over_time("cumsum"), 0, _X, PLAIN),
    _case("cummin", "of-two-batch-dims", _over_time("cummin"), np.inf,
          normal(group, time, batch), TWO_BATCH_DIMS, (batch, group), _WAYS[:2]),
    _case("cumlogsumexp", "all-ways-of-impossible-values", _over_time("cumlogsumexp"), -np.inf,
          constant([[-np.inf, -np.inf, 1.0, -np.inf, 300.0]] * 3, batch, time),
          no_finite_difference="minus infinity does not move"),
]  # fmt: skip

CASES = WAYS
