"""Normalisation of vectors, and of groups of them."""

from __future__ import annotations

from collections.abc import Sequence

from seqfront import align, dtypes, errors, precision
from seqfront.dim import Dim
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter
from seqfront.ops import elementwise, reduce, shape
from seqfront.ops.dtype import cast, widened
from seqfront.ops.mask import clean
from seqfront.tensor import Tensor


class LayerNorm(Module):
    """Each vector over one dim to mean 0 and variance 1, then scaled and shifted
    (Ba et al. 2016, arXiv:1607.06450).

    Args:
        dim: The dim of the vectors; static.
        epsilon: Added to the variance.
    """

    def __init__(self, dim: Dim, *, epsilon: float = 1e-5) -> None:
        self.dim = dim
        self.epsilon = epsilon
        self.scale = Parameter((dim,), 1.0)
        self.bias = Parameter((dim,), 0.0)

    def __call__(self, x: Tensor) -> Tensor:
        """[..., dim] -> the same dims; float, in what `x` and the parameters promote to."""
        if not isinstance(x, Tensor) or not x.dims or x.dims[-1] is not self.dim:  # pyright: ignore[reportUnnecessaryIsInstance]
            align.check("LayerNorm", x, self.dim)
            rest = tuple([dim for dim in x.dims if dim is not self.dim])
            x = align.ordered(x, (*rest, self.dim))
        if x.untrusted:
            x = clean(x)
        backend, raw, scale, bias = x.backend, x.raw, self.scale.raw, self.bias.raw
        dtype = precision.sum_dtype(backend.dtype(raw))
        types = [backend.dtype(raw), backend.dtype(scale), backend.dtype(bias)]
        if types.count(dtype) != len(types):
            dtype = dtypes.promote(dtype, types[1])
            raw, scale, bias = (backend.cast(part, dtype) for part in (raw, scale, bias))
        y = backend.layer_norm(raw, scale, bias, self.epsilon)
        return Tensor(y, x.dims, x.lengths_table, backend=backend)


class RMSNorm(Module):
    """Each vector over one dim divided by its root mean square, then scaled
    (Zhang & Sennrich 2019, arXiv:1910.07467).

    Args:
        dim: The dim of the vectors; static.
        epsilon: Added to the mean square.

    Example:
        >>> import seqfront as sf
        >>> two = sf.Dim("two", 2)
        >>> norm = sf.nn.RMSNorm(two, epsilon=0.0)
        >>> norm(sf.full((two,), -3.0)).numpy()
        array([-1., -1.], dtype=float32)
    """

    def __init__(self, dim: Dim, *, epsilon: float = 1e-6) -> None:
        self.dim = dim
        self.epsilon = epsilon
        self.scale = Parameter((dim,), 1.0)

    def __call__(self, x: Tensor) -> Tensor:
        """[..., dim] -> the same dims, float."""
        align.check("RMSNorm", x, self.dim)
        x = widened(cast(clean(x), dtypes.to_float(x.dtype)))
        square = reduce.mean(x * x, axis=self.dim)
        return x * elementwise.rsqrt(square + self.epsilon) * self.scale


class GroupNorm(Module):
    """Features in groups, each group of each sequence to mean 0 and variance 1, then scaled and
    shifted by feature (Wu & He 2018, arXiv:1803.08494).

    One group is layer normalisation over features and positions together; as many groups as
    features is instance normalisation.

    Args:
        dim: The features; static.
        groups: Number of groups; divides the size of `dim`.
        epsilon: Added to the variance.

    Example:
        >>> import numpy as np, seqfront as sf
        >>> time, four = sf.Dim("time"), sf.Dim("four", 4)
        >>> x = sf.wrap(np.array([[0.0, 2.0, 5.0, 7.0]]), (time, four))
        >>> sf.nn.GroupNorm(four, 2)(x, axis=time).numpy().round(3)
        array([[-1.,  1., -1.,  1.]])
    """

    def __init__(self, dim: Dim, groups: int, *, epsilon: float = 1e-5) -> None:
        if not isinstance(groups, int) or groups < 1 or (dim.size or 0) % groups:  # pyright: ignore[reportUnnecessaryIsInstance]
            needed = f"a divisor of {dim!r}"
            fix = "groups cut the features into equal parts."
            raise errors.bad_argument("GroupNorm", "groups", groups, needed, fix)
        self.dim = dim
        self.epsilon = epsilon
        self.scale = Parameter((dim,), 1.0)
        self.bias = Parameter((dim,), 0.0)
        self.group = Dim("group", groups)
        self.within = Dim("within", (dim.size or 0) // groups)

    def __call__(self, x: Tensor, *, axis: Dim | Sequence[Dim]) -> Tensor:
        """Normalise.

        Args:
            x: [..., dim], float or converted to it.
            axis: The dims besides the features whose positions share a mean and a variance: time,
                or time and frequency; their padding has no part in it. `()`: each vector by itself.

        Returns:
            The same dims, float. A sequence of length zero stays empty.
        """
        axes = align.distinct("GroupNorm", (axis,) if isinstance(axis, Dim) else axis)
        align.check("GroupNorm", x, self.dim, *axes)
        x = widened(cast(clean(x), dtypes.to_float(x.dtype)))
        grouped = shape.split_dim(x, self.dim, (self.group, self.within))
        over = (self.within, *axes)
        centred = grouped - reduce.mean(grouped, axis=over)
        variance = reduce.mean(centred * centred, axis=over)
        y = centred * elementwise.rsqrt(variance + self.epsilon)
        merged = shape.merge_dims(y, (self.group, self.within), self.dim)
        return merged * self.scale + self.bias
