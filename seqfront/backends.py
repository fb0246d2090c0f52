"""Finding backends: by the type of a raw tensor, by name, or by what is set as the default.

A framework is imported only when it is asked for: by name, or because a tensor of it turns up, and
then the program has imported it already. All raw types of a backend are registered when it loads,
so that looking one up later is a dictionary access.

The backend for things made from nothing (`sf.zeros`, parameters) is the innermost of
`with sf.use_backend("tensorflow"):`, `sf.set_backend("torch")`, the environment variable
SEQFRONT_BACKEND, and "numpy".
"""

from __future__ import annotations

import contextlib
import copyreg
import os
import sys
from collections.abc import Callable, Generator
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqfront import errors

if TYPE_CHECKING:
    from seqfront.backend import Backend

_BUNDLED = {
    "numpy": "seqfront_numpy",
    "torch": "seqfront_torch",
    "tensorflow": "seqfront_tensorflow",
}

_loaded: dict[str, Backend] = {}
_by_type: dict[type, Backend] = {}
_default: str | None = None
_scoped: ContextVar[str | None] = ContextVar("seqfront_backend", default=None)


def get(name: str) -> Backend:
    """A backend by name, loaded if need be; `BackendError` if it is unknown or not installed."""
    backend = _loaded.get(name)
    return _load(name) if backend is None else backend


def load_imported() -> None:
    """Load the backends of the frameworks that the program has imported, before a trace needs them:
    within one, PyTorch cannot import."""
    for package, module in _BUNDLED.items():
        if package in sys.modules and package not in _loaded and module not in sys.modules:
            _load(package)


def of(raw: object) -> Backend:
    """The backend of a raw tensor; `BackendError` if it is no tensor of any."""
    backend = _by_type.get(type(raw))
    return _find(raw) if backend is None else backend


def is_raw(value: object) -> bool:
    """Whether a value is a raw tensor of some backend."""
    return type(value) in _by_type or _matching(value) is not None


def default() -> Backend:
    """The backend for things made from nothing."""
    return get(default_name())


def default_name() -> str:
    """Name of the backend for things made from nothing."""
    return _scoped.get() or _default or os.environ.get("SEQFRONT_BACKEND") or "numpy"


def set_backend(name: str) -> None:
    """Make a backend the default of the process."""
    global _default
    _default = get(name).name


@contextlib.contextmanager
def use_backend(name: str) -> Generator[None]:
    """Make a backend the default of a `with` block (and of this thread or task only)."""
    token = _scoped.set(get(name).name)
    try:
        yield
    finally:
        _scoped.reset(token)


def register(backend: Backend) -> None:
    """Announce a backend and all its raw types; called once by the package that implements it."""
    _loaded[backend.name] = backend
    copyreg.pickle(type(backend), _by_name)
    for raw_type in backend.raw_types:
        _by_type[raw_type] = backend


def _by_name(backend: Backend) -> tuple[Callable[[str], Backend], tuple[str]]:
    """There is one object of each backend: copies and pickles are that one."""
    return get, (backend.name,)


def available() -> tuple[str, ...]:
    """Names of the backends that are installed, whether their framework is or not."""
    return tuple(sorted({*_BUNDLED, *_loaded, *(point.name for point in _entry_points())}))


def _load(name: str) -> Backend:
    module = _BUNDLED.get(name)
    if module is None:
        module = next((point.value for point in _entry_points() if point.name == name), None)
    if module is None:
        raise errors.unknown_backend(name, available())
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        raise errors.backend_not_installed(name, error.name or module) from None
    return _loaded[name]


def _find(raw: object) -> Backend:
    backend = _matching(raw)
    if backend is None:
        raise errors.not_a_tensor(raw)
    _by_type[type(raw)] = backend
    return backend


def _matching(raw: object) -> Backend | None:
    """By the packages that the classes of a value come from, if their framework is imported."""
    for cls in type(raw).__mro__:
        if cls in _by_type:
            return _by_type[cls]
        package = cls.__module__.partition(".")[0]
        if package in _BUNDLED and package in sys.modules and package not in _loaded:
            _load(package)
            if cls in _by_type:
                return _by_type[cls]
    return None


def _entry_points() -> Any:
    from importlib.metadata import entry_points  # slow to import, and seldom needed

    return entry_points(group="seqfront.backends")
