"""Checkpoints of torchaudio's models as checkpoints of seqfront."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module

from seqfront import checkpoints, safetensors_file
from seqfront.compat.torchaudio_names import ours
from seqfront.safetensors_file import Stored


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
) -> list[str]:
    """Turn a checkpoint of torchaudio's Emformer or transducer into a safetensors file.

    `sf.load(model, target)` then reads it, for PyTorch, TensorFlow and NumPy alike: for the bundle
    EMFORMER_RNNT_BASE_LIBRISPEECH the model is `sf.models.emformer_rnnt_base(4097)`.

    Args:
        source: What `torch.save(model.state_dict(), ...)` wrote, or a file of a trainer that has
            it under "state_dict" with names that begin with "model.". Reading it needs PyTorch,
            and runs no code that is in the file.
        target: The file to write, by custom with the suffix `.safetensors`.
        metadata: Strings by name to keep in the file.

    Returns:
        The names of the parameters, as seqfront has them.

    Raises:
        CheckpointError: There is a parameter that torchaudio's models do not have.
    """
    checkpoints.check_metadata(metadata)
    found = import_module("seqfront_torch.torchaudio").read_checkpoint(source)
    normalized = any(".g_norm." in name for name in found)
    stored: dict[str, Stored] = {}
    for name, (dtype, array) in found.items():
        path, transposed = ours(name, normalized=normalized)
        stored[path] = Stored(dtype, array.T if transposed else array)
    safetensors_file.write(os.fspath(target), stored, dict(metadata or {}))
    return list(stored)
