"""A transducer (Graves 2012, arXiv:1211.3711): transcription, prediction and joint network."""

from __future__ import annotations

from typing import Any

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.models.decoder.joiner import Joiner
from seqfront.nn.module import Module
from seqfront.ops.padding import pad
from seqfront.tensor import Tensor


class RNNT(Module):
    """Frames in, logits over frames, labels so far, and the next label out.

    Any modules serve that have the calls used here; factories are `sf.models.emformer_rnnt_base`,
    `emformer_rnnt_model` and `conformer_rnnt_model`.

    Args:
        transcriber: `transcriber(x, axis=...)`; one that streams has `stream`, too.
        predictor: `predictor(labels, axis=..., state=...)`.
        joiner: Brings the two together.
    """

    def __init__(self, transcriber: Module, predictor: Module, joiner: Joiner) -> None:
        self.transcriber: Any = transcriber
        self.predictor: Any = predictor
        self.joiner = joiner

    def __call__(
        self,
        sources: Tensor,
        targets: Tensor,
        *,
        axis: Dim,
        targets_axis: Dim,
        state: Any = None,
        **options: Any,
    ) -> Tensor:
        """Logits of every pair of frame and labels so far.

        To train, `loss` gives the loss without ever making them.

        Args:
            sources: [batch..., axis, features].
            targets: Labels [batch..., targets_axis], a start symbol (the blank) first.
            axis: Frames.
            targets_axis: Positions of the labels.
            state: Of the predictor; default none.
            options: Of the transcriber: `context`.

        Returns:
            [batch..., frames as the transcriber gives them, targets_axis, classes].
        """
        predicted, _ = self.predict(targets, axis=targets_axis, state=state)
        return self.join(self.transcribe(sources, axis=axis, **options), predicted)

    def transcribe(self, sources: Tensor, *, axis: Dim, **options: Any) -> Tensor:
        """Whole utterances [batch..., axis, features] -> [batch..., frames, joint]."""
        return self.transcriber(sources, axis=axis, **options)

    def transcribe_streaming(
        self, sources: Tensor, state: Any = None, *, axis: Dim, **options: Any
    ) -> tuple[Tensor, Any]:
        """The next chunk of each stream, and the state to go on from: `transcriber.stream`."""
        if not hasattr(self.transcriber, "stream"):
            raise errors.no_streaming(type(self.transcriber).__name__)
        return self.transcriber.stream(sources, state, axis=axis, **options)

    def predict(
        self, targets: Tensor, *, axis: Dim | None, state: Any = None
    ) -> tuple[Tensor, Any]:
        """Labels [batch..., axis] -> what they lead to [batch..., axis, joint], and the state to go
        on from; without `axis` for one step."""
        return self.predictor(targets, axis=axis, state=state)

    def join(self, encoded: Tensor, predicted: Tensor) -> Tensor:
        """Both [..., joint] -> logits over the dims of both and the classes."""
        return self.joiner(encoded, predicted)

    def loss(
        self,
        sources: Tensor,
        targets: Tensor,
        *,
        axis: Dim,
        targets_axis: Dim,
        blank_index: int,
        transcriber_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> Tensor:
        """The transducer loss of each sequence; logits are never all in memory.

        Args:
            sources: [batch..., axis, features].
            targets: Labels [batch..., targets_axis], without a start symbol.
            axis: Frames.
            targets_axis: Positions of the labels.
            blank_index: Class of the blank, which is the start symbol, too.
            transcriber_options: Of the transcriber: `{"context": 4}`.
            options: Of `sf.fused_rnnt_loss`: `fastemit`, `skip_below`, ...

        Returns:
            [batch...], in nats.
        """
        align.check("RNNT.loss", targets, targets_axis, name="targets")
        encoded = self.transcribe(sources, axis=axis, **(transcriber_options or {}))
        classes = self.joiner.output.out_dim.size or 0
        start = blank_index % classes if -classes <= blank_index < classes else 0
        so_far = pad(targets, axis=targets_axis, left=1, value=start)
        predicted, _ = self.predict(so_far, axis=1 + targets_axis)
        frames = next(d for d in encoded.dims if d not in predicted.dims)
        return self.joiner.loss(
            encoded,
            predicted,
            targets,
            input_spatial_dim=frames,
            targets_spatial_dim=targets_axis,
            blank_index=blank_index,
            **options,
        )
