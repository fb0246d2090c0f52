"""Training by the clock: the learning rate falls to nothing within the time there is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

import seqfront as sf
from seqfront import backends
from seqfront.recipes.spoken_digits import data
from seqfront.recipes.spoken_digits.model import Listener

STRINGS = 32
"""Strings in a batch."""

PEAK_RATE, WARMUP = 2e-3, 100


def train(
    listener: Listener,
    takes: Sequence[data.Take],
    checkpoint: Path,
    *,
    backend: str,
    minutes: float,
    seed: int,
    on_step: Callable[[int, Mapping[str, float]], None],
    clock: Callable[[], float] = time.perf_counter,
) -> int:
    """Train, and write the parameters; every batch is composed afresh.

    Args:
        listener: The model, trained in place.
        takes: What strings are joined from.
        checkpoint: Where parameters go.
        backend: Framework to train on.
        minutes: How long, the time to compile included.
        seed: Of data and dropout.
        on_step: Called after each step with its number and losses.
        clock: Seconds.

    Returns:
        How many steps there were.
    """
    started = clock()

    def share() -> float:
        return min(1.0, (clock() - started) / (60.0 * minutes))

    def rate(step: int) -> float:
        return PEAK_RATE * min(1.0, (step + 1) / WARMUP) * (1 + math.cos(math.pi * share())) / 2

    trainer = sf.training.trainer(
        backend,
        listener.train(),
        listener.losses,
        learning_rate=rate,
        optimizer=sf.training.AdamW(weight_decay=0.01),
        clip_norm=1.0,
    )
    backends.get(backend).set_seed(seed)  # dropout
    while share() < 1.0:
        stream = np.random.Generator(np.random.Philox(key=[seed, 1000 + trainer.steps]))
        values = trainer.step(*data.compose(takes, STRINGS, stream))
        on_step(trainer.steps, values)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    sf.save(trainer.model, checkpoint, {"steps": str(trainer.steps)})
    return trainer.steps
