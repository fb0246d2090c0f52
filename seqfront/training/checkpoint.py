"""Checkpoints of training: model, optimizer, averages and random numbers in one file.

    sf.training.save(trainer, "training.safetensors")
    sf.training.load(other, "training.safetensors")     # goes on as if nothing had happened

A run that is resumed on the same framework and CPU is the uninterrupted one, bit for bit. Resumed
on another framework it goes on with the same optimizer state, but draws other random numbers. As
there is one file, written whole or not at all, its parts always belong together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from seqfront import checkpoints, errors, safetensors_file
from seqfront.safetensors_file import Stored
from seqfront.training.trainer import Trainer


class Extras(NamedTuple):
    """What the user kept in a checkpoint."""

    arrays: dict[str, Any]
    metadata: dict[str, str]


def save(
    trainer: Trainer,
    path: str | os.PathLike[str],
    arrays: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write all that training depends on.

    Args:
        trainer: Between two steps.
        path: The file, by custom with the suffix `.safetensors`.
        arrays: NumPy arrays by name to keep in the file: a learning curve, the place in the data.
        metadata: Strings by name to keep in the file.
    """
    extra = {f"extra.{name}": np.asarray(array) for name, array in (arrays or {}).items()}
    state = {f"state.{name}": np.asarray(array) for name, array in trainer.state().items()}
    model = {f"model.{name}": s for name, s in checkpoints.stored(trainer.model).items()}
    others = {name: Stored(str(array.dtype), array) for name, array in {**state, **extra}.items()}
    checkpoints.check_metadata(metadata)
    safetensors_file.write(os.fspath(path), {**model, **others}, dict(metadata or {}))


def load(trainer: Trainer, path: str | os.PathLike[str]) -> Extras:
    """Go on from a checkpoint.

    Args:
        trainer: Of the same model and rule, on any backend.
        path: What `save` wrote.

    Returns:
        The arrays and metadata that were kept along.

    Raises:
        CheckpointError: The file does not fit the model or the optimizer, or is none.
    """
    file = os.fspath(path)
    stored, metadata = safetensors_file.read(file)
    parts: dict[str, dict[str, Stored]] = {"model": {}, "state": {}, "extra": {}}
    for key, value in stored.items():
        part, _, name = key.partition(".")
        if part not in parts:
            raise errors.not_a_checkpoint(file, f"{key!r} is no part of a training checkpoint")
        parts[part][name] = value
    checkpoints.check_fit(trainer.model, parts["model"], file)
    trainer.restore({name: np.array(s.array) for name, s in parts["state"].items()})
    checkpoints.assign(trainer.model, parts["model"])
    arrays = {name: np.array(s.array) for name, s in parts["extra"].items()}
    return Extras(arrays, metadata)
