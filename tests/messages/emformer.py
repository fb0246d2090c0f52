# ruff: noqa: E501  (texts are as long as they are)
"""Messages of the Emformer, of transducers, and of their drop-ins."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf
from messages.message import Message
from seqfront import DimError
from seqfront.compat.torchaudio_models import _infer  # pyright: ignore[reportPrivateUsage]

batch, other, time = sf.Dim("batch"), sf.Dim("other"), sf.Dim("time")
mel, inner, vocab = sf.Dim("mel", 4), sf.Dim("inner", 6), sf.Dim("vocab", 5)
SEGMENT: dict[str, Any] = {"layers": 1, "heads": 2, "inner": inner, "segment": 4, "right": 1}
RNNT: dict[str, Any] = {
    "input_dim": mel, "encoding_dim": 5, "num_symbols": vocab, "segment_length": 8,
    "right_context_length": 4, "time_reduction_input_dim": 2, "time_reduction_stride": 4,
    "transformer_num_heads": 2, "transformer_ffn_dim": 5, "transformer_num_layers": 1,
    "symbol_embedding_dim": 4, "num_lstm_layers": 1,
}  # fmt: skip
long, short = sf.Dim("long", 6), sf.Dim("short", 5)


def _emformer(**options: Any) -> sf.models.Emformer:
    return sf.models.Emformer(mel, **{**SEGMENT, **options})


def _rnnt(**options: Any) -> sf.models.RNNT:
    return sf.models.emformer_rnnt_model(**{**RNNT, **options})


def _conformer() -> sf.models.RNNT:
    return sf.models.conformer_rnnt_model(
        input_dim=mel, encoding_dim=5, num_symbols=vocab, time_reduction_stride=2,
        conformer_input_dim=4, conformer_ffn_dim=6, conformer_num_layers=1,
        conformer_num_heads=2, symbol_embedding_dim=4,
    )  # fmt: skip


class _Outer:
    """What the drop-ins have in common."""

    batch = batch

    def _wrapped(self, raw: Any, axis: sf.Dim, features: sf.Dim, lengths: Any) -> sf.Tensor:
        return sf.wrap(raw, (batch, axis, features), lengths={axis: lengths})


def _raw_stream(w: Any, frames: int, states: Any = None) -> Any:
    model = ENCODER
    raw, lengths = w.raw(np.zeros((2, frames, 4))), w.raw(np.full(2, frames))
    return _infer(_Outer(), model, model.chunk, raw, lengths, states, 1)  # pyright: ignore


def _state_of(w: Any, rows: int) -> Any:
    x = w(np.zeros((rows, 5, 4)), batch, short, mel)
    return ENCODER.initial_state((batch,), like=x)


ENCODER = _emformer()
COMPILED = "the model is made in the call"

MESSAGES = [
    Message(
        "heads_do_not_divide",
        DimError,
        lambda w: _emformer(heads=3),
        (
            "Emformer: 3 heads do not divide 4 features.\n"
            "  dim    mel:4\n"
            "  heads  3\n"
            "  fix: heads cut the features into equal parts."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _emformer(segment=0),
        ("Emformer: segment cannot be 0.\n  needed  an int of at least 1\n  fix: segment=4."),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: _emformer(negative_inf=-5.0),
        (
            "Emformer: negative_inf cannot be -5.0.\n"
            "  needed  -1e4 or less\n"
            "  fix: what is not seen has no weight, and not a little."
        ),
        only="any",
    ),
    Message(
        "unknown_choice",
        DimError,
        lambda w: _emformer(weight_scale="deep"),
        (
            "Emformer: weight_scale is 'deep'.\n"
            "  known  'depthwise', 'constant', None\n"
            "  fix: give one of these."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: ENCODER(w.zeros(batch, time, mel), axis=time, context=2),
        (
            "Emformer: context cannot be 2.\n"
            "  needed  0 to 1, the frames ahead that a segment sees\n"
            "  fix: encoder(x, axis=..., context=0)."
        ),
    ),
    Message(
        "chunk_too_long",
        DimError,
        lambda w: ENCODER.stream(w.zeros(batch, long, mel), axis=long),
        (
            "Emformer.stream: the chunk has 6 frames, of which a segment and what lies ahead are 5.\n"
            "  x        float32[batch≤3, long:6, mel:4] numpy:cpu\n"
            "  axis     long:6\n"
            "  segment  4\n"
            "  right    1\n"
            "  fix: give 5 frames, and go on from 4 frames later; or encoder(x, axis=...) for all at once."
        ),
    ),
    Message(
        "sizes_differ",
        DimError,
        lambda w: ENCODER.stream(w.zeros(batch, short, mel), _state_of(w, 2), axis=short),
        (
            "Emformer.stream: the operands have different extents of batch.\n"
            "  a  float32[batch≤3, short:5, mel:4] numpy:cpu\n"
            "  b  float32[batch≤2, memory:0, mel:4] numpy:cpu\n"
            "  fix: two axes of different extents are two dims: make the second one batch.clone()."
        ),
        eager="extents may be unknown",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: ENCODER.stream(w.zeros(batch, short, mel), (1, 2), axis=short),  # type: ignore[arg-type]
        (
            "Emformer.stream: state cannot be (1, 2).\n"
            "  needed  an EmformerState of 1 layers\n"
            "  fix: pass on what stream gave, or state=None to start."
        ),
    ),
    Message(
        "not_a_multiple",
        DimError,
        lambda w: _rnnt(segment_length=18),
        (
            "emformer_rnnt_model: segment_length is 18, no multiple of the stride 4.\n"
            "  segment_length  18\n"
            "  stride          4\n"
            "  fix: time reduction makes one frame of 4: give a multiple of 4."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.models.reduce_time(
            w.zeros(time, mel), axis=time, feature=mel, stride=2, out_dim=inner
        ),
        (
            "reduce_time: out_dim cannot be inner:6.\n"
            "  needed  a Dim of 8, 2 frames of mel:4\n"
            "  fix: out_dim=feature * stride."
        ),
    ),
    Message(
        "no_streaming",
        DimError,
        lambda w: _conformer().transcribe_streaming(w.zeros(batch, time, mel), axis=time),
        (
            "RNNT.transcribe_streaming: a ConformerTranscriber does not stream.\n"
            "  transcriber  ConformerTranscriber\n"
            "  fix: use an EmformerTranscriber, or model.transcribe for whole utterances."
        ),
        eager=COMPILED,
    ),
    Message(
        "wrong_chunk",
        DimError,
        lambda w: _raw_stream(w, 7),
        (
            "_Outer: the chunk has 7 frames, needed 5.\n"
            "  input          [2, 7, 4]\n"
            "  segment        4\n"
            "  right context  1\n"
            "  fix: pad the last chunk to this size, and say in lengths how much of it there is."
        ),
        eager="a drop-in is made for one framework",
    ),
    Message(
        "wrong_states",
        DimError,
        lambda w: _raw_stream(w, 5, [[1, 2, 3]]),
        (
            "infer: there are states of 1 layers, needed 1, of 4 tensors each.\n"
            "  tensors by layer  3\n"
            "  layers            1\n"
            "  fix: pass on what infer gave, or None to start."
        ),
        eager="a drop-in is made for one framework",
    ),
]
