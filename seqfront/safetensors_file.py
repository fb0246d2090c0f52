"""The safetensors format (https://github.com/huggingface/safetensors): tensors by name in a file.

Eight bytes with the length of the header, a JSON header with dtype, shape and place of every
tensor, and their values, row by row, little-endian. That is all of it, so there is no need for a
package to read and write it; and ours gives bfloat16, which NumPy has not, as its bits.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import numpy as np

from seqfront import errors

_CODES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64",
    "float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64",
}  # fmt: skip
_NAMES = {code: name for name, code in _CODES.items()}
_METADATA = "__metadata__"


class Stored(NamedTuple):
    """One tensor of a file. The array of a bfloat16 tensor is its bits, as uint16."""

    dtype: str
    array: Any

    def __repr__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.array.shape))}]"


def write(path: str, tensors: Mapping[str, Stored], metadata: Mapping[str, str]) -> None:
    """Write a file. Whenever program or machine stop, it is the old one or the new one, whole."""
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}")
    try:
        with open(temporary, "xb") as file:
            for part in _parts(tensors, metadata):
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _flush_folder(folder)


def _parts(tensors: Mapping[str, Stored], metadata: Mapping[str, str]) -> list[Any]:
    """Header and values; wide dtypes first, so that all are aligned."""
    header: dict[str, Any] = {_METADATA: dict(metadata)} if metadata else {}
    arrays: list[Any] = []
    end = 0
    for key, (dtype, array) in sorted(tensors.items(), key=lambda item: -item[1].array.itemsize):
        shape = list(array.shape)
        ordered: Any = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        start, end = end, end + ordered.nbytes
        header[key] = {"dtype": _CODES[dtype], "shape": shape, "data_offsets": [start, end]}
        arrays.append(ordered.reshape(-1).view(np.uint8))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return [len(text).to_bytes(8, "little"), text, *arrays]


def _flush_folder(folder: str) -> None:
    """Wait until the entry of the file is on the disk, too."""
    if os.name == "posix":  # elsewhere folders cannot be opened
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read(path: str) -> tuple[dict[str, Stored], dict[str, str]]:
    """Tensors and metadata of a file; `CheckpointError` if it is broken.

    Values are not read before they are used: the arrays are maps of the file.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise errors.not_a_checkpoint(path, "it ends within its header")
        text = file.read(length)
    try:
        header: Any = json.loads(text)
    except ValueError:
        raise errors.not_a_checkpoint(path, "its header is no JSON") from None
    if not isinstance(header, dict):
        raise errors.not_a_checkpoint(path, "its header is no table")
    header = cast("dict[str, Any]", header)
    metadata: dict[str, str] = header.pop(_METADATA, None) or {}
    values: Any = np.empty(0, np.uint8)
    if size > 8 + length:
        values = np.memmap(path, np.uint8, "r", 8 + length)
    return {key: _stored(path, key, entry, values) for key, entry in header.items()}, metadata


def _stored(path: str, key: str, entry: Any, values: Any) -> Stored:
    try:
        code, shape = str(entry["dtype"]), tuple(map(int, entry["shape"]))
        start, end = map(int, entry["data_offsets"])
    except (KeyError, TypeError, ValueError):
        raise errors.not_a_checkpoint(path, f"its header is wrong about {key!r}") from None
    raw = values[start:end]
    dtype = _NAMES.get(code, code)
    if code not in _NAMES:  # of another program: reported by name, never read
        return Stored(dtype, np.broadcast_to(np.uint8(0), shape))
    kind: Any = np.dtype("uint16" if dtype == "bfloat16" else dtype)
    if not 0 <= start <= end or raw.size != math.prod(shape) * kind.itemsize:
        raise errors.not_a_checkpoint(path, f"the values of {key!r} are cut off")
    return Stored(dtype, raw.view(kind.newbyteorder("<")).reshape(shape))
