"""Tensors at a glance: for rich, and for notebooks."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends, overview

batch, time, mel, vocab = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 2), sf.Dim("vocab", 9)


def _ramp(backend: str, *dims: sf.Dim) -> sf.Tensor:
    """A ramp over time, of 6 and 3 frames; NaN in the padding, one infinity in the data."""
    values = np.arange(6, dtype=np.float32)[None, :, None] * np.ones((2, 1, 2), np.float32)
    values[1, 3:] = np.nan
    values[0, 2, 1] = np.inf
    x = sf.wrap(backends.get(backend).convert(values), (batch, time, mel), lengths={time: [6, 3]})
    wanted = dims or x.dims
    raw = x.raw_in(wanted)
    return sf.Tensor(raw, wanted, x.lengths_table, backend=x.backend, untrusted=True)


def _printed(x: object) -> list[str]:
    console = importlib.import_module("rich.console")
    output = io.StringIO()
    console.Console(file=output, width=100).print(x)
    return [line.rstrip() for line in output.getvalue().splitlines()]


@pytest.mark.parametrize("dims", [(batch, time, mel), (mel, time, batch), (time, mel, batch)])
def test_rich(backend_name: str, dims: tuple[sf.Dim, ...]) -> None:
    pytest.importorskip("rich")
    x = _ramp(backend_name, *dims)
    title, head, *rows = _printed(x)[:5]
    assert title == repr(x)
    assert head == "dim    size  lengths"
    assert sorted(rows) == ["batch  2", "mel    2", "time   6     3 to 6"]
    assert _printed(x)[5] == "values 18  min 0  mean 2  max 5  NaN 0  inf 1"


def test_the_picture_is_of_data(backend_name: str) -> None:
    pytest.importorskip("rich")
    assert _printed(_ramp(backend_name))[6:] == [
        "batch 0, mel down, time across",
        "▁▂▄▅▇█",
        "▁▂!▅▇█",
    ]
    frames = sf.max(_ramp(backend_name), axis=mel)
    assert _printed(frames)[5:] == ["batch down, time across", "▁▂!▅▇█", "▁▂▄···"]


def test_html_in_full(backend_name: str) -> None:
    x = _ramp(backend_name)
    assert x._repr_html_() == (
        f"<div><code>float32[batch≤2, time≤6, mel:2] {backend_name}:cpu</code>"
        "<table><tr><th>dim</th><th>size</th><th>lengths</th></tr>"
        "<tr><td>batch</td><td>2</td><td></td></tr>"
        "<tr><td>time</td><td>6</td><td>3 to 6</td></tr>"
        "<tr><td>mel</td><td>2</td><td></td></tr></table>"
        "<div>values 18  min 0  mean 2  max 5  NaN 0  inf 1</div>"
        "<div>batch 0, mel down, time across</div>"
        '<pre style="line-height:1">▁▂▄▅▇█&#10;▁▂!▅▇█</pre></div>'
    )


def test_html_is_escaped() -> None:
    odd = sf.Dim("<b>", 1)
    assert "<b>" not in sf.wrap(np.zeros(1), (odd,))._repr_html_()


STATISTICS: list[tuple[Any, str, list[str]]] = [
    ([1.5, np.nan, -1.0], "float32", ["values 3  min -1  mean 0.25  max 1.5  NaN 1  inf 0"]),
    ([np.nan, np.inf, np.nan], "float32", ["values 3  NaN 2  inf 1"]),
    ([3, 1, 1000], "int64", ["values 3  min 1  mean 334.7  max 1000"]),
    ([True, False, True], "bool", ["values 3  true 2"]),
    ([], "float32", ["values 0  NaN 0  inf 0"]),
]


@pytest.mark.parametrize(("values", "dtype", "wanted"), STATISTICS)
def test_statistics(values: Any, dtype: str, wanted: list[str]) -> None:
    x = sf.wrap(np.array(values, dtype), (time,))
    assert [overview._line(overview.of(x).statistics)] == wanted


def test_of_a_scalar_and_of_nothing() -> None:
    x = sf.wrap(np.array(2.5, "float32"), ())
    shown = overview.of(x)
    assert (shown.title, shown.axes, shown.picture) == ("float32[] 2.5 numpy:cpu", [], [])
    assert overview._line(shown.statistics) == "values 1  min 2.5  mean 2.5  max 2.5  NaN 0  inf 0"
    empty = overview.of(sf.wrap(np.zeros((0, 3)), (batch, time), lengths={time: np.zeros(0, int)}))
    assert empty.axes == [("batch", "0", ""), ("time", "3", "none")]
    assert empty.picture == []


def test_long_axes_are_pooled() -> None:
    x = sf.wrap(np.arange(100 * 600.0).reshape(100, 600), (batch, time))
    picture = overview.of(x).picture
    assert [len(line) for line in picture[1:]] == [overview.COLUMNS] * overview.ROWS
    assert (picture[1][0], picture[-1][-1]) == ("▁", "█")


def test_lengths_over_dims_that_are_gone_are_no_padding() -> None:
    x = sf.mean(_ramp("numpy"), axis=batch)
    assert overview.data(x, x.raw.shape).all()


def test_in_graphs_there_are_dims_only() -> None:
    tf = pytest.importorskip("tensorflow")
    backends.get("tensorflow")
    seen: list[overview.Overview] = []

    def fn(raw: object, lengths: object) -> object:
        x = sf.wrap(raw, (batch, time), lengths={time: lengths})
        seen.append(overview.of(x))
        assert x._repr_html_().startswith(
            "<div><code>float32[batch≤?, time≤3] tensorflow:cpu</code>"
        )
        return raw

    signature = [tf.TensorSpec([None, 3]), tf.TensorSpec([None], tf.int32)]
    tf.function(fn, input_signature=signature, autograph=False).get_concrete_function()
    axes = [("batch", "?", ""), ("time", "3", "in the graph")]
    assert seen == [overview.Overview("float32[batch≤?, time≤3] tensorflow:cpu", axes, [], [])]


def test_neither_rich_nor_ipython_is_imported_unless_it_asks() -> None:
    code = (
        "import sys, numpy as np, seqfront as sf\n"
        "x = sf.wrap(np.ones(2), (sf.Dim('time'),))\n"
        "x._repr_html_(), repr(x), repr(sf.nn.Linear(sf.Dim('a', 2), sf.Dim('b', 2)))\n"
        "before = {'rich', 'IPython'} & set(sys.modules)\n"
        "list(x.__rich_console__(None, None))\n"
        "print(before, 'rich' in sys.modules)"
    )
    pytest.importorskip("rich")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set() True"
