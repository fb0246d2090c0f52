"""Checkpoint files: the safetensors package, and a write that happens whole or not at all.

NumPy has no bfloat16; here it goes by its bits, the upper half of a float32.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from seqfront import errors

_NAMES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
    "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
}  # fmt: skip


class Stored(NamedTuple):
    """One tensor of a file. The array of a bfloat16 tensor is its bits, as uint16."""

    dtype: str
    array: Any

    def __repr__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.array.shape))}]"


def write(path: str, tensors: Mapping[str, Stored], metadata: Mapping[str, str]) -> None:
    """Write a file. Whenever program or machine stop, it is the old one or the new one, whole."""
    arrays = {key: _writable(stored) for key, stored in tensors.items()}
    data: bytes = _package("safetensors.numpy").save(arrays, dict(metadata) or None)
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _flush_folder(folder)


def _writable(stored: Stored) -> Any:
    """As the package takes it."""
    array = stored.array
    if not array.flags.c_contiguous:
        array = array.copy("C")
    return array.view(_package("ml_dtypes").bfloat16) if stored.dtype == "bfloat16" else array


def _flush_folder(folder: str) -> None:
    """Wait until the entry of the file is on the disk, too."""
    if os.name == "posix":  # elsewhere folders cannot be opened
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read(path: str) -> tuple[dict[str, Stored], dict[str, str]]:
    """Tensors and metadata of a file; `CheckpointError` if it is broken."""
    package = _package("safetensors")
    with open(path, "rb") as file:
        data = file.read()
    try:
        entries = package.deserialize(data)
        with package.safe_open(path, framework="np") as opened:
            metadata: dict[str, str] = dict(opened.metadata() or {})
    except package.SafetensorError as error:
        raise errors.not_a_checkpoint(path, str(error)) from None
    return {key: _stored(entry) for key, entry in entries}, metadata


def _stored(entry: Mapping[str, Any]) -> Stored:
    code, shape = str(entry["dtype"]), tuple(entry["shape"])
    dtype = _NAMES.get(code, code)
    if code not in _NAMES:  # of another program: reported by name, never read
        return Stored(dtype, np.broadcast_to(np.uint8(0), shape))
    array = _flat(entry["data"], "uint16" if dtype == "bfloat16" else dtype)
    return Stored(dtype, array.reshape(shape))


def _flat(data: Any, dtype: str) -> Any:
    return np.frombuffer(data, dtype)


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise errors.extra_missing("a checkpoint", name, "checkpoint") from None
