"""How things print."""

from __future__ import annotations

import io

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends
from seqfront.nn import module
from seqfront.nn import show as module_show

batch, time, mel, vocab = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4), sf.Dim("vocab", 9)


def test_tensors_print_as_one_line(backend_name: str) -> None:
    backend = backends.get(backend_name)
    x = sf.wrap(backend.convert(np.zeros((2, 3, 4), np.float32)), (batch, time, mel))
    assert repr(x) == f"float32[batch≤2, time≤3, mel:4] {backend_name}:cpu"
    assert repr(sf.argmax(x, axis=mel)) == f"int64[batch≤2, time≤3] of mel:4 {backend_name}:cpu"
    assert repr(sf.sum(x, axis=x.dims)) == f"float32[] 0.0 {backend_name}:cpu"
    assert repr(x.rename(time, sf.Dim("t") // 2)) == (
        f"float32[batch≤2, t//2≤3, mel:4] {backend_name}:cpu"
    )


def test_unknown_extents_print_as_question_marks() -> None:
    shown: list[str] = []
    backend = backends.get("tensorflow")

    def fn(raw: object) -> object:
        x = sf.wrap(raw, (batch, time, mel))
        shown.append(repr(x))
        shown.append(repr(sf.sum(x, axis=x.dims)))
        return raw

    import tensorflow as tf

    tf.function(fn, input_signature=[tf.TensorSpec([None, 3, 4])])(
        backend.convert(np.zeros((2, 3, 4), np.float32))
    )
    assert shown == ["float32[batch≤?, time≤3, mel:4] tensorflow:cpu", "float32[] tensorflow:cpu"]


def test_dims_print_as_written() -> None:
    assert repr((time, mel, 1 + time, mel * 2)) == "(time, mel:4, 1+time, mel*2:8)"


class _Model(sf.nn.Module):
    def __init__(self) -> None:
        self.layers = [sf.nn.Linear(mel, mel.clone("hidden")), sf.relu]
        self.norm = sf.nn.LayerNorm(mel)
        self.kept = sf.nn.Parameter((mel,), 1.0, trainable=False)


def test_models_print_as_trees(backend_name: str) -> None:
    with sf.use_backend(backend_name):
        shown = repr(_Model())
    assert shown.splitlines() == [
        "_Model 32 (4 kept)",
        "  layers:",
        "    0: Linear 20",
        "      weight: float32[mel:4, hidden:4] 16",
        "      bias: float32[hidden:4] 4",
        "  norm: LayerNorm 8",
        "    scale: float32[mel:4] 4",
        "    bias: float32[mel:4] 4",
        "  kept: float32[mel:4] 4 (kept)",
    ]


def test_parameters_print_as_tensors(backend_name: str) -> None:
    with sf.use_backend(backend_name):
        assert repr(sf.nn.Parameter((mel, vocab), 1.0)) == (
            f"float32[mel:4, vocab:9] {backend_name}:cpu"
        )


class _Tied(sf.nn.Module):
    """Weights, a module and the whole, again."""

    def __init__(self) -> None:
        self.embedding = sf.nn.Embedding(vocab, mel)
        self.heads = {"main": sf.nn.Linear(mel, vocab), "other": self.embedding}
        self.heads["main"].weight = self.embedding.weight
        self.norm = sf.nn.BatchNorm(mel)
        self.dropout = sf.nn.Dropout(0.5)
        self.whole = self


def test_what_is_shared_is_counted_once(backend_name: str) -> None:
    with sf.use_backend(backend_name):
        model = _Tied()
    assert repr(model).splitlines() == [
        "_Tied 61 (8 kept)",
        "  embedding: Embedding 36",
        "    weight: float32[vocab:9, mel:4] 36",
        "  heads:",
        "    main: Linear 9",
        "      weight: as embedding.weight",
        "      bias: float32[vocab:9] 9",
        "    other: as embedding",
        "  norm: BatchNorm 16 (8 kept)",
        "    scale: float32[mel:4] 4",
        "    bias: float32[mel:4] 4",
        "    running_mean: float32[mel:4] 4 (kept)",
        "    running_variance: float32[mel:4] 4 (kept)",
        "  dropout: Dropout 0",
        "  whole: as the whole",
    ]
    assert sum(np.asarray(p.numpy()).size for p in model.named_parameters().values()) == 61


def test_models_in_tables(backend_name: str) -> None:
    with sf.use_backend(backend_name):
        model = _Tied()
    assert str(sf.nn.summary(model)).splitlines() == [
        "module      class      numbers  kept  share     memory",
        "            _Tied           61     8   100%  244 bytes",
        "embedding   Embedding       36     0    59%  144 bytes",
        "heads.main  Linear           9     0    15%   36 bytes",
        "norm        BatchNorm       16     8    26%   64 bytes",
        "dropout     Dropout          0     0     0%    0 bytes",
    ]
    assert len(str(sf.nn.summary(model, depth=0)).splitlines()) == 2
    layers = sf.nn.ModuleList([sf.nn.ModuleList([sf.nn.Linear(mel, vocab)])])
    assert [len(sf.nn.summary(layers, depth=n).splitlines()) for n in (0, 1, 2, 3)] == [2, 3, 4, 4]
    assert repr(sf.nn.summary(model)) == sf.nn.summary(model)


def test_tables_of_something_else() -> None:
    with pytest.raises(sf.BackendError) as caught:
        sf.nn.summary(3)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "summary: this is no seqfront module.\n  model  builtins.int\n  fix: pass an sf.nn.Module."
    )
    with pytest.raises(sf.DimError) as other:
        sf.nn.summary(sf.nn.Dropout(0.5), depth=-1)
    assert str(other.value) == (
        "summary: depth cannot be -1.\n  needed  a count, or None\n  fix: depth=1."
    )


