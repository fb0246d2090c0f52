"""One message: how to get it through public API, and what it says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import seqfront as sf
from seqfront import backends, errors


@dataclass(frozen=True)
class Message:
    """A builder of `seqfront.errors`, a call that raises it, and its text on the NumPy backend.

    `LINE` stands for a line number. The text is the same on every backend, but for its name.
    """

    builder: str
    error: type[Exception]
    call: Callable[[Make], Any]
    text: str
    only: str = ""
    """The one backend that it can happen on; with "any", no backend takes part."""
    eager: str = ""
    """Why it does not come while tracing."""

    def __str__(self) -> str:
        return self.builder


class Make:
    """Makes tensors of one backend."""

    def __init__(self, backend: str) -> None:
        self.backend = backends.get(backend)

    def __call__(
        self,
        value: Any,
        *dims: sf.Dim,
        lengths: Mapping[sf.Dim, Any] | None = None,
        of: sf.Dim | None = None,
    ) -> sf.Tensor:
        return sf.wrap(self.raw(value), dims, lengths, sparse_dim=of)

    def raw(self, value: Any) -> Any:
        """A raw tensor; floats are float32 and ints int32."""
        array = np.asarray(value)
        kinds = {"f": np.float32, "i": np.int32}
        return self.backend.convert(array.astype(kinds.get(array.dtype.kind, array.dtype)))

    def zeros(self, *dims: sf.Dim, **options: Any) -> sf.Tensor:
        """Zeros of static dims, and of 3 positions for dynamic ones."""
        return self(np.zeros([3 if d.size is None else d.size for d in dims]), *dims, **options)

    def ints(self, *dims: sf.Dim, **options: Any) -> sf.Tensor:
        """Ones, as integers."""
        shape = [3 if d.size is None else d.size for d in dims]
        return self(np.ones(shape, np.int32), *dims, **options)


def said(error: BaseException, backend: str) -> str:
    """The text of an error with line numbers and the backend made neutral."""
    text = re.sub(r"(\w+\.py):\d+", r"\1:LINE", str(error))
    return text.replace(f" {backend}:cpu", " numpy:cpu") if backend else text


def covered(messages: Sequence[Message]) -> set[str]:
    """Names of the builders that messages are tests of."""
    return {message.builder for message in messages}


__all__ = ["Make", "Message", "covered", "errors", "said"]
