"""Where a greedy search is, and what its loops give."""

from __future__ import annotations

from typing import NamedTuple

from seqfront.search.transducer.model import Prediction
from seqfront.tensor import Tensor


class GreedyState(NamedTuple):
    """Where streams are, between two frames. It is never changed."""

    prediction: Prediction
    """After the last label."""
    skip: Tensor
    """int32 [batch...]: frames to come that the last duration jumps over."""
    frames: Tensor
    """int32 [batch...]: frames so far."""
    score: Tensor
    """[batch...]: of the path so far."""


class Emitted(NamedTuple):
    """Labels over [batch..., label], and where frames have led: what a loop over them gives."""

    labels: Tensor
    log_probs: Tensor
    start: Tensor
    """From the first of these frames, as all frames here."""
    end: Tensor
    score: Tensor
    """[batch...]: of the path."""
    at: Tensor
    """int32 [batch...]: the next frame to read; not before the last one."""
    prediction: Prediction
