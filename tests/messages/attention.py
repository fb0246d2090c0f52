# ruff: noqa: E501  (texts are as long as they are)
"""Messages of attention, positions and what is built of them."""

from __future__ import annotations

import seqfront as sf
from messages.message import Message
from seqfront import DimError

batch, time, keys = sf.Dim("batch"), sf.Dim("time"), sf.Dim("keys")
mel, other, odd = sf.Dim("mel", 4), sf.Dim("other", 6), sf.Dim("odd", 3)

CROSS, CAUSAL = sf.nn.CrossAttention(mel, 2), sf.nn.CausalSelfAttention(mel, 2)
LAYER = sf.models.TransformerDecoderLayer(mel, heads=2, inner=other, source_dim=other)
LANGUAGE = sf.models.TransformerDecoder(other, mel, layers=1, heads=2, inner=odd)

MESSAGES = [
    Message(
        "shared_key_axis",
        DimError,
        lambda w: sf.dot_attention(
            w.zeros(batch, time, mel),
            w.zeros(batch, time, mel),
            w.zeros(batch, time, mel),
            feature=mel,
            axis=time,
        ),
        (
            "dot_attention: the query has the dim of the keys, time.\n"
            "  query  float32[batch≤3, time≤3, mel:4] numpy:cpu\n"
            "  axis   time\n"
            "  fix: keys need a dim of their own: key_time = time.clone('key_time'), and then key.rename(time, key_time)."
        ),
    ),
    Message(
        "foreign_bias",
        DimError,
        lambda w: sf.dot_attention(
            w.zeros(batch, time, mel),
            w.zeros(batch, keys, mel),
            w.zeros(batch, keys, mel),
            feature=mel,
            axis=keys,
            bias=w.zeros(other, keys),
        ),
        (
            "dot_attention: the bias has a dim that neither query nor key has.\n"
            "  bias         float32[other:6, keys≤3] numpy:cpu\n"
            "  query . key  float32[batch≤3, time≤3, keys≤3] numpy:cpu\n"
            "  fix: the bias runs over dims of queries and keys, without their features."
        ),
    ),
    Message(
        "missing_dim",
        DimError,
        lambda w: sf.dot_attention(
            w.zeros(batch, time, mel),
            w.zeros(batch, keys, mel),
            w.zeros(batch, time, mel),
            feature=mel,
            axis=keys,
        ),
        (
            "dot_attention: dim keys is not in value.\n"
            "  value  float32[batch≤3, time≤3, mel:4] numpy:cpu\n"
            "  fix: name one of [batch, time, mel:4]."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.nn.SelfAttention(mel, 3),
        (
            "SelfAttention: heads cannot be 3.\n"
            "  needed  a divisor of mel:4\n"
            "  fix: heads cut the features into equal parts."
        ),
        only="any",
    ),
    Message(
        "size_unknown",
        DimError,
        lambda w: sf.nn.CausalSelfAttention(time, 2),
        (
            "CausalSelfAttention: the size of time is not known.\n"
            "  time  dynamic, made at attention.py:LINE\n"
            "  fix: give a tensor that has it, as in like=x; or a static size, Dim('time', 120)."
        ),
        only="any",
    ),
    Message(
        "bad_rate",
        DimError,
        lambda w: sf.nn.SelfAttention(mel, 2, dropout=2.0),
        (
            "SelfAttention: the rate has to be between 0 and 1.\n"
            "  rate  2.0\n"
            "  fix: it is a probability: 0.1 for one in ten."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.nn.RotaryPosition(mel, odd),
        (
            "RotaryPosition: feature cannot be odd:3.\n"
            "  needed  a static dim of even size\n"
            "  fix: a sine and a cosine go together, so features come in pairs."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.nn.RelativePosition(mel, other, reach=-1),
        (
            "RelativePosition: reach cannot be -1.\n"
            "  needed  an int of at least 0\n"
            "  fix: distances from -reach to reach have vectors of their own."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: CROSS(w.zeros(batch, mel), w.zeros(batch, time, mel)),  # type: ignore[arg-type]
        (
            "CrossAttention: source cannot be float32[batch≤3, time≤3, mel:4] numpy:cpu.\n"
            "  needed  AttentionState(keys, values)\n"
            "  fix: attend.project(encoded, time) makes one."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: CAUSAL(
            w.zeros(batch, mel),
            axis=None,
            state=w.zeros(batch, mel),  # type: ignore[arg-type]
        ),
        (
            "CausalSelfAttention: state cannot be float32[batch≤3, mel:4] numpy:cpu.\n"
            "  needed  AttentionState(keys, values) or AttentionCache(keys, values, length)\n"
            "  fix: pass on what the CausalSelfAttention gave, or start from its initial_state(...)."
        ),
    ),
    Message(
        "unknown_choice",
        DimError,
        lambda w: sf.nn.FeedForward(mel, other, activation="swish"),  # type: ignore[arg-type]
        (
            "FeedForward: activation is 'swish'.\n"
            "  known  'relu', 'gelu', 'silu', 'tanh', 'sigmoid'\n"
            "  fix: give one of these."
        ),
        only="any",
    ),
    Message(
        "missing_source",
        DimError,
        lambda w: LAYER(w.zeros(batch, mel), axis=None),
        (
            "TransformerDecoder: there is no source to attend to.\n"
            "  x  float32[batch≤3, mel:4] numpy:cpu\n"
            "  fix: source=decoder.project(encoded, time); or make the decoder without a source_dim."
        ),
    ),
    Message(
        "unexpected_source",
        DimError,
        lambda w: LANGUAGE.project(w.zeros(batch, time, mel), time),
        (
            "TransformerDecoder: there is a source, but none was meant.\n"
            "  source  float32[batch≤3, time≤3, mel:4] numpy:cpu\n"
            "  fix: make the decoder with source_dim=, the features of the source."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.models.ConvSubsampling(mel, other, factor=3),
        (
            "ConvSubsampling: factor cannot be 3.\n"
            "  needed  a power of two, at least 2\n"
            "  fix: each convolution leaves every second frame."
        ),
        only="any",
    ),
]
