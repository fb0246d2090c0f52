"""The native lattice ops as PyTorch operators, registered from the table `seqfront.native.OPS`.

Each loss is two operators, `seqfront::ctc_forward` and `seqfront::ctc_backward`, so that a compiled
or exported graph holds them like any other. They are registered with `torch.library.Library` and
not with `torch.library.custom_op`, whose wrapper costs several times as much per call.

The kernels read the logits wherever they lie: any strides of batch, frame and label will do, and
the gradient takes the same strides. Only the classes have to be contiguous; they are copied if they
are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import torch

from seqfront import errors, native
from seqfront.native import Buffer, NativeOp
from seqfront_torch.inspection import DTYPES, NAMES

_library = torch.library.Library("seqfront", "DEF")
_operators: dict[str, Any] = {}


def call(
    op: str, inputs: Sequence[torch.Tensor], attributes: Mapping[str, int | bool]
) -> torch.Tensor:
    """The loss or distance of each sequence."""
    arguments = [attributes[name] for name in native.OPS[op].attributes]
    result = _operators[op](*inputs, *arguments)
    return result[0] if native.OPS[op].differentiable else result


def _buffer(x: torch.Tensor) -> Buffer:
    return Buffer(x.data_ptr(), tuple(x.shape), x.stride(), NAMES[x.dtype])


def _int32(x: torch.Tensor) -> torch.Tensor:
    if x.dtype is torch.int32 and x.is_contiguous():
        return x
    return x.to(torch.int32).contiguous()


def _readable(logits: torch.Tensor) -> torch.Tensor:
    """With contiguous classes."""
    return logits if logits.stride(-1) == 1 else logits.contiguous()


def _lattice_dtype(logits: torch.Tensor) -> torch.dtype:
    return DTYPES[native.lattice_dtype(NAMES[logits.dtype])]


# -- losses ---------------------------------------------------------------------------------------


def _results(op: NativeOp, logits: torch.Tensor, targets: torch.Tensor) -> Any:
    """Memory for `loss` and `saved`."""
    dtype = _lattice_dtype(logits)
    saved_shape = op.saved_shape(logits.shape, targets.shape[1])
    return logits.new_empty(logits.shape[0], dtype=dtype), logits.new_empty(
        saved_shape, dtype=dtype
    )


def _forward(op: NativeOp) -> Callable[..., Any]:
    def kernel(logits: Any, targets: Any, frames: Any, labels: Any, *attributes: Any) -> Any:
        logits = _readable(logits)
        inputs = [logits, _int32(targets), _int32(frames), _int32(labels)]
        loss, saved = _results(op, logits, targets)
        native.forward(
            op.name,
            [_buffer(x) for x in inputs],
            dict(zip(op.attributes, attributes, strict=True)),
            _buffer(loss),
            _buffer(saved),
            torch.get_num_threads(),
        )
        return loss, saved

    return kernel


def _backward(op: NativeOp) -> Callable[..., Any]:
    def kernel(
        logits: Any, targets: Any, frames: Any, labels: Any, saved: Any, upstream: Any,
        *attributes: Any,
    ) -> Any:  # fmt: skip
        logits = _readable(logits)
        inputs = [logits, _int32(targets), _int32(frames), _int32(labels)]
        upstream = upstream.contiguous()
        grad = torch.empty_like(logits)
        native.backward(
            op.name,
            [_buffer(x) for x in inputs],
            dict(zip(op.attributes, attributes, strict=True)),
            _buffer(saved),
            _buffer(upstream),
            _buffer(grad),
            torch.get_num_threads(),
        )
        return grad

    return kernel


def _fake_backward(logits: torch.Tensor, *rest: Any) -> torch.Tensor:
    return torch.empty_like(_readable(logits))


# -- autograd -------------------------------------------------------------------------------------


def _differentiate(op: NativeOp, backward: Any) -> None:
    """Register the gradient of a loss, and that this gradient has none."""
    nothing = (None,) * (len(op.inputs) - 1 + len(op.attributes))

    def save(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs[:4], output[1])
        ctx.attributes = inputs[4:]
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)

    def gradient(ctx: Any, grad_loss: Any, _: Any) -> Any:
        if grad_loss is None:
            return None, *nothing
        return backward(*ctx.saved_tensors, grad_loss, *ctx.attributes), *nothing

    def refuse(ctx: Any, grad: Any) -> NoReturn:
        raise errors.no_second_derivative(op.name)

    torch.library.register_autograd(
        f"seqfront::{op.name}_forward", gradient, setup_context=save, lib=_library
    )
    torch.library.register_autograd(f"seqfront::{op.name}_backward", refuse, lib=_library)


# -- edit distance --------------------------------------------------------------------------------


def _edit_distance(a: Any, a_lengths: Any, b: Any, b_lengths: Any) -> torch.Tensor:
    inputs = [_int32(x) for x in (a, a_lengths, b, b_lengths)]
    distance = torch.empty(a.shape[0], dtype=torch.int32)
    native.edit_distance([_buffer(x) for x in inputs], _buffer(distance), torch.get_num_threads())
    return distance


def _fake_edit_distance(a: Any, *rest: Any) -> torch.Tensor:
    return a.new_empty(a.shape[0], dtype=torch.int32)


# -- registration ---------------------------------------------------------------------------------


def _no_kernel(op: NativeOp) -> Callable[..., Any]:
    def kernel(first: torch.Tensor, *rest: Any) -> NoReturn:
        raise errors.native_device(op.name, str(first.device))

    return kernel


def _define(
    op: NativeOp, half: str, inputs: Sequence[str], outputs: str, cpu: Any, fake: Any
) -> Any:
    """Define one operator and give it its kernels."""
    name = op.name + half
    attributes = [f"{'int' if a == 'blank' else 'bool'} {a}" for a in op.attributes]
    arguments = ", ".join([*(f"Tensor {x}" for x in inputs), *attributes])
    _library.define(f"{name}({arguments}) -> {outputs}", tags=(torch.Tag.pt2_compliant_tag,))
    _library.impl(name, cpu, "CPU")
    _library.impl(name, _no_kernel(op), "CUDA")
    torch.library.register_fake(f"seqfront::{name}", fake, lib=_library)
    return getattr(torch.ops.seqfront, name).default


def _define_loss(op: NativeOp) -> Any:
    def fake(logits: Any, targets: Any, *rest: Any) -> Any:
        return _results(op, logits, targets)

    saved = (*op.inputs, "saved", "upstream")
    forward = _define(op, "_forward", op.inputs, "(Tensor, Tensor)", _forward(op), fake)
    backward = _define(op, "_backward", saved, "Tensor", _backward(op), _fake_backward)
    _differentiate(op, backward)
    return forward


for _op in native.OPS.values():
    if _op.differentiable:
        _operators[_op.name] = _define_loss(_op)
    else:
        _operators[_op.name] = _define(
            _op, "", _op.inputs, "Tensor", _edit_distance, _fake_edit_distance
        )
