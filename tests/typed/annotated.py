# pyright: strict, reportUnnecessaryTypeIgnoreComment=error
"""What a type checker makes of annotations: `sf.Tensor`. `make lint` reads it, a test runs it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from typing_extensions import assert_type

import seqfront as sf
from seqfront.typing import Float, Int, Integer

batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 80)


@sf.checked
def encode(
    x: Float[sf.Tensor, "*batch time mel:80"],
    labels: Int[sf.Tensor, "*batch of mel"] | None = None,
    *,
    axis: sf.Dim,
) -> tuple[Float[sf.Tensor, "*batch time//2"], int]:
    assert_type(x, sf.Tensor)
    assert_type(labels, sf.Tensor | None)
    return sf.mean(x, axis=mel).rename(axis, axis // 2), 1


class Encoder(sf.nn.Module):
    """A method keeps its type."""

    @sf.checked
    def __call__(self, x: Float[sf.Tensor, "..."]) -> Float[sf.Tensor, "..."]:
        return x * 2


@sf.checked
@dataclass(frozen=True)
class Batch:
    """A dataclass keeps its own."""

    frames: Float[sf.Tensor, "batch time mel:80"]
    lengths: Integer[sf.Tensor, "batch"]


def run() -> Batch:
    """All of it, once."""
    x = sf.wrap(np.zeros((2, 4, 80), "float32"), (batch, time, mel))
    result = encode(x, axis=time)
    assert_type(result, tuple[sf.Tensor, int])
    assert_type(Encoder()(x), sf.Tensor)
    made = Batch(x, sf.wrap(np.ones(2, "int32"), (batch,)))
    assert_type(made, Batch)
    assert_type(made.frames, sf.Tensor)
    return made


def wrong(x: sf.Tensor) -> None:
    """What a type checker refuses; the ignores are errors if it does not."""
    encode(x)  # pyright: ignore[reportCallIssue]
    encode("x", axis=time)  # pyright: ignore[reportArgumentType]
    Batch(x, 3)  # pyright: ignore[reportArgumentType]
    encode(x, axis=time)[0].nothing()  # pyright: ignore
