"""Operations on gradients: the values stay, so it is the gradients that count here."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf
from cases.dims import RAGGED, batch, feature, out, time
from seqfront.testing import Case, booleans, normal

_X = {"x": normal(batch, time, feature)}
_RULE = "the gradient is another one by intention; tests/test_gradient.py has its numbers"


def _case(name: str, covers: str, call: Any, oracle: Any = None) -> Case:
    return Case(
        name,
        call,
        _X,
        RAGGED,
        covers=(covers,),
        batch=(batch,),
        oracle=oracle if oracle is not None else (lambda x: x * x),
        no_finite_difference=_RULE,
    )


def _product(x: sf.Tensor, y: sf.Tensor, keep: sf.Tensor) -> sf.Tensor:
    """With its true gradient; the bool has none."""

    def backward(slope: Any, result: Any, x: Any, y: Any, keep: Any) -> Any:
        along_y = sf.sum(sf.where(keep, slope * x, 0.0), axis=time)
        return sf.where(keep, slope * y, 0.0), along_y, None

    return sf.custom_gradient(lambda x, y, k: sf.where(k, x * y, 0.0), backward, x, y, keep)


def _block(layers: Any, x: sf.Tensor) -> Any:
    """Layers under a checkpoint: parameters, nested arguments and results, lengths."""

    def run(xs: dict[str, Any], twice: bool) -> Any:
        y = sf.tanh(layers(xs["x"]))
        return {"y": y * 2.0 if twice else y, "n": xs["x"].lengths(time), "none": None}

    found = sf.checkpoint(run, {"x": x}, True)
    return found["y"], sf.mean(found["y"], axis=time), found["n"]


def _block_oracle(layers: Any, x: np.ndarray) -> Any:
    y = 2 * np.tanh(layers(sf.wrap(x, (time, feature))).numpy(time, out))
    return y, y.mean(0) if len(y) else np.zeros(6), np.int32(len(x))


CASES = [
    _case("scale-gradient", "scale_gradient", lambda x: sf.scale_gradient(x, 0.25) * x),
    _case("reverse-gradient", "reverse_gradient", lambda x: sf.reverse_gradient(x, 2.0) * x),
    _case("clip-gradient-value", "clip_gradient", lambda x: sf.clip_gradient(x * x, value=0.5)),
    _case(
        "clip-gradient-norm",
        "clip_gradient",
        lambda x: sf.clip_gradient(x * x, norm=0.5, axis=(feature, time)),
    ),
    _case(
        "custom-gradient-rule",
        "custom_gradient",
        lambda x: sf.custom_gradient(
            sf.round, lambda slope, y, x: sf.where(sf.abs(x) < 1.0, slope, 0.0), x
        ),
        np.round,
    ),
    Case(
        "custom-gradient-true",
        _product,
        {**_X, "y": normal(batch, feature), "keep": booleans(batch, time, feature)},
        RAGGED,
        covers=("custom_gradient",),
        batch=(batch,),
        oracle=lambda x, y, keep: np.where(keep, x * y, 0),
    ),
    Case(
        "checkpoint-layers",
        _block,
        _X,
        RAGGED,
        covers=("checkpoint",),
        module=lambda: sf.nn.Linear(feature, out),
        batch=(batch,),
        oracle=_block_oracle,
    ),
    Case(
        "checkpoint-dropout",
        lambda x: sf.checkpoint(lambda x: sf.tanh(sf.dropout(x * x, 0.5)), x),
        _X,
        RAGGED,
        covers=("checkpoint",),
        draws=True,
        not_compiled={"torch": "draws are replayed from a context variable, see creating.py"},
        order_matters="draws go to positions in physical order",
        extent_matters="other draws are made for another extent",
    ),
]
"""All cases of this kind."""
