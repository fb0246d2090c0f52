"""Batch normalisation that padding has no part in."""

from __future__ import annotations

from seqfront import align, dtypes, errors
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter
from seqfront.ops import create, elementwise, reduce
from seqfront.ops.dtype import cast, widened
from seqfront.ops.gradient import stop_gradient
from seqfront.ops.mask import clean, data_mask
from seqfront.tensor import Tensor


class BatchNorm(Module):
    """Each feature to mean 0 and variance 1 over all data of a batch, then scaled and shifted
    (Ioffe & Szegedy 2015, arXiv:1502.03167).

    While training, mean and variance are those of the batch, and running averages of them are kept;
    otherwise the running ones are used. A batch without any data changes nothing.

    Args:
        dim: The features; static. All other dims are averaged over.
        momentum: Weight of a new batch in the running averages, as in PyTorch (Keras counts the
            other way round: 0.99 there is 0.01 here). Running variances are unbiased.
        epsilon: Added to the variance.

    Example:
        >>> import numpy as np, seqfront as sf
        >>> batch, time = sf.Dim("batch"), sf.Dim("time")
        >>> one = sf.Dim("one", 1)
        >>> x = np.array([[[1.0], [3.0]], [[5.0], [np.nan]]], "float32")
        >>> norm = sf.nn.BatchNorm(one)
        >>> y = norm(sf.wrap(x, (batch, time, one), lengths={time: [2, 1]}))
        >>> norm.running_mean.numpy()
        array([0.3], dtype=float32)
    """

    def __init__(self, dim: Dim, *, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        if not isinstance(momentum, (int, float)) or not 0.0 <= momentum <= 1.0:  # pyright: ignore[reportUnnecessaryIsInstance]
            fix = "it is the weight of a new batch in the running averages."
            raise errors.bad_argument("BatchNorm", "momentum", momentum, "0 to 1", fix)
        self.dim = dim
        self.momentum = momentum
        self.epsilon = epsilon
        self.scale = Parameter((dim,), 1.0)
        self.bias = Parameter((dim,), 0.0)
        self.running_mean = Parameter((dim,), 0.0, trainable=False)
        self.running_variance = Parameter((dim,), 1.0, trainable=False)

    def __call__(self, x: Tensor) -> Tensor:
        """[..., dim] -> the same dims, float. Statistics have at least float32 precision."""
        align.check("BatchNorm", x, self.dim)
        x = widened(x)
        dtype = dtypes.to_float(x.dtype)
        wide = cast(clean(x), dtypes.promote(dtype, "float32"))
        if self.training:
            mean, variance = self._of_batch(wide)
        else:
            mean = cast(self.running_mean, wide.dtype)
            variance = cast(self.running_variance, wide.dtype)
        y = (wide - mean) * elementwise.rsqrt(variance + self.epsilon)
        return cast(y * self.scale + self.bias, dtype)

    def _of_batch(self, x: Tensor) -> tuple[Tensor, Tensor]:
        others = tuple(dim for dim in x.dims if dim is not self.dim)
        if not others:
            raise errors.bad_argument(
                "BatchNorm",
                "x",
                x,
                "at least one dim besides the features",
                "one vector has no variance: call eval(), or give a batch.",
            )
        mean = reduce.mean(x, axis=others)
        centred = x - mean
        variance = reduce.mean(centred * centred, axis=others)
        self._keep(mean, variance, self._count(x, others))
        return mean, variance

    def _count(self, x: Tensor, others: tuple[Dim, ...]) -> Raw:
        """How many vectors there are, as a scalar."""
        ones = create.ones(others, dtype=x.dtype, like=x)
        data = data_mask(x)
        if data is not None:
            ones = elementwise.where(data, ones, 0.0)
        return reduce.sum(ones, axis=others, mask=False).raw

    def _keep(self, mean: Tensor, variance: Tensor, count: Raw) -> None:
        backend = mean.backend
        b = backend.binary
        some = b("gt", count, 0.0)
        weight = backend.where(some, self.momentum, backend.full_like(count, 0.0))
        unbiased = b("div", count, b("max", b("sub", count, 1.0), 1.0))
        spread = b("mul", stop_gradient(variance).raw, unbiased)
        for kept, new in (
            (self.running_mean, stop_gradient(mean).raw),
            (self.running_variance, spread),
        ):
            old = backend.cast(kept.raw, mean.dtype)
            value = b("add", old, b("mul", weight, b("sub", new, old)))
            backend.assign(kept.raw, backend.cast(value, kept.dtype))
