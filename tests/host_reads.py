"""A device without values, and a watch over what a program wants to know of values.

On a GPU the host runs ahead of the device as long as nobody asks for a value. What asks (`item`,
`nonzero`, an index of bools, a copy between devices) waits for all work under way, and no CUDA
graph can hold it. PyTorch's "meta" device stands for a GPU here: it has shapes and no values, is
not "cpu", and its tensors do not mix with those of others. `NoHostReads` says which operator it
was, and also sees what that device would let pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten

READS: frozenset[Any] = frozenset(
    {
        aten._local_scalar_dense,
        aten._pack_padded_sequence,
        aten._unique2,
        aten.bincount,
        aten.equal,
        aten.is_nonzero,
        aten.item,
        aten.masked_select,
        aten.nonzero,
        aten.unique_consecutive,
        aten.unique_dim,
    }
)
"""Operators whose result is on the host, or has an extent that is data."""

INDEXING = frozenset({aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_})
COPIES = frozenset({aten._to_copy, aten.copy_, aten.copy})
SENDERS = frozenset({torch.tensor, torch.as_tensor, torch.Tensor.new_tensor})


class HostReadError(AssertionError):
    """Something waited for the device."""


class NoHostReads(TorchDispatchMode):
    """Within it, what would wait for a device fails, or is counted.

    Args:
        device: The type of device that stands for a GPU; what others do does not matter.
        count_only: Write down in `reads`, and go on.
    """

    def __init__(self, device: str = "meta", count_only: bool = False) -> None:
        super().__init__()
        self.device = device
        self.count_only = count_only
        self.reads: list[str] = []
        self._functions = _Senders(self)

    def __enter__(self) -> NoHostReads:
        self._functions.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._functions.__exit__(*error)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """One operator."""
        named = dict(kwargs or {})
        if any(x.device.type == self.device for x in _tensors((args, named))):
            self.found(func, _reads(func, args, named))
        result = func(*args, **named)
        self.found(func, self._mixes(func, (args, named, result)))
        return result

    def found(self, what: object, why: str | None) -> None:
        """Something that waits."""
        if why is None:
            return
        self.reads.append(f"{what}: {why}")
        if not self.count_only:
            raise HostReadError(self.reads[-1])

    def _mixes(self, func: Any, tree: Any) -> str | None:
        """Tensors of more than one device; numbers (without axes, of the CPU) go with all."""
        moves = func.overloadpacket in COPIES
        devices = {
            x.device.type for x in _tensors(tree) if moves or x.ndim or x.device.type != "cpu"
        }
        if len(devices) < 2 or self.device not in devices:
            return None
        return f"tensors of {' and '.join(sorted(devices))}"


class _Senders(TorchFunctionMode):
    """`torch.tensor(values, device=...)` copies them there, which operators do not show."""

    def __init__(self, mode: NoHostReads) -> None:
        super().__init__()
        self.mode = mode

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """One function."""
        result = func(*args, **(kwargs or {}))
        if func in SENDERS and result.device.type == self.mode.device != "cpu":
            source = args[1] if func is torch.Tensor.new_tensor else args[0]
            if not isinstance(source, torch.Tensor):
                self.mode.found(func.__name__, f"values of the host on {result.device}")
        return result


def _reads(func: Any, args: Sequence[Any], named: Mapping[str, Any]) -> str | None:
    packet = func.overloadpacket
    if packet in READS:
        return "a value is wanted on the host"
    masks = (torch.bool, torch.uint8)
    if packet in INDEXING and any(x is not None and x.dtype in masks for x in args[1]):
        return "a mask as an index: its sum is wanted on the host"
    if func is aten.repeat_interleave.Tensor and named.get("output_size") is None:
        return "the sum of the repeats is wanted on the host"
    return None


def _tensors(tree: Any) -> Iterator[torch.Tensor]:
    return (x for x in tree_leaves(tree) if isinstance(x, torch.Tensor))


def reads(fn: Callable[[], Any], device: str = "meta") -> list[str]:
    """What a call wants to know of the values on a device."""
    with NoHostReads(device, count_only=True) as mode:
        fn()
    return mode.reads
