"""Optimizers: the same updates on every framework, step by step, and those of the papers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from training_model import FRAMEWORKS

import seqfront as sf
from seqfront.training import SGD, Adam, AdamW

rows, columns = sf.Dim("rows", 3), sf.Dim("columns", 4)
RULES = [
    SGD(), SGD(weight_decay=0.1), SGD(momentum=0.9), SGD(0.9, nesterov=True, weight_decay=0.01),
    Adam(), Adam(0.8, 0.9, 1e-3, 0.1), AdamW(), AdamW(0.9, 0.98, 1e-9, 0.1),
]  # fmt: skip


def _gradients(step: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(step)
    return rng.standard_normal((3, 4)) * 10.0 ** -(step % 4), rng.standard_normal(4)


def _plain(rule: Any, steps: int, rates: list[float]) -> tuple[Any, Any]:
    """In double precision, from the papers."""
    sf.set_seed(3)
    start = sf.nn.Linear(rows, columns)
    values = [start.weight.numpy().astype("d"), start.bias.numpy().astype("d")]
    first, second = [np.zeros_like(v) for v in values], [np.zeros_like(v) for v in values]
    for t in range(1, steps + 1):
        for i, g in enumerate(_gradients(t)):
            p, rate = values[i], rates[t - 1]
            decay = rule.weight_decay if p.ndim >= 2 else 0.0
            if not isinstance(rule, AdamW):
                g = g + decay * p
            if isinstance(rule, SGD):
                first[i] = rule.momentum * first[i] + g
                values[i] = p - rate * (g + rule.momentum * first[i] if rule.nesterov else first[i])
                continue
            if isinstance(rule, AdamW):
                p = p - rate * decay * p
            first[i] = rule.beta1 * first[i] + (1 - rule.beta1) * g
            second[i] = rule.beta2 * second[i] + (1 - rule.beta2) * g * g
            m, v = first[i] / (1 - rule.beta1**t), second[i] / (1 - rule.beta2**t)
            values[i] = p - rate * m / (np.sqrt(v) + rule.epsilon)
    return values[0], values[1]


def _made(backend: str, rule: Any) -> tuple[Any, Any]:
    sf.set_seed(3)
    model = sf.nn.Linear(rows, columns).to_backend(backend)
    return model, sf.training.optimizer(model, rule)


def _apply(backend: str, optimizer: Any, step: int, rate: float) -> None:
    weight, bias = (g.astype(np.float32) for g in _gradients(step))
    gradients = sf.wrap(weight.T, (columns, rows)), sf.wrap(bias, (columns,))  # axes in any order
    optimizer.apply([sf.to_backend(g, backend) for g in gradients], rate)


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_every_step_is_that_of_the_paper(backend: str, rule: Any) -> None:
    model, optimizer = _made(backend, rule)
    rates = [0.1 / (1 + step) for step in range(8)]
    for step in range(1, 9):
        _apply(backend, optimizer, step, rates[step - 1])
        weight, bias = _plain(rule, step, rates)
        np.testing.assert_allclose(model.weight.numpy(), weight, rtol=2e-5, atol=2e-6)
        np.testing.assert_allclose(model.bias.numpy(), bias, rtol=2e-5, atol=2e-6)
    assert optimizer.steps == 8


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize(("writer", "reader"), [("torch", "tensorflow"), ("tensorflow", "torch")])
def test_the_state_moves_between_frameworks(writer: str, reader: str, rule: Any) -> None:
    (model, optimizer), (other, continued) = _made(writer, rule), _made(reader, rule)
    for step in range(1, 4):
        _apply(writer, optimizer, step, 0.1)
    continued.restore(optimizer.state())
    other.weight.assign(model.weight.numpy())
    other.bias.assign(model.bias.numpy())
    for step in range(4, 7):
        _apply(writer, optimizer, step, 0.1)
        _apply(reader, continued, step, 0.1)
    np.testing.assert_allclose(model.weight.numpy(), other.weight.numpy(), rtol=1e-5, atol=1e-6)
    assert continued.steps == 6


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_an_optimizer_refuses_the_state_of_another(backend: str) -> None:
    state = _made(backend, SGD(momentum=0.9))[1].state()
    _, optimizer = _made(backend, Adam())
    with pytest.raises(sf.CheckpointError) as caught:
        optimizer.restore(state)
    assert str(caught.value) == (
        "restore: the state is not that of Adam for this model.\n"
        "  missing  first.weight\n"
        "  missing  first.bias\n"
        "  missing  second.weight\n"
        "  missing  second.bias\n"
        "  fix: restore into the optimizer, average and model that the state was taken from."
    )
    assert optimizer.steps == 0


def test_an_optimizer_refuses_too_few_gradients() -> None:
    _, optimizer = _made("torch", Adam())
    with pytest.raises(sf.DimError) as caught:
        optimizer.apply([], 0.1)
    assert str(caught.value) == (
        "apply: gradients cannot be '0 tensors'.\n"
        "  needed  one for each of 2 parameters\n"
        "  fix: sf.value_and_grad(fn, model.parameters()) gives them."
    )


def test_numpy_has_no_optimizer() -> None:
    with pytest.raises(sf.BackendError, match="optimizer"):
        sf.training.optimizer(sf.nn.Linear(rows, columns), Adam())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Adam(beta1=1.0),
            "Adam: beta1 cannot be 1.0.\n"
            "  needed  at least 0 and below 1\n"
            "  fix: it is the part of the past that is kept.",
        ),
        (
            lambda: AdamW(weight_decay=-1.0),
            "AdamW: weight_decay cannot be -1.0.\n"
            "  needed  a number of at least 0\n"
            "  fix: 0 is no decay.",
        ),
        (
            lambda: SGD(nesterov=True),
            "SGD: nesterov cannot be True.\n"
            "  needed  a momentum to look ahead\n"
            "  fix: give a momentum, as 0.9.",
        ),
    ],
)
def test_rules_say_what_is_wrong(make: Any, text: str) -> None:
    with pytest.raises(sf.DimError) as caught:
        make()
    assert str(caught.value) == text
