"""Calls of native ops to try on a GPU: those that the registry of cases makes, and a few more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from cases.registry import CASES
from torch.utils._python_dispatch import TorchDispatchMode

from seqfront import native, testing
from seqfront.testing.run import Setting


class Call(NamedTuple):
    """One call of an operator."""

    op: str
    inputs: tuple[torch.Tensor | None, ...]
    attributes: tuple[Any, ...]
    case: str


class _Recorder(TorchDispatchMode):
    """Keeps the arguments of native ops."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.case = ""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """One operator."""
        if func.namespace == "seqfront":
            self._keep(func._opname, args, kwargs or {})
        return func(*args, **(kwargs or {}))

    def _keep(self, name: str, args: Sequence[Any], named: Mapping[str, Any]) -> None:
        op = native.ops()[name]
        count = len(op.inputs)
        tensors = [None if x is None else x.detach().clone() for x in args[:count]]
        tensors += [None] * (count - len(tensors))
        given = list(args[count:])
        rest = op.attributes[len(given) :]
        given += [named.get(a.name, a.typed(a.default)) for a in rest]
        self.calls.append(Call(name, tuple(tensors), tuple(given[: len(op.attributes)]), self.case))


@cache
def recorded() -> Mapping[str, Sequence[Call]]:
    """By op, in the order of the registry."""
    recorder = _Recorder()
    with recorder:
        for case in CASES:
            recorder.case = case.name
            testing.run(case, "torch", case.arguments(), Setting("float32", gradients=False))
    calls: dict[str, list[Call]] = {name: [] for name in forward_ops()}
    for call in [*recorder.calls, *_more()]:
        calls[call.op].append(call)
    return calls


def forward_ops() -> list[str]:
    """All ops but backward halves."""
    return [name for name in native.ops() if not name.endswith("_backward")]


def _more() -> Sequence[Call]:
    """Of ops that no case reaches by itself on the CPU: they serve few rows, or wide layers."""
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    ranks = torch.arange(3, dtype=torch.int32)
    lstm = [draw(3, 20), draw(3, 5), draw(3, 5), draw(5, 20), draw(20), draw(20), draw(5), draw(5)]
    return [
        Call("few_rows", (draw(3, 7), draw(7, 9), draw(9)), (), "few rows"),
        Call("few_rows", (draw(3, 7), draw(7, 32), draw(32)), (1,), "few rows, by panels"),
        Call("layer_norm", (draw(3, 7), draw(7), draw(7)), (1e-3,), "rows, normalised"),
        Call("normalized_lstm", tuple(lstm), (1e-3, 0), "a step of an LSTM"),
        Call("top_labels", (draw(4, 11), ranks), (0,), "the best labels"),
    ]
