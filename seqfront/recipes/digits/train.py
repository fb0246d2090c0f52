"""Training the reader, with checkpoints that any backend continues from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import seqfront as sf
from seqfront import backends
from seqfront.recipes.digits import data
from seqfront.recipes.digits.model import DigitReader

LINES = 32
"""Lines in a batch."""

PEAK_RATE = 3e-3


class Run(NamedTuple):
    """Where a run keeps its files."""

    folder: Path

    @property
    def model(self) -> Path:
        """Parameters."""
        return self.folder / "model.safetensors"

    @property
    def state(self) -> Path:
        """All that a resumed run needs: parameters, optimizer, random numbers, learning curve."""
        return self.folder / "training.safetensors"


def train(
    run: Run,
    *,
    backend: str,
    steps: int,
    seed: int,
    resume: bool,
    on_step: Callable[[int, dict[str, float]], None],
    encoder: str = "lstm",
    save_every: int = 200,
) -> list[dict[str, float]]:
    """Train, and keep a checkpoint every so often, at the end, and when interrupted.

    Args:
        run: Where to keep it.
        backend: Framework to train on; a checkpoint of another one may be resumed.
        steps: How many in all, those before a resumption included.
        seed: Of parameters, data and dropout. A resumed run is the uninterrupted one, bit for bit.
        resume: Continue from the checkpoint of the run.
        on_step: Called after each step with its number and losses.
        encoder: One of `model.ENCODERS`.
        save_every: Steps between checkpoints.

    Returns:
        Losses of every step.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    sf.set_seed(seed)
    reader = DigitReader(encoder).train()
    schedule = sf.training.warmup_cosine(PEAK_RATE, min(100, steps // 4 + 1), steps)
    trainer = sf.training.trainer(
        backend,
        reader,
        reader.losses,
        learning_rate=schedule,
        optimizer=sf.training.AdamW(weight_decay=0.01),
        clip_norm=1.0,
    )
    backends.get(backend).set_seed(seed)  # dropout
    history = _restore(run, trainer) if resume else []
    digits, _ = data.load()
    try:
        while trainer.steps < steps:
            stream = np.random.Generator(np.random.Philox(key=[seed, 1000 + trainer.steps]))
            history.append(dict(trainer.step(*data.compose(digits, LINES, stream))))
            on_step(trainer.steps, history[-1])
            if trainer.steps % save_every == 0:
                save(run, trainer, history)
    finally:  # also when interrupted: what was learned is not lost
        save(run, trainer, history)
    return history


def save(run: Run, trainer: sf.training.Trainer, history: list[dict[str, float]]) -> None:
    """Write the checkpoint of a run, and the model by itself."""
    names = history[0] if history else {}
    curves = {name: np.array([values[name] for values in history]) for name in names}
    sf.training.save(trainer, run.state, curves)
    sf.save(trainer.model, run.model, {"steps": str(trainer.steps)})


def _restore(run: Run, trainer: sf.training.Trainer) -> list[dict[str, float]]:
    curves = sf.training.load(trainer, run.state).arrays
    return [{name: float(curve[i]) for name, curve in curves.items()} for i in range(trainer.steps)]
