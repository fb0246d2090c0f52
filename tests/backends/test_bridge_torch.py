"""seqfront_torch.module: the model as an nn.Module that owns the parameters."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bridge_model import (
    KEYS,
    arrays,
    batch,
    hidden,
    inputs,
    mel,
    model,
    outputs,
    reference,
    time,
)
from torch._dynamo.utils import counters

import seqfront as sf
import seqfront_torch

SHAPES = [(3, 9), (2, 6), (4, 11), (5, 12)]


@pytest.fixture
def net() -> Any:
    return seqfront_torch.module(model("torch")).eval()


def _close(y: sf.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(outputs(y), expected, atol=1e-5)


# -- the mirror ------------------------------------------------------------------------------------


def test_keys_are_attribute_paths(net: Any) -> None:
    assert sorted(net.state_dict()) == sorted(KEYS)
    assert sorted(net.seqfront_module.named_parameters()) == sorted(KEYS)
    assert [name for name, _ in net.named_buffers()] == ["shift"]
    assert isinstance(net.get_parameter("layers.0.weight"), torch.nn.Parameter)


def test_values_are_those_of_every_other_backend(net: Any) -> None:
    _close(net(inputs("torch", 3, 9)), reference(3, 9))


@pytest.mark.parametrize("backend", ["numpy", "tensorflow"])
def test_parameters_of_other_backends_are_converted(backend: str) -> None:
    if backend == "tensorflow":
        pass
    net = seqfront_torch.module(model(backend)).eval()
    _close(net(inputs("torch", 3, 9)), reference(3, 9))


def test_torch_parameters_are_adopted_as_they_are() -> None:
    m = model("torch")
    before = m.output.weight.raw
    assert seqfront_torch.module(m).output.weight is before
    assert m.output.weight.raw is before


def test_a_model_has_one_mirror(net: Any) -> None:
    m = net.seqfront_module
    assert seqfront_torch.module(m) is net
    assert seqfront_torch.module(m.conv) is net.conv


def test_a_mirror_of_a_part_becomes_part_of_the_whole() -> None:
    m = model("torch")
    part = seqfront_torch.module(m.conv)
    assert seqfront_torch.module(m).conv is part


def test_new_parameters_are_taken_up_by_calling_again(net: Any) -> None:
    net.seqfront_module.extra = sf.nn.Parameter((mel,), 1.0)
    assert "extra" not in net.state_dict()
    assert seqfront_torch.module(net.seqfront_module) is net
    assert "extra" in net.state_dict()


def test_train_and_eval_reach_the_model(net: Any) -> None:
    m = net.seqfront_module
    assert not m.layers[1].training
    net.train()
    assert m.training
    assert m.layers[1].training
    net.layers.eval()
    assert m.training
    assert not m.layers[1].training


def test_parts_can_be_called(net: Any) -> None:
    assert mel in net.norm(inputs("torch", 2, 5)).dims
    with pytest.raises(sf.BackendError, match="this is no seqfront module"):
        net.layers(inputs("torch", 2, 5))


def test_printing_names_the_modules(net: Any) -> None:
    assert repr(net).splitlines()[:3] == ["Model(", "  (norm): LayerNorm()", "  (conv): Conv1d()"]


def test_only_modules_have_mirrors() -> None:
    with pytest.raises(sf.BackendError) as caught:
        seqfront_torch.module(torch.nn.Linear(1, 1))
    assert str(caught.value) == (
        "seqfront_torch.module: this is no seqfront module.\n"
        "  model  torch.nn.modules.linear.Linear\n"
        "  fix: pass an sf.nn.Module."
    )


# -- what PyTorch does to parameters ---------------------------------------------------------------


def test_training_changes_the_model(net: Any) -> None:
    x = inputs("torch", 3, 9)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        y = net(x)
        loss = sf.mean(y * y, axis=y.dims).raw
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert net.shift.grad is None


def test_load_state_dict() -> None:
    other = seqfront_torch.module(model("torch", seed=2)).eval()
    for assign in (False, True):
        mine = seqfront_torch.module(model("torch", seed=3)).eval()
        mine.load_state_dict(copy.deepcopy(other.state_dict()), assign=assign)
        _close(mine(inputs("torch", 3, 9)), reference(3, 9, seed=2))


def test_state_dict_through_a_file(net: Any, tmp_path: Path) -> None:
    torch.save(net.state_dict(), tmp_path / "model.pt")
    other = seqfront_torch.module(model("torch", seed=2)).eval()
    other.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    _close(other(inputs("torch", 3, 9)), reference(3, 9))


@pytest.mark.parametrize("how", ["deepcopy", "pickle", "torch.save", "of the model"])
def test_copies_are_independent(net: Any, how: str) -> None:
    if how == "deepcopy":
        other = copy.deepcopy(net)
    elif how == "pickle":
        other = pickle.loads(pickle.dumps(net))
    elif how == "torch.save":
        file = io.BytesIO()
        torch.save(net, file)
        file.seek(0)
        other = torch.load(file, weights_only=False)
    else:
        other = seqfront_torch.module(copy.deepcopy(net.seqfront_module))
    assert other is not net
    assert seqfront_torch.module(other.seqfront_module) is other
    with torch.no_grad():
        for p in other.parameters():
            p.zero_()
    assert not other.seqfront_module.output.weight.numpy().any()
    assert net.seqfront_module.output.weight.numpy().any()
    if how in ("deepcopy", "of the model"):  # the dims are those of the original
        assert outputs(other(inputs("torch", 3, 9))).max() <= 0
    _close(net(inputs("torch", 3, 9)), reference(3, 9))


def test_conversion_of_dtype_and_device(net: Any) -> None:
    net.double()
    assert net.seqfront_module.shift.dtype == "float64"
    x, n = arrays(3, 9)
    y = net(sf.wrap(torch.tensor(x).double(), (batch, time, mel), lengths={time: torch.tensor(n)}))
    assert y.dtype == "float64"
    _close(y, reference(3, 9))
    net.to("meta")
    assert net.seqfront_module.shift.device == "meta"
    assert net.seqfront_module.output.weight.device == "meta"


def test_functional_call_uses_what_it_is_given(net: Any) -> None:
    other = model("torch", seed=2).named_parameters()
    values = {name: p.raw.detach() for name, p in other.items()}
    y = torch.func.functional_call(net, values, (inputs("torch", 3, 9),))
    _close(y, reference(3, 9, seed=2))
    _close(net(inputs("torch", 3, 9)), reference(3, 9))


def _loss(net: Any, values: Any, x: sf.Tensor) -> Any:
    y = torch.func.functional_call(net, values, (x,))
    return -sf.sum(y, axis=y.dims).raw


def test_torch_func_grad(net: Any) -> None:
    x = inputs("torch", 3, 9)
    values = {name: p.detach() for name, p in net.named_parameters()}
    grads = torch.func.grad(lambda v: _loss(net, v, x))(values)
    _loss(net, dict(net.named_parameters()), x).backward()
    for name, p in net.named_parameters():
        torch.testing.assert_close(grads[name], p.grad)


def test_torch_func_vmap_over_an_ensemble() -> None:
    nets = [seqfront_torch.module(FeedForward()).eval() for _ in range(3)]
    values, buffers = torch.func.stack_module_state(nets)
    x = sf.wrap(torch.randn(2, 5, 6), (batch, time, mel))

    def call(values: Any, buffers: Any, x: sf.Tensor) -> sf.Tensor:
        return torch.func.functional_call(nets[0], (values, buffers), (x,))

    y = torch.func.vmap(call, in_dims=(0, 0, None))(values, buffers, x)
    expected = torch.stack([net(x).raw for net in nets])
    torch.testing.assert_close(y.raw, expected)


class FeedForward(sf.nn.Module):
    def __init__(self) -> None:
        with sf.use_backend("torch"):
            self.norm = sf.nn.LayerNorm(mel)
            self.out = sf.nn.Linear(mel, sf.Dim("out", 3))

    def __call__(self, x: sf.Tensor) -> sf.Tensor:
        return sf.tanh(self.out(self.norm(x)))


def test_activation_checkpointing_takes_tensors(net: Any) -> None:
    from torch.utils.checkpoint import checkpoint

    x = inputs("torch", 3, 9)
    y = checkpoint(net, x, use_reentrant=False)
    _close(y, reference(3, 9))
    y.raw.sum().backward()
    assert net.norm.scale.grad is not None


# -- compiled --------------------------------------------------------------------------------------


def test_one_compile_for_all_shapes(net: Any) -> None:
    torch._dynamo.reset()
    counters.clear()
    compiled = torch.compile(net, fullgraph=True, dynamic=True, backend="aot_eager")
    for rows, frames in SHAPES:
        y = compiled(inputs("torch", rows, frames))
        _close(y, reference(rows, frames))
        y.raw.sum().backward()
    assert counters["stats"]["unique_graphs"] == 1
    assert net.norm.scale.grad is not None


def test_compiled_functional_call_uses_what_it_is_given(net: Any) -> None:
    other = model("torch", seed=2).named_parameters()
    values = {name: p.raw.detach() for name, p in other.items()}

    @torch.compile(fullgraph=True, dynamic=True, backend="aot_eager")
    def call(values: Any, x: sf.Tensor) -> sf.Tensor:
        return torch.func.functional_call(net, values, (x,))

    _close(call(values, inputs("torch", 3, 9)), reference(3, 9, seed=2))


def test_compiled_model_sees_assigned_parameters(net: Any) -> None:
    compiled = torch.compile(net, fullgraph=True, dynamic=True, backend="aot_eager")
    _close(compiled(inputs("torch", 3, 9)), reference(3, 9))
    net.load_state_dict(model_state(seed=2), assign=True)
    _close(compiled(inputs("torch", 3, 9)), reference(3, 9, seed=2))


def model_state(seed: int) -> dict[str, Any]:
    named = model("torch", seed).named_parameters()
    return {name: p.raw.detach().clone() for name, p in named.items()}


def test_compiled_steps_carry_their_state() -> None:
    with sf.use_backend("torch"):
        net = seqfront_torch.module(sf.nn.LSTM(mel, hidden))
    step = torch.compile(net, fullgraph=True, dynamic=True, backend="aot_eager")
    x = inputs("torch", 3, 4)
    expected, _ = net(x, axis=time)
    state = net.seqfront_module.initial_state((batch,), like=x)
    for i in range(4):
        y, state = step(sf.wrap(x.raw[:, i], (batch, mel)), axis=None, state=state)
        assert isinstance(state, sf.nn.LSTMState)
        torch.testing.assert_close(
            y.raw_in((batch, hidden))[0], expected.raw_in((batch, time, hidden))[0, i]
        )


def test_compiled_inductor(net: Any) -> None:
    compiled = torch.compile(net, fullgraph=True, dynamic=True)
    for rows, frames in SHAPES[:2]:
        _close(compiled(inputs("torch", rows, frames)), reference(rows, frames))


# -- exported --------------------------------------------------------------------------------------


class Raw(torch.nn.Module):
    """Plain tensors in and out: what is saved does not know dims."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Any, lengths: Any) -> Any:
        y = self.net(sf.wrap(x, (batch, time, mel), lengths={time: lengths}))
        half = time.ceil_div(2)
        return sf.mask_padding(y).raw_in((batch, half, y.dims[-1])), y.lengths(half).raw


