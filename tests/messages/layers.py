"""Messages of convolution and pooling layers over several dims."""

from __future__ import annotations

import seqfront as sf
from messages.message import Message
from seqfront import DimError

batch, height, width = sf.Dim("batch"), sf.Dim("height"), sf.Dim("width")
mel, out = sf.Dim("mel", 4), sf.Dim("out", 6)
rows, columns = sf.Dim("rows", 3), sf.Dim("columns", 3)

CAUSAL, NET = sf.nn.Conv1d(mel, out, 3, padding="causal"), sf.nn.Sequential(sf.nn.Linear(mel, out))

LOOKS_AHEAD = sf.nn.Sequential(sf.nn.SelfAttention(mel, 2))
ATTENTION = sf.nn.CausalSelfAttention(mel, 2)

MESSAGES = [
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.nn.Conv2d(mel, out, (3, 0)),
        (
            "Conv2d: window cannot be (3, 0).\n"
            "  needed  an int of at least 1, or 2 of them\n"
            "  fix: it counts positions."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.nn.Conv1d(mel, out, 3, stride=(1, 2)),
        (
            "Conv1d: stride cannot be (1, 2).\n"
            "  needed  an int of at least 1\n"
            "  fix: it counts positions."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.nn.Conv3d(mel, out, 3, groups=3),
        (
            "Conv3d: groups cannot be 3.\n"
            "  needed  a divisor of mel:4\n"
            "  fix: groups cut the input features into equal parts."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.nn.Conv2d(mel, out, 3)(w.zeros(batch, height, width, mel), axis=height),
        (
            "Conv2d: axis cannot be height.\n"
            "  needed  2 dims\n"
            "  fix: axis=(height, width): in the order of the windows."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.conv(
            w.zeros(batch, height, width, mel),
            w.zeros(rows, columns, mel, out),
            spatial=[(height, rows), (width, columns)],
            in_dim=mel,
            out_dim=out,
            padding=("same", "both"),  # type: ignore[arg-type]
        ),
        (
            "conv: padding cannot be 'both'.\n"
            "  needed  'valid', 'same', 'causal', or a pair of ints of at least 0\n"
            "  fix: 'same' keeps the length, 'causal' looks back only, 'valid' adds nothing."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.nn.MaxPool2d(2)(w.zeros(batch, height), axis=height),
        (
            "MaxPool2d: axis cannot be height.\n"
            "  needed  2 dims\n"
            "  fix: axis=(height, width): in the order of the windows."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.max_pool(w.zeros(height, width), axis=(height, width), window=(2, 2, 2)),
        (
            "max_pool: window cannot be (2, 2, 2).\n"
            "  needed  an int of at least 1, or 2 of them\n"
            "  fix: it counts positions."
        ),
    ),
    Message(
        "missing_dim",
        DimError,
        lambda w: sf.nn.ConvTranspose2d(mel, out, 3)(
            w.zeros(batch, height, mel), axis=(height, width)
        ),
        (
            "conv_transpose: dim width is not in x.\n"
            "  x  float32[batch≤3, height≤3, mel:4] numpy:cpu\n"
            "  fix: name one of [batch, height, mel:4]."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.nn.Conv1d(mel, out, 3, stride=2).initial_state(like=w.zeros(mel)),
        (
            "Conv1d: a layer with a state cannot be {'padding': 'valid', 'stride': 2}.\n"
            "  needed  padding='causal', stride=1\n"
            "  fix: other windows wait for frames to come, and strides leave some out."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: CAUSAL(w.zeros(mel), axis=None, state=w.zeros(mel)),  # type: ignore[call-overload]
        (
            "Conv1d: state cannot be float32[mel:4] numpy:cpu.\n"
            "  needed  ConvState(frames)\n"
            "  fix: pass on what the Conv1d gave, or start from its initial_state(...)."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.nn.SinusoidalPosition(mel)(w.zeros(batch, mel), axis=None),  # type: ignore[call-overload]
        (
            "SinusoidalPosition: axis cannot be None.\n"
            "  needed  a dim of x\n"
            "  fix: axis=time; or a state, for one step."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: NET(w.zeros(batch, mel), axis=batch),
        ("Sequential: an option cannot be 'axis'.\n  needed  one of Linear\n  fix: leave it out."),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: LOOKS_AHEAD.initial_state(like=w.zeros(mel)),
        (
            "Sequential: a layer with a state cannot be 'SelfAttention'.\n"
            "  needed  layers that look back only, with an initial_state\n"
            "  fix: run it on whole sequences, or use a causal layer."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: NET(w.zeros(batch, mel), state=(None, None)),
        (
            "Sequential: state cannot be (None, None).\n"
            "  needed  a tuple of 1, one for each layer\n"
            "  fix: pass on what the Sequential gave, or start from its initial_state(...)."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: ATTENTION.initial_state(like=w.zeros(mel), capacity=0),
        (
            "CausalSelfAttention: capacity cannot be 0.\n"
            "  needed  an int of at least 1, or a static dim\n"
            "  fix: it is how many positions there will be at most."
        ),
    ),
    Message(
        "missing_dim",
        DimError,
        lambda w: sf.nn.LSTM(mel, out).initial_state((batch,), like=w.zeros(mel)),
        (
            "LSTM: dim batch is not in like.\n"
            "  like  float32[mel:4] numpy:cpu\n"
            "  fix: name one of [mel:4]."
        ),
    ),
    Message(
        "unknown_choice",
        DimError,
        lambda w: sf.models.Conformer(mel, layers=1, heads=2, inner=out, norm="group"),  # type: ignore[arg-type]
        (
            "ConformerConvolution: norm is 'group'.\n"
            "  known  'layer', 'batch'\n"
            "  fix: give one of these."
        ),
        only="any",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.models.LSTMEncoder(mel, out, layers=1, pooling=(2, 2)),
        (
            "LSTMEncoder: pooling cannot be (2, 2).\n"
            "  needed  up to 1 ints of at least 1, as there are layers\n"
            "  fix: pooling=(3, 2) leaves a sixth of the frames."
        ),
        only="any",
    ),
]
