"""The recipe of spoken digits, on tones in place of words: data, training, streams, errors."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tarfile
import wave
from pathlib import Path

import numpy as np
import pytest

import seqfront as sf
from seqfront.recipes.spoken_digits import data, evaluate, features, search, train
from seqfront.recipes.spoken_digits.model import Listener

SMALL = {"width": 32, "layers": 1}


def _write(path: Path, samples: np.ndarray, rate: int = 8000, width: int = 2) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes((samples * 3e4).astype("<i2" if width == 2 else "u1").tobytes())


def _tone(digit: int, seconds: float, rate: int = 8000) -> np.ndarray:
    at = np.arange(int(seconds * rate)) / rate
    return 0.4 * np.sin(2 * np.pi * (300 + 300 * digit) * at)


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tones")
    for digit in range(10):
        for take, rate in ((0, 8000), (10, 8000), (11, 16000)):
            samples = _tone(digit, 0.1 + 0.004 * take, rate)
            _write(folder / f"{digit}_ann_{take}.wav", samples, rate)
            _write(folder / f"{digit}_bo_{take}.wav", 0.05 * samples, rate)
    _write(folder / "0_ann_12.wav", np.zeros(2000))  # silence: left out
    _write(folder / "1_ann_12.wav", np.zeros(0))
    return folder


def _strings(takes: list[data.Take], count: int) -> data.Strings:
    return data.compose(takes, count, np.random.Generator(np.random.Philox(3)))


def test_takes_are_split_at_one_level_and_rate(tones: Path, tmp_path: Path) -> None:
    takes = data.load(tones)
    assert len(takes) == 60
    training, held_out = data.split(takes)
    assert {take.number for take in training} == {10, 11}
    assert {take.number for take in held_out} == {0}
    training, held_out = data.split(takes, "bo")
    assert {take.speaker for take in training} == {"ann"}
    assert {take.speaker for take in held_out} == {"bo"}
    levels = [np.sqrt(np.mean(np.square(take.samples))) for take in takes]
    np.testing.assert_allclose(levels, 0.08, rtol=1e-3)
    low, high = (take for take in takes if take[:2] == (4, "ann") and take.number > 9)
    assert abs(len(high.samples) - len(low.samples)) < 80  # 16 kHz resampled
    peaks = [features.log_mel(take.samples).mean(0).argmax() for take in (low, high)]
    assert peaks[0] == peaks[1]
    with tarfile.open(tmp_path / "tones.tar.xz", "w:xz") as archive:
        archive.add(tones, "recordings")
    again = data.load(tmp_path / "tones.tar.xz")
    assert all((a.samples == b.samples).all() for a, b in zip(takes, again, strict=True))


def test_strings_are_of_one_speaker_and_carry_their_labels(tones: Path) -> None:
    strings = _strings(data.load(tones), 20)
    assert ((strings.counts >= data.FEWEST) & (strings.counts <= data.MOST)).all()
    assert strings.frames.shape == (20, strings.frame_counts.max(), features.MELS)
    assert (strings.frame_counts >= 10 * strings.counts).all()
    again = _strings(data.load(tones), 20)
    assert all((a == b).all() for a, b in zip(strings, again, strict=True))


def test_training_by_the_clock_and_streams_on_all_backends(tones: Path, tmp_path: Path) -> None:
    sf.set_seed(1)
    training, held_out = data.split(data.load(tones))
    losses: list[float] = []
    ticks = itertools.count()  # a step looks at the clock twice
    steps = train.train(
        Listener(**SMALL), training, tmp_path / "model.safetensors", backend="torch",
        minutes=1.0, seed=1, on_step=lambda step, values: losses.append(values["loss"]),
        clock=lambda: float(next(ticks)),
    )  # fmt: skip
    assert steps == len(losses) == 30
    assert losses[-1] < 0.8 * losses[0]
    strings = _strings(held_out, 4)
    hearings = [
        evaluate.hear(
            evaluate.load_listener(tmp_path / "model.safetensors", name, **SMALL), strings, name, 1
        )
        for name in ("numpy", "torch", "tensorflow")
    ]
    assert all(hearing.same_as_whole for hearing in hearings)
    assert len({hearing.error_rate for hearing in hearings}) == 1
    assert all((hearing.milliseconds > 0).all() for hearing in hearings)
    assert evaluate.largest_difference(hearings) < 1e-4
    searched = [
        search.search(
            evaluate.load_listener(tmp_path / "model.safetensors", name, **SMALL),
            strings, name, beam=3,
        )
        for name in ("numpy", "torch", "tensorflow")
    ]  # fmt: skip
    assert len({(found.error_rate, found.rescored_rate) for found in searched}) == 1
    assert all(found.missed > -1e-3 for found in searched)  # a beam's score is a lower bound
    views = [sf.search.text_view(found.hypotheses).split() for found in searched]
    assert [len(view) for view in views] == [len(views[0])] * 3


def test_without_data_the_error_says_what_is_needed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "seqfront.recipes.spoken_digits"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "--data is not given" in done.stderr
    assert "free-spoken-digit-dataset" in done.stderr


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(sf.SeqfrontError, match="no such file or folder"):
        data.load(tmp_path / "none")
    with pytest.raises(sf.SeqfrontError, match="no file there is called like"):
        data.load(tmp_path)
    (tmp_path / "no.tar").write_bytes(b"no archive")
    with pytest.raises(sf.SeqfrontError, match="it is no tar archive"):
        data.load(tmp_path / "no.tar")
    _write(tmp_path / "7_ann_3.wav", _tone(7, 0.2), width=1)
    with pytest.raises(sf.SeqfrontError, match="8 bits a sample"):
        data.load(tmp_path)
    (tmp_path / "7_ann_3.wav").write_bytes(b"RIFF")
    with pytest.raises(sf.SeqfrontError, match=r"7_ann_3\.wav"):
        data.load(tmp_path)
    _write(tmp_path / "7_ann_3.wav", _tone(7, 0.2))
    with pytest.raises(sf.SeqfrontError, match="others to be held out"):
        data.split(data.load(tmp_path))
