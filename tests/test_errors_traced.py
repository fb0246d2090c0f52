"""Errors of traced functions: what a user sees of them in `tf.function` and `torch.compile`."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from messages.message import Make, said

import seqfront as sf

batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4)
vocab, other, mel_again = sf.Dim("vocab", 5), sf.Dim("other", 4), sf.Dim("mel", 4)


def _wrapped(raw: Any) -> sf.Tensor:
    return sf.wrap(raw, (batch, mel))


TRACED: dict[str, Callable[[Any], Any]] = {
    "namesake": lambda raw: sf.softmax(_wrapped(raw), axis=mel_again),
    "missing dim": lambda raw: sf.sum(_wrapped(raw), axis=time),
    "a name": lambda raw: sf.sum(_wrapped(raw), axis="mel"),  # type: ignore[arg-type]
    "plain tensor": lambda raw: sf.sum(raw, axis=mel),
    "extent": lambda raw: sf.wrap(raw, (batch, vocab)),
    "rank": lambda raw: sf.wrap(raw, (batch,)),
    "repeated": lambda raw: sf.wrap(raw, (mel, mel)),
    "no common dims": lambda raw: _wrapped(raw) + _wrapped(raw).rename(mel, other),
    "rate": lambda raw: sf.dropout(_wrapped(raw), 2.0),
    "dtype": lambda raw: sf.where(_wrapped(raw), 1.0, 0.0),
    "unknown dtype": lambda raw: sf.cast(_wrapped(raw), "float"),
    "no labels": lambda raw: sf.one_hot(sf.cast(_wrapped(raw), "int32")),
    "truth": lambda raw: sf.relu(_wrapped(raw)) if _wrapped(raw) else _wrapped(raw),
    "choice": lambda raw: sf.cross_entropy(
        estimated=_wrapped(raw), target=_wrapped(raw), axis=mel, estimated_type="scores"  # type: ignore[arg-type]
    ),
}  # fmt: skip
"""Calls on a raw tensor of shape (3, 4) that is an argument of the traced function."""


def _eager_error(name: str, raw: Any) -> sf.SeqfrontError:
    with pytest.raises(sf.SeqfrontError) as caught:
        TRACED[name](raw)
    return caught.value


@pytest.mark.parametrize("name", TRACED)
def test_tf_function_says_what_eager_says(name: str) -> None:
    tf = pytest.importorskip("tensorflow")
    raw = Make("tensorflow").raw(np.ones((3, 4)))
    wanted = _eager_error(name, raw)
    with pytest.raises(type(wanted)) as caught:
        tf.function(lambda raw: TRACED[name](raw).raw)(raw)
    assert type(caught.value) is type(wanted)
    text = said(caught.value, "tensorflow").replace("SymbolicTensor", "EagerTensor")
    assert text == said(wanted, "tensorflow")


@pytest.mark.parametrize("name", TRACED)
def test_full_graphs_of_torch_quote_the_message(name: str) -> None:
    """With `fullgraph=True` PyTorch raises an exception of its own, which quotes ours."""
    torch = pytest.importorskip("torch")
    raw = Make("torch").raw(np.ones((3, 4)))
    wanted = _eager_error(name, raw)
    torch._dynamo.reset()
    with pytest.raises(Exception, match="raised exception") as caught:
        torch.compile(lambda raw: TRACED[name](raw).raw, fullgraph=True)(raw)
    quoted = str(caught.value).replace("\\'", "'")
    assert f"raised exception {type(wanted).__name__}(" in quoted
    assert wanted.what in quoted
    assert wanted.fix in quoted


@pytest.mark.parametrize("name", TRACED)
def test_torch_compile_raises_what_eager_raises(name: str) -> None:
    torch = pytest.importorskip("torch")
    raw = Make("torch").raw(np.ones((3, 4)))
    wanted = _eager_error(name, raw)
    torch._dynamo.reset()
    with pytest.raises(type(wanted)) as caught:
        torch.compile(lambda raw: TRACED[name](raw).raw, backend="eager")(raw)
    assert said(caught.value, "torch") == said(wanted, "torch")
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args
