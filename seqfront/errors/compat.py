"""Messages of the drop-ins for plain tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from seqfront.errors.base import BackendError, CheckpointError, DimError, DTypeError

Described: TypeAlias = Sequence[tuple[str, str]]
"""Arguments by name: what came, and the layout that is read."""


def argument_framework(op: str, name: str, value: object, first: str) -> BackendError:
    """An argument of another framework than the first."""
    cls = type(value)
    return BackendError(
        f"{op}: {name} is no tensor of the framework of {first}.",
        [(name, f"{cls.__module__}.{cls.__name__}")],
        "pass tensors of one framework; NumPy arrays and lists of integers go with all.",
    )


def argument_dtype(op: str, name: str, needed: str, arguments: Described) -> DTypeError:
    """An argument of a type without meaning here."""
    return DTypeError(f"{op}: {name} has to be {needed}.", arguments, f"convert {name}.")


def argument_rank(op: str, name: str, came: int, needed: int, arguments: Described) -> DimError:
    """An argument with too few or too many axes."""
    return DimError(
        f"{op}: {name} has {_axes(came)}, needed {needed}.",
        arguments,
        f"reshape {name} to this layout.",
    )


def argument_size(
    op: str, name: str, axis: int, came: int, needed: int, arguments: Described
) -> DimError:
    """An argument that does not fit those before it."""
    return DimError(
        f"{op}: axis {axis} of {name} is {came} long, needed {needed}.",
        arguments,
        "the same word stands for the same size; cut or pad to it.",
    )


def argument_value(
    op: str, what: str, came: object, needed: str, arguments: Described, fix: str
) -> DimError:
    """A number out of range: an option, or a place in an argument."""
    return DimError(f"{op}: {what} is {came}, needed {needed}.", arguments, fix)


def _axes(n: int) -> str:
    return f"{n} axis" if n == 1 else f"{n} axes"


def wrong_chunk(op: str, shape: Sequence[int | None], segment: int, right: int) -> DimError:
    """A chunk that is not a segment and its right context."""
    sizes = ", ".join("?" if n is None else str(n) for n in shape)
    return DimError(
        f"{op}: the chunk has {shape[1]} frames, needed {segment + right}.",
        [("input", f"[{sizes}]"), ("segment", segment), ("right context", right)],
        "pad the last chunk to this size, and say in lengths how much of it there is.",
    )


def wrong_states(counts: Sequence[int], layers: int) -> DimError:
    """States of another model."""
    return DimError(
        f"infer: there are states of {len(counts)} layers, needed {layers}, of 4 tensors each.",
        [("tensors by layer", ", ".join(map(str, counts)) or "none"), ("layers", layers)],
        "pass on what infer gave, or None to start.",
    )


def search_input(name: str, shape: Sequence[int | None], needed: str) -> DimError:
    """Frames or a length of another shape than those of one utterance."""
    sizes = ", ".join("?" if n is None else str(n) for n in shape)
    return DimError(
        f"RNNTBeamSearch: {name} has to be {needed}.",
        [(name, f"[{sizes}]")],
        "it searches one utterance at a time; sf.search.TransducerBeam takes batches.",
    )


def unknown_parameter(name: str) -> CheckpointError:
    """A parameter that torchaudio's models do not have."""
    return CheckpointError(
        f"torchaudio's Emformer and RNNT have no parameter {name!r}.",
        [("parameter", name)],
        "names are those of state_dict() of torchaudio.models.Emformer or RNNT.",
    )
