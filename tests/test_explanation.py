# ruff: noqa: E501  (texts are as long as they are)
"""`sf.explain` in full text, on every backend."""

from __future__ import annotations

import re

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends

batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4)
vocab, hidden, other_time = sf.Dim("vocab", 9), sf.Dim("hidden", 5), sf.Dim("time")


def _ragged(backend: str, rows: int = 2) -> sf.Tensor:
    convert = backends.get(backend).convert
    lengths = convert(np.array([7, 4] * (rows // 2), np.int32))
    raw = convert(np.zeros((rows, 7, 4), np.float32))
    return sf.wrap(raw, (batch, time, mel), lengths={time: lengths})


def _said(explanation: str, backend: str) -> list[str]:
    text = re.sub(r"\w+\.py:\d+", "FILE:LINE", explanation)
    return text.replace(f"{backend}:cpu", "BACKEND:cpu").splitlines()


def test_a_tensor(backend_name: str) -> None:
    x = _ragged(backend_name)
    assert _said(sf.explain(x), backend_name) == [
        "float32[batch≤2, time≤7, mel:4] BACKEND:cpu",
        "  batch  extent 2  full                            made at FILE:LINE",
        "  time   extent 7  lengths 7, 4 over batch, given  made at FILE:LINE",
        "  mel    size 4                                    made at FILE:LINE",
        "  padding  as it came: perhaps NaN",
    ]
    assert "made at test_explanation.py:14" in sf.explain(x)
    assert _said(sf.explain(sf.argmax(x, axis=mel)), backend_name) == [
        "int64[batch≤2, time≤7] of mel:4 BACKEND:cpu",
        "  batch  extent 2  full                            made at FILE:LINE",
        "  time   extent 7  lengths 7, 4 over batch, given  made at FILE:LINE",
        "  values   labels of mel:4  made at FILE:LINE",
        "  padding  finite, without meaning",
    ]
    assert _said(sf.explain(sf.sum(x, axis=x.dims)), backend_name) == ["float32[] 0.0 BACKEND:cpu"]


def test_derived_dims_step_by_step(backend_name: str) -> None:
    with sf.use_backend(backend_name):
        conv = sf.nn.Conv1d(mel, hidden, 3, stride=2, padding=(1, 0))
    y = conv(_ragged(backend_name), axis=time)
    y = sf.max_pool(y, axis=y.dims[1], window=2)
    assert _said(sf.explain(y), backend_name) == [
        "float32[batch≤2, ⌈((⌈(time-1)/2⌉)-1)/2⌉≤1, hidden:5] BACKEND:cpu",
        "  batch                     extent 2  full                            made at FILE:LINE",
        "  ⌈((⌈(time-1)/2⌉)-1)/2⌉    extent 1  lengths 1, 1 over batch         derived from time:",
        "    time                              lengths 7, 4 over batch, given  made at FILE:LINE",
        "    time-1                            lengths 6, 3 over batch         1 fewer at the end",
        "    ⌈(time-1)/2⌉                      lengths 3, 2 over batch         divided by 2, a rest counted",
        "    (⌈(time-1)/2⌉)-1                  lengths 2, 1 over batch         1 fewer at the end",
        "    ⌈((⌈(time-1)/2⌉)-1)/2⌉  extent 1  lengths 1, 1 over batch         divided by 2, a rest counted",
        "  hidden                    size 5                                    made at FILE:LINE",
        "  padding  finite, without meaning",
    ]


def test_many_lengths_in_short(backend_name: str) -> None:
    assert "30 lengths, 4 to 7, over batch, given" in sf.explain(_ragged(backend_name, 30))
    assert "lengths 7, 4, 7, 4, 7, 4, 7, 4 over batch" in sf.explain(_ragged(backend_name, 8))


def test_dims() -> None:
    assert _said(sf.explain(time), "") == [
        "time: a dim of its own.",
        "  time  dynamic  made at FILE:LINE",
    ]
    assert _said(sf.explain((time // 3 + 2) * batch + mel.slice(-2) * 3), "") == [
        "(((time//3)+2)*batch)+(mel[-2:])*3: a dim derived from time, batch, mel.",
        "  time                                dynamic  made at FILE:LINE",
        "  time//3                             dynamic  divided by 3, a rest dropped",
        "  (time//3)+2                         dynamic  2 more at the end",
        "  batch                               dynamic  made at FILE:LINE",
        "  ((time//3)+2)*batch                 dynamic  (time//3)+2 and batch merged, batch runs fastest",
        "  mel                                 size 4   made at FILE:LINE",
        "  mel[-2:]                            size 2   the positions -2:",
        "  (mel[-2:])*3                        size 6   times 3",
        "  (((time//3)+2)*batch)+(mel[-2:])*3  dynamic  ((time//3)+2)*batch, then (mel[-2:])*3",
    ]
    assert _said(sf.explain(time.pad(1, -2).slice(1, 4, 2)), "") == [
        "(1+time-2)[1:4:2]: a dim derived from time.",
        "  time               dynamic  made at FILE:LINE",
        "  1+time-2           dynamic  1 more at the start, 2 fewer at the end",
        "  (1+time-2)[1:4:2]  dynamic  the positions 1:4:2",
    ]
    assert _said(sf.explain(time.slice(-4, -1, 2)), "") == [
        "time[-4:-1:2]: a dim derived from time.",
        "  time           dynamic  made at FILE:LINE",
        "  time[-4:-1:2]  dynamic  the positions -4:-1:2",
    ]


def test_tensors_that_fit(backend_name: str) -> None:
    x = _ragged(backend_name)
    n = sf.cast(sf.mean(x, axis=(time, mel)), "int32")
    assert _said(sf.explain(n, x), backend_name) == [
        "a and b fit: the result has the dims of b.",
        "  a       int32[batch≤2] BACKEND:cpu",
        "  b       float32[batch≤2, time≤7, mel:4] BACKEND:cpu",
        "  batch   in a and b",
        "  time    in b only",
        "  mel     in b only",
        "  result  float32 over [batch, time, mel:4]",
    ]
    assert _said(sf.explain(n, x, x > 0), backend_name) == [
        "a, b and c fit: the result has the dims of b.",
        "  a       int32[batch≤2] BACKEND:cpu",
        "  b       float32[batch≤2, time≤7, mel:4] BACKEND:cpu",
        "  c       bool[batch≤2, time≤7, mel:4] BACKEND:cpu",
        "  batch   in a, b and c",
        "  time    in b and c",
        "  mel     in b and c",
        "  result  float32 over [batch, time, mel:4]",
    ]


def test_tensors_that_do_not_fit(backend_name: str) -> None:
    x = _ragged(backend_name)
    y = sf.mean(x, axis=mel)
    assert _said(sf.explain(x, y.rename(time, other_time)), backend_name) == [
        "a and b do not fit: no operand has the dims of all others.",
        "  a      float32[batch≤2, time≤7, mel:4] BACKEND:cpu",
        "  b      float32[batch≤2, time≤7] BACKEND:cpu",
        "  batch  in a and b",
        "  time   in a only, made at FILE:LINE",
        "  mel    in a only",
        "  time   in b only, made at FILE:LINE",
        "  fix: if time is one axis, make one Dim and pass that; or x.rename(old, new).",
    ]
    assert _said(sf.explain(sf.mean(x, axis=time), y), backend_name) == [
        "a and b do not fit: no operand has the dims of all others.",
        "  a      float32[batch≤2, mel:4] BACKEND:cpu",
        "  b      float32[batch≤2, time≤7] BACKEND:cpu",
        "  batch  in a and b",
        "  mel    in a only",
        "  time   in b only",
        "  fix: if the outer product is meant, say allow_broadcast=True; else check for a dim too many.",
    ]
    z = sf.wrap(y.raw, (batch, time), lengths={time: [7, 5]})
    assert _said(sf.explain(x, z), backend_name) == [
        "a and b do not fit: the operands have different lengths of time.",
        "  a      float32[batch≤2, time≤7, mel:4] BACKEND:cpu",
        "  b      float32[batch≤2, time≤7] BACKEND:cpu",
        "  batch  in a and b",
        "  time   in a and b",
        "  mel    in a only",
        "  a's    [7 4]",
        "  b's    [7 5]",
        "  fix: two axes of different lengths are two dims: make the second one time.clone().",
    ]
    z = sf.wrap(backends.get(backend_name).convert(np.zeros((2, 8), np.float32)), (batch, time))
    assert _said(sf.explain(x, z), backend_name) == [
        "a and b do not fit: the operands have different extents of time.",
        "  a      float32[batch≤2, time≤7, mel:4] BACKEND:cpu",
        "  b      float32[batch≤2, time≤8] BACKEND:cpu",
        "  batch  in a and b",
        "  time   in a and b",
        "  mel    in a only",
        "  fix: two axes of different extents are two dims: make the second one time.clone().",
    ]


def test_two_backends() -> None:
    pytest.importorskip("torch")
    a, b = _ragged("numpy"), _ragged("torch")
    assert _said(sf.explain(a, b), "numpy") == [
        "a and b do not fit: two backends in one expression.",
        "  a      float32[batch≤2, time≤7, mel:4] BACKEND:cpu",
        "  b      float32[batch≤2, time≤7, mel:4] torch:cpu",
        "  batch  in a and b",
        "  time   in a and b",
        "  mel    in a and b",
        '  fix: sf.to_backend(b, "numpy"), or make both under sf.use_backend("numpy").',
    ]


def test_it_shows_as_text() -> None:
    assert repr(sf.explain(time)) == str(sf.explain(time)) == sf.explain(time)


def test_in_a_graph_lengths_are_unknown() -> None:
    tf = pytest.importorskip("tensorflow")
    backends.get("tensorflow")
    said: list[str] = []

    def fn(raw: object, lengths: object) -> object:
        said.extend(
            _said(sf.explain(sf.wrap(raw, (batch, time), lengths={time: lengths})), "tensorflow")
        )
        return raw

    signature = [tf.TensorSpec([None, 3]), tf.TensorSpec([None], tf.int32)]
    tf.function(fn, input_signature=signature, autograph=False).get_concrete_function()
    assert said == [
        "float32[batch≤?, time≤3] BACKEND:cpu",
        "  batch  extent unknown  full                                    made at FILE:LINE",
        "  time   extent 3        lengths of the graph over batch, given  made at FILE:LINE",
        "  padding  as it came: perhaps NaN",
    ]


@pytest.mark.parametrize("others", [(), (time,)])
def test_something_else(others: tuple[object, ...]) -> None:
    with pytest.raises(sf.DTypeError) as caught:
        sf.explain(3 if not others else _ragged("numpy"), *others)  # type: ignore[arg-type]
    name = "b" if others else "x"
    kind = "seqfront.dim.Dim" if others else "builtins.int"
    assert str(caught.value) == (
        f"explain: {name} has to be a Tensor.\n"
        f"  {name}  {kind}\n"
        "  fix: wrap plain tensors with their dims first: sf.wrap(raw, dims)."
    )
