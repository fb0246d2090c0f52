"""What has to be done for given dims, found out once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
P = TypeVar("P")


class Plans(dict[K, P]):
    """`plans[key]` is `make(key)`, kept; of very many, all are forgotten, and made again.

    Plans hang on the dims alone, so an eager call finds its own from the last. In a trace call
    `make` itself: that costs nothing at run time, and dims that live for one trace are not kept.

    Args:
        make: The plan for a key, which is of dims and whatever else can be compared.
        most: How many are kept.
    """

    def __init__(self, make: Callable[[K], P], most: int = 4096) -> None:
        super().__init__()
        self.make = make
        self.most = most

    def __missing__(self, key: K) -> P:
        if len(self) >= self.most:
            self.clear()
        made = self[key] = self.make(key)
        return made
