"""The decoder of an attention encoder-decoder as a scorer."""

from __future__ import annotations

from typing import Any

from seqfront import align
from seqfront.dim import Dim
from seqfront.models.decoder.transformer import TransformerDecoder
from seqfront.search.scorers.language_model import LanguageModel
from seqfront.tensor import Tensor


class AttentionDecoder(LanguageModel):
    """Log-probabilities of labels by a decoder that attends to encodings (Vaswani et al. 2017,
    arXiv:1706.03762).

    Keys and values of the encodings are projected once, here; hypotheses share them. An utterance
    without frames is one in which attention finds zeros.

    Args:
        decoder: Made with `source_dim`.
        encoded: [batch..., axis, features]; ragged.
        axis: The frames.
        start_index: What the decoder reads first; negative: from the end.
        end_index: The symbol whose probability is that of ending.
        temperature: Divides the logits.
        capacity: How many labels there will be at most, with the start symbol. A graph compiled by
            PyTorch needs it.

    Example:
        >>> import seqfront as sf
        >>> vocab, feature, inner = sf.Dim("vocab", 7), sf.Dim("feature", 8), sf.Dim("inner", 16)
        >>> batch, time = sf.Dim("batch", 2), sf.Dim("time")
        >>> decoder = sf.models.TransformerDecoder(
        ...     vocab, feature, layers=1, heads=2, inner=inner, source_dim=feature)
        >>> encoded = sf.wrap([[[0.5] * 8] * 3] * 2, (batch, time, feature), lengths={time: [3, 2]})
        >>> scorer = sf.search.AttentionDecoder(
        ...     decoder, encoded, time, start_index=0, end_index=0)
        >>> search = sf.search.LabelBeam(classes=vocab, end_index=0, beam=4, max_labels=5)
        >>> search({"attention": (scorer, 1.0)}, (batch,), like=encoded).score
        float32[batch:2, beam:4] numpy:cpu
    """

    def __init__(
        self,
        decoder: TransformerDecoder,
        encoded: Tensor,
        axis: Dim,
        *,
        start_index: int,
        end_index: int,
        temperature: float = 1.0,
        capacity: int | Dim | None = None,
    ) -> None:
        align.check("AttentionDecoder", encoded, axis, name="encoded")
        super().__init__(
            decoder,
            start_index=start_index,
            end_index=end_index,
            temperature=temperature,
            capacity=capacity,
        )
        self.decoder = decoder
        self.source = decoder.project(encoded, axis)

    def _run(self, labels: Tensor, memory: Any) -> tuple[Tensor, Any]:
        return self.decoder(labels, axis=None, state=memory, source=self.source)
