"""Contract and transform: einsum, convolution, pooling, FFT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch.nn import functional

_CONV: Sequence[Callable[..., torch.Tensor]] = (
    functional.conv1d,
    functional.conv2d,
    functional.conv3d,
)
_CONV_TRANSPOSE: Sequence[Callable[..., torch.Tensor]] = (
    functional.conv_transpose1d,
    functional.conv_transpose2d,
    functional.conv_transpose3d,
)
_POOL: dict[str, Sequence[Callable[..., torch.Tensor]]] = {
    "max": (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d),
    "mean": (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d),
}


class Contraction:
    """Group *contract and transform* of the seam."""

    def einsum(self, equation: str, *xs: torch.Tensor) -> torch.Tensor:
        """Explicit form with an arrow; what is a plain matrix product goes there directly."""
        if len(xs) == 2 and not torch.compiler.is_compiling():
            product = _products.get(equation)
            if product is None:
                product = _products[equation] = _product(equation)
            return product(equation, *xs)
        return torch.einsum(equation, *xs)

    def conv(
        self,
        x: torch.Tensor,
        kernel: torch.Tensor,
        strides: Sequence[int],
        dilations: Sequence[int],
        groups: int,
    ) -> torch.Tensor:
        """Cross-correlation, channels last."""
        rank = len(strides)
        window = kernel.shape[:rank]
        extents = [d * (w - 1) + 1 for w, d in zip(window, dilations, strict=True)]
        if _is_short(x, extents):
            return _nothing(x, kernel, _placed(x, extents, strides), kernel.shape[-1])
        alone = rank == 1 and kernel.shape[1] == 1 and kernel.shape[2] == groups
        if alone and torch.compiler.is_compiling():
            return _depthwise(x, kernel, strides[0], dilations[0])
        weight = kernel.permute(rank + 1, rank, *range(rank))
        y = _CONV[rank - 1](
            x.movedim(-1, 1), weight, None, tuple(strides), 0, tuple(dilations), groups
        )
        return y.movedim(1, -1)

    def conv_transpose(
        self, x: torch.Tensor, kernel: torch.Tensor, strides: Sequence[int]
    ) -> torch.Tensor:
        """The gradient of `conv`, channels last."""
        rank = len(strides)
        spatial, window = x.shape[1:-1], kernel.shape[:rank]
        if _is_short(x, (1,) * rank):
            sizes = [
                (n - 1) * s + w if n else 0
                for n, s, w in zip(spatial, strides, window, strict=True)
            ]
            return _nothing(x, kernel, sizes, kernel.shape[-2])
        weight = kernel.permute(rank + 1, rank, *range(rank))
        y = _CONV_TRANSPOSE[rank - 1](x.movedim(-1, 1), weight, None, tuple(strides))
        return y.movedim(1, -1)

    def pool(
        self,
        name: Literal["max", "mean"],
        x: torch.Tensor,
        window: Sequence[int],
        strides: Sequence[int],
    ) -> torch.Tensor:
        """Greatest or mean of every window, channels last."""
        if x.shape[0] == 0 or _is_short(x, window):
            return _nothing(x, x, _placed(x, window, strides), x.shape[-1])
        run = _POOL[name][len(window) - 1]
        return run(x.movedim(-1, 1), tuple(window), tuple(strides)).movedim(1, -1)

    def rfft(self, x: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Real FFT of the last axis: real and imaginary parts."""
        y = torch.fft.rfft(x, size)
        return y.real, y.imag

    def irfft(self, real: torch.Tensor, imaginary: torch.Tensor, size: int) -> torch.Tensor:
        """Inverse of `rfft`."""
        return torch.fft.irfft(torch.complex(real, imaginary), size)


def _depthwise(x: torch.Tensor, kernel: torch.Tensor, stride: int, gap: int) -> torch.Tensor:
    """Features by themselves, as products that the compiler fuses: of the gradient of PyTorch's own
    convolution it expects other strides than that has, and the graph fails."""
    seen = x.unfold(1, (kernel.shape[0] - 1) * gap + 1, stride)[..., ::gap]
    return (seen * kernel[:, 0].mT).sum(-1)


def _is_short(x: torch.Tensor, extents: Sequence[int]) -> bool:
    """Whether a window fits nowhere."""
    return any(n < extent for n, extent in zip(x.shape[1:-1], extents, strict=True))


def _placed(x: torch.Tensor, extents: Sequence[int], strides: Sequence[int]) -> list[int]:
    """How often a window fits, on each spatial axis."""
    return [
        0 if n < extent else (n - extent) // stride + 1
        for n, extent, stride in zip(x.shape[1:-1], extents, strides, strict=True)
    ]


def _nothing(
    x: torch.Tensor, kernel: torch.Tensor, spatial: Sequence[int], channels: int
) -> torch.Tensor:
    """An empty result that still depends on `x` and `kernel`, so that backward reaches them."""
    y = torch.zeros((x.shape[0], *spatial, channels), dtype=x.dtype, device=x.device)
    return y + x.sum() + kernel.sum()


# -- einsum as a matrix product: a quarter of the overhead for small tensors -----------------------


def _product(equation: str) -> Callable[..., torch.Tensor]:
    """How to run an equation of two operands: as `a @ b`, as `a @ b.mT`, or as what it is."""
    operands, result = equation.split("->")
    a, b = operands.split(",")
    lead, last = b[:-2], b[-2:]
    batched = not lead or (len(a) == len(b) and a.startswith(lead))
    if batched and len(a) >= 2 and len(b) >= 2 and a[-1] in last:
        free = last.replace(a[-1], "")
        if len(free) == 1 and result == a[:-1] + free:
            return _matmul if last[0] == a[-1] else _matmul_transposed
    return torch.einsum


def _matmul(equation: str, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.matmul(a, b)


def _matmul_transposed(equation: str, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.matmul(a, b.mT)


_products: dict[str, Callable[..., torch.Tensor]] = {}
