"""Calls of operations with a plain tensor where a `Tensor` belongs, for `test_errors_arguments`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from messages.message import Make

import seqfront as sf

Call = Callable[[Make, Any], Any]

batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4)
two, three = sf.Dim("two", 2), sf.Dim("three", 3)


def _conv_transpose(raw: Any) -> Any:
    return sf.conv_transpose(raw, raw, spatial=[(time, three)], in_dim=mel, out_dim=two)


def _attention(w: Make, raw: Any) -> Any:
    query = w.zeros(batch, time, mel)
    return sf.dot_attention(query, raw, query, feature=mel, axis=time)


PLAIN_OPS: dict[str, tuple[str, Call]] = {
    **{
        name: ("x", lambda w, raw, name=name: getattr(sf, name)(raw, axis=mel))
        for name in (
            "argsort", "sort", "cumlogsumexp", "cummax", "cummin", "cumprod", "cumsum", "reverse",
            "slice", "standard_deviation", "variance",
        )
    },
    **{
        name: ("x", lambda w, raw, name=name: getattr(sf, name)(raw, axis=time, window=2))
        for name in ("max_pool", "mean_pool")
    },
    **{
        name: ("x", lambda w, raw, name=name: getattr(sf, name)(raw))
        for name in (
            "clip", "elu", "gelu", "hard_sigmoid", "hard_silu", "hard_tanh", "is_inf",
            "leaky_relu", "log10", "log2", "log_sigmoid", "mish", "reciprocal", "relu6", "selu",
            "silu", "softplus", "softsign", "square", "trunc",
        )
    },
    "conv_transpose": ("x", lambda w, raw: _conv_transpose(raw)),
    "einsum": ("x", lambda w, raw: sf.einsum(w.zeros(mel), raw, out=())),
    "dot_attention": ("key", _attention),
    "masked_scatter": (
        "backup",
        lambda w, raw: sf.masked_scatter(
            w.zeros(two), raw, mask=w.zeros(mel) > 0, axis=mel, in_dim=two
        ),
    ),
    "masked_select": (
        "mask", lambda w, raw: sf.masked_select(w.zeros(mel), mask=raw, axis=mel, out_dim=time),
    ),
    "nested_mask": ("mask", lambda w, raw: sf.nested_mask(w.zeros(mel), mask=raw)),
    "split": ("x", lambda w, raw: sf.split(raw, axis=mel, parts=(two, three))),
    "unstack": ("x", lambda w, raw: sf.unstack(raw, axis=mel)),
    "nested_where": ("condition", lambda w, raw: sf.nested_where(raw, w.zeros(mel), w.zeros(mel))),
    "pack_padded": ("x", lambda w, raw: sf.pack_padded(raw, dims=(batch, time), out_dim=two)),
    "repeat": ("x", lambda w, raw: sf.repeat(raw, axis=mel, counts=2)),
    "scatter": (
        "indices",
        lambda w, raw: sf.scatter(w.zeros(mel), indices=raw, axis=mel, out_dim=three),
    ),
    "search_sorted": (
        "values", lambda w, raw: sf.search_sorted(w.zeros(mel), raw, axis=mel),
    ),
    "shift": ("x", lambda w, raw: sf.shift(raw, axis=mel, by=1)),
    "top_k": ("x", lambda w, raw: sf.top_k(raw, 2, axis=mel)),
    "unpack_padded": (
        "like",
        lambda w, raw: sf.unpack_padded(w.zeros(two), in_dim=two, dims=(batch, time), like=raw),
    ),
    "window": ("x", lambda w, raw: sf.window(raw, axis=time, window_dim=two)),
}  # fmt: skip
"""By function: the argument given a plain tensor, and the call."""
