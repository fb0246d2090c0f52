"""Arguments of the wrong kind: every public function, on every backend, in the same words.

A function that takes tensors refuses plain ones, and one that takes dims refuses their names. What
else can be wrong with a single function stands in `tests/messages`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from messages.message import Make, said
from plain_calls import PLAIN_OPS

import seqfront as sf
from seqfront import errors

Call = Callable[[Make, Any], Any]

batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4)
vocab, labels, other = sf.Dim("vocab", 5), sf.Dim("labels"), sf.Dim("other", 4)
two, three, frames = sf.Dim("two", 2), sf.Dim("three", 3), sf.Dim("frames", 9)


def _ctc(logits: Any, targets: Any, frames: Any = time, positions: Any = labels) -> Any:
    return sf.ctc_loss(
        logits=logits, targets=targets, input_spatial_dim=frames, targets_spatial_dim=positions,
        blank_index=0,
    )  # fmt: skip


def _tdt(logits: Any, durations: Any, targets: Any, positions: Any = two) -> Any:
    return sf.tdt_loss(
        logits=logits, duration_logits=durations, durations=(0, 1, 2), targets=targets,
        input_spatial_dim=three, targets_spatial_dim=positions, blank_index=0,
    )  # fmt: skip


def _packed(logits: Any, targets: Any, lengths: Any, cells: Any = time) -> Any:
    return sf.rnnt_loss_packed(
        logits=logits, targets=targets, cells_dim=cells, frame_lengths=lengths,
        targets_spatial_dim=labels, blank_index=0,
    )  # fmt: skip


def _pack(x: Any, frames: Any = time) -> Any:
    return sf.pack_cells(
        x, batch_dim=batch, input_spatial_dim=frames, targets_spatial_dim=labels, cells_dim=other
    )


def _rnnt(logits: Any, targets: Any, frames: Any = time, positions: Any = labels) -> Any:
    return sf.rnnt_loss(
        logits=logits, targets=targets, input_spatial_dim=frames, targets_spatial_dim=positions,
        blank_index=0,
    )  # fmt: skip


def _fused_rnnt(w: Make, prediction: Any, frames: Any = time) -> Any:
    return sf.fused_rnnt_loss(
        source=w.zeros(batch, time, mel), prediction=prediction, weight=w.zeros(mel, vocab),
        joint_dim=mel, classes=vocab, targets=w.ints(batch, two), input_spatial_dim=frames,
        targets_spatial_dim=two, blank_index=0,
    )  # fmt: skip


def _fused_ctc(w: Make, weight: Any, frames: Any = time) -> Any:
    return sf.fused_ctc_loss(
        hidden=w.zeros(batch, time, mel), weight=weight, feature_dim=mel, classes=vocab,
        targets=w.ints(batch, labels), input_spatial_dim=frames, targets_spatial_dim=labels,
        blank_index=0,
    )  # fmt: skip


ON = {"input_spatial_dim": time, "targets_spatial_dim": labels, "blank_index": 0}


def _tdt_alignment(w: Make, function: Any, raw: Any) -> Any:
    return function(
        logits=w.zeros(batch, time, two + 1, vocab), duration_logits=raw, durations=(0, 1, 2),
        targets=w.ints(batch, two), **{**ON, "targets_spatial_dim": two},
    )  # fmt: skip


def _pruned(w: Make, starts: Any) -> Any:
    return sf.rnnt_loss_pruned(
        logits=w.zeros(batch, time, two, vocab), starts=starts, band_dim=two,
        targets=w.ints(batch, labels), **ON,
    )  # fmt: skip


def _ce(estimated: Any, target: Any, axis: Any = mel) -> Any:
    return sf.cross_entropy(estimated=estimated, target=target, axis=axis, estimated_type="logits")


def _greedy(encoded: Any, axis: Any = time) -> Any:
    anything: Any = None
    search = sf.search.TransducerGreedy(
        anything, anything, classes=vocab, in_dim=mel, blank_index=0
    )
    return search(encoded, axis=axis)


def _conv(x: Any, kernel: Any, axis: Any = time) -> Any:
    return sf.conv(x, kernel, spatial=[(axis, three)], in_dim=mel, out_dim=vocab)


def _same(x: Any) -> Any:
    return x


def _pass_on(grad: Any, y: Any, x: Any) -> Any:
    return [grad]


PLAIN: dict[str, tuple[str, Call]] = {
    **PLAIN_OPS,
    **{
        name: ("x", lambda w, raw, name=name: getattr(sf, name)(raw, axis=mel))
        for name in (
            "sum", "mean", "max", "min", "prod", "any", "all", "logsumexp", "argmax", "argmin",
            "softmax", "log_softmax", "pad", "sequence_mask",
        )
    },
    **{
        name: ("x", lambda w, raw, name=name: getattr(sf, name)(raw))
        for name in ("stop_gradient", "mask_padding", "reverse_gradient")
    },
    "scale_gradient": ("x", lambda w, raw: sf.scale_gradient(raw, 2.0)),
    "clip_gradient": ("x", lambda w, raw: sf.clip_gradient(raw, value=1.0)),
    "custom_gradient": ("x", lambda w, raw: sf.custom_gradient(_same, _pass_on, raw)),
    "cond": ("predicate", lambda w, raw: sf.cond(raw, lambda: raw, lambda: raw)),
    "where": ("condition", lambda w, raw: sf.where(raw, 1.0, 0.0)),
    "logaddexp": ("b", lambda w, raw: sf.logaddexp(w.zeros(mel), raw)),
    "dot": ("b", lambda w, raw: sf.dot(w.zeros(mel), raw, reduce=mel)),
    "linear": (
        "weight", lambda w, raw: sf.linear(w.zeros(mel), raw, None, in_dim=mel, out_dim=vocab)
    ),
    "conv": ("kernel", lambda w, raw: _conv(w.zeros(time, mel), raw)),
    "full": ("like", lambda w, raw: sf.full((batch,), 0.0, like=raw)),
    "zeros": ("like", lambda w, raw: sf.zeros((batch,), like=raw)),
    "ones": ("like", lambda w, raw: sf.ones((batch,), like=raw)),
    "range_over": ("like", lambda w, raw: sf.range_over(batch, like=raw)),
    "random_uniform": ("like", lambda w, raw: sf.random_uniform((batch,), like=raw)),
    **{
        name: ("like", lambda w, raw, name=name: getattr(sf, name)((batch,), like=raw))
        for name in ("random_normal", "random_gumbel", "random_truncated_normal")
    },
    "random_bernoulli": ("like", lambda w, raw: sf.random_bernoulli((mel,), 0.5, like=raw)),
    "random_categorical": (
        "logits", lambda w, raw: sf.random_categorical(logits=raw, axis=mel, seed=1)
    ),
    "random_integers": ("like", lambda w, raw: sf.random_integers((mel,), high=3, like=raw)),
    "random_permutation": ("like", lambda w, raw: sf.random_permutation(mel, like=raw)),
    "expand_dim": ("like", lambda w, raw: sf.expand_dim(w.zeros(mel), batch, like=raw)),
    "cast": ("x", lambda w, raw: sf.cast(raw, "int32")),
    "to_device": ("x", lambda w, raw: sf.to_device(raw, "cpu")),
    "to_backend": ("x", lambda w, raw: sf.to_backend(raw, "numpy")),
    "gather": ("indices", lambda w, raw: sf.gather(w.zeros(mel), indices=raw, axis=mel)),
    "one_hot": ("labels", lambda w, raw: sf.one_hot(raw)),
    "concat": ("x", lambda w, raw: sf.concat((raw, mel))),
    "stack": ("x", lambda w, raw: sf.stack([raw], batch)),
    "dropout": ("x", lambda w, raw: sf.dropout(raw, 0.0)),
    "merge_dims": ("x", lambda w, raw: sf.merge_dims(raw, [batch, mel])),
    "split_dim": ("x", lambda w, raw: sf.split_dim(raw, mel, [other])),
    "squeeze": ("x", lambda w, raw: sf.squeeze(raw, mel)),
    "cross_entropy": ("target", lambda w, raw: _ce(w.zeros(mel), raw)),
    "label_smoothing": ("target", lambda w, raw: sf.label_smoothing(raw, 0.1, mel)),
    "ctc_loss": ("targets", lambda w, raw: _ctc(w.zeros(batch, time, vocab), raw)),
    "fused_ctc_loss": ("weight", lambda w, raw: _fused_ctc(w, raw)),
    "fused_rnnt_loss": ("prediction", lambda w, raw: _fused_rnnt(w, raw)),
    "rnnt_loss": ("logits", lambda w, raw: _rnnt(raw, w.ints(batch, labels))),
    "tdt_loss": (
        "duration_logits",
        lambda w, raw: _tdt(w.zeros(batch, three, two + 1, vocab), raw, w.ints(batch, two)),
    ),
    "rnnt_loss_packed": (
        "frame_lengths", lambda w, raw: _packed(w.zeros(time, vocab), w.ints(batch, labels), raw),
    ),
    "pack_cells": ("x", lambda w, raw: _pack(raw)),
    **{
        name: (
            "logits",
            lambda w, raw, name=name: getattr(sf, name)(
                logits=raw, targets=w.ints(batch, labels), **ON
            ),
        )
        for name in ("ctc_alignment", "ctc_posteriors", "rnnt_alignment", "rnnt_posteriors")
    },
    "tdt_alignment": (
        "duration_logits", lambda w, raw: _tdt_alignment(w, sf.tdt_alignment, raw),
    ),
    "tdt_posteriors": (
        "duration_logits", lambda w, raw: _tdt_alignment(w, sf.tdt_posteriors, raw),
    ),
    "rnnt_loss_simple": (
        "prediction",
        lambda w, raw: sf.rnnt_loss_simple(
            source=w.zeros(batch, time, vocab), prediction=raw, targets=w.ints(batch, labels), **ON
        ),
    ),
    "rnnt_loss_pruned": ("starts", _pruned),
    "ctc_feasible": (
        "input_lengths",
        lambda w, raw: sf.ctc_feasible(
            input_lengths=raw, targets=w.ints(batch, labels), targets_spatial_dim=labels
        ),
    ),
    "prune": (
        "starts",
        lambda w, raw: sf.prune(w.zeros(batch, labels), starts=raw, axis=labels, band_dim=two),
    ),
    "alignment_windows": ("frames", lambda w, raw: sf.alignment_windows(raw, left=0, right=0)),
    "explain": ("x", lambda w, raw: sf.explain(raw)),
    "edit_distance": ("b", lambda w, raw: sf.edit_distance(w.ints(labels), labels, raw, labels)),
    "TransducerGreedy": ("encoded", lambda w, raw: _greedy(raw)),
    "Linear": ("x", lambda w, raw: sf.nn.Linear(mel, vocab)(raw)),
    "Conv1d": ("x", lambda w, raw: sf.nn.Conv1d(mel, vocab, 3)(raw, axis=time)),
    "Dropout": ("x", lambda w, raw: sf.nn.Dropout(0.5)(raw)),
    "Embedding": ("x", lambda w, raw: sf.nn.Embedding(vocab, mel)(raw)),
    "LayerNorm": ("x", lambda w, raw: sf.nn.LayerNorm(mel)(raw)),
    "LSTM": ("x", lambda w, raw: sf.nn.LSTM(mel, vocab)(raw, axis=time)),
}  # fmt: skip
"""By function: the argument given a plain tensor, and the call."""

SAID_AS = {"Linear": "linear", "Conv1d": "conv", "Dropout": "dropout"}
"""Layers that are the function of another name."""

OPERANDS = [
    "abs", "ceil", "cos", "erf", "exp", "expm1", "floor", "is_finite", "is_nan", "log", "log1p",
    "relu", "round", "rsqrt", "sigmoid", "sign", "sin", "sqrt", "tanh", "logical_not", "add",
    "multiply", "maximum", "minimum", "negative", "tan", "asin", "acos", "atan", "sinh", "cosh",
    "asinh", "acosh", "atanh", "subtract", "divide", "floor_divide", "remainder", "power", "atan2",
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and",
    "logical_or", "logical_xor",
]  # fmt: skip
"""Elementwise functions: any operand that is neither a tensor nor a number."""

NO_TENSORS = {
    "wrap", "load", "save", "set_backend", "use_backend", "debug_checks", "set_seed", "autocast",
    "value_and_grad", "nested_concat", "nested_gather", "nested_map", "checked",
    "while_loop", "scan", "checkpoint",
}  # fmt: skip
"""Functions that take none, or any structure, or none but plain ones; and one whose message is its
own."""

NAMES: dict[str, Call] = {
    **{
        name: lambda w, dim, name=name: getattr(sf, name)(w.zeros(batch, mel), axis=dim)
        for name in (
            "sum", "mean", "max", "min", "prod", "logsumexp", "argmax", "argmin", "softmax",
            "log_softmax", "pad", "sequence_mask",
        )
    },
    "any": lambda w, dim: sf.any(w.zeros(mel) > 0, axis=dim),
    "all": lambda w, dim: sf.all(w.zeros(mel) > 0, axis=dim),
    "wrap": lambda w, dim: sf.wrap(w.raw([1.0]), (dim,)),
    "full": lambda w, dim: sf.full((dim,), 0.0),
    "zeros": lambda w, dim: sf.zeros((dim,)),
    "ones": lambda w, dim: sf.ones(dim),
    "range_over": lambda w, dim: sf.range_over(dim),
    "random_normal": lambda w, dim: sf.random_normal((dim,)),
    "random_categorical": lambda w, dim: sf.random_categorical(logits=w.zeros(mel), axis=dim),
    "random_permutation": lambda w, dim: sf.random_permutation(dim),
    "dot": lambda w, dim: sf.dot(w.zeros(mel), w.zeros(mel), reduce=dim),
    "einsum": lambda w, dim: sf.einsum(w.zeros(mel), out=(dim,)),
    "conv": lambda w, dim: _conv(w.zeros(time, mel), w.zeros(three, mel, vocab), dim),
    "gather": lambda w, dim: sf.gather(w.zeros(mel), indices=0, axis=dim),
    "concat": lambda w, dim: sf.concat((w.zeros(mel), dim)),
    "stack": lambda w, dim: sf.stack([w.zeros(mel)], dim),
    "mask_padding": lambda w, dim: sf.mask_padding(w.zeros(mel), dims=(dim,)),
    "dropout": lambda w, dim: sf.dropout(w.zeros(mel), 0.5, axis=(dim,)),
    "expand_dim": lambda w, dim: sf.expand_dim(w.zeros(mel), dim),
    "merge_dims": lambda w, dim: sf.merge_dims(w.zeros(mel), (dim,)),
    "split_dim": lambda w, dim: sf.split_dim(w.zeros(mel), mel, (dim,)),
    "squeeze": lambda w, dim: sf.squeeze(w.zeros(mel), dim),
    "cross_entropy": lambda w, dim: _ce(w.zeros(mel), w.zeros(mel), dim),
    "label_smoothing": lambda w, dim: sf.label_smoothing(w.zeros(mel), 0.1, dim),
    "ctc_loss": lambda w, dim: _ctc(w.zeros(time, vocab), w.ints(labels), dim),
    "fused_ctc_loss": lambda w, dim: _fused_ctc(w, w.zeros(mel, vocab), dim),
    "fused_rnnt_loss": lambda w, dim: _fused_rnnt(w, w.zeros(batch, two + 1, mel), dim),
    "rnnt_loss": lambda w, dim: _rnnt(w.zeros(time, vocab), w.ints(labels), time, dim),
    "tdt_loss": lambda w, dim: _tdt(w.zeros(three, vocab), None, w.ints(two), dim),
    "rnnt_loss_packed": lambda w, dim: _packed(w.zeros(time, vocab), w.ints(labels), None, dim),
    "pack_cells": lambda w, dim: _pack(w.zeros(batch, time), dim),
    "edit_distance": lambda w, dim: sf.edit_distance(w.ints(labels), dim, w.ints(labels), labels),
    "TransducerGreedy": lambda w, dim: _greedy(w.zeros(batch, time, mel), dim),
    "Parameter": lambda w, dim: sf.nn.Parameter((dim,)),
    "LSTM": lambda w, dim: sf.nn.LSTM(mel, vocab)(w.zeros(batch, time, mel), axis=dim),
    "size": lambda w, dim: w.zeros(mel).size(dim),
    "lengths": lambda w, dim: w.zeros(mel).lengths(dim),
    "is_ragged": lambda w, dim: w.zeros(mel).is_ragged(dim),
    "axis": lambda w, dim: w.zeros(mel).axis(dim),
    "rename": lambda w, dim: w.zeros(mel).rename(mel, dim),
    "labels_of": lambda w, dim: w.ints(mel).labels_of(dim),
    "raw_in": lambda w, dim: w.zeros(mel).raw_in(dim),
}  # fmt: skip
"""By function: a call with a dim, whatever it is."""

EXTENTS: dict[str, Callable[[sf.Tensor, sf.Tensor], Any]] = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "where": lambda a, b: sf.where(a > 0, a, b),
    "logaddexp": sf.logaddexp,
    "dot": lambda a, b: sf.dot(a, b, reduce=mel),
    "einsum": lambda a, b: sf.einsum(a, b, out=()),
    "stack": lambda a, b: sf.stack([a, b], time),
    "concat": lambda a, b: sf.concat((a, mel), (b, mel)),
    "gather": lambda a, b: sf.gather(a, indices=sf.cast(b, "int32"), axis=mel),
    "cross_entropy": _ce,
    "ctc_loss": lambda a, b: _ctc(
        sf.expand_dim(a, frames), sf.cast(b, "int32").rename(mel, other), frames, other
    ),
    "edit_distance": lambda a, b: sf.edit_distance(
        sf.cast(a, "int32"), mel, sf.cast(b, "int32"), mel
    ),
    "LSTM": lambda a, b: sf.nn.LSTM(mel, other)(
        a, axis=None, state=sf.nn.LSTMState(b.rename(mel, other), b.rename(mel, other))
    ),
}  # fmt: skip
"""By function: a call with two tensors over [batch, mel] whose batches are of 1 and 3."""


@pytest.mark.parametrize("name", PLAIN)
def test_plain_tensors_are_refused(name: str, backend_name: str) -> None:
    make = Make(backend_name)
    argument, call = PLAIN[name]
    raw = make.raw(np.ones((3, 4)))
    needed = "a Tensor or an int" if name == "gather" else "a Tensor"
    with sf.use_backend(backend_name), pytest.raises(sf.DTypeError) as caught:
        call(make, raw)
    assert str(caught.value) == (
        f"{SAID_AS.get(name, name)}: {argument} has to be {needed}.\n"
        f"  {argument}  {type(raw).__module__}.{type(raw).__name__}\n"
        "  fix: wrap plain tensors with their dims first: sf.wrap(raw, dims)."
    )
    _is_clean(caught.value)


@pytest.mark.parametrize("name", OPERANDS)
def test_plain_operands_are_refused(name: str, backend_name: str) -> None:
    make = Make(backend_name)
    raw = make.raw([1.0])
    arguments = [raw] if len(inspect.signature(getattr(sf, name)).parameters) == 1 else [raw, 1.0]
    with pytest.raises(
        sf.DTypeError, match="an operand is neither a Tensor nor a number"
    ) as caught:
        getattr(sf, name)(*arguments)
    assert f"  operand  {type(raw).__module__}.{type(raw).__name__}\n" in str(caught.value)
    _is_clean(caught.value)


def test_every_function_refuses_plain_tensors() -> None:
    public = {name for name, value in vars(sf).items() if inspect.isfunction(value)}
    tested = set(PLAIN) | set(OPERANDS) | NO_TENSORS
    assert public - tested == set()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dim", ["time", 1, None])
def test_names_are_no_dims(name: str, dim: Any, backend_name: str) -> None:
    if dim is None and name in ("label_smoothing", "LSTM", "labels_of"):
        return  # there None has a meaning
    with sf.use_backend(backend_name), pytest.raises(sf.DTypeError) as caught:
        NAMES[name](Make(backend_name), dim)
    came = "NoneType None" if dim is None else f"{type(dim).__name__} {dim!r}"
    assert str(caught.value) == (
        f"{name}: dims are given as Dim objects.\n"
        f"  came  {came}\n"
        '  fix: make a dim once, time = sf.Dim("time"), and pass that object; several as a tuple.'
    )
    _is_clean(caught.value)


@pytest.mark.parametrize("name", EXTENTS)
def test_one_dim_has_one_extent(name: str, backend_name: str) -> None:
    """A batch of one never meets a batch of three by broadcasting."""
    make = Make(backend_name)
    a, b = make(np.ones((3, 4)), batch, mel), make(np.ones((1, 4)), batch, mel)
    with sf.use_backend(backend_name), pytest.raises(sf.DimError) as caught:
        EXTENTS[name](a, b)
    first, *_, fix = str(caught.value).splitlines()
    assert first == f"{name}: the operands have different extents of batch."
    assert fix == (
        "  fix: two axes of different extents are two dims: make the second one batch.clone()."
    )
    _is_clean(caught.value)


@pytest.mark.parametrize("came", [1, 2, 3, 5])
def test_transducer_states_are_one_more_than_labels(came: int, backend_name: str) -> None:
    """(These once made the native library read and write beyond its arrays.)"""
    make = Make(backend_name)
    logits = make(np.zeros((2, 3, came, 5)), batch, time, labels + 1, vocab)
    targets = make(np.ones((2, 3), np.int32), batch, labels, of=vocab)
    with pytest.raises(sf.DimError) as caught:
        _rnnt(logits, targets)
    assert said(caught.value, backend_name) == (
        "rnnt_loss: the extent of labels+1 has to be one more than that of the targets.\n"
        f"  logits   float32[batch≤2, time≤3, labels+1≤{came}, vocab:5] numpy:cpu\n"
        "  targets  int32[batch≤2, labels≤3] of vocab:5 numpy:cpu\n"
        f"  came     {came}\n"
        "  needed   4\n"
        "  fix: cut or pad logits and targets to the same number of labels."
    )


@pytest.mark.parametrize("op", ["ctc", "rnnt", "edit_distance"])
def test_native_ops_refuse_shapes_that_disagree(op: str) -> None:
    """The last guard, for shapes that were not known when the graph was traced."""
    backend = sf.backends.get("numpy")
    logits = np.zeros((2, 3, 4, 5)[: {"ctc": 3, "rnnt": 4, "edit_distance": 2}[op]], np.float32)
    first = logits.astype(np.int32) if op == "edit_distance" else logits
    targets, counts = np.zeros((3, 3), np.int32), np.ones(2, np.int32)
    inputs = (first, counts, targets, counts) if op == "edit_distance" else (
        first, targets, counts, counts
    )  # fmt: skip
    with pytest.raises(sf.NativeError, match=rf"^{op}: \w+ (must be \[|has 3 rows)"):
        backend.native_call(op, inputs, {})


def test_native_ops_refuse_other_ranks() -> None:
    backend = sf.backends.get("numpy")
    counts = np.ones(2, np.int32)
    inputs = (np.zeros((2, 3, 4), np.float32), np.zeros((2, 3), np.int32), counts, counts)
    message = r"^rnnt: logits must be \[batch, frames, labels\+1, classes\], but has 3 axes\.$"
    with pytest.raises(sf.NativeError, match=message):
        backend.native_call("rnnt", inputs, {})


def _is_clean(error: BaseException) -> None:
    """No other traceback is shown above this one."""
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


def test_fixes_name_what_there_is() -> None:
    """Every `sf.name` in a message can be typed."""
    source = "".join(
        inspect.getsource(module)
        for name, module in vars(errors).items()
        if inspect.ismodule(module) and name != "base"
    )
    for path in sorted(set(re.findall(r"\bsf((?:\.[A-Za-z_]\w*)+)", source))):
        item: Any = sf
        for name in path[1:].split("."):
            assert hasattr(item, name), f"sf{path}"
            item = getattr(item, name)
