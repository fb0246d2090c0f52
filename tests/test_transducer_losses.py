"""What a case cannot say of the transducer family: gradients that are not those of the loss, low
precision, derivatives of derivatives, XLA, draws, and the two implementations side by side."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch
from oracles import transducers as oracles

import seqfront as sf
from seqfront import backends, randomness
from seqfront.loss import composed

batch, time, labels = sf.Dim("batch"), sf.Dim("time"), sf.Dim("labels")
classes, lasting = sf.Dim("classes", 7), sf.Dim("durations", 4)

FRAMES, COUNTS = [5, 3, 4, 1], [3, 0, 2, 1]
_RNG = np.random.default_rng(0)
LOGITS = _RNG.standard_normal((4, 5, 4, 7))
DURATIONS = _RNG.standard_normal((4, 5, 4, 4))
TARGETS = _RNG.integers(0, 4, (4, 3)).astype("int32")
FIRST, LAST = TARGETS * 0, np.array([[2, 4, 4], [1, 1, 1], [3, 2, 2], [0, 0, 0]], "int32")
UPSTREAM = np.array([1.0, -0.5, 2.0, 0.25])

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "modified": {"topology": "modified"},
    "constrained": {"topology": "constrained"},
    "fastemit": {"fastemit": 0.25, "fastemit_scales_loss": True},
    "delay penalty": {"delay_penalty": 0.25},
    "windows": {"windows": True},
    "big blanks": {"big_blanks": {4: 2, 5: 3}, "sigma": 0.125},
    "hat": {"hat": True},
    "star": {"star": "force_final", "star_weight": -0.5},
    "several": {"topology": "modified", "fastemit": 0.5, "windows": True, "star": "allow_ignore"},
}


def rnnt(x: Any, implementation: str = "native", **options: Any) -> Any:
    """Raw losses [batch]."""
    b = backends.of(x)

    def ints(values: Any) -> sf.Tensor:
        return sf.wrap(b.convert(values), (batch, labels), lengths={labels: COUNTS})

    if options.get("windows") is True:
        options["windows"] = ints(FIRST), ints(LAST)
    logits = sf.wrap(
        x, (batch, time, labels + 1, classes),
        lengths={time: FRAMES, labels + 1: [n + 1 for n in COUNTS]},
    )  # fmt: skip
    return sf.rnnt_loss(
        logits=logits, targets=ints(TARGETS), input_spatial_dim=time, targets_spatial_dim=labels,
        blank_index=6, implementation=implementation, **options,
    ).raw  # type: ignore[arg-type]  # fmt: skip


def tdt(x: Any, z: Any, implementation: str = "native", **options: Any) -> Any:
    """Raw losses [batch]."""
    b = backends.of(x)
    lengths = {time: FRAMES, labels + 1: [n + 1 for n in COUNTS]}
    return sf.tdt_loss(
        logits=sf.wrap(x, (batch, time, labels + 1, classes), lengths=lengths),
        duration_logits=sf.wrap(z, (batch, time, labels + 1, lasting), lengths=lengths),
        durations=(0, 1, 2, 3),
        targets=sf.wrap(b.convert(TARGETS), (batch, labels), lengths={labels: COUNTS}),
        input_spatial_dim=time, targets_spatial_dim=labels, blank_index=6,
        implementation=implementation, **options,
    ).raw  # type: ignore[arg-type]  # fmt: skip


def torch_gradient(fn: Callable[..., Any], *arrays: Any, dtype: str = "float64") -> Any:
    """Losses and gradients of sum(UPSTREAM * loss), as float64 arrays."""
    xs = [torch.tensor(x, dtype=getattr(torch, dtype)).requires_grad_() for x in arrays]
    loss = fn(*xs)
    # An input that the loss does not read has no gradient.
    grads = torch.autograd.grad(
        (loss * torch.tensor(UPSTREAM, dtype=loss.dtype)).sum(), xs, allow_unused=True
    )
    return [x.detach().double().numpy() for x in (loss, *grads)]


# -- the two implementations -----------------------------------------------------------------------


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [("float64", 1e-12), ("float32", 2e-6), ("float16", 2e-3), ("bfloat16", 2e-2)],
)
def test_native_equals_composed(name: str, dtype: str, tolerance: float) -> None:
    """Losses and gradients; both compute on the same rounded logits."""
    found = torch_gradient(lambda x: rnnt(x, **VARIANTS[name]), LOGITS, dtype=dtype)
    wanted = torch_gradient(lambda x: rnnt(x, "composed", **VARIANTS[name]), LOGITS, dtype=dtype)
    for mine, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, other, tolerance, tolerance)


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [("float64", 1e-12), ("float32", 2e-6), ("float16", 2e-3), ("bfloat16", 2e-2)],
)
@pytest.mark.parametrize("options", [{}, {"sigma": 0.125}, {"fastemit": 0.25}])
def test_native_equals_composed_with_durations(
    options: dict[str, Any], dtype: str, tolerance: float
) -> None:
    arrays = (LOGITS, DURATIONS)
    found = torch_gradient(lambda x, z: tdt(x, z, **options), *arrays, dtype=dtype)
    wanted = torch_gradient(lambda x, z: tdt(x, z, "composed", **options), *arrays, dtype=dtype)
    for mine, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, other, tolerance, tolerance)


COMBINATIONS = [
    {
        "topology": topology, "fastemit": fastemit, "windows": windows or None, "sigma": sigma,
        "delay_penalty": delay, "star": star, "star_weight": -0.75, **distribution,
    }
    for number, (topology, fastemit, windows, sigma, delay, star, distribution) in enumerate(
        itertools.product(
            ("regular", "modified", "constrained"), (0.0, 0.5), (False, True), (0.0, 0.25),
            (0.0, -0.125), (None, "force_final", "allow_ignore"),
            ({}, {"hat": True}, {"big_blanks": {4: 2, 5: 3}}, {"logits_normalized": True}),
        )
    )
    if number % 11 == 0
]  # fmt: skip
"""One in eleven of all that go together."""


def test_native_equals_composed_in_combinations() -> None:
    assert len(COMBINATIONS) == 53
    for options in COMBINATIONS:
        found = torch_gradient(lambda x, o=options: rnnt(x, **o), LOGITS)
        wanted = torch_gradient(lambda x, o=options: rnnt(x, "composed", **o), LOGITS)
        for mine, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(mine, other, 1e-11, 1e-11, err_msg=str(options))


@pytest.mark.parametrize("implementation", ["native", "composed"])
@pytest.mark.parametrize("options", [{}, {"hat": True}, {"fastemit": 0.5}], ids=str)
def test_impossible_classes_and_nan(implementation: str, options: dict[str, Any]) -> None:
    """A logit of -inf is a class that never comes; NaN spoils its own sequence and no other."""
    logits = LOGITS.copy()
    logits[2, 1, 1, TARGETS[2, 1]] = -np.inf
    logits[0, 2, 1, 6] = np.nan
    loss, grad = torch_gradient(lambda x: rnnt(x, implementation, **options), logits)
    _, plain = torch_gradient(lambda x: rnnt(x, implementation, **options), LOGITS)
    oracle = oracles.Transducer(blank=6, hat="hat" in options)
    assert np.isnan(loss[0])
    assert loss[2] == pytest.approx(oracle.loss(logits[2, :4, :3], TARGETS[2, :2]), rel=1e-12)
    assert np.isfinite(grad[1:]).all()
    assert grad[2, 1, 1, TARGETS[2, 1]] == 0.0
    np.testing.assert_allclose(grad[[1, 3]], plain[[1, 3]], 1e-12, 1e-12)


# -- gradients that are not those of the loss ------------------------------------------------------


@pytest.mark.parametrize("topology", ["regular", "modified", "constrained"])
@pytest.mark.parametrize("implementation", ["native", "composed"])
def test_fastemit_scales_what_labels_contribute(topology: Any, implementation: str) -> None:
    """The gradient is that of blanks, and 1.25 times that of labels, if these had own logits."""
    fastemit, step, oracle = 0.25, 1e-6, oracles.Transducer(blank=6, topology=topology)
    _, found = torch_gradient(
        lambda x: rnnt(x, implementation, topology=topology, fastemit=fastemit), LOGITS
    )
    for b in (0, 2):
        x, y = LOGITS[b, : FRAMES[b], : COUNTS[b] + 1], TARGETS[b, : COUNTS[b]]
        for _ in range(3):
            move = _RNG.standard_normal(x.shape) * step
            up = oracle.loss(x + move, y, x + (1 + fastemit) * move)
            down = oracle.loss(x - move, y, x - (1 + fastemit) * move)
            slope = (found[b, : FRAMES[b], : COUNTS[b] + 1] * move).sum()
            assert (up - down) / 2 * UPSTREAM[b] == pytest.approx(slope, rel=1e-5, abs=1e-12)


def test_clamp_bounds_the_gradient_of_each_loss() -> None:
    """Element by element, before what comes from above."""
    whole = UPSTREAM[:, None, None, None]
    _, plain = torch_gradient(rnnt, LOGITS)
    _, found = torch_gradient(lambda x: rnnt(x, clamp=0.125), LOGITS)
    assert np.abs(plain / whole).max() > 0.125
    np.testing.assert_allclose(found, np.clip(plain / whole, -0.125, 0.125) * whole, 1e-12, 1e-12)


def test_clamp_bounds_both_gradients_with_durations() -> None:
    whole = UPSTREAM[:, None, None, None]
    _, *plain = torch_gradient(tdt, LOGITS, DURATIONS)
    _, *found = torch_gradient(lambda x, z: tdt(x, z, clamp=0.0625), LOGITS, DURATIONS)
    for mine, other in zip(found, plain, strict=True):
        wanted = np.clip(other / whole, -0.0625, 0.0625) * whole
        np.testing.assert_allclose(mine, wanted, 1e-12, 1e-12)


def test_reused_logits_hold_their_gradient() -> None:
    """Nothing of the size of the logits is allocated: the gradient lies where they lay."""
    _, wanted = torch_gradient(rnnt, LOGITS)
    leaf = torch.tensor(LOGITS).requires_grad_()
    logits = leaf * 1.0
    (grad,) = torch.autograd.grad(
        (rnnt(logits, reuse_logits=True) * torch.tensor(UPSTREAM)).sum(), logits
    )
    np.testing.assert_allclose(grad.numpy(), wanted, 1e-12, 1e-12)
    assert grad.data_ptr() == logits.data_ptr()


# -- omega -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("implementation", ["native", "composed"])
def test_omega_draws_for_each_sequence(implementation: str) -> None:
    plain = torch_gradient(rnnt, LOGITS)
    lasting = torch_gradient(tdt, LOGITS, DURATIONS)
    chances = np.array([0.1, 0.9, 0.6, 0.3], "float32")
    with randomness.replay([randomness.Draw("uniform", chances, "float32")]):
        loss, of_tokens, of_durations = torch_gradient(
            lambda x, z: tdt(x, z, implementation, omega=0.5), LOGITS, DURATIONS
        )
    for b, drawn in enumerate([True, False, False, True]):
        chosen = plain if drawn else lasting
        np.testing.assert_allclose(loss[b], chosen[0][b], 1e-12)
        np.testing.assert_allclose(of_tokens[b], chosen[1][b], 1e-12, 1e-12)
        wanted = np.zeros_like(of_durations[b]) if drawn else lasting[2][b]
        np.testing.assert_allclose(of_durations[b], wanted, 1e-12, 1e-12)


def test_omega_draws_from_the_framework() -> None:
    """The same seed gives the same choices."""

    def losses() -> Any:
        backends.get("torch").set_seed(7)
        return [tdt(torch.tensor(LOGITS), torch.tensor(DURATIONS), omega=0.5) for _ in range(4)]

    first, again = losses(), losses()
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert len({tuple(loss.tolist()) for loss in first}) > 1


# -- derivatives of derivatives --------------------------------------------------------------------


def _directions() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.standard_normal(LOGITS.shape), rng.standard_normal(LOGITS.shape)


def _first(x: np.ndarray, along: np.ndarray, options: dict[str, Any]) -> float:
    """The native gradient in a direction."""
    _, grad = torch_gradient(lambda x: rnnt(x, **options), x)
    return float((grad * along).sum())


SECOND = ["plain", "constrained", "big blanks", "hat", "star"]


@pytest.mark.parametrize("name", SECOND)
def test_second_derivative_torch(name: str) -> None:
    """Of the composed loss: the limit of differences of the native gradient."""
    along, move = _directions()
    x = torch.tensor(LOGITS).requires_grad_()
    loss = (rnnt(x, "composed", **VARIANTS[name]) * torch.tensor(UPSTREAM)).sum()
    (grad,) = torch.autograd.grad(loss, x, create_graph=True)
    (second,) = torch.autograd.grad((grad * torch.tensor(along)).sum(), x)
    _check_second(second.numpy(), along, move, VARIANTS[name])


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "function"])
@pytest.mark.parametrize("name", SECOND[:2])
def test_second_derivative_tensorflow(name: str, graph: bool) -> None:
    along, move = _directions()

    def second(x: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(rnnt(x, "composed", **VARIANTS[name]) * UPSTREAM)
            slope = tf.reduce_sum(inner.gradient(loss, x) * along)
        return outer.gradient(slope, x)

    found = (tf.function(second, autograph=False) if graph else second)(tf.constant(LOGITS))
    _check_second(found.numpy(), along, move, VARIANTS[name])


def _check_second(
    second: np.ndarray, along: np.ndarray, move: np.ndarray, options: dict[str, Any]
) -> None:
    assert np.isfinite(second).all()
    step = 1e-5
    up, down = (_first(LOGITS + sign * step * move, along, options) for sign in (1, -1))
    assert float((second * move).sum()) == pytest.approx((up - down) / (2 * step), rel=1e-6)


def test_native_says_where_second_derivatives_are() -> None:
    x = torch.tensor(LOGITS).requires_grad_()
    (grad,) = torch.autograd.grad(rnnt(x).sum(), x, create_graph=True)
    with pytest.raises(sf.NativeError) as caught:
        grad.sum().backward()
    assert str(caught.value) == (
        "rnnt: the native op has no second derivative.\n"
        '  fix: implementation="composed" computes the loss in operations that have one.'
    )


# -- compiled --------------------------------------------------------------------------------------


def _everything(x: Any, z: Any, y: Any, frames: Any, counts: Any) -> Any:
    """A loss in which each composed form takes part, on TensorFlow."""
    b = backends.get("tensorflow")
    inputs = (y, frames, counts)
    loss = composed.rnnt(b, x, *inputs, big_blanks=((4, 2),), blank=6, fastemit=0.25)
    loss += composed.rnnt(b, x, *inputs, blank=6, topology=2, hat=True, star=1)
    loss += composed.tdt(b, x, z, *inputs, (0, 1, 2, 3), blank=6)
    loss += composed.ctc(b, x[:, :, 0], *inputs, blank=6)
    return tf.reduce_sum(tf.where(tf.math.is_finite(loss), loss, 0.0))


def _with_gradient(*args: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(args[:2])
        loss = _everything(*args)
    return loss, *tape.gradient(loss, args[:2])


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False], ids=["known sizes", "unknown sizes"])
def test_composed_runs_under_xla(known: bool) -> None:
    arrays = (LOGITS, DURATIONS, TARGETS, np.array(FRAMES, "int32"), np.array(COUNTS, "int32"))
    args = [tf.constant(x) for x in arrays]
    signature = [
        tf.TensorSpec([None] * (x.ndim - (i < 2)) + [x.shape[-1]] * (i < 2), x.dtype)
        for i, x in enumerate(arrays)
    ]
    compiled = tf.function(
        _with_gradient, input_signature=None if known else signature, jit_compile=True
    )
    for mine, other in zip(compiled(*args), _with_gradient(*args), strict=True):
        np.testing.assert_allclose(mine, other, 1e-9, 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("topology", [0, 1])
def test_composed_compiles_with_inductor(topology: int) -> None:
    """For static sizes. (For dynamic ones, Inductor of PyTorch 2.13 cannot lower this `scan`: it
    does not find the symbols in its extents. Without generated code, that is among the cases.)"""
    torch._dynamo.reset()
    b = backends.get("torch")
    ints = [torch.tensor(x, dtype=torch.int32) for x in (TARGETS, FRAMES, COUNTS)]

    def loss(x: Any, *ints: Any) -> Any:
        return composed.rnnt(b, x, *ints, blank=6, topology=topology)

    compiled = torch.compile(loss, fullgraph=True, dynamic=False)
    found = torch_gradient(lambda x: compiled(x, *ints), LOGITS)
    wanted = torch_gradient(lambda x: loss(x, *ints), LOGITS)
    for mine, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, other, 1e-9, 1e-12)


# -- without padding -------------------------------------------------------------------------------


def _cells(x: np.ndarray) -> np.ndarray:
    lengths = zip(FRAMES, COUNTS, strict=True)
    return np.concatenate([x[b, :t, : u + 1].reshape(-1, 7) for b, (t, u) in enumerate(lengths)])


def test_packed_gradient_is_that_of_padded_logits() -> None:
    cells = sf.Dim("cells")

    def packed(x: Any) -> Any:
        targets = sf.wrap(torch.tensor(TARGETS), (batch, labels), lengths={labels: COUNTS})
        return sf.rnnt_loss_packed(
            logits=sf.wrap(x, (cells, classes)), targets=targets, cells_dim=cells,
            frame_lengths=sf.wrap(torch.tensor(FRAMES), (batch,)), targets_spatial_dim=labels,
            blank_index=6, clamp=0.125, fastemit=0.5,
        ).raw  # fmt: skip

    loss, grad = torch_gradient(packed, _cells(LOGITS))
    wanted, padded = torch_gradient(lambda x: rnnt(x, clamp=0.125, fastemit=0.5), LOGITS)
    np.testing.assert_allclose(loss, wanted, 1e-12)
    np.testing.assert_allclose(grad, _cells(padded), 1e-12, 1e-12)
