"""Windows that slide along a dim: frames of a signal, contexts of a position."""

from __future__ import annotations

from seqfront import align, dtypes, errors
from seqfront.dim import Dim
from seqfront.ops.carry import carried
from seqfront.ops.mask import clean, masked
from seqfront.ops.window_geometry import Padding, margins, span_of, windows_over
from seqfront.tensor import Tensor


def window(
    x: Tensor,
    *,
    axis: Dim,
    window_dim: Dim,
    stride: int = 1,
    padding: Padding = "valid",
    value: float = 0,
) -> Tensor:
    """Each position with its neighbours, as one more dim.

    Where positions go is as for `conv`, and so are dims and lengths of the result.

    Args:
        x: Has `axis`.
        axis: The dim that windows slide along; each sequence is as if it were alone.
        window_dim: Static: positions of one window.
        stride: From one window to the next, at least 1.
        padding: What lies around the data: "valid" nothing, "same" as many windows as positions
            (divided by the stride, a rest counting), "causal" windows that end at their position,
            or how many positions before and after.
        value: What stands there.

    Returns:
        The same dims, with windows (as derived from `axis`) and `window_dim` for `axis`.

    Raises:
        DimError: The window has no static size, or is longer than a static `axis`.

    Example:
        >>> import seqfront as sf
        >>> time, context = sf.Dim("time"), sf.Dim("context", 3)
        >>> x = sf.wrap([1, 2, 3, 4], (time,))
        >>> sf.window(x, axis=time, window_dim=context, stride=2, padding="same").raw
        array([[0, 1, 2],
               [2, 3, 4]], dtype=int32)
    """
    align.distinct("window", (axis, window_dim))
    align.check("window", x, axis)
    span = span_of("window", window_dim, 1)
    if type(stride) is not int or stride < 1:
        raise errors.bad_argument("window", "stride", stride, "an int of at least 1", "stride=2.")
    left, right = margins("window", padding, span)
    dtypes.check_number("window", "value", value, x.dtype)
    backend, physical = x.backend, x.axis(axis)
    windows = windows_over("window", x, axis, span, (left, right), stride)
    before, after = x.dims[:physical], x.dims[physical + 1 :]
    dims = align.distinct("window", (*before, windows, window_dim, *after))
    raw = masked(clean(x), value, (axis,)).raw
    sides = [(left, right) if i == physical else (0, 0) for i in range(len(x.dims))]
    raw = backend.pad(raw, sides, value)
    size = backend.size(raw, physical)
    # a window for each position that one can end at: none, if all are too early
    ends = backend.slice(backend.arange(size, "int32", x.device), 0, span - 1, size, stride)
    offsets = backend.binary("sub", backend.arange(span, "int32", x.device), span - 1)
    places = backend.binary("add", backend.expand_dims(ends, (1,)), offsets)
    raw = backend.gather(raw, places, physical)
    table = carried(x, (axis,), lambda n: window(
        n, axis=axis, window_dim=window_dim, stride=stride, padding=padding
    ))  # fmt: skip
    return masked(Tensor(raw, dims, table, x.sparse_dim, backend=backend), 0)
