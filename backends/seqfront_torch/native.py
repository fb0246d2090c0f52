"""The native ops as PyTorch operators, with their gradients.

Importing this module registers every op that the library declares as `torch.ops.seqfront.*`; they
work in eager mode, under `torch.compile` and in `torch.export`. An op that the declaration calls
differentiable has a backward half, an operator of its own.

The kernels read strided inputs wherever they lie, and their gradients take the same strides. Only
the last axis has to be contiguous; what does not fit is copied. On a GPU they run on the current
stream; lengths and labels may be on the CPU and are then copied, which a CUDA graph cannot hold.

With the attribute `reuse`, the gradient of the reusable input is written over that input, which the
caller must not read again. That is a third operator, which PyTorch knows to change its argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import torch

from seqfront import errors, native
from seqfront.native import ArraySpec, Buffer, NativeOp
from seqfront_torch.inspection import DTYPES, NAMES

_library = torch.library.Library("seqfront", "DEF")
_operators: dict[str, Callable[..., Any]] = {}


def call(
    name: str, inputs: Sequence[torch.Tensor | None], attributes: Mapping[str, float]
) -> tuple[torch.Tensor, ...]:
    """The results of an op of `seqfront.native.ops()`."""
    op = native.ops()[name]
    if not op.differentiable:
        attributes = {key: value for key, value in attributes.items() if key != "reuse"}
    # By name, and only what was given: Dynamo makes symbols of floats that it finds in tables.
    results = _operators[name](*op.completed(inputs), **attributes)
    if isinstance(results, torch.Tensor):
        return (results,)
    return tuple(results[i] for i in op.results)


# -- kernels --------------------------------------------------------------------------------------


def _readable(x: torch.Tensor | None, spec: ArraySpec, device: torch.device) -> torch.Tensor | None:
    if x is None:
        return None
    if spec.type == "int32" and (x.dtype is not torch.int32 or x.device != device):
        x = x.to(device, torch.int32)
    if spec.strided and x.stride(-1) == 1:
        return x
    return x.contiguous()


def _buffer(x: torch.Tensor) -> Buffer:
    return Buffer(x.data_ptr(), tuple(x.shape), x.stride(), NAMES[x.dtype])


def _outputs(op: NativeOp, inputs: Sequence[torch.Tensor | None]) -> list[torch.Tensor]:
    """Memory for the outputs; a gradient lies as its input does."""
    element = op.element_dtype([None if x is None else NAMES[x.dtype] for x in inputs])
    shapes = op.output_shapes([None if x is None else x.shape for x in inputs])
    first = next(x for x in inputs if x is not None)
    outputs: list[torch.Tensor] = []
    for spec, source, shape in zip(op.outputs, op.gradient_of, shapes, strict=True):
        like = inputs[source] if spec.strided and source is not None else None
        if like is not None:
            outputs.append(torch.empty_like(like))
        else:
            outputs.append(first.new_empty(shape, dtype=DTYPES[spec.dtype(element)]))
    return outputs


def _device(op: NativeOp, pairs: Sequence[tuple[torch.Tensor | None, ArraySpec]]) -> torch.device:
    """Where an op runs: that of its floating inputs. (Lengths and labels follow.)"""
    given = [(x, spec) for x, spec in pairs if x is not None]
    first, *others = [pair for pair in given if pair[1].type != "int32"] or given[:1]
    for x, spec in others:
        if x.device != first[0].device:
            raise errors.native_mixed_devices(
                op.name, (first[1].name, str(first[0].device)), (spec.name, str(x.device))
            )
    return first[0].device


def _split(op: NativeOp, values: Sequence[Any]) -> tuple[list[Any], list[float]]:
    """Inputs, ready to be read, and attributes. (PyTorch leaves defaults out at the end.)"""
    count = len(op.inputs)
    given = values[count : count + len(op.attributes)]
    pairs = list(zip(op.completed(values[:count]), op.inputs, strict=True))
    device = _device(op, pairs)
    inputs = [_readable(x, spec, device) for x, spec in pairs]
    return inputs, [*map(float, given), *(a.default for a in op.attributes[len(given) :])]


def _run(
    op: NativeOp, inputs: Sequence[Any], arguments: list[float], outputs: Sequence[torch.Tensor]
) -> None:
    sources = [None if x is None else _buffer(x) for x in inputs]
    results = [_buffer(x) for x in outputs]
    device = outputs[0].device
    if device.type == "cuda":
        _run_cuda(op, sources, arguments, results, device)
    else:
        native.call(op, sources, arguments, results, torch.get_num_threads())


def _run_cuda(
    op: NativeOp,
    inputs: Sequence[Buffer | None],
    arguments: list[float],
    outputs: Sequence[Buffer],
    device: torch.device,
) -> None:
    """On the current stream, in memory of PyTorch's; nothing here waits for the GPU.

    The workspace is freed on return, while kernels may still run: PyTorch gives it to nothing but
    later work of the same stream, as it does with outputs that nobody keeps.
    """
    memory: list[torch.Tensor] = []

    def allocate(count: int) -> int:
        memory.append(torch.empty(count, dtype=torch.uint8, device=device))
        return memory[0].data_ptr()

    stream = torch.cuda.current_stream(device)
    index, address = stream.device_index, stream.cuda_stream
    native.call_cuda(op, inputs, arguments, outputs, allocate, index, address)


def _kernel(op: NativeOp) -> Callable[..., Any]:
    def kernel(*values: Any) -> Any:
        inputs, arguments = _split(op, values)
        outputs = _outputs(op, inputs)
        _run(op, inputs, arguments, outputs)
        return _returned(outputs)

    return kernel


def _fake(op: NativeOp) -> Callable[..., Any]:
    def fake(*values: Any) -> Any:
        return _returned(_outputs(op, _split(op, values)[0]))

    return fake


def _returned(outputs: Sequence[torch.Tensor]) -> Any:
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


def _reused(backward: NativeOp) -> tuple[int, int]:
    """The input that the gradient may overwrite, and which output that is."""
    for index, (output, source) in enumerate(
        zip(backward.outputs, backward.gradient_of, strict=True)
    ):
        if output.reusable and source is not None:
            return source, index
    return -1, -1


def _reusing_kernel(backward: NativeOp) -> Callable[..., Any]:
    """The backward half, with one gradient over its input and the others returned."""
    source, index = _reused(backward)

    def kernel(*values: Any) -> Any:
        inputs, arguments = _split(backward, values)
        outputs = _outputs(backward, inputs)
        outputs[index] = inputs[source]
        _run(backward, inputs, arguments, outputs)
        if inputs[source] is not values[source]:
            values[source].copy_(inputs[source])
        return _rest(outputs, index)

    return kernel


def _rest(outputs: Sequence[torch.Tensor], index: int) -> Any:
    rest = [x for i, x in enumerate(outputs) if i != index]
    return None if not rest else _returned(rest)


# -- autograd -------------------------------------------------------------------------------------


def _differentiate(op: NativeOp, backward: NativeOp, half: Any, reusing: Any) -> None:
    """Register the gradient of an op, and that this gradient has none."""
    count = len(op.inputs)
    result = next(i for i, output in enumerate(op.outputs) if output.differentiable)
    saved = [i for i, output in enumerate(op.outputs) if output.saved]
    differentiable = [i for i, spec in enumerate(op.inputs) if spec.differentiable]
    source, reused_output = _reused(backward)

    def save(ctx: Any, inputs: Any, output: Any) -> None:
        outputs = (output,) if isinstance(output, torch.Tensor) else output
        ctx.save_for_backward(*inputs[:count], *(outputs[i] for i in saved))
        ctx.arguments = inputs[count:-1]
        ctx.reuse = inputs[-1] and source >= 0
        ctx.mark_non_differentiable(*(x for i, x in enumerate(outputs) if i != result))
        ctx.set_materialize_grads(False)

    def gradient(ctx: Any, *grads: Any) -> Any:
        found: list[Any] = [None] * (count + len(op.attributes) + 1)
        if grads[result] is None:
            return tuple(found)
        tensors = ctx.saved_tensors
        if ctx.reuse:
            values = [x.detach() if i == source else x for i, x in enumerate(tensors)]
            rest = reusing(*values, grads[result], *ctx.arguments)
            outputs = [] if rest is None else [rest] if isinstance(rest, torch.Tensor) else [*rest]
            outputs.insert(reused_output, values[source])
        else:
            made = half(*tensors, grads[result], *ctx.arguments)
            outputs = [made] if isinstance(made, torch.Tensor) else [*made]
        for index, grad in zip(differentiable, outputs, strict=True):
            found[index] = None if tensors[index] is None else grad
        return tuple(found)

    def refuse(ctx: Any, *grads: Any) -> NoReturn:
        raise errors.no_second_derivative(op.name)

    torch.library.register_autograd(
        f"seqfront::{op.name}", gradient, setup_context=save, lib=_library
    )
    torch.library.register_autograd(f"seqfront::{backward.name}", refuse, lib=_library)


# -- registration ---------------------------------------------------------------------------------


def _signature(op: NativeOp, mutated: int = -1) -> str:
    tensors: list[str] = []
    for index, spec in enumerate(op.inputs):
        kind = "Tensor(a!)" if index == mutated else "Tensor?" if spec.optional else "Tensor"
        tensors.append(f"{kind} {spec.name}")
    return ", ".join(
        [*tensors, *(f"{a.type} {a.name}={a.typed(a.default)!r}" for a in op.attributes)]
    )


def _tensors(count: int) -> str:
    return "()" if count == 0 else "Tensor" if count == 1 else f"({', '.join(['Tensor'] * count)})"


def _define(name: str, schema: str, kernel: Any, fake: Any) -> Any:
    """Define one operator and give it its kernels."""
    _library.define(f"{name}{schema}", tags=(torch.Tag.pt2_compliant_tag,))
    for device in ("CPU", "CUDA"):
        _library.impl(name, kernel, device)
    torch.library.register_fake(f"seqfront::{name}", fake, lib=_library)
    return getattr(torch.ops.seqfront, name).default


def _define_op(op: NativeOp) -> Any:
    extra = ", bool reuse=False" if op.differentiable else ""
    schema = f"({_signature(op)}{extra}) -> {_tensors(len(op.outputs))}"
    return _define(op.name, schema, _kernel(op), _fake(op))


def _define_reusing(backward: NativeOp) -> Any:
    source, index = _reused(backward)
    if source < 0:
        return None

    def fake(*values: Any) -> Any:
        return _rest(_outputs(backward, _split(backward, values)[0]), index)

    schema = f"({_signature(backward, source)}) -> {_tensors(len(backward.outputs) - 1)}"
    return _define(f"{backward.name}_", schema, _reusing_kernel(backward), fake)


def _look_up(op: NativeOp) -> Any:
    """What `call` reads, before a trace does: TorchDynamo knows no lock, and Python 3.11 takes one
    the first time."""
    return op.arguments({}), op.results


def register() -> None:
    """Register all ops of the library; without it, `call` says so."""
    try:
        table = native.ops()
    except errors.NativeError:
        return
    for op in table.values():
        _operators[op.name] = _define_op(op)
        _look_up(op)
    if torch.version.cuda is not None:
        native.cuda_kernels()  # before a trace asks
    for op in table.values():
        if op.differentiable:
            backward = table[f"{op.name}_backward"]
            reusing = _define_reusing(backward)
            _differentiate(op, backward, _operators[backward.name], reusing)
