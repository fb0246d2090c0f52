"""Two recurrent layers over one sequence, from both ends."""

from __future__ import annotations

from typing import Generic

from seqfront import align, errors
from seqfront.dim import Dim
from seqfront.nn.module import Module
from seqfront.nn.recurrent import Recurrent, State
from seqfront.ops.join import concat
from seqfront.ops.moving import reverse
from seqfront.tensor import Tensor


class Bidirectional(Module, Generic[State]):
    """One layer from the start, one from each sequence's own end; outputs side by side
    (Schuster & Paliwal 1997).

    Args:
        ahead: Layer that runs from the start: an `LSTM`, `GRU`, ...
        back: Layer of the same kind that runs from the end, with the same input dim.
        out_dim: Features of the result; default `ahead.out_dim + back.out_dim`.

    Example:
        >>> import seqfront as sf
        >>> time, mel = sf.Dim("time", 5), sf.Dim("mel", 80)
        >>> left, right = sf.Dim("left", 16), sf.Dim("right", 16)
        >>> both = sf.nn.Bidirectional(sf.nn.GRU(mel, left), sf.nn.GRU(mel, right))
        >>> y, states = both(sf.zeros((time, mel)), axis=time)
        >>> y
        float32[time:5, left+right:32] numpy:cpu
    """

    def __init__(
        self, ahead: Recurrent[State], back: Recurrent[State], *, out_dim: Dim | None = None
    ) -> None:
        for layer in (ahead, back):
            if not isinstance(layer, Recurrent):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise errors.bad_argument(
                    "Bidirectional", "a layer", layer, "a recurrent layer", "sf.nn.LSTM or GRU."
                )
        if ahead is back or ahead.in_dim is not back.in_dim:
            raise errors.bad_argument(
                "Bidirectional",
                "back",
                type(back).__name__,
                f"another layer than ahead, over {ahead.in_dim!r} too",
                "make two layers with the same in_dim.",
            )
        self.ahead = ahead
        self.back = back
        self.in_dim = ahead.in_dim
        self.out_dim = ahead.out_dim + back.out_dim if out_dim is None else out_dim

    def __call__(
        self, x: Tensor, *, axis: Dim, state: tuple[State, State] | None = None
    ) -> tuple[Tensor, tuple[State, State]]:
        """Run over a dim from both ends.

        Args:
            x: [batch..., axis, in_dim].
            axis: The dim to run along, which may be ragged.
            state: Where each layer starts from; default zeros.

        Returns:
            [batch..., axis, out_dim], and the states: of `ahead` at each sequence's end, of `back`
            at its start.
        """
        align.check("Bidirectional", x, self.in_dim, axis)
        ahead, back = (None, None) if state is None else self._pair(state)
        first, last = self.ahead(x, axis=axis, state=ahead)
        second, start = self.back(reverse(x, axis=axis), axis=axis, state=back)
        parts = (first, self.ahead.out_dim), (reverse(second, axis=axis), self.back.out_dim)
        return concat(*parts, out_dim=self.out_dim), (last, start)

    def _pair(self, state: tuple[State, State]) -> tuple[State, State]:
        if not isinstance(state, tuple) or len(state) != 2:  # pyright: ignore[reportUnnecessaryIsInstance, reportUnnecessaryComparison]
            raise errors.bad_argument(
                "Bidirectional",
                "state",
                state,
                "a pair of states: of the layer ahead, of the layer back",
                "pass on what the layer gave, or state=None to start.",
            )
        return state
