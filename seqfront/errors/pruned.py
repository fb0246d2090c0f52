"""Messages of pruned transducer training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqfront.errors.base import DimError, NativeError

if TYPE_CHECKING:
    from seqfront.dim import Dim


def bad_smoothing(op: str, lm_only: object, am_only: object) -> DimError:
    """Shares of log-probs that are no shares."""
    return DimError(
        f"{op}: lm_only_scale and am_only_scale have to be shares of 1.",
        [("lm_only_scale", lm_only), ("am_only_scale", am_only)],
        "each is at least 0 and their sum at most 1: 0.25 and 0.0, say.",
    )


def empty_band(op: str, band: Dim) -> DimError:
    """A band without positions."""
    return DimError(
        f"{op}: the band has no positions.",
        [("band", f"{band!r} made at {band.origin}")],
        'give it some: sf.Dim("band", 5).',
    )


def narrow_band(
    op: str, band: Dim, rows: Sequence[tuple[int, int, int, int]], count: int
) -> NativeError:
    """Sequences whose paths climb faster than the band; each as (sequence, frames, labels,
    needed)."""
    shown = [
        (f"sequence {row}", f"frames {frames}, labels {labels}, needed {needed}")
        for row, frames, labels, needed in rows[:4]
    ]
    if len(rows) > 4:
        shown.append(("...", f"{len(rows) - 4} more"))
    most = max(needed for _, _, _, needed in rows)
    return NativeError(
        f"{op}: no path fits in the band of {len(rows)} of {count} sequences.",
        [("band", repr(band)), *shown],
        f"a band of {most}, less subsampling, or leave such sequences out.",
    )
