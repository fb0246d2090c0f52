"""Checkpoints: the parameters of a model in a safetensors file, by attribute path.

A file is of no framework: one written under PyTorch is read under TensorFlow or NumPy, bit for bit.

    sf.save(model, "model.safetensors", {"steps": "1000"})
    metadata = sf.load(model, "model.safetensors")
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias, Union

import numpy as np

from seqfront import errors
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter

PathLike: TypeAlias = Union[str, "os.PathLike[str]"]

_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip


def save(model: Module, path: PathLike, metadata: Mapping[str, str] | None = None) -> None:
    """Write all parameters of a model, kept ones included.

    The file appears whole or not at all: an interrupted write leaves an older one as it was.

    Args:
        model: On any backend.
        path: Where to; a file there is replaced.
        metadata: Text to keep with it.
    """
    arrays = {name: _array(p) for name, p in model.named_parameters().items()}
    data = _safetensors("numpy").save(arrays, dict(metadata) if metadata else None)
    partial = Path(f"{os.fspath(path)}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load(model: Module, path: PathLike, strict: bool = True) -> dict[str, str]:
    """Read the parameters of a model; nothing is changed if they do not fit.

    Args:
        model: On any backend; its parameters are overwritten.
        path: A file of `save`, or any safetensors file with the same names and shapes.
        strict: Names that only the file or only the model has are an error.

    Returns:
        The metadata of the file.

    Raises:
        CheckpointError: Names or shapes differ.
    """
    with _safetensors().safe_open(os.fspath(path), framework="np") as file:
        metadata: dict[str, str] = dict(file.metadata() or {})
    values = {
        name: _value(entry) for name, entry in _safetensors().deserialize(Path(path).read_bytes())
    }
    parameters = model.named_parameters()
    missing = [name for name in parameters if name not in values]
    unexpected = [name for name in values if name not in parameters]
    if strict and (missing or unexpected):
        raise errors.checkpoint_names(os.fspath(path), missing, unexpected)
    common = {name: p for name, p in parameters.items() if name in values}
    wrong = [
        (name, p, values[name].shape)
        for name, p in common.items()
        if values[name].shape != tuple(dim.size for dim in p.dims)
    ]
    if wrong:
        raise errors.checkpoint_shapes(os.fspath(path), wrong)
    for name, parameter in common.items():
        parameter.assign(values[name])
    return metadata


def _array(parameter: Parameter) -> Any:
    """The value as a NumPy array of the parameter's own dtype."""
    array = np.ascontiguousarray(parameter.numpy())
    if parameter.dtype == "bfloat16":  # which NumPy has not: read as float32, without loss
        return array.astype(_module("ml_dtypes").bfloat16)
    return array


def _value(entry: Mapping[str, Any]) -> Any:
    """An entry of a file as an array; bfloat16 as float32, without loss."""
    shape = tuple(entry["shape"])
    if entry["dtype"] == "BF16":
        high = np.frombuffer(entry["data"], np.uint16).astype(np.uint32) << 16
        return high.view(np.float32).reshape(shape)
    return np.frombuffer(entry["data"], _DTYPES[entry["dtype"]]).reshape(shape)


def _safetensors(part: str = "") -> Any:
    return _module(f"safetensors.{part}" if part else "safetensors")


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise errors.extra_missing("a checkpoint", name, "checkpoint") from None
