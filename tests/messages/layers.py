"""Messages of convolution and pooling layers over several dims."""

from __future__ import annotations

import seqfront as sf
from messages.message import Message
from seqfront import DimError

batch, height, width = sf.Dim("batch"), sf.Dim("height"), sf.Dim("width")
mel, out = sf.Dim("mel", 4), sf.Dim("out", 6)
rows, columns = sf.Dim("rows", 3), sf.Dim("columns", 3)

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
]
