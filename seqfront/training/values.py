"""What a step says of its losses: numbers, read when somebody wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from seqfront.backend import Raw


class Losses(Mapping[str, float]):
    """Losses of a step by name, before its update.

    To read a number waits until the device has computed it. So a loop that looks at every tenth
    step's has nine steps prepared while a GPU works on the one before.

    Args:
        raws: Scalars of a framework.
        read: Makes a float of one.
    """

    def __init__(self, raws: Mapping[str, Raw], read: Callable[[Raw], float] = float) -> None:
        self._values: dict[str, Any] = dict(raws)
        self._unread = set(self._values)
        self._read = read

    def __getitem__(self, name: str) -> float:
        value = self._values[name]
        if name in self._unread:
            value = self._values[name] = self._read(value)
            self._unread.remove(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(dict(self))
