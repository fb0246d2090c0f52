"""Messages of random numbers: seeds, and draws that are played again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfront.errors.base import BackendError, DimError, DTypeError, TraceError

if TYPE_CHECKING:
    from seqfront.tensor import Tensor

_SAME = "replay the same computation that was recorded, in the same order."
_SEEDS = "an int, sf.RandomKey(7), or an integer scalar Tensor."


def not_a_seed(op: str, name: str, value: object) -> DTypeError:
    """A seed that is no whole number."""
    text = " ".join(repr(value).split())
    return DTypeError(
        f"{op}: {name} has to be a whole number.",
        [(name, text if len(text) <= 60 else type(value).__name__)],
        _SEEDS,
    )


def bad_seed_tensor(op: str, name: str, seed: Tensor) -> DimError:
    """A seed of many numbers, or of fractions."""
    return DimError(
        f"{op}: {name} has to be an integer scalar, if it is a Tensor.", [(name, seed)], _SEEDS
    )


def foreign_seed(seed: str, backend: str) -> BackendError:
    """A seed that is a tensor of another framework."""
    return BackendError(
        "the seed and what is drawn by it are of two backends.",
        [("seed", seed), ("draws", backend)],
        f'a seed on that backend: sf.to_backend(x, "{backend}"), or an int.',
    )


def nothing_to_replay(count: int, wanted: str) -> DimError:
    """More draws than were recorded."""
    return DimError(
        "replay: more random numbers are drawn than were recorded.",
        [("recorded", f"{count} draws"), ("wanted", wanted)],
        _SAME,
    )


def draws_differ(number: int, recorded: str, wanted: str) -> DimError:
    """A draw of another kind or shape."""
    return DimError(
        f"replay: draw {number} is not the one that was recorded.",
        [("recorded", recorded), ("wanted", wanted)],
        _SAME,
    )


def draws_left(used: int, count: int, following: str) -> DimError:
    """Fewer draws than were recorded."""
    return DimError(
        "replay: fewer random numbers were drawn than were recorded.",
        [("recorded", f"{count} draws"), ("drawn", used), ("next", following)],
        _SAME,
    )


def not_a_draw(number: int, value: object) -> DTypeError:
    """Something in a recording that `record` did not put there."""
    return DTypeError(
        f"replay: item {number} is no draw.",
        [("type", f"{type(value).__module__}.{type(value).__qualname__}")],
        'what sf.randomness.record() gave, or sf.randomness.Draw("uniform", array, "float32").',
    )


def recorded_while_tracing() -> TraceError:
    """A recording inside of a graph, where values are not at hand."""
    return TraceError(
        "record: draws cannot be recorded while a graph is traced.",
        fix="record an eager run, and replay it to a traced one; or draw with seed=.",
    )


def bad_bounds(op: str, low: object, high: object, needed: str) -> DimError:
    """A range without numbers in it, or too wide."""
    return DimError(
        f"{op}: no numbers can be drawn from {low!r} to {high!r}.",
        [("needed", needed)],
        "low comes first: low=0, high=10.",
    )


def logits_or_probs(op: str, given: str) -> DimError:
    """Both, or none, of two ways to say how likely classes are."""
    return DimError(
        f"{op}: either logits or probs are needed.",
        [("given", given)],
        "logits are unnormalised log-probabilities: logits=x; for probabilities, probs=x.",
    )
