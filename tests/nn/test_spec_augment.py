"""SpecAugment: where the masks lie, how wide they are, and that padding has no say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqfront as sf

batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 12)
FRAMES = [40, 0, 10, 25]


def _spectrogram(backend: str, extent: int = 40) -> sf.Tensor:
    raw = sf.to_backend(
        sf.wrap(np.ones((4, extent, 12), np.float32), (batch, time, mel)), backend
    ).raw
    return sf.wrap(raw, (batch, time, mel), lengths={time: FRAMES})


def _runs(hidden: Any) -> list[int]:
    """Lengths of the runs of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], hidden.astype(int), [0]])))
    return list(edges[1::2] - edges[::2])


@pytest.mark.parametrize("backend", ["numpy", "torch", "tensorflow"])
def test_spans_keep_their_limits_and_reach_every_place(backend: str) -> None:
    sf.backends.get(backend).set_seed(1)
    layer = sf.nn.SpecAugment(mel, frequency_masks=0, time_masks=1, time_width=8, time_fraction=0.5)
    x, seen = _spectrogram(backend), np.zeros((4, 40), int)
    widths: list[set[int]] = [set() for _ in FRAMES]
    for _ in range(400):
        hidden = layer(x, axis=time).numpy(batch, time, mel)[:, :, 0] == 0
        for row, count in enumerate(FRAMES):
            runs = _runs(hidden[row, :count])
            assert len(runs) <= 1
            widths[row].add(runs[0] if runs else 0)
            seen[row] += hidden[row]
    assert widths == [set(range(9)), {0}, set(range(6)), set(range(9))]
    for row, count in enumerate(FRAMES):
        assert (seen[row, :count] > 0).all()


@pytest.mark.parametrize("backend", ["numpy", "torch", "tensorflow"])
def test_rows_differ_and_bands_run_through_all_frames(backend: str) -> None:
    sf.backends.get(backend).set_seed(2)
    layer = sf.nn.SpecAugment(mel, frequency_masks=1, frequency_width=12, time_masks=0)
    hidden = layer(_spectrogram(backend), axis=time).numpy(batch, time, mel) == 0
    for row, count in enumerate(FRAMES):
        assert (hidden[row, :count] == hidden[row, :1]).all()
    assert not (hidden[0, 0] == hidden[2, 0]).all() or not (hidden[0, 0] == hidden[3, 0]).all()


def test_padding_has_no_say() -> None:
    layer = sf.nn.SpecAugment(mel, frequency_width=4, time_width=10)
    results = []
    for extent in (40, 64):
        sf.backends.get("numpy").set_seed(3)
        results.append(layer(_spectrogram("numpy", extent), axis=time).numpy(batch, time, mel))
    for row, count in enumerate(FRAMES):
        np.testing.assert_array_equal(results[0][row, :count], results[1][row, :count])


def test_limits_are_checked() -> None:
    with pytest.raises(sf.DimError) as caught:
        sf.nn.SpecAugment(mel, time_masks=-1)
    assert str(caught.value) == (
        "SpecAugment: time_masks cannot be -1.\n"
        "  needed  an int of at least 0\n"
        "  fix: 0 is no mask."
    )
    with pytest.raises(sf.DimError) as caught:
        sf.nn.SpecAugment(mel, time_fraction=1.5)
    assert str(caught.value) == (
        "SpecAugment: time_fraction cannot be 1.5.\n"
        "  needed  between 0 and 1\n"
        "  fix: it is a part of the sequence."
    )
