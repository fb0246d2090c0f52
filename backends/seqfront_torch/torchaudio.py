"""torchaudio's models as `torch.nn.Module`s, with its `state_dict`s.

    from seqfront.compat.torchaudio import emformer_rnnt_base

    model = emformer_rnnt_base(4097)
    model.load_state_dict(torch.load("emformer_rnnt_base_librispeech.pt"))

The parameters belong to the mirror of the model over named dims, `network`; only in a `state_dict`
do they have the names and the orientation that torchaudio gives them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

import seqfront as sf
from seqfront.compat import torchaudio_models
from seqfront.compat.torchaudio_names import Name, theirs
from seqfront_torch.module import Mirror, module

_INNER = "network."


class Framework(torch.nn.Module):
    """An `nn.Module` around the mirror of a model."""

    network: Mirror

    def own(self, model: sf.nn.Module) -> None:
        """Make the parameters of a model PyTorch's."""
        self.network = module(model.to_backend("torch"))
        self._register_state_dict_hook(_to_theirs)
        self.register_load_state_dict_pre_hook(_to_ours)

    @property
    def model(self) -> Any:
        """The model over named dims."""
        return self.network.seqfront_module


class Emformer(torchaudio_models.Emformer, Framework):
    """`seqfront.compat.torchaudio.Emformer` on PyTorch."""


class RNNT(torchaudio_models.RNNT, Framework):
    """`seqfront.compat.torchaudio.RNNT` on PyTorch."""


def _names(outer: Framework, prefix: str) -> list[tuple[str, Name]]:
    """Keys here, and what torchaudio calls them."""
    return [
        (f"{prefix}{_INNER}{path}", Name(prefix + name.name, name.transposed))
        for path in outer.model.named_parameters()
        for name in (theirs(path),)
    ]


def _to_theirs(outer: Any, state: dict[str, Any], prefix: str, _metadata: Any) -> None:
    for key, name in _names(outer, prefix):
        value = state.pop(key)
        state[name.name] = value.t() if name.transposed else value


def _to_ours(outer: Any, state: dict[str, Any], prefix: str, *_rest: Any) -> None:
    for key, name in _names(outer, prefix):
        if name.name in state:
            value = state.pop(name.name)
            state[key] = value.t() if name.transposed and value.ndim == 2 else value


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, tuple[str, np.ndarray]]:
    """Names, dtypes and arrays (of bfloat16 its bits) of a file that `torch.save` wrote: a
    `state_dict`, or a dict that has one as "state_dict", with names that begin with "model."."""
    found: Any = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    return {
        name.removeprefix("model."): (str(x.dtype).removeprefix("torch."), _array(x))
        for name, x in found.items()
    }


def _array(x: torch.Tensor) -> np.ndarray:
    x = x.detach()
    return x.contiguous().view(torch.uint16).numpy() if x.dtype is torch.bfloat16 else x.numpy()
