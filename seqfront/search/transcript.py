"""What a greedy search found: one label sequence for each utterance."""

from __future__ import annotations

from typing import NamedTuple

from seqfront.dim import Dim
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
