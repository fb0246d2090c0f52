"""The listener: an Emformer transducer over log-mel frames."""

from __future__ import annotations

from typing import Any

import seqfront as sf
from seqfront.recipes.spoken_digits.features import MELS
from seqfront.recipes.streaming import StreamingEncoder
from seqfront.recipes.transducer import Transducer

string, frame, position = sf.Dim("string"), sf.Dim("frame"), sf.Dim("position")
mel, symbol = sf.Dim("mel", MELS), sf.Dim("symbol", 11)


class Listener(Transducer):
    """Segments of 160 ms, and 40 ms ahead; frames of 40 ms.

    Args:
        width: Features of the encoder.
        layers: Of the Emformer.
    """

    def __init__(self, width: int = 96, layers: int = 2) -> None:
        joint = sf.Dim("joint", width)
        encoder = StreamingEncoder(
            mel, joint, stride=4, segment=4, right=1, left=12, layers=layers, width=width
        )
        super().__init__(encoder, joint, symbol)

    def losses(self, frames: Any, frame_counts: Any, labels: Any, counts: Any) -> Any:
        """Mean losses for each label, from plain arrays (`data.Strings`)."""
        x = sf.wrap(frames, (string, frame, mel), {frame: frame_counts})
        y = sf.wrap(labels, (string, position), {position: counts}, sparse_dim=symbol)
        return self.mean_losses(x, y, batch=string, axis=frame, position=position)
