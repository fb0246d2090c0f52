"""The LSTM encoder: recurrent layers in both directions, with fewer frames from layer to layer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from seqfront import errors
from seqfront.dim import Dim
from seqfront.nn.bidirectional import Bidirectional
from seqfront.nn.containers import ModuleList
from seqfront.nn.dropout import Dropout
from seqfront.nn.linear import Linear
from seqfront.nn.module import Module
from seqfront.nn.recurrent import LSTM, LSTMState
from seqfront.ops.pool import max_pool
from seqfront.tensor import Tensor


class LSTMEncoder(Module):
    """LSTM layers, each followed by max-pooling over time (where asked for), a projection (if there
    is a dim for it) and dropout (as in Zeyer et al. 2018, arXiv:1805.03294).

    Args:
        in_dim: Features of the input; static.
        hidden: Features of a layer, in each direction; static.
        layers: How many.
        pooling: Frames that become one after the first layers, as in (3, 2); 1: all are kept.
        projection: Features after each layer; default: those of both directions together.
        dropout: Probability of zero after each layer, while training.
        bidirectional: Whether each layer runs from both ends.

    Example:
        >>> import seqfront as sf
        >>> time, mel, hidden = sf.Dim("time", 13), sf.Dim("mel", 4), sf.Dim("hidden", 5)
        >>> encoder = sf.models.LSTMEncoder(mel, hidden, layers=3, pooling=(3, 2))
        >>> encoder(sf.ones((time, mel)), axis=time)
        float32[⌈time/6⌉:3, encoded:10] numpy:cpu
    """

    def __init__(
        self,
        in_dim: Dim,
        hidden: Dim,
        *,
        layers: int,
        pooling: Sequence[int] = (),
        projection: Dim | None = None,
        dropout: float = 0.0,
        bidirectional: bool = True,
    ) -> None:
        if not isinstance(layers, int) or layers < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            fix = "it is how many LSTM layers there are."
            raise errors.bad_argument("LSTMEncoder", "layers", layers, "an int of at least 1", fix)
        whole = isinstance(pooling, (tuple, list)) and all(
            type(n) is int and n > 0 for n in pooling
        )
        if not whole or len(pooling) > layers:
            needed = f"up to {layers} ints of at least 1, as there are layers"
            fix = "pooling=(3, 2) leaves a sixth of the frames."
            raise errors.bad_argument("LSTMEncoder", "pooling", pooling, needed, fix)
        self.pooling = (*pooling, *[1] * (layers - len(pooling)))
        self.factor = math.prod(pooling)
        """How many frames become one."""
        self.layers = ModuleList()
        self.projections = ModuleList()
        for _ in range(layers):
            layer = _layer(in_dim, hidden, bidirectional)
            self.layers.append(layer)
            in_dim = layer.out_dim
            if projection is not None:
                self.projections.append(Linear(in_dim, projection))
                in_dim = projection
        self.dropout = Dropout(dropout)
        self.out_dim = in_dim

    def __call__(self, x: Tensor, *, axis: Dim) -> Tensor:
        """[batch..., axis, in_dim] -> [batch..., axis.ceil_div(factor), out_dim]; `axis` may be
        ragged."""
        for i, (layer, pool) in enumerate(zip(self.layers, self.pooling, strict=True)):
            x, _ = layer(x, axis=axis)
            if pool > 1:
                x = max_pool(x, axis=axis, window=pool, padding=(0, pool - 1))
                axis = axis.ceil_div(pool)
            if len(self.projections):
                x = self.projections[i](x)
            x = self.dropout(x)
        return x


def _layer(in_dim: Dim, hidden: Dim, bidirectional: bool) -> LSTM | Bidirectional[LSTMState]:
    if not bidirectional:
        return LSTM(in_dim, hidden)
    ahead, back = LSTM(in_dim, hidden.clone("ahead")), LSTM(in_dim, hidden.clone("back"))
    return Bidirectional(ahead, back, out_dim=Dim("encoded", 2 * (hidden.size or 0)))