@pytest.mark.parametrize("strict", [True, False])
def test_export_of_plain_tensors(net: Any, tmp_path: Path, strict: bool) -> None:
    x, n = map(torch.tensor, arrays(3, 9))
    rows, frames = torch.export.Dim("rows", min=2, max=64), torch.export.Dim("frames", min=4)
    program = torch.export.export(
        Raw(net), (x, n), dynamic_shapes=({0: rows, 1: frames}, {0: rows}), strict=strict
    )
    torch.export.save(program, tmp_path / "model.pt2")
    loaded = torch.export.load(tmp_path / "model.pt2").module()
    assert sorted(program.state_dict) == sorted(f"net.{key}" for key in KEYS)
    for shape in SHAPES:
        y, lengths = loaded(*map(torch.tensor, arrays(*shape)))
        np.testing.assert_allclose(y.detach().numpy(), reference(*shape), atol=1e-5)
        assert lengths.tolist() == [-(-n // 2) for n in arrays(*shape)[1].tolist()]


def test_export_of_named_tensors(net: Any) -> None:
    auto = torch.export.Dim.AUTO
    program = torch.export.export(
        net,
        (inputs("torch", 3, 9),),
        dynamic_shapes=(([{0: auto, 1: auto}, {0: auto}],),),
        strict=False,
    )
    for shape in SHAPES:
        _close(program.module()(inputs("torch", *shape)), reference(*shape))
