"""Every native op, in every dtype: CUDA kernels against those of the CPU, gradients included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from devices import HAS_KERNELS, WITHOUT, cuda_kernels, to_device
from recorded_calls import Call, forward_ops, recorded

from seqfront import errors, native

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
# Of what is computed, and of what is rounded to the dtype of the inputs.
TOLERANCES = {
    torch.float64: (1e-9, 1e-9),
    torch.float32: (2e-5, 1e-4),
    torch.bfloat16: (2e-5, 2e-2),
    torch.float16: (2e-5, 4e-3),
}
PRODUCTS = {"joint_rnnt", "head_log_probs", "few_rows", "joint_top_labels"}
"""What they compute on the way may be of the dtype of the inputs, too."""


def _in_dtype(call: Call, dtype: torch.dtype) -> list[torch.Tensor | None]:
    """The inputs of a call in another dtype; lattices of half precision are float32."""
    lattice = torch.float64 if dtype is torch.float64 else torch.float32
    kinds = {"T": dtype, "L": lattice}
    specs = native.ops()[call.op].inputs
    return [
        x if x is None or spec.type not in kinds else x.to(kinds[spec.type])
        for x, spec in zip(call.inputs, specs, strict=True)
    ]


def _run(call: Call, inputs: Sequence[torch.Tensor | None]) -> tuple[list[Any], list[Any]]:
    """Results, and gradients of what has one: of the sum of results times 1, 2, 3, ..."""
    op = native.ops()[call.op]
    leaves = [
        x.detach().requires_grad_() if x is not None and spec.differentiable else x
        for x, spec in zip(inputs, op.inputs, strict=True)
    ]
    found = getattr(torch.ops.seqfront, call.op).default(*leaves, *call.attributes)
    outputs = [found] if isinstance(found, torch.Tensor) else list(found)
    results = [outputs[i] for i in op.results]
    if not op.differentiable:
        return results, []
    loss = next(x for x in results if x.requires_grad)
    weights = torch.arange(1, loss.numel() + 1, device=loss.device, dtype=loss.dtype)
    finite = torch.where(loss.isfinite(), loss, 0.0)
    wanted = [x for x in leaves if x is not None and x.requires_grad]
    grads = torch.autograd.grad((finite.flatten() * weights).sum(), wanted)
    return [x.detach() for x in results], list(grads)


def _on_cpu(call: Call, dtype: torch.dtype) -> Any:
    try:
        return _run(call, _in_dtype(call, dtype))
    except errors.NativeError:
        return None  # not of this dtype


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", forward_ops())
def test_as_on_the_cpu(name: str, dtype: torch.dtype) -> None:
    calls = recorded()[name]
    assert calls, "no call of this op is known: add one to recorded_calls.py"
    if HAS_KERNELS and name in WITHOUT:
        for call in calls:
            _is_refused(call, dtype)
        return
    compared = 0
    for call in calls:
        expected = _on_cpu(call, dtype)
        if expected is None:
            continue
        with cuda_kernels():
            found = _run(call, [to_device(x) for x in _in_dtype(call, dtype)])
        _same(call, dtype, found, expected)
        compared += 1
    assert compared or dtype is torch.float16, "nothing was compared"


def _is_refused(call: Call, dtype: torch.dtype) -> None:
    """By name."""
    inputs = [to_device(x) for x in _in_dtype(call, dtype)]
    with cuda_kernels(), pytest.raises(errors.NativeError, match="has no CUDA kernel yet"):
        _run(call, inputs)


def _same(call: Call, dtype: torch.dtype, found: Any, expected: Any) -> None:
    computed, rounded = TOLERANCES[dtype]
    for place, (mine, theirs) in enumerate(zip(found[0], expected[0], strict=True)):
        if not theirs.is_floating_point() and dtype in (torch.bfloat16, torch.float16):
            continue  # of what is equal in such coarse numbers either may be chosen
        allowed = rounded if theirs.dtype is dtype or call.op in PRODUCTS else computed
        _close(f"{call.case}, result {place}", mine, theirs, allowed)
    for place, (mine, theirs) in enumerate(zip(found[1], expected[1], strict=True)):
        _close(f"{call.case}, gradient {place}", mine, theirs, rounded)


def _close(where: str, mine: torch.Tensor, theirs: torch.Tensor, allowed: float) -> None:
    scale = 1.0
    if theirs.is_floating_point() and theirs.numel():
        scale = float(theirs.double().nan_to_num(0, 0, 0).abs().max().clamp_min(1.0))
    torch.testing.assert_close(
        mine.cpu(), theirs, rtol=allowed, atol=allowed * scale, equal_nan=True,
        msg=lambda text: f"{where}: {text}",
    )  # fmt: skip


@pytest.mark.skipif(not HAS_KERNELS, reason="needs CUDA kernels: make test-gpu")
def test_results_are_the_same_from_run_to_run() -> None:
    """To the last bit, gradients included."""
    for name in forward_ops():
        if name in WITHOUT:
            continue
        for call in recorded()[name][:3]:
            inputs = [to_device(x) for x in _in_dtype(call, torch.float32)]
            with cuda_kernels():
                first, second = _run(call, inputs), _run(call, inputs)
            for a, b in zip(first[0] + first[1], second[0] + second[1], strict=True):
                assert torch.equal(_bits(a), _bits(b)), call.case


def _bits(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous().view(torch.uint8)


def test_every_op_is_tried() -> None:
    assert [name for name, calls in recorded().items() if not calls] == []
