"""A decoding step as a graph. (Whole models: `tests/backends/test_matrix_*.py`.)"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import seqfront as sf

batch, labels = sf.Dim("batch"), sf.Dim("labels")
feature, inner, vocab = sf.Dim("feature", 8), sf.Dim("inner", 12), sf.Dim("vocab", 5)


def test_torch_compiles_a_decoding_step_once() -> None:
    """From the state that a prompt left, eagerly, to one that has grown step by step."""
    graphs: list[Any] = []

    def counting(graph: Any, examples: Any) -> Any:
        graphs.append(graph)
        return graph

    torch._dynamo.reset()
    sf.set_seed(1)
    with sf.use_backend("torch"):
        decoder = sf.models.TransformerDecoder(vocab, feature, layers=2, heads=2, inner=inner)
    decoder.eval()
    rng = np.random.default_rng(1)
    numbers = torch.tensor(rng.integers(0, 5, (3, 11)).astype(np.int32))
    prompt = sf.wrap(numbers[:, :6], (batch, labels), sparse_dim=vocab)
    whole = sf.wrap(numbers, (batch, labels), sparse_dim=vocab)
    step = torch.compile(decoder, fullgraph=True, dynamic=True, backend=counting)
    with torch.no_grad():
        wanted = decoder(whole, axis=labels)[0].raw_in((labels, batch, vocab))
        _, state = decoder(prompt, axis=labels)
        for i in range(6, 11):
            logits, state = step(_labels_at(numbers[:, i]), axis=None, state=state)
            torch.testing.assert_close(logits.raw_in((batch, vocab)), wanted[i])
    assert len(graphs) == 1


def _labels_at(numbers: Any) -> sf.Tensor:
    """One label for each sequence; a copy, as a view is another kind of tensor to a graph."""
    return sf.wrap(numbers.clone(), (batch,), sparse_dim=vocab)
