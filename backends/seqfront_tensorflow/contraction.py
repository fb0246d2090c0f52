"""Contract and transform, without convolution: einsum, linear, FFT."""

from __future__ import annotations

import tensorflow as tf

from seqfront.backend import Raw
from seqfront_tensorflow import values

Op = tf.raw_ops


def matmul_last(x: Raw, weight: Raw, bias: Raw | None = None) -> Raw:
    """x [..., in], weight [in, out], bias [out] -> [..., out], as one product of two matrices.

    `tf.matmul` of more than two axes would make it a batch of small products.
    """
    if len(x.shape) == 2:
        y = Op.MatMul(a=x, b=weight)
        return y if bias is None else Op.BiasAdd(value=y, bias=bias)
    *lead, width = values.extents(x)
    rows = 1
    for size in lead:
        rows = rows * size
    y = Op.MatMul(a=Op.Reshape(tensor=x, shape=values.sizes((rows, width))), b=weight)
    if bias is not None:
        y = Op.BiasAdd(value=y, bias=bias)
    return Op.Reshape(tensor=y, shape=values.sizes((*lead, values.extents(weight)[1])))


class Contraction:
    """Group *contract and transform* of the seam, and `linear`."""

    def einsum(self, equation: str, *xs: Raw) -> Raw:
        """Explicit form with an arrow."""
        if xs[0].dtype.is_integer and xs[0].dtype.size < 4:  # TensorFlow has none of these
            wide = [Op.Cast(x=x, DstT=tf.int32) for x in xs]
            return Op.Cast(x=self.einsum(equation, *wide), DstT=xs[0].dtype)
        if len(xs) <= 2:
            return Op.Einsum(inputs=list(xs), equation=equation)
        return tf.einsum(equation, *xs)

    def linear(self, x: Raw, weight: Raw, bias: Raw | None = None) -> Raw:
        """x [..., in], weight [in, out], bias [out] -> [..., out]."""
        return matmul_last(x, weight, bias)

    def rfft(self, x: Raw, size: int) -> tuple[Raw, Raw]:
        """Real FFT of the last axis: real and imaginary parts."""
        wide = tf.cast(x, tf.float32) if x.dtype in (tf.float16, tf.bfloat16) else x
        y = tf.signal.rfft(_fitted(wide, size), [size])
        return tf.cast(tf.math.real(y), x.dtype), tf.cast(tf.math.imag(y), x.dtype)

    def irfft(self, real: Raw, imaginary: Raw, size: int) -> Raw:
        """Inverse of `rfft`."""
        dtype = real.dtype
        if dtype in (tf.float16, tf.bfloat16):
            real, imaginary = tf.cast(real, tf.float32), tf.cast(imaginary, tf.float32)
        bins = size // 2 + 1
        spectrum = tf.complex(_fitted(real, bins), _fitted(imaginary, bins))
        return tf.cast(tf.signal.irfft(spectrum, [size]), dtype)


def _fitted(x: Raw, size: int) -> Raw:
    """Cut or zero-pad the last axis, and make its size known."""
    known = x.shape[-1]
    if known == size:
        return x
    if known is None or known > size:
        x = x[..., :size]
    if known is None or known < size:
        flat = (*(0,) * (2 * len(x.shape) - 1), size - tf.shape(x)[-1])
        x = tf.pad(x, tf.reshape(values.sizes(flat), (-1, 2)))
    return tf.ensure_shape(x, [*x.shape[:-1], size])
