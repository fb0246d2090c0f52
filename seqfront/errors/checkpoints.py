"""Messages about checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqfront.errors.base import CheckpointError

if TYPE_CHECKING:
    from seqfront.tensor import Tensor

_SHOWN = 5


def checkpoint_names(
    path: str, missing: Sequence[str], unexpected: Sequence[str]
) -> CheckpointError:
    """Parameters that only the model, or only the file, has."""
    facts = [("file", path)]
    if missing:
        facts.append(("only in the model", _some(missing)))
    if unexpected:
        facts.append(("only in the file", _some(unexpected)))
    return CheckpointError(
        "load: the checkpoint is of another model.",
        facts,
        "make the model that was saved, or load(..., strict=False) to take what both have.",
    )


def checkpoint_shapes(
    path: str, wrong: Sequence[tuple[str, Tensor, tuple[int, ...]]]
) -> CheckpointError:
    """Parameters of other shapes than in the file."""
    facts = [("file", path)]
    facts += [(name, f"{list(shape)} in the file, {x} in the model") for name, x, shape in wrong]
    return CheckpointError(
        "load: parameters in the checkpoint have other shapes than in the model.",
        facts[: _SHOWN + 1],
        "make the model with the sizes it was saved with.",
    )


def _some(names: Sequence[str]) -> str:
    rest = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest
