"""The parameters of torchaudio's Emformer and transducers by the names they have here, and back.

Linear maps are [out, in] there and [in, out] here; embeddings are alike.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from seqfront import errors


class Name(NamedTuple):
    """A parameter under the other convention."""

    name: str
    transposed: bool


_LAYER = {
    "attention_norm": "layer_norm_input",
    "attention.key_value": "attention.emb_to_key_value",
    "attention.query": "attention.emb_to_query",
    "attention.output": "attention.out_proj",
    "feed_forward_norm": "pos_ff.0",
    "feed_forward.first": "pos_ff.1",
    "feed_forward.second": "pos_ff.4",
    "norm": "layer_norm_output",
}
_PARTS = {
    "transcriber.input": "transcriber.input_linear",
    "transcriber.output": "transcriber.output_linear",
    "transcriber.norm": "transcriber.layer_norm",
    "predictor.embedding": "predictor.embedding",
    "predictor.embedding_norm": "predictor.input_layer_norm",
    "predictor.projection": "predictor.linear",
    "predictor.norm": "predictor.output_layer_norm",
    "joiner.output": "joiner.linear",
}
_LSTM = {
    "input.weight": "x2g.weight",
    "hidden.weight": "p2g.weight",
    "gates_norm.scale": "g_norm.weight",
    "gates_norm.bias": "g_norm.bias",
    "cell_norm.scale": "c_norm.weight",
    "cell_norm.bias": "c_norm.bias",
}
_PLAIN_LSTM = {"input_weight": "x2g.weight", "hidden_weight": "p2g.weight", "bias": "x2g.bias"}

_OUR_LAYER = re.compile(r"(transcriber\.encoder\.)?layers\.(\d+)\.(.+)\.(\w+)")
_THEIR_LAYER = re.compile(r"(transcriber\.transformer\.)?emformer_layers\.(\d+)\.(.+)\.(\w+)")
_OUR_LSTM = re.compile(r"predictor\.layers\.(\d+)\.(.+)")
_THEIR_LSTM = re.compile(r"predictor\.lstm_layers\.(\d+)\.(.+)")


def theirs(path: str) -> Name:
    """The name that torchaudio has for a parameter of `sf.models.Emformer` or of the RNNT that
    `sf.models.emformer_rnnt_model` makes."""
    found = _OUR_LAYER.fullmatch(path)
    if found and found[3] in _LAYER:
        start = "transcriber.transformer." if found[1] else ""
        part, leaf = _LAYER[found[3]], found[4].replace("scale", "weight")
        return _name(f"{start}emformer_layers.{found[2]}.{part}.{leaf}")
    found = _OUR_LSTM.fullmatch(path)
    if found:
        rest = {**_LSTM, **_PLAIN_LSTM}.get(found[2])
        if rest is not None:
            return _name(f"predictor.lstm_layers.{found[1]}.{rest}")
    part, _, leaf = path.rpartition(".")
    if part in _PARTS:
        return _name(f"{_PARTS[part]}.{leaf.replace('scale', 'weight')}")
    raise errors.unknown_parameter(path)


def ours(name: str, *, normalized: bool) -> Name:
    """The path here of a parameter of torchaudio.

    Args:
        name: As in `state_dict()` of torchaudio's Emformer or RNNT.
        normalized: Whether the LSTM layers are normalised inside.
    """
    path = _our_path(name, _LSTM if normalized else _PLAIN_LSTM)
    if path is None:
        raise errors.unknown_parameter(name)
    return Name(path, _name(name).transposed)


def _our_path(name: str, lstm: dict[str, str]) -> str | None:
    found = _THEIR_LAYER.fullmatch(name)
    if found:
        part = _key_of(_LAYER, found[3])
        start = "transcriber.encoder." if found[1] else ""
        return part and f"{start}layers.{found[2]}.{part}.{_leaf(part, found[4])}"
    found = _THEIR_LSTM.fullmatch(name)
    if found:
        rest = _key_of(lstm, found[2])
        return rest and f"predictor.layers.{found[1]}.{rest}"
    part = _key_of(_PARTS, name.rpartition(".")[0])
    return part and f"{part}.{_leaf(part, name.rpartition('.')[2])}"


def _key_of(table: dict[str, str], value: str) -> str | None:
    return next((key for key, other in table.items() if other == value), None)


def _leaf(part: str, leaf: str) -> str:
    return "scale" if part.endswith("norm") and leaf == "weight" else leaf


def _name(name: str) -> Name:
    """With whether it is a matrix that stands the other way round here."""
    part, _, leaf = name.rpartition(".")
    vector = "norm" in part or part.endswith(("pos_ff.0", "embedding"))
    return Name(name, leaf == "weight" and not vector)
