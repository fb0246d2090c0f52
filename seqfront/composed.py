"""Operations written in the primitives of the seam: right by construction, the same everywhere.

A backend inherits them and may override any with something faster (a fused kernel, a cuDNN call).
What a method here computes is its definition: the test of overrides runs both and compares values
and gradients. There is no dim logic here, and no framework.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from seqfront import dtypes, philox

if TYPE_CHECKING:
    from seqfront.backend import Backend, Raw, Size

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class ComposedOps:
    """The composed half of `seqfront.backend.Backend`."""

    @property
    def _p(self) -> Backend:
        """This object as what it is: the primitives."""
        return cast("Backend", self)

    # -- shape ------------------------------------------------------------------------------------

    def size(self, x: Raw, axis: int) -> Size:
        """Extent of one axis."""
        return self._p.shape(x)[axis]

    def meet(self, a: Raw, b: Raw) -> bool:
        """Whether both are of one floating-point dtype, and the extents of `b` are the last ones of
        `a`, as far as both are known: what goes together as it is."""
        p = self._p
        dtype, extents, others = p.dtype(a), p.static_shape(a), p.static_shape(b)
        fits = extents[len(extents) - len(others) :] == others
        return fits and dtype == p.dtype(b) and dtypes.is_float(dtype)

    def stack(self, xs: Sequence[Raw], axis: int) -> Raw:
        """Join along a new axis."""
        p = self._p
        return p.concat([p.expand_dims(x, (axis,)) for x in xs], axis)

    def full_like(self, x: Raw, value: float) -> Raw:
        """Constant with the shape, dtype and device of `x`."""
        p = self._p
        return p.full(p.shape(x), value, p.dtype(x), p.device(x))

    def sequence_mask(self, lengths: Raw, size: Size) -> Raw:
        """bool [*lengths, size]: position < length."""
        p = self._p
        positions = p.arange(size, p.dtype(lengths), p.device(lengths))
        return p.binary("lt", positions, p.expand_dims(lengths, (len(p.static_shape(lengths)),)))

    def one_hot(self, indices: Raw, size: Size, dtype: str) -> Raw:
        """[*indices, size]; a row of zeros for an index out of range."""
        p = self._p
        classes = p.arange(size, p.dtype(indices), p.device(indices))
        rank = len(p.static_shape(indices))
        return p.cast(p.binary("eq", classes, p.expand_dims(indices, (rank,))), dtype)

    # -- random bits ------------------------------------------------------------------------------

    def random_words(self, low: Raw, high: Raw, size: Size, device: str) -> Raw:
        """int64 [size] in [0, 2**32): Philox blocks 0, 1, ... of a key, one after another.

        `low` and `high` are the words of the key, Python ints or int64 scalars; see
        `seqfront.philox`.
        """
        p = self._p
        count = (size + 3) // 4
        index = p.arange(count, "int64", device)
        zero = p.full((count,), 0, "int64", device)
        words = self.stack(philox.block(p, (index, zero, zero, zero), (low, high)), 1)
        return p.slice(p.reshape(words, (4 * count,)), 0, 0, size)

    # -- elementwise ------------------------------------------------------------------------------

    def silu(self, x: Raw) -> Raw:
        """x * sigmoid(x) (Elfwing et al. 2018)."""
        p = self._p
        return p.binary("mul", x, p.unary("sigmoid", x))

    def gelu(self, x: Raw) -> Raw:
        """x * Phi(x), exact (Hendrycks & Gimpel 2016)."""
        p = self._p
        phi = p.binary("add", p.unary("erf", p.binary("mul", x, math.sqrt(0.5))), 1.0)
        return p.binary("mul", x, p.binary("mul", phi, 0.5))

    def softplus(self, x: Raw) -> Raw:
        """log(1 + exp(x)), without overflow."""
        p = self._p
        positive = p.binary("gt", x, 0.0)
        tail = p.unary("log1p", p.unary("exp", p.where(positive, p.unary("neg", x), x)))
        return p.binary("add", p.where(positive, x, 0.0), tail)

    def logaddexp(self, a: Raw, b: Raw) -> Raw:
        """log(exp(a) + exp(b)); -inf of two -inf, with zero gradients there."""
        p = self._p
        high = p.stop_gradient(p.binary("max", a, b))
        anchor = p.where(p.unary("is_finite", high), high, 0.0)
        total = p.binary(
            "add",
            p.unary("exp", p.binary("sub", a, anchor)),
            p.unary("exp", p.binary("sub", b, anchor)),
        )
        return p.binary("add", self._log_of_sum(total), anchor)

    def _log_of_sum(self, total: Raw) -> Raw:
        """log(total) whose gradient at total == 0 is zero instead of inf * 0."""
        p = self._p
        empty = p.binary("eq", total, 0.0)
        return p.where(empty, -math.inf, p.unary("log", p.where(empty, 1.0, total)))

    # -- softmax ----------------------------------------------------------------------------------

    def logsumexp(self, x: Raw, axes: Sequence[int], keepdims: bool = False) -> Raw:
        """log(sum(exp(x))); -inf over no element or over -inf only, with zero gradients there."""
        p = self._p
        high = p.stop_gradient(p.reduce("max", x, axes, True))
        anchor = p.where(p.unary("is_finite", high), high, 0.0)
        total = p.reduce("sum", p.unary("exp", p.binary("sub", x, anchor)), axes, True)
        result = p.binary("add", self._log_of_sum(total), anchor)
        return result if keepdims else p.squeeze(result, axes)

    def softmax(self, x: Raw, axis: int) -> Raw:
        """exp(x) / sum(exp(x)); zeros where every element is -inf."""
        p = self._p
        high = p.stop_gradient(p.reduce("max", x, (axis,), True))
        anchor = p.where(p.unary("is_finite", high), high, 0.0)
        weight = p.unary("exp", p.binary("sub", x, anchor))
        total = p.reduce("sum", weight, (axis,), True)
        return p.binary("div", weight, p.where(p.binary("eq", total, 0.0), 1.0, total))

    def log_softmax(self, x: Raw, axis: int) -> Raw:
        """x - logsumexp(x); -inf where every element is -inf."""
        p = self._p
        total = self.logsumexp(x, (axis,), True)
        return p.binary("sub", x, p.where(p.binary("eq", total, -math.inf), 0.0, total))

    # -- layers -----------------------------------------------------------------------------------

    def linear(self, x: Raw, weight: Raw, bias: Raw | None = None) -> Raw:
        """x [..., in], weight [in, out], bias [out] -> [..., out]."""
        p = self._p
        lead = _LETTERS[: len(p.static_shape(x)) - 1]
        y = p.einsum(f"{lead}y,yz->{lead}z", x, weight)
        return y if bias is None else p.binary("add", y, bias)

    def layer_norm(self, x: Raw, scale: Raw | None, bias: Raw | None, epsilon: float) -> Raw:
        """Over the last axis: (x - mean) / sqrt(variance + epsilon) * scale + bias
        (Ba et al. 2016, arXiv:1607.06450); the variance is the biased one."""
        p = self._p
        axis = len(p.static_shape(x)) - 1
        centred = p.binary("sub", x, p.reduce("mean", x, (axis,), True))
        variance = p.reduce("mean", p.binary("mul", centred, centred), (axis,), True)
        y = p.binary("mul", centred, p.unary("rsqrt", p.binary("add", variance, epsilon)))
        if scale is not None:
            y = p.binary("mul", y, scale)
        return y if bias is None else p.binary("add", y, bias)

    def attention(
        self,
        query: Raw,
        key: Raw,
        value: Raw,
        mask: Raw | None,
        bias: Raw | None,
        scale: float,
    ) -> Raw:
        """softmax(scale * query . key + bias) . value (Vaswani et al. 2017, arXiv:1706.03762).

        query [..., m, width], key [..., n, width], value [..., n, out] -> [..., m, out]; the mask
        and bias (float32 for half precision) broadcast against [..., m, n]. Keys where the mask is
        false are not seen, though they have to be finite; seeing none gives zeros. The softmax is
        in float32 for half precision.
        """
        p = self._p
        lead = _LETTERS[: len(p.static_shape(query)) - 2]
        energy = p.einsum(f"{lead}vx,{lead}yx->{lead}vy", p.binary("mul", query, scale), key)
        dtype = p.dtype(energy)
        if dtype in ("float16", "bfloat16"):
            energy = p.cast(energy, "float32")
        if bias is not None:
            energy = p.binary("add", energy, bias)
        if mask is not None:
            energy = p.where(mask, energy, -math.inf)
        weight = p.cast(p.softmax(energy, len(lead) + 1), dtype)
        return p.einsum(f"{lead}vy,{lead}yz->{lead}vz", weight, value)

    def lstm(
        self,
        x: Raw,
        input_weight: Raw,
        hidden_weight: Raw,
        bias: Raw,
        hidden: Raw,
        cell: Raw,
        mask: Raw | None,
    ) -> tuple[Raw, Raw, Raw]:
        """Long short-term memory (Hochreiter & Schmidhuber 1997), gates in the order i, f, g, o.

        x [time, batch, in], input_weight [in, 4 out], hidden_weight [out, 4 out], bias [4 out],
        hidden and cell [batch, out], mask bool [time, batch] -> y [time, batch, out] and the last
        hidden and cell [batch, out]. Where the mask is false, the state stays and y repeats the
        hidden state; x is not looked at there. In time the mask is a prefix: true, then false.
        """
        p = self._p
        if mask is not None:
            mask = p.expand_dims(mask, (2,))
            x = p.where(mask, x, 0.0)
        gates = self.linear(x, input_weight, bias)

        def step(state: Any, xs: Any) -> tuple[Any, Any]:
            h, c = state
            y, new_c = self.lstm_cell(xs[0], hidden_weight, h, c)
            if mask is not None:
                y, new_c = p.where(xs[1], y, h), p.where(xs[1], new_c, c)
            return (y, new_c), y

        xs = (gates,) if mask is None else (gates, mask)
        (hidden, cell), y = p.scan(step, (hidden, cell), xs, self.size(x, 0))
        return y, hidden, cell

    def lstm_cell(self, gates: Raw, hidden_weight: Raw, hidden: Raw, cell: Raw) -> tuple[Raw, Raw]:
        """One step from the projected input `gates` [batch, 4 out]: next hidden and cell."""
        p = self._p
        gates = p.binary("add", gates, self.linear(hidden, hidden_weight))
        width = self.size(hidden_weight, 0)
        i, f, g, o = p.split(gates, (width,) * 4, 1)
        kept = p.binary("mul", p.unary("sigmoid", f), cell)
        cell = p.binary("add", kept, p.binary("mul", p.unary("sigmoid", i), p.unary("tanh", g)))
        return p.binary("mul", p.unary("sigmoid", o), p.unary("tanh", cell)), cell

    def normalized_lstm_cell(
        self,
        gates: Raw,
        hidden: Raw,
        cell: Raw,
        hidden_weight: Raw,
        gates_scale: Raw,
        gates_bias: Raw,
        cell_scale: Raw,
        cell_bias: Raw,
        epsilon: float,
    ) -> tuple[Raw, Raw]:
        """One step of an LSTM whose gates, as one vector, and whose cell are layer-normalised
        (Ba et al. 2016, arXiv:1607.06450, section 3): next hidden and cell.

        Projected input `gates` [batch, 4 out]; hidden and cell [batch, out]; hidden_weight
        [out, 4 out]; scales and biases of the gates [4 out] and of the cell [out].
        """
        p = self._p

        def normed(x: Raw, scale: Raw, bias: Raw) -> Raw:
            if p.is_tracing():  # PyTorch's own cannot stand in a loop there
                return ComposedOps.layer_norm(self, x, scale, bias, epsilon)
            return self.layer_norm(x, scale, bias, epsilon)

        gates = p.binary("add", gates, self.linear(hidden, hidden_weight))
        gates = normed(gates, gates_scale, gates_bias)
        i, f, g, o = p.split(gates, (self.size(hidden_weight, 0),) * 4, 1)
        kept = p.binary("mul", p.unary("sigmoid", f), cell)
        new = p.binary("mul", p.unary("sigmoid", i), p.unary("tanh", g))
        cell = normed(p.binary("add", kept, new), cell_scale, cell_bias)
        return p.binary("mul", p.unary("sigmoid", o), p.unary("tanh", cell)), cell

    def gru(
        self,
        x: Raw,
        input_weight: Raw,
        hidden_weight: Raw,
        bias: Raw,
        candidate_bias: Raw,
        hidden: Raw,
        mask: Raw | None,
    ) -> tuple[Raw, Raw]:
        """Gated recurrent unit (Cho et al. 2014), gates in the order r, z, n; see `gru_cell`.

        x [time, batch, in], input_weight [in, 3 out], hidden_weight [out, 3 out], bias [3 out],
        candidate_bias [out], hidden [batch, out], mask as in `lstm` -> y [time, batch, out] and the
        last hidden [batch, out].
        """
        p = self._p
        if mask is not None:
            mask = p.expand_dims(mask, (2,))
            x = p.where(mask, x, 0.0)
        gates = self.linear(x, input_weight, bias)

        def step(h: Any, xs: Any) -> tuple[Any, Any]:
            y = self.gru_cell(xs[0], hidden_weight, candidate_bias, h)
            if mask is not None:
                y = p.where(xs[1], y, h)
            return y, y

        xs = (gates,) if mask is None else (gates, mask)
        hidden, y = p.scan(step, hidden, xs, self.size(x, 0))
        return y, hidden

    def gru_cell(self, gates: Raw, hidden_weight: Raw, candidate_bias: Raw, hidden: Raw) -> Raw:
        """One step from the projected input `gates` [batch, 3 out]: the next hidden state.

        The reset gate acts after the product with the hidden weight, as in cuDNN:
        n = tanh(gates_n + r * (hidden @ hidden_weight_n + candidate_bias)), and then
        hidden' = (1 - z) * n + z * hidden.
        """
        p = self._p
        width = self.size(hidden_weight, 0)
        r_in, z_in, n_in = p.split(gates, (width,) * 3, 1)
        r_hid, z_hid, n_hid = p.split(self.linear(hidden, hidden_weight), (width,) * 3, 1)
        r = p.unary("sigmoid", p.binary("add", r_in, r_hid))
        z = p.unary("sigmoid", p.binary("add", z_in, z_hid))
        reset = p.binary("mul", r, p.binary("add", n_hid, candidate_bias))
        n = p.unary("tanh", p.binary("add", n_in, reset))
        return p.binary("add", n, p.binary("mul", z, p.binary("sub", hidden, n)))

    # -- losses -----------------------------------------------------------------------------------

    def sparse_cross_entropy(self, logits: Raw, targets: Raw) -> Raw:
        """-log_softmax(logits)[..., targets]: logits [..., classes], int targets [...] in range."""
        p = self._p
        rank = len(p.static_shape(logits))
        log_probs = self.log_softmax(logits, rank - 1)
        picked = p.gather(log_probs, p.expand_dims(targets, (rank - 1,)), rank - 1, rank - 1)
        return p.unary("neg", p.squeeze(picked, (rank - 1,)))


class LinkedArrays:
    """Growing arrays as linked lists in Python: for a backend whose loops are Python's.

    The first item is zeros, never given out: with it, an array without items has a shape.
    """

    @property
    def _backend(self) -> Backend:
        return cast("Backend", self)

    def array_empty(self, like: Raw) -> Any:
        """A list of nothing but the zeros."""
        return None, self._backend.full_like(like, 0)

    def array_push(self, array: Any, x: Raw) -> Any:
        """A link to the array, and the item."""
        return array, x

    def array_stack(self, array: Any, dtype: str, shape: Sequence[int | None]) -> Raw:
        """All items along a new first axis."""
        items: list[Raw] = []
        while array is not None:
            array, item = array
            items.append(item)
        items.reverse()
        return self._backend.slice(self._backend.stack(items, 0), 0, 1, len(items))
