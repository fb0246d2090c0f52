"""Checkpoints: the parameters of a model in one file, the same for every backend.

    sf.save(model, "model.safetensors", {"step": "1000"})     # trained on PyTorch
    metadata = sf.load(other, "model.safetensors")            # served by TensorFlow

A checkpoint is a safetensors file. Its keys are attribute paths (`encoder.layers.0.weight`), its
values have the dtype of the parameters, bit for bit; kept state (parameters that are not trainable)
is in it, too. Other programs read it as any safetensors file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqfront import dtypes, errors, safetensors_file
from seqfront.nn.module import Module
from seqfront.nn.parameter import Parameter
from seqfront.safetensors_file import Stored


def save(
    model: Module, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Write all parameters of a model.

    Whenever the program or the machine stops, the file is the old one or the new one, whole.

    Args:
        model: Any module, on any backend.
        path: The file, by custom with the suffix `.safetensors`.
        metadata: Strings by name to keep in the file.

    Raises:
        CheckpointError: The metadata are not strings.
    """
    _check_model("save", model)
    check_metadata(metadata)
    safetensors_file.write(os.fspath(path), stored(model), dict(metadata or {}))


def load(model: Module, path: str | os.PathLike[str], strict: bool = True) -> dict[str, str]:
    """Overwrite the parameters of a model with those of a file; all of them, or none.

    Args:
        model: Any module, on any backend; variables keep their identity, dtype and device.
            Floating-point values are converted where the file has another float dtype.
        path: What `save` wrote, or any safetensors file with the same keys.
        strict: Whether the file has to have exactly the parameters of the model. False: what one
            of them lacks is passed over. What both have has to fit in any case.

    Returns:
        The metadata of the file.

    Raises:
        CheckpointError: The file does not fit the model, or is no safetensors file.
    """
    _check_model("load", model)
    file = os.fspath(path)
    found, metadata = safetensors_file.read(file)
    check_fit(model, found, file, strict)
    assign(model, found)
    return metadata


def check_metadata(metadata: Mapping[str, str] | None) -> None:
    """That metadata are strings by name."""
    for key, value in (metadata or {}).items():
        if not isinstance(key, str) or not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.bad_metadata(key, value)


def stored(model: Module) -> dict[str, Stored]:
    """The parameters of a model as they go into a file."""
    return {key: _stored(p) for key, p in model.named_parameters().items()}


def check_fit(model: Module, found: Mapping[str, Stored], file: str, strict: bool = True) -> None:
    """That what was found in a file can be assigned to a model."""
    parameters = model.named_parameters()
    misfits = {
        key: (p, found[key])
        for key, p in parameters.items()
        if key in found and not _fits(p, found[key])
    }
    missing = {key: p for key, p in parameters.items() if strict and key not in found}
    unexpected = {key: s for key, s in found.items() if strict and key not in parameters}
    if misfits or missing or unexpected:
        raise errors.checkpoint_misfit(file, missing, unexpected, misfits)


def assign(model: Module, found: Mapping[str, Stored]) -> None:
    """Overwrite the parameters that were found."""
    for key, parameter in model.named_parameters().items():
        if key in found:
            parameter.assign(_values(found[key]))


def _fits(parameter: Parameter, stored: Stored) -> bool:
    if stored.dtype not in dtypes.ALL:
        return False
    both_float = dtypes.is_float(stored.dtype) and dtypes.is_float(parameter.dtype)
    same_shape = stored.array.shape == tuple(dim.size for dim in parameter.dims)
    return same_shape and (stored.dtype == parameter.dtype or both_float)


def _stored(parameter: Parameter) -> Stored:
    """Backends give bfloat16 as float32, of which it is the upper half."""
    array, dtype = parameter.numpy(), parameter.dtype
    if dtype == "bfloat16":
        wide: Any = np.ascontiguousarray(array)
        array = (wide.view(np.uint32) >> 16).astype(np.uint16)
    return Stored(dtype, array.reshape([dim.size for dim in parameter.dims]))


def _values(stored: Stored) -> Any:
    """Values in memory of their own; bfloat16 as float32."""
    if stored.dtype == "bfloat16":
        return (stored.array.astype(np.uint32) << 16).view(np.float32)
    return np.array(stored.array, dtype=stored.dtype)


def _check_model(op: str, model: object) -> None:
    if not isinstance(model, Module):
        raise errors.not_a_module(op, model)
