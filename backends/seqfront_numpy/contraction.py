"""Contract and transform: einsum, convolution, pooling, FFT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from seqfront_numpy.inspection import is_low_precision

_SPATIAL = "xyz"
_WINDOW = "uvw"


def _windows(
    x: np.ndarray, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> np.ndarray:
    """[batch, *spatial, channels] -> a view [batch, *spatial', channels, *window]."""
    rank = len(window)
    extents = tuple(d * (w - 1) + 1 for w, d in zip(window, dilations, strict=True))
    axes = tuple(range(1, rank + 1))
    missing = [max(e - n, 0) for e, n in zip(extents, x.shape[1:-1], strict=True)]
    padded = np.pad(x, [(0, 0), *((0, m) for m in missing), (0, 0)])
    view = sliding_window_view(padded, extents, axes)
    places = tuple(
        slice(0, 0) if m else slice(None, None, s) for m, s in zip(missing, strides, strict=True)
    )
    return view[(slice(None), *places, slice(None), *(slice(None, None, d) for d in dilations))]


class Contraction:
    """Group *contract and transform* of the seam."""

    def einsum(self, equation: str, *xs: np.ndarray) -> np.ndarray:
        """Explicit form with an arrow."""
        dtype = xs[0].dtype
        if is_low_precision(xs[0]):
            xs = tuple(x.astype(np.float32) for x in xs)
        return np.asarray(np.einsum(equation, *xs, optimize=True)).astype(dtype, copy=False)

    def conv(
        self,
        x: np.ndarray,
        kernel: np.ndarray,
        strides: Sequence[int],
        dilations: Sequence[int],
        groups: int,
    ) -> np.ndarray:
        """Cross-correlation: all windows, contracted with the kernel."""
        rank = len(strides)
        windows = _windows(x, kernel.shape[:rank], strides, dilations)
        space, window = _SPATIAL[:rank], _WINDOW[:rank]
        channels = windows.shape[: rank + 1]
        windows = windows.reshape(*channels, groups, x.shape[-1] // groups, *kernel.shape[:rank])
        kernel = kernel.reshape(*kernel.shape[:-1], groups, kernel.shape[-1] // groups)
        y = self.einsum(f"b{space}gi{window},{window}igo->b{space}go", windows, kernel)
        return y.reshape(*y.shape[:-2], y.shape[-2] * y.shape[-1])

    def conv_transpose(
        self, x: np.ndarray, kernel: np.ndarray, strides: Sequence[int]
    ) -> np.ndarray:
        """Add each input position's window into the result."""
        rank = len(strides)
        window = kernel.shape[:rank]
        spatial = x.shape[1:-1]
        sizes = [
            (n - 1) * s + w if n else 0 for n, s, w in zip(spatial, strides, window, strict=True)
        ]
        y = np.zeros((x.shape[0], *sizes, kernel.shape[-2]), x.dtype)
        if 0 in spatial:
            return y
        for offset in np.ndindex(*window):
            places = tuple(
                slice(o, o + (n - 1) * s + 1, s)
                for o, n, s in zip(offset, spatial, strides, strict=True)
            )
            y[(slice(None), *places)] += self.einsum("...o,io->...i", x, kernel[offset])
        return y

    def pool(
        self,
        name: Literal["max", "mean"],
        x: np.ndarray,
        window: Sequence[int],
        strides: Sequence[int],
    ) -> np.ndarray:
        """Greatest or mean of every window."""
        windows = _windows(x, window, strides, (1,) * len(window))
        axes = tuple(range(x.ndim, x.ndim + len(window)))
        y = windows.max(axes) if name == "max" else windows.mean(axes)
        return y.astype(x.dtype, copy=False)

    def rfft(self, x: np.ndarray, size: int) -> tuple[Any, Any]:
        """Real FFT of the last axis: real and imaginary parts."""
        y = np.fft.rfft(x, size)
        return y.real.astype(x.dtype), y.imag.astype(x.dtype)

    def irfft(self, real: np.ndarray, imaginary: np.ndarray, size: int) -> np.ndarray:
        """Inverse of `rfft`."""
        return np.fft.irfft(real + 1j * imaginary, size).astype(real.dtype)
