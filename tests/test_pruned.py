"""Properties of pruned transducer training: bounds of any sequences, agreement of the losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from frameworks import INSTALLED
from hypothesis import given
from hypothesis import strategies as st

import seqfront as sf
from seqfront.loss.variants import Topology

batch, time, labels, classes = sf.Dim("batch"), sf.Dim("time"), sf.Dim("labels"), sf.Dim("v", 6)
TOPOLOGIES: tuple[Topology, ...] = ("regular", "modified")


def _needed(frames: int, count: int, topology: Topology) -> int:
    """Positions that a band needs: in each frame a path climbs so many, less one."""
    if count == 0 or topology == "modified":
        return 1
    return next(band for band in range(1, count + 2) if frames * (band - 1) >= count)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Topology, list[tuple[int, int]], int, float, int]:
    """Topology, (frames, labels) of each sequence, a band that has a path, scale and seed."""
    topology = draw(st.sampled_from(TOPOLOGIES))
    rows: list[tuple[int, int]] = []
    for _ in range(draw(st.integers(1, 4))):
        frames = draw(st.integers(0, 12))
        most = 0 if frames == 0 else frames if topology == "modified" else 14
        rows.append((frames, draw(st.integers(0, most))))
    least = max([_needed(t, n, topology) for t, n in rows if t > 0], default=1)
    band = draw(st.integers(least, least + 4))
    return topology, rows, band, draw(st.sampled_from([0.0, 1.0, 30.0])), draw(st.integers(0, 99))


def _tensors(rows: list[tuple[int, int]], scale: float, seed: int) -> tuple[sf.Tensor, ...]:
    rng = np.random.default_rng(seed)
    frames, counts = np.array(rows, np.int32).T
    shape = len(rows), int(frames.max()), int(counts.max())
    source = rng.standard_normal((shape[0], shape[1], 6)) * scale
    prediction = rng.standard_normal((shape[0], shape[2] + 1, 6)) * scale
    targets = rng.integers(1, 6, (shape[0], shape[2])).astype(np.int32)
    return (
        sf.wrap(source, (batch, time, classes), {time: frames.copy()}),
        sf.wrap(prediction, (batch, labels + 1, classes), {labels + 1: counts + 1}),
        sf.wrap(targets, (batch, labels), {labels: counts.copy()}, sparse_dim=classes),
    )


def _simple(topology: Topology, tensors: tuple[sf.Tensor, ...], band: sf.Dim) -> Any:
    source, prediction, targets = tensors
    return sf.rnnt_loss_simple(
        source=source, prediction=prediction, targets=targets, input_spatial_dim=time,
        targets_spatial_dim=labels, blank_index=0, topology=topology, band_dim=band,
    )  # fmt: skip


def _pruned(
    topology: Topology, tensors: tuple[sf.Tensor, ...], starts: sf.Tensor, band: sf.Dim
) -> sf.Tensor:
    source, prediction, targets = tensors
    near = sf.prune(prediction, starts=starts, axis=labels + 1, band_dim=band)
    return sf.rnnt_loss_pruned(
        logits=source + near, starts=starts, targets=targets, band_dim=band, blank_index=0,
        input_spatial_dim=time, targets_spatial_dim=labels, topology=topology,
    )  # fmt: skip


@given(problems())
def test_bounds_hold_a_path(problem: Any) -> None:
    """From 0, never down, in steps that a path can take, to the end; so the band has a path, and
    what is lost by pruning is not negative."""
    topology, rows, size, scale, seed = problem
    band = sf.Dim("band", size)
    tensors = _tensors(rows, scale, seed)
    simple, starts = _simple(topology, tensors, band)
    for (frames, count), row in zip(rows, starts.numpy(batch, time), strict=True):
        mine = row[:frames]
        if frames == 0:
            continue
        assert mine[0] == 0
        assert mine[-1] == min(
            max(0, count + 1 - size), frames - 1 if topology == "modified" else count
        )
        steps = np.diff(mine)
        assert (steps >= 0).all()
        assert (steps <= (1 if topology == "modified" else max(size - 1, 0))).all()
    pruned = _pruned(topology, tensors, starts, band).numpy()
    whole = simple.numpy()
    assert np.isfinite(pruned).all()
    assert (pruned >= whole - 1e-9 * (1 + np.abs(whole))).all()
    for (_, count), loss, lost in zip(rows, whole, pruned, strict=True):
        if count < size:
            assert lost == pytest.approx(loss, rel=1e-12)


@given(problems())
def test_one_position_less_is_refused(problem: Any) -> None:
    """No band is taken that has no path."""
    topology, rows, _, scale, seed = problem
    least = max([_needed(t, n, topology) for t, n in rows if t > 0], default=1)
    if least == 1:
        return
    with pytest.raises(sf.NativeError, match="no path fits in the band"):
        _simple(topology, _tensors(rows, scale, seed), sf.Dim("band", least - 1))


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("framework", [name for name in INSTALLED if name != "numpy"])
def test_all_losses_agree_in_a_wide_band(framework: str, topology: Topology) -> None:
    """Simple, pruned and full loss of the same logits, and both gradients."""
    raw = [x.raw for x in _tensors([(9, 4), (5, 5), (3, 0), (0, 0)], 2.0, 5)]
    frames, counts = np.array([9, 5, 3, 0], np.int32), np.array([4, 5, 0, 0], np.int32)
    band = sf.Dim("band", 6)
    convert = sf.backends.get(framework).convert
    source = sf.wrap(convert(raw[0]), (batch, time, classes), {time: frames})
    prediction = sf.wrap(convert(raw[1]), (batch, labels + 1, classes), {labels + 1: counts + 1})
    targets = sf.wrap(convert(raw[2]), (batch, labels), {labels: counts}, sparse_dim=classes)
    tensors = (source, prediction, targets)

    def full() -> sf.Tensor:
        logits = sf.add(source, prediction, allow_broadcast=True)
        if topology == "modified":  # the full loss in a band that is always whole
            starts = sf.zeros((batch, time), dtype="int32", like=source)
            return _pruned(topology, tensors, starts, band)
        return sf.rnnt_loss(
            logits=logits, targets=targets, input_spatial_dim=time, targets_spatial_dim=labels,
            blank_index=0,
        )  # fmt: skip

    losses = (
        full,
        lambda: _simple(topology, tensors, band)[0],
        lambda: _pruned(topology, tensors, _simple(topology, tensors, band)[1], band),
    )
    wrt = [source, prediction]
    wanted, *others = [
        sf.value_and_grad(lambda loss=loss: sf.sum(loss(), axis=batch), wrt) for loss in losses
    ]
    for value, gradients in others:
        assert float(value) == pytest.approx(float(wanted[0]), rel=1e-12)  # type: ignore[arg-type]
        for mine, theirs in zip(gradients, wanted[1], strict=True):
            np.testing.assert_allclose(mine.numpy(), theirs.numpy(*mine.dims), atol=1e-12)
