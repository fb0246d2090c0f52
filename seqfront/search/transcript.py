"""What a greedy search found: one label sequence for each utterance."""

from __future__ import annotations

from typing import NamedTuple

from seqfront.dim import Dim
from seqfront.search.transducer.model import Prediction
from seqfront.tensor import Tensor


class Transcript(NamedTuple):
    """What was recognised in the frames given."""

    labels: Tensor
    """int32 [batch..., label]: ragged; labels of the classes."""
    log_probs: Tensor
    """[batch..., label]: the log-probability of each label among the classes; of CTC the mean over
    its frames."""
    start: Tensor
    """int32 [batch..., label]: the frame that each label begins at, counted from the stream's
    first."""
    end: Tensor
    """int32 [batch..., label]: the first frame after it."""
    score: Tensor
    """[batch...]: the log-probability of all that was done since the stream began, blanks and
    durations included."""
    label_dim: Dim
    """Positions of the labels."""


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
