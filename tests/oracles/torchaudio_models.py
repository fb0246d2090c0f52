"""The models of torchaudio 2.11, from the files of its wheel.

`import torchaudio` loads a C++ library that was built for another version of PyTorch. The models
are plain Python, so they are loaded by path, as a package of their own.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def _load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"there is no {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _models() -> tuple[ModuleType, ModuleType, ModuleType]:
    found = importlib.util.find_spec("torchaudio")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("torchaudio is not installed; it is one of the dev extras")
    folder = Path(found.origin).parent / "models"
    names = ("torchaudio", "torchaudio.models")
    kept = {name: sys.modules.get(name) for name in names}
    try:
        emformer = _load("torchaudio_emformer", folder / "emformer.py")
        package: Any = ModuleType("torchaudio.models")
        package.Emformer = emformer.Emformer
        sys.modules.update({"torchaudio": ModuleType("torchaudio"), "torchaudio.models": package})
        package.RNNT = (rnnt := _load("torchaudio_rnnt", folder / "rnnt.py")).RNNT
        return emformer, rnnt, _load("torchaudio_rnnt_decoder", folder / "rnnt_decoder.py")
    finally:
        for name, module in kept.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


emformer, rnnt, rnnt_decoder = _models()
