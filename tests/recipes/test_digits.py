"""The digits recipe: its data, training on both frameworks, resuming, reading, pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqfront as sf
from seqfront.recipes.digits import data, evaluate, report, train
from seqfront.recipes.digits.model import BLANK


def _train(folder: Path, backend: str, steps: int, resume: bool = False) -> Any:
    return train.train(
        train.Run(folder), backend=backend, steps=steps, seed=3, resume=resume,
        on_step=lambda step, values: None,
    )  # fmt: skip


def _lines(count: int, seed: int = 5) -> data.Lines:
    _, held_out = data.load()
    return data.compose(held_out, count, np.random.Generator(np.random.Philox(seed)))


def test_no_held_out_image_is_trained_on() -> None:
    training, held_out = data.load()
    assert len(training.labels) + len(held_out.labels) == 1797
    seen = {image.tobytes() for image in training.images}
    assert not seen & {image.tobytes() for image in held_out.images}


def test_lines_are_made_of_the_labels_they_carry() -> None:
    lines = _lines(20)
    assert lines.pixels.shape[0] == 20
    assert lines.pixels.shape[2] == 8
    assert ((lines.counts >= data.FEWEST) & (lines.counts <= data.MOST)).all()
    assert (lines.columns >= 8 * lines.counts).all()
    assert (lines.columns <= 8 * lines.counts + 3 * (lines.counts + 1)).all()
    again = _lines(20)
    assert all((a == b).all() for a, b in zip(lines, again, strict=True))


@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
def test_training_lowers_the_loss_and_all_backends_read_alike(backend: str, tmp_path: Path) -> None:
    history = _train(tmp_path, backend, 12)
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    lines = _lines(12)
    checkpoint = train.Run(tmp_path).model
    readings = [
        evaluate.read(evaluate.load_reader(checkpoint, name), lines, name)
        for name in ("numpy", "torch", "tensorflow")
    ]
    assert readings[0].transcripts == readings[1].transcripts == readings[2].transcripts
    assert evaluate.largest_difference(readings) < 1e-4


def test_an_emformer_reads_streams_as_it_reads_whole_lines(tmp_path: Path) -> None:
    run = train.Run(tmp_path)
    history = train.train(
        run, backend="torch", steps=20, seed=3, resume=False, encoder="emformer",
        on_step=lambda step, values: None,
    )  # fmt: skip
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    _without_hesitation(run)
    lines = _lines(8)
    found: list[list[str]] = []
    for name in ("numpy", "torch", "tensorflow"):
        reader = evaluate.load_reader(run.model, name, "emformer")
        reading = evaluate.read(reader, lines, name)
        assert evaluate.read_as_streams(reader, lines, name) == reading.transcripts
        found.append(reading.transcripts)
    assert found[0] == found[1] == found[2]
    assert all(found[0])


def _without_hesitation(run: train.Run) -> None:
    """Make the blank of a barely trained model less likely, for it to read something."""
    reader = evaluate.load_reader(run.model, "numpy", "emformer")
    bias = reader.joiner.output.bias
    assert bias is not None
    values = bias.numpy().copy()
    values[BLANK] -= 6.0
    bias.owned_by({"value": values}, "value")
    sf.save(reader, run.model)


@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(backend: str, tmp_path: Path) -> None:
    whole = _train(tmp_path / "whole", backend, 6)
    _stopped(tmp_path / "parts", backend, 3, 6)
    parts = _train(tmp_path / "parts", backend, 6, resume=True)
    assert parts == whole
    first, second = (tmp_path / name / "model.safetensors" for name in ("whole", "parts"))
    assert first.read_bytes() == second.read_bytes()


def test_a_run_moves_between_frameworks(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seqfront.ops.noise.dropout", lambda x, rate, axis=None: x)
        alone = _train(tmp_path / "alone", "torch", 5)
        _stopped(tmp_path / "mixed", "torch", 3, 5)
        mixed = _train(tmp_path / "mixed", "tensorflow", 5, resume=True)
    assert len(mixed) == 5
    for a, b in zip(alone, mixed, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-3)


def _stopped(folder: Path, backend: str, stop_at: int, steps: int) -> None:
    def on_step(step: int, values: dict[str, float]) -> None:
        if step == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.train(
            train.Run(folder), backend=backend, steps=steps, seed=3, resume=False, on_step=on_step
        )


def test_pictures_and_posterior(tmp_path: Path) -> None:
    history = _train(tmp_path, "torch", 2)
    lines = _lines(3)
    reader = evaluate.load_reader(train.Run(tmp_path).model, "torch")
    batch = evaluate.raw_batch(lines, "torch")
    cells = report.posterior(reader, batch, 1)
    assert cells.shape == ((lines.columns[1] + 1) // 2, lines.counts[1] + 1)
    assert cells[0, 0] == pytest.approx(1.0, abs=1e-4)
    assert cells[-1, -1] == pytest.approx(1.0, abs=1e-4)
    assert (cells >= -1e-6).all()
    report.draw_curve(history, tmp_path / "curve.png")
    report.draw_lattice(reader, batch, 1, tmp_path / "lattice.png")
    for name in ("curve.png", "lattice.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
