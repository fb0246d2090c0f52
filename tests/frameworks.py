"""Which backends the tests run on: those whose framework is installed."""

from __future__ import annotations

import importlib.util

INSTALLED = tuple(
    name for name in ("numpy", "torch", "tensorflow") if importlib.util.find_spec(name) is not None
)
