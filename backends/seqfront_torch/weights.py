"""Weights laid out for products of few rows; `seqfront_torch.pack` says which models have them.

In float32 the product is the native library's: it reads the weight once, from start to end, which
is as fast as memory is. bfloat16 goes to oneDNN, as processors have instructions for it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch._C._functorch import peek_interpreter_stack
from torch.autograd import forward_ad
from torch.compiler import is_compiling

from seqfront import errors, native
from seqfront_torch.few_rows import MOST_ROWS

_PANEL = 32
"""Columns that lie together (kPanelColumns of the native library)."""

_Product: TypeAlias = Callable[[torch.Tensor, int, torch.Tensor | None], torch.Tensor]
"""Of x [..., in] with so many rows, and the bias."""


class _Layout(NamedTuple):
    product: _Product
    panels: torch.Tensor | None
    """[in, out] in panels, if that is how it lies."""


class _Packed(NamedTuple):
    layout: _Layout
    of: weakref.ref[torch.Tensor]
    version: int
    address: int


_packed: dict[int, _Packed] = {}
"""Packed weights by the ids of the parameters that they are of, for as long as these live."""


def lay_out(weight: torch.Tensor) -> bool:
    """Lay a weight [in, out] out; whether that was possible."""
    layout = _LAYOUTS.get(weight.dtype)
    if layout is None or weight.device.type != "cpu":
        return False
    with torch.no_grad():
        made = layout(weight)
    if made is None:
        return False
    key = id(weight)
    reference = weakref.ref(weight, lambda _: _packed.pop(key, None))
    _packed[key] = _Packed(made, reference, weight._version, weight.data_ptr())
    return True


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor | None:
    """x weight + bias with the packed weight; None: there is none, or it is of no use here."""
    found = _found(weight)
    if found is None or not _fits(x, weight) or not (bias is None or _fits(bias, weight)):
        return None
    depth, rows = weight.shape[0], x.numel() // max(x.shape[-1], 1)
    if not 0 < rows <= MOST_ROWS or x.shape[-1] != depth:
        return None
    return found.product(x.contiguous(), rows, bias)


def panels(weight: torch.Tensor) -> torch.Tensor | None:
    """The weight [in, out] as it lies in panels, for native ops that read them; None: it does
    not."""
    found = _found(weight)
    return None if found is None else found.panels


def _found(weight: torch.Tensor) -> _Layout | None:
    """Of a weight that is as it was, where nothing follows what is computed."""
    if not _packed or is_compiling() or torch.is_grad_enabled():
        return None
    found = _packed.get(id(weight))
    if found is None or found.of() is not weight:
        return None
    if found.version != weight._version or found.address != weight.data_ptr():
        return None
    return None if _is_watched() else found.layout


def _fits(x: torch.Tensor, weight: torch.Tensor) -> bool:
    """Whether a tensor is memory of the CPU and nothing else, of the dtype of the weight."""
    return type(x) in _PLAIN and x.is_cpu and x.dtype == weight.dtype


_PLAIN = (torch.Tensor, torch.nn.Parameter)


def _is_watched() -> bool:
    """Whether something follows what is computed: a transform, a trace, a derivative forwards,
    autocast."""
    return (
        peek_interpreter_stack() is not None
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._get_tracing_state() is not None
        or forward_ad._current_level >= 0
        or torch.is_autocast_enabled("cpu")
    )


# -- layouts --------------------------------------------------------------------------------------


def _in_panels(weight: torch.Tensor) -> _Layout | None:
    """Columns in groups, one group after another, for `few_rows` of the native library."""
    try:
        call = native.library().call
    except errors.NativeError:
        return None
    depth, width = weight.shape
    panels = torch.cat([group.reshape(-1) for group in weight.split(_PANEL, 1)])
    extents, strides = (depth, width), (width, 1)

    # An operator of PyTorch's around it would cost more than it takes to multiply a small matrix.
    def product(x: torch.Tensor, rows: int, bias: torch.Tensor | None) -> torch.Tensor:
        y = x.new_empty((*x.shape[:-1], width))
        inputs = (
            (x.data_ptr(), _FLOAT32, (rows, depth), (depth, 1)),
            (panels.data_ptr(), _FLOAT32, extents, strides),
            None if bias is None else (bias.data_ptr(), _FLOAT32, bias.shape, bias.stride()),
        )
        output = (y.data_ptr(), _FLOAT32, (rows, width), strides)
        call("few_rows", inputs, (True,), (output,), torch.get_num_threads())
        return y

    return _Layout(product, panels.view(depth, width))


_FLOAT32 = 0
"""As the native library counts dtypes."""


def _by_onednn(weight: torch.Tensor) -> _Layout | None:
    """In a layout that oneDNN chooses."""
    if not torch.backends.mkldnn.is_available():
        return None
    laid_out = torch.ops.mkldnn._reorder_linear_weight(weight.t().contiguous(), None)

    def product(x: torch.Tensor, rows: int, bias: torch.Tensor | None) -> torch.Tensor:
        return torch.ops.mkldnn._linear_pointwise(x, laid_out, bias, "none", [], "")

    return _Layout(product, None)


_LAYOUTS = {torch.float32: _in_panels, torch.bfloat16: _by_onednn}