def test_models_in_notebooks() -> None:
    odd = sf.nn.ModuleDict({"<b>": sf.nn.Linear(mel, vocab, bias=False)})
    indent = '<div style="margin-left:2em">'
    assert odd._repr_html_() == (
        '<div style="font-family:monospace"><details open><summary>ModuleDict 36</summary>'
        f"{indent}<details><summary>&lt;b&gt;: Linear 36</summary>"
        f"{indent}<div>weight: float32[mel:4, vocab:9] 36</div></div></details></div></details>"
        "</div>"
    )


def test_models_in_rich() -> None:
    console = pytest.importorskip("rich.console")
    output = io.StringIO()
    odd = sf.nn.ModuleDict({"[b]": sf.nn.Linear(mel, vocab, bias=False)})
    console.Console(file=output, width=80).print(odd)
    assert [line.rstrip() for line in output.getvalue().splitlines()] == [
        "ModuleDict 36",
        "└── [b]: Linear 36",
        "    └── weight: float32[mel:4, vocab:9] 36",
    ]


def test_the_numbers_of_models_add_up() -> None:
    inner, key_dim = sf.Dim("inner", 8), sf.Dim("hidden", 8)
    models = [
        sf.models.Conformer(key_dim, layers=1, heads=2, inner=inner, window=3),
        sf.nn.Bidirectional(sf.nn.GRU(mel, vocab), sf.nn.GRU(mel, vocab)),
        sf.nn.WeightNorm(sf.nn.Linear(mel, vocab), vocab),
    ]
    for model in models:
        root = module_show.grown(model, module.children)
        parameters = model.named_parameters().values()
        assert root.size == sum(np.asarray(p.numpy()).size for p in parameters) > 0
        assert _sums_agree(root)
        assert len(repr(model).splitlines()) > 3


def _sums_agree(branch: module_show.Branch) -> bool:
    inner = branch.branches
    return all(map(_sums_agree, inner)) and (not inner or branch.size == sum(b.size for b in inner))
