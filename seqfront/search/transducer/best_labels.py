"""The best labels of rows of logits, and the blank: what a search reads of a softmax.

The native ops read each row once and never make the log-probabilities of all classes; composed,
they are made and sorted. Both give the same.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from seqfront import native
from seqfront.backend import Backend, Raw
from seqfront.models.decoder.joiner import Joiner
from seqfront.search.transducer.panels import Panels

MOST = 64
"""The native ops find no more labels than this."""


class BestLabels(NamedTuple):
    """Natural logarithms; float64 for float64 logits, else float32."""

    blank: Raw
    """[rows]: of the blank."""
    log_probs: Raw
    """[rows, count]: of the best labels, the best first; -inf where there are no more."""
    labels: Raw
    """int32 [rows, count]; of equal ones the lower label first, and the blank where there are no
    more."""


def has_native(backend: Backend, raw: Raw, count: int) -> bool:
    """Whether the native ops serve here."""
    return count <= MOST and native.serves(backend, "top_labels", raw)


def best_labels(backend: Backend, logits: Raw, blank: int, count: int) -> BestLabels:
    """Of logits [rows, classes], by whatever serves."""
    if has_native(backend, logits, count):
        ranks = backend.arange(count, "int32", backend.device(logits))
        return BestLabels(*backend.native_call("top_labels", (logits, ranks), {"blank": blank}))
    return composed_best_labels(backend, logits, blank, count)


def composed_best_labels(backend: Backend, logits: Raw, blank: int, count: int) -> BestLabels:
    """The same in primitives."""
    if backend.dtype(logits) != "float64":
        logits = backend.cast(logits, "float32")
    classes = backend.static_shape(logits)[-1] or 0
    log_probs = backend.log_softmax(logits, 1)
    number = backend.arange(classes, "int32", backend.device(logits))
    is_blank = backend.binary("eq", number, blank)
    found, labels = backend.top_k(
        backend.where(is_blank, -math.inf, log_probs), min(count, classes)
    )
    more = [(0, 0), (0, max(0, count - classes))]
    found = backend.pad(found, more, -math.inf)
    labels = backend.pad(backend.cast(labels, "int32"), more, blank)
    labels = backend.where(backend.binary("gt", found, -math.inf), labels, blank)
    own = backend.squeeze(backend.slice(log_probs, 1, blank, blank + 1), (1,))
    return BestLabels(own, found, labels)


def joint_best_labels(
    backend: Backend,
    source: Raw,
    prediction: Raw,
    joiner: Joiner,
    frame_index: Raw,
    node_index: Raw,
    panels: Panels,
    *,
    blank: int,
    count: int,
    temperature: float = 1.0,
) -> BestLabels:
    """Of what a `Joiner` makes of pairs of frames and predictions; its logits are never all made.

    Args:
        backend: Of all; on the CPU.
        source: Frames [frames, features].
        prediction: [nodes, features].
        joiner: Its weights and its activation.
        frame_index: int32 [pairs].
        node_index: int32 [pairs].
        panels: Where weights are kept.
        blank: Class of the blank.
        count: How many labels; at most `MOST`.
        temperature: Divides the logits.
    """
    weight, bias = joiner_weights(joiner)
    laid_out = panels(backend, "joiner", weight)
    if laid_out.panels:
        weight = backend.convert(laid_out.array)
    ranks = backend.arange(count, "int32", "cpu")
    inputs = (source, prediction, weight, bias, frame_index, node_index, ranks)
    attributes = {
        "blank": blank,
        "activation": (None, "tanh", "relu").index(joiner.activation),
        "temperature": temperature,
        "panels": laid_out.panels,
    }
    return BestLabels(*backend.native_call("joint_top_labels", inputs, attributes))


def joiner_weights(joiner: Joiner) -> tuple[Raw, Raw | None]:
    """[features, classes], and [classes] if there is a bias."""
    output = joiner.output
    bias = output.bias
    return output.weight.raw, None if bias is None else bias.raw
