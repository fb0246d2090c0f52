"""What a greedy search found: one label sequence for each utterance."""

from __future__ import annotations

from typing import NamedTuple

from seqfront.dim import Dim
from seqfront.tensor import Tensor


class Transcript(NamedTuple):
    """The labels of each utterance, when they were said, and how sure the model is of them."""

    labels: Tensor
    """[batch..., label]: ragged; labels of the classes."""
    log_probs: Tensor
    """[batch..., label]: the model's log-probability of each label where it was emitted."""
    start: Tensor
    """int32 [batch..., label]: the frame that each label begins at, counted from the first frame
    of the stream."""
    end: Tensor
    """int32 [batch..., label]: the first frame after it."""
    score: Tensor
    """[batch...]: log-probability of the path that was taken, over all frames so far."""
    label_dim: Dim
    """Positions of the labels."""
