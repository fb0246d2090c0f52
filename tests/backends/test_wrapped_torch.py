"""seqfront_torch.wrap_module: a torch.nn.Module as a layer of a model."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

import seqfront as sf
import seqfront_torch

batch, time, beam = sf.Dim("batch"), sf.Dim("time"), sf.Dim("beam", 2)
mel, hidden, labels = sf.Dim("mel", 4), sf.Dim("hidden", 6), sf.Dim("labels", 3)
HALF = time.ceil_div(2)
KEYS = [
    "front.0.weight",
    "front.0.bias",
    "front.1.weight",
    "front.1.bias",
    "front.1.running_mean",
    "front.1.running_var",
    "front.1.num_batches_tracked",
    "output.weight",
    "output.bias",
]


class Model(sf.nn.Module):
    """A convolution and a normalisation of PyTorch, and a layer of ours."""

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        sf.set_seed(seed)
        layers = torch.nn.Sequential(
            torch.nn.Conv1d(4, 6, 3, stride=2, padding=1), torch.nn.BatchNorm1d(6)
        )
        self.front = seqfront_torch.wrap_module(
            layers, in_dims=(..., mel, time), out_dims=(..., hidden, HALF)
        )
        with sf.use_backend("torch"):
            self.output = sf.nn.Linear(hidden, labels)

    def __call__(self, x: sf.Tensor) -> sf.Tensor:
        return self.output(self.front(x))

    def losses(self, x: Any, frames: Any) -> dict[str, sf.Tensor]:
        y = self(sf.wrap(x, (batch, time, mel), lengths={time: frames}))
        return {"loss": sf.mean(y * y, axis=y.dims)}


def arrays(rows: int = 3, frames: int = 9) -> tuple[Any, Any]:
    rng = np.random.default_rng(rows)
    lengths = np.maximum(frames - 3 * np.arange(rows), 0).astype(np.int32)
    x = rng.standard_normal((rows, frames, 4)).astype(np.float32)
    x[np.arange(frames) >= lengths[:, None]] = np.nan
    return x, lengths


def inputs(rows: int = 3, frames: int = 9) -> sf.Tensor:
    x, lengths = map(torch.tensor, arrays(rows, frames))
    return sf.wrap(x, (batch, time, mel), lengths={time: lengths})


def outputs(y: sf.Tensor) -> Any:
    return sf.mask_padding(y).numpy(batch, HALF, labels)


def plain(m: Model, rows: int = 3, frames: int = 9) -> Any:
    """The same in PyTorch alone."""
    x, lengths = map(torch.tensor, arrays(rows, frames))
    y = m.front.layer(torch.nan_to_num(x).transpose(1, 2)).transpose(1, 2)
    y = y @ m.output.weight.raw + m.output.bias.raw
    mask = torch.arange(y.shape[1]) < ((lengths + 1) // 2)[:, None]
    return (y * mask[..., None]).detach().numpy()


# -- dims ------------------------------------------------------------------------------------------


def test_padding_is_cleaned_and_lengths_follow() -> None:
    m = Model().eval()
    y = m(inputs())
    assert y.dims == (batch, HALF, labels)
    assert y.lengths(HALF).raw.tolist() == [5, 3, 2]
    np.testing.assert_allclose(outputs(y), plain(m), atol=1e-5)


def test_any_order_of_axes_and_any_batch() -> None:
    m = Model().eval()
    x = inputs()
    turned = sf.wrap(x.raw_in((time, mel, batch)), (time, mel, batch), {time: x.lengths(time)})
    np.testing.assert_allclose(outputs(m(turned)), outputs(m(x)), atol=1e-6)
    both = sf.stack([x, 2.0 * x], beam)
    y = m(both)
    assert set(y.dims) == {beam, batch, HALF, labels}
    first = sf.gather(y, indices=0, axis=beam)
    np.testing.assert_allclose(outputs(first), outputs(m(x)), atol=1e-6)
    alone = sf.wrap(torch.nan_to_num(x.raw[0]), (time, mel))
    np.testing.assert_allclose(m(alone).numpy(HALF, labels), outputs(m(x))[0], atol=1e-6)


def test_gradients_do_not_come_from_padding() -> None:
    x, lengths = map(torch.tensor, arrays())
    x.requires_grad_()
    Model().eval().losses(x, lengths)["loss"].raw.backward()
    mask = torch.arange(9) < lengths[:, None]
    assert x.grad is not None
    assert x.grad[mask].abs().min() > 0
    assert not x.grad[~mask].any()


def test_lengths_by_a_function() -> None:
    frames = sf.Dim("frames")
    front = seqfront_torch.wrap_module(
        torch.nn.Conv1d(4, 6, 4),
        in_dims=(batch, mel, time),
        out_dims=(batch, hidden, frames),
        lengths={frames: lambda x: x.lengths(time) - 3},
    )
    y = front(inputs(4, 9))
    assert y.lengths(frames).raw.tolist() == [6, 3, 0, 0]
    assert y.lengths(frames).dtype == "int32"


def test_several_inputs_and_nested_results() -> None:
    layer = torch.nn.MultiheadAttention(4, 2, batch_first=True)
    wrapped = seqfront_torch.wrap_module(
        layer,
        in_dims=[(batch, time, mel), (batch, time)],
        out_dims=[(batch, time, mel), None],
        call=lambda net, x, mask: net(x, x, x, key_padding_mask=~mask),
    )
    x = inputs(2, 7)
    y, nothing = wrapped(x, x.mask(time))
    assert nothing is None
    alone = x.raw[1:, :4]
    found = y.raw_in((batch, time, mel))[1:, :4]
    torch.testing.assert_close(found, layer(alone, alone, alone)[0])


def test_states() -> None:
    stack = sf.Dim("stack", 1)
    lstm = seqfront_torch.wrap_module(
        torch.nn.LSTM(4, 6, batch_first=True),
        in_dims=(..., time, mel),
        out_dims=[(..., time, hidden), [(stack, ..., hidden), (stack, ..., hidden)]],
    )
    y, (h, c) = lstm(sf.wrap(torch.randn(3, 2, 5, 4), (batch, beam, time, mel)))
    assert y.dims == (batch, beam, time, hidden)
    assert h.dims == c.dims == (stack, batch, beam, hidden)
    torch.testing.assert_close(h.raw[0], y.raw[:, :, -1])


# -- parameters ------------------------------------------------------------------------------------


def test_parameters_are_those_of_the_model() -> None:
    m = Model()
    net = seqfront_torch.module(m)
    assert list(m.named_parameters()) == KEYS
    assert sorted(net.state_dict()) == sorted(KEYS)
    named = m.named_parameters()
    assert [k for k, p in named.items() if not p.trainable] == KEYS[4:7]
    for key, value in {**dict(net.named_parameters()), **dict(net.named_buffers())}.items():
        assert named[key].raw is value
    assert net.front is m.front.layer is seqfront_torch.module(m.front)
    assert "running_mean: float32[axis0:6] 6 (kept)" in repr(m)


def test_frozen_parameters_are_not_trainable() -> None:
    m = Model()
    m.front.layer[0].requires_grad_(False)
    assert "front.0.weight" in m.named_parameters()
    assert not m.named_parameters()["front.0.weight"].trainable


def test_what_pytorch_does_to_parameters_is_seen() -> None:
    m = Model()
    net = seqfront_torch.module(m).double()
    assert m.named_parameters()["front.1.running_mean"].dtype == "float64"
    net.load_state_dict({k: v + 1 for k, v in net.state_dict().items()}, assign=True)
    assert m.named_parameters()["front.0.bias"].raw is net.front[0].bias
    torch.nn.SyncBatchNorm.convert_sync_batchnorm(net)
    assert isinstance(m.front.layer[1], torch.nn.SyncBatchNorm)
    net.front = torch.nn.Conv1d(4, 6, 1)
    assert list(m.front.named_parameters()) == ["weight", "bias"]


def test_train_and_eval() -> None:
    m = Model()
    net = seqfront_torch.module(m)
    assert m.eval().front.layer[1].training is False
    assert net.train().front[1].training
    assert m.front.training
    before = m.front.layer[1].running_mean.clone()
    m(inputs())
    assert not torch.equal(before, m.front.layer[1].running_mean)


def test_copies_are_independent() -> None:
    m = Model().eval()
    net = seqfront_torch.module(m)
    other = copy.deepcopy(net)
    with torch.no_grad():
        for p in other.parameters():
            p.zero_()
    assert not other.seqfront_module.named_parameters()["front.0.weight"].numpy().any()
    assert m.named_parameters()["front.0.weight"].numpy().any()
    assert other.seqfront_module.front.layer is other.front
    np.testing.assert_allclose(outputs(net(inputs())), plain(m), atol=1e-5)


def test_checkpoints(tmp_path: Path) -> None:
    m, other = Model(1), Model(2).eval()
    m(inputs())
    sf.save(m, tmp_path / "model.safetensors")
    sf.load(other, tmp_path / "model.safetensors")
    assert int(other.front.layer[1].num_batches_tracked) == 1
    np.testing.assert_allclose(outputs(other(inputs())), plain(m.eval()), atol=1e-5)


def test_trainer(tmp_path: Path) -> None:
    m = Model()
    trainer = sf.training.trainer("torch", m, m.losses, learning_rate=0.02, average=0.9)
    before = m.front.layer[0].weight.detach().clone()
    losses = [trainer.step(*arrays())["loss"] for _ in range(8)]
    assert losses[-1] < losses[0]
    assert not torch.equal(before, m.front.layer[0].weight)
    path = tmp_path / "training.safetensors"
    sf.training.save(trainer, path)
    again = Model(2)
    second = sf.training.trainer("torch", again, again.losses, learning_rate=0.02, average=0.9)
    sf.training.load(second, path)
    assert second.step(*arrays()) == trainer.step(*arrays())


# -- compiled --------------------------------------------------------------------------------------


def test_one_compile_for_all_shapes() -> None:
    m = Model().eval()
    net = seqfront_torch.module(m)
    torch._dynamo.reset()
    counters.clear()
    compiled = torch.compile(net, fullgraph=True, dynamic=True, backend="aot_eager")
    for rows, frames in ((3, 9), (2, 13), (5, 15)):
        y = compiled(inputs(rows, frames))
        np.testing.assert_allclose(outputs(y), plain(m, rows, frames), atol=1e-5)
        y.raw.sum().backward()
    assert counters["stats"]["unique_graphs"] == 1
    assert net.front[0].weight.grad is not None


def test_export() -> None:
    net = seqfront_torch.module(Model().eval())
    auto = torch.export.Dim.AUTO
    program = torch.export.export(
        net, (inputs(),), dynamic_shapes=(([{0: auto, 1: auto}, {0: auto}],),), strict=False
    )
    assert sorted(program.state_dict) == sorted(KEYS)
    found = outputs(program.module()(inputs(5, 15)))
    np.testing.assert_allclose(found, plain(net.seqfront_module, 5, 15), atol=1e-5)


# -- errors ----------------------------------------------------------------------------------------


def _fails(error: type[Exception], call: Any) -> str:
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    return str(caught.value)


def _wrap(layer: Any, in_dims: Any = (time, mel), out_dims: Any = (time, hidden)) -> Any:
    return seqfront_torch.wrap_module(layer, in_dims=in_dims, out_dims=out_dims)


def test_only_modules_of_pytorch_are_wrapped() -> None:
    assert _fails(sf.BackendError, lambda: _wrap(sf.relu)) == (
        "wrap_module: this is no torch.nn.Module.\n"
        "  layer  builtins.function\n"
        "  fix: layers of seqfront are used as they are."
    )
    assert _fails(sf.BackendError, lambda: _wrap(torch.nn.LazyLinear(6))) == (
        "wrap_module: the variables of this layer have not been made.\n"
        "  layer  torch.nn.modules.linear.LazyLinear\n"
        "  why    weight is lazy\n"
        "  fix: call the layer once on its own before it is wrapped."
    )


@pytest.mark.parametrize("backend", ["numpy", "tensorflow"])
def test_other_backends_cannot_run_it(backend: str) -> None:
    x = sf.wrap(sf.backends.get(backend).convert(arrays()[0]), (batch, time, mel))
    assert _fails(sf.BackendError, lambda: Model()(x)) == (
        "wrap_module: a layer of 'torch' runs on 'torch' only.\n"
        "  layer  torch.nn.modules.container.Sequential\n"
        f"  x      float32[batch≤3, time≤9, mel:4] {backend}:cpu\n"
        "  fix: a model runs on every backend if all its layers are those of seqfront."
    )
    wanted = (
        f"a layer of 'torch' cannot move to '{backend}'.\n"
        "  its parameter  0.weight float32[axis0:6, axis1:4, axis2:3] torch:cpu\n"
        "  fix: a model runs on every backend if all its layers are those of seqfront."
    )
    assert _fails(sf.BackendError, lambda: Model().to_backend(backend)) == wanted
    if backend == "tensorflow":
        import seqfront_tensorflow

        assert _fails(sf.BackendError, lambda: seqfront_tensorflow.module(Model())) == wanted


def test_other_results_than_said() -> None:
    x = sf.wrap(torch.zeros(5, 4), (time, mel))
    text = (
        "wrap_module: the layer gives something else than out_dims say.\n"
        "  layer     torch.nn.modules.{}\n"
        "  gives     {}\n"
        "  out_dims  {}\n"
        "  fix: name each axis of each result, in order; "
        "None stands for a result that is not used."
    )
    cases: list[tuple[torch.nn.Module, Any, str, str, str]] = [
        (torch.nn.Linear(4, 5), (time, hidden), "linear.Linear", "float32[5, 5]",
         "(time, hidden:6)"),
        (torch.nn.Linear(4, 6), (..., time, hidden), "linear.Linear", "float32[5, 6]",
         "(..., time, hidden:6)"),
        (torch.nn.LSTM(4, 6), (time, hidden), "rnn.LSTM",
         "(float32[5, 6], (float32[1, 6], float32[1, 6]))", "(time, hidden:6)"),
        (torch.nn.Linear(4, 6), [(time, hidden), None], "linear.Linear", "float32[5, 6]",
         "((time, hidden:6), anything)"),
    ]  # fmt: skip
    for layer, out_dims, name, found, said in cases:
        wrapped = _wrap(layer, out_dims=out_dims)
        message = _fails(sf.DimError, lambda w=wrapped: w(x))
        assert message == text.format(name, found, said)


def test_other_inputs_than_said() -> None:
    x = sf.wrap(torch.zeros(5, 4), (time, mel))
    linear = _wrap(torch.nn.Linear(4, 6))
    assert _fails(sf.DimError, lambda: linear(x, x)).startswith(
        "wrap_module: the number of inputs cannot be 2."
    )
    assert _fails(sf.DimError, lambda: linear(sf.stack([x], batch))).startswith(
        "wrap_module: the dims named are not those of x."
    )
    assert _fails(sf.DTypeError, lambda: linear(torch.zeros(5, 4))).startswith("wrap_module: ")
    for wrong in (time, "time", ["time"], (time, "mel")):
        _fails(sf.DTypeError, lambda wrong=wrong: _wrap(torch.nn.Linear(4, 6), in_dims=wrong))
    for wrong in ((time, time), (..., mel, ...)):
        _fails(sf.DimError, lambda wrong=wrong: _wrap(torch.nn.Linear(4, 6), in_dims=wrong))
