"""A hook of MkDocs: functions that a table makes, which no reader of sources finds.

In a page, `{{ tables of seqfront.ops.elementwise }}` becomes an entry for each of them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from importlib import import_module
from textwrap import dedent
from typing import Any

_MARK = re.compile(r"\{\{ tables of (\S+) \}\}")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with its marks replaced."""
    return _MARK.sub(lambda mark: _entries(mark[1]), markdown)


def _entries(module: str) -> str:
    functions = inspect.getmembers(import_module(module), inspect.isfunction)
    made = [f for name, f in functions if f.__module__ == module and f.__code__.co_name != name]
    public = [f for f in made if not f.__name__.startswith("_")]
    return "\n\n".join(_entry(f"{module}.{f.__name__}", f) for f in public)


def _entry(path: str, function: Callable[..., Any]) -> str:
    text, _, example = (function.__doc__ or "").partition("\n\nExample:\n")
    signature = f"{function.__name__}{inspect.signature(function)}".replace("'", "")
    parts = [f"### {function.__name__} {{ #{path} }}", f"```python\n{signature}\n```", text]
    if example:
        parts.append(f"```pycon\n{dedent(example).strip()}\n```")
    return "\n\n".join(parts)
