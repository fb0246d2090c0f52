"""Normalisation against the layers of the frameworks, and on batches that are (partly) empty."""

from __future__ import annotations

import numpy as np
import pytest

import seqfront as sf

batch, time = sf.Dim("batch"), sf.Dim("time")
mel = sf.Dim("mel", 4)
BACKENDS = pytest.mark.parametrize("backend", ["numpy", "torch", "tensorflow"])


def _ragged(frames: list[int], backend: str = "numpy") -> sf.Tensor:
    x = np.random.default_rng(1).standard_normal((len(frames), 5, 4)).astype(np.float32)
    for row, count in enumerate(frames):
        x[row, count:] = np.nan
    raw = sf.to_backend(sf.wrap(x, (batch, time, mel)), backend).raw
    return sf.wrap(raw, (batch, time, mel), lengths={time: frames})


def test_batch_norm_is_that_of_torch_without_the_padding() -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = sf.nn.BatchNorm(mel).to_backend("torch"), torch.nn.BatchNorm1d(4)
    x = _ragged([5, 0, 3], "torch")
    flat = x.raw.reshape(-1, 4)
    data = ~torch.isnan(flat[:, 0])
    for _ in range(2):
        y = ours(x).raw_in((batch, time, mel)).reshape(-1, 4)[data]
        wanted = theirs(flat[data])
    np.testing.assert_allclose(y.detach().numpy(), wanted.detach().numpy(), atol=1e-6)
    for mine, other in (
        (ours.running_mean, theirs.running_mean),
        (ours.running_variance, theirs.running_var),
    ):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-6)
    y, wanted = ours.eval()(x), theirs.eval()(flat[data])
    got = y.raw_in((batch, time, mel)).reshape(-1, 4)[data]
    np.testing.assert_allclose(got.detach().numpy(), wanted.detach().numpy(), atol=1e-6)


def test_batch_norm_is_that_of_keras() -> None:
    keras = pytest.importorskip("keras")
    ours = sf.nn.BatchNorm(mel, epsilon=1e-3).to_backend("tensorflow")
    theirs = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3)
    x = _ragged([5, 5], "tensorflow")
    np.testing.assert_allclose(
        ours(x).numpy(batch, time, mel), theirs(x.raw, training=True), atol=1e-5
    )
    np.testing.assert_allclose(ours.running_mean.numpy(), theirs.moving_mean, atol=1e-6)


@BACKENDS
def test_a_batch_without_data_changes_no_statistics(backend: str) -> None:
    norm = sf.nn.BatchNorm(mel).to_backend(backend)
    y = norm(_ragged([0, 0], backend))
    assert np.isfinite(y.numpy()).all()
    np.testing.assert_array_equal(norm.running_mean.numpy(), 0)
    np.testing.assert_array_equal(norm.running_variance.numpy(), 1)


@BACKENDS
def test_an_empty_row_has_no_part_in_the_statistics(backend: str) -> None:
    norm, alone = (sf.nn.BatchNorm(mel).to_backend(backend) for _ in range(2))
    x = _ragged([4, 0], backend)
    first = alone(sf.wrap(x.raw[:1], (batch, time, mel), lengths={time: [4]}))
    got = norm(x).numpy(batch, time, mel)[0, :4]
    np.testing.assert_allclose(got, first.numpy(batch, time, mel)[0, :4], atol=1e-6)
    np.testing.assert_allclose(norm.running_variance.numpy(), alone.running_variance.numpy())


@BACKENDS
def test_half_precision_has_statistics_in_single(backend: str) -> None:
    norm = sf.nn.BatchNorm(mel).to_backend(backend)
    x = sf.cast(_ragged([5, 3], backend) * 0.1 + 100.0, "float16")
    y = norm(x)
    assert y.dtype == "float16"
    assert abs(float(sf.mean(sf.cast(y, "float32"), axis=(batch, time, mel)))) < 0.05


def test_evaluation_changes_no_statistics() -> None:
    norm = sf.nn.BatchNorm(mel).eval()
    norm(_ragged([5, 3]))
    np.testing.assert_array_equal(norm.running_mean.numpy(), 0)


def test_a_norm_says_what_it_cannot_do() -> None:
    with pytest.raises(sf.DimError) as caught:
        sf.nn.BatchNorm(mel)(sf.zeros((mel,)))
    assert str(caught.value) == (
        "BatchNorm: x cannot be float32[mel:4] numpy:cpu.\n"
        "  needed  at least one dim besides the features\n"
        "  fix: one vector has no variance: call eval(), or give a batch."
    )
    with pytest.raises(sf.DimError) as caught:
        sf.nn.BatchNorm(mel, momentum=2)
    assert str(caught.value) == (
        "BatchNorm: momentum cannot be 2.\n"
        "  needed  0 to 1\n"
        "  fix: it is the weight of a new batch in the running averages."
    )
    with pytest.raises(sf.DimError) as caught:
        sf.nn.GroupNorm(mel, 3)
    assert str(caught.value) == (
        "GroupNorm: groups cannot be 3.\n"
        "  needed  a divisor of mel:4\n"
        "  fix: groups cut the features into equal parts."
    )
