"""Whole training steps: accumulation, clipping, averages, and runs that are cut in two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_model import FRAMEWORKS, arrays, identical, parameters, same, trainer

import seqfront as sf
from seqfront.training import SGD, AdamW

OPTIONS: list[dict[str, Any]] = [
    {"optimizer": SGD(momentum=0.9), "clip_norm": 0.5},
    {"optimizer": AdamW(weight_decay=0.05), "average": 0.9, "clip_norm": 1.0},
    {"learning_rate": sf.training.warmup_cosine(0.1, 2, 8), "accumulate": 3, "average": 0.5},
]


@pytest.mark.parametrize("options", OPTIONS, ids=["sgd", "adamw", "accumulate"])
def test_frameworks_train_alike_step_by_step(options: dict[str, Any]) -> None:
    first, second = (trainer(name, rate=0.0, **options) for name in FRAMEWORKS)
    for step in range(6):
        a, b = first.step(*arrays(step)), second.step(*arrays(step))
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)
        same(parameters(first.model), parameters(second.model), rtol=1e-3, atol=1e-4)
    assert first.steps == second.steps


@pytest.mark.parametrize("stop", [1, 3, 4])
@pytest.mark.parametrize("options", OPTIONS, ids=["sgd", "adamw", "accumulate"])
@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    backend: str, options: dict[str, Any], stop: int, tmp_path: Path
) -> None:
    file = tmp_path / "training.safetensors"
    whole = trainer(backend, **options)
    wanted = [whole.step(*arrays(step)) for step in range(6)]
    before = trainer(backend, **options)
    got = [before.step(*arrays(step)) for step in range(stop)]
    sf.training.save(before, file, {"place": np.array(stop)}, {"note": "half way"})
    after = trainer(backend, seed=99, **options)
    extras = sf.training.load(after, file)
    assert int(extras.arrays["place"]) == stop
    assert extras.metadata == {"note": "half way"}
    got += [after.step(*arrays(step)) for step in range(stop, 6)]
    assert got == wanted
    identical(parameters(after.model), parameters(whole.model))
    identical(after.state(), whole.state())


@pytest.mark.parametrize(("writer", "reader"), [FRAMEWORKS, FRAMEWORKS[::-1]])
def test_a_run_moves_between_frameworks(writer: str, reader: str, tmp_path: Path) -> None:
    options = OPTIONS[2]
    first, second = trainer(writer, rate=0.0, **options), trainer(reader, rate=0.0, **options)
    for step in range(4):
        first.step(*arrays(step))
    sf.training.save(first, tmp_path / "file")
    sf.training.load(second, tmp_path / "file")
    for step in range(4, 8):
        a, b = first.step(*arrays(step)), second.step(*arrays(step))
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_accumulated_batches_are_one_large_batch(backend: str) -> None:
    options = {"optimizer": SGD(), "clip_norm": 0.1, "rate": 0.0}
    parts = trainer(backend, accumulate=2, **options)
    whole = trainer(backend, **options)
    for made in (parts, whole):
        made.model.eval()  # batch statistics are those of a batch
    x, frames, targets = arrays(1)
    start = parameters(parts.model)
    parts.step(x, frames, targets)
    identical(parameters(parts.model), start)
    parts.step(x, frames, targets)
    whole.step(*(np.concatenate([a, a]) for a in (x, frames, targets)))
    same(parameters(parts.model), parameters(whole.model), atol=1e-6)
    assert parts.steps == whole.steps == 1


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_the_norm_of_an_update_is_clipped(backend: str) -> None:
    made = trainer(backend, optimizer=SGD(), clip_norm=1e-2, learning_rate=1.0)
    start = parameters(made.model)
    made.step(*arrays(0))
    end = parameters(made.model)
    moved = [end[n] - start[n] for n in made.optimizer.parameters]
    assert np.sqrt(sum((m**2).sum() for m in moved)) == pytest.approx(1e-2, rel=1e-3)


@pytest.mark.parametrize("backend", ["numpy", *FRAMEWORKS])
def test_clipping_scales_all_gradients_together(backend: str) -> None:
    two, three = sf.Dim("two", 2), sf.Dim("three", 3)
    a, b = np.array([3.0, 4.0], np.float32), np.array([0.0, 12.0, 0.0], np.float64)
    gradients = [sf.to_backend(sf.wrap(x, (dim,)), backend) for x, dim in ((a, two), (b, three))]
    clipped, norm = sf.training.clip_by_global_norm(gradients, 6.5)
    assert float(norm) == pytest.approx(13.0)
    np.testing.assert_allclose(clipped[0].numpy(), a / 2)
    np.testing.assert_allclose(clipped[1].numpy(), b / 2)
    assert [g.dtype for g in clipped] == ["float32", "float64"]
    unchanged, _ = sf.training.clip_by_global_norm(gradients, 13.5)
    np.testing.assert_array_equal(unchanged[0].numpy(), a)
    zeros, norm = sf.training.clip_by_global_norm([gradients[0] * 0.0], 1.0)
    assert float(norm) == 0.0
    np.testing.assert_array_equal(zeros[0].numpy(), 0)


@pytest.mark.parametrize("backend", ["numpy", *FRAMEWORKS])
def test_an_average_follows_its_formula_and_steps_aside(backend: str) -> None:
    one = sf.Dim("one", 2)
    model = sf.nn.Linear(one, sf.Dim("out", 1), bias=False).to_backend(backend)
    wanted = model.weight.numpy().copy()
    average = sf.training.Average(model, 0.5)
    for n in range(12):
        value = np.full((2, 1), float(n), np.float32)
        model.weight.assign(value)
        average.update()
        decay = min(0.5, (1 + n) / (10 + n))
        wanted = decay * wanted + (1 - decay) * value
    with average.applied():
        np.testing.assert_allclose(model.weight.numpy(), wanted, rtol=1e-5)
    np.testing.assert_array_equal(model.weight.numpy(), 11.0)
    other = sf.training.Average(model, 0.5)
    other.restore(average.state())
    identical(other.state(), average.state())


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(sf.DimError) as caught:
        trainer("torch", accumulate=0)
    assert str(caught.value) == (
        "trainer: accumulate cannot be 0.\n"
        "  needed  an int of at least 1\n"
        "  fix: it is the number of batches for one update."
    )
    with pytest.raises(sf.DimError) as caught:
        trainer("torch", clip_norm=0.0)
    assert str(caught.value) == (
        "trainer: the largest norm cannot be 0.0.\n"
        "  needed  a positive number\n"
        "  fix: math.inf clips nothing."
    )
    with pytest.raises(sf.DimError, match=r"Average: decay cannot be 1\.0"):
        trainer("torch", average=1.0)


def test_a_file_of_something_else_changes_nothing(tmp_path: Path) -> None:
    made = trainer("torch")
    start = parameters(made.model)
    sf.save(made.model, tmp_path / "model")
    with pytest.raises(sf.CheckpointError, match="no part of a training checkpoint"):
        sf.training.load(made, tmp_path / "model")
    sf.training.save(trainer("torch", optimizer=SGD()), tmp_path / "other")
    with pytest.raises(sf.CheckpointError, match="not that of AdamW"):
        sf.training.load(made, tmp_path / "other")
    identical(parameters(made.model), start)
