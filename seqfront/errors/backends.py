"""Messages about backends and the native library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqfront.errors.base import BackendError, NativeError

if TYPE_CHECKING:
    from seqfront.tensor import Tensor


def two_backends(op: str, a: Tensor, b: Tensor) -> BackendError:
    """Tensors of two frameworks in one expression."""
    return BackendError(
        f"{op}: two backends in one expression.",
        [("a", a), ("b", b)],
        f'sf.to_backend(b, "{a.backend.name}"), or make both under '
        f'sf.use_backend("{a.backend.name}").',
    )


def two_devices(op: str, a: Tensor, b: Tensor) -> BackendError:
    """Tensors on two devices in one expression."""
    return BackendError(
        f"{op}: two devices in one expression.",
        [("a", a), ("b", b)],
        f'sf.to_device(b, "{a.device}"); a model: seqfront_torch.module(model).to("{a.device}").',
    )


def unknown_backend(name: str, known: Sequence[str]) -> BackendError:
    """A name that no package offers."""
    return BackendError(
        f"backend {name!r} is not known.",
        [("known", ", ".join(known))],
        "a package can offer one through the entry point group 'seqfront.backends'.",
    )


def backend_not_installed(name: str, module: str) -> BackendError:
    """A backend whose framework is missing."""
    return BackendError(
        f"backend {name!r} needs the module {module!r}, which is not installed.",
        fix=f'pip install "seqfront[{name}]".',
    )


def not_a_tensor(raw: object) -> BackendError:
    """A value that is no tensor of any framework."""
    cls = type(raw)
    return BackendError(
        "this is no tensor of any backend.",
        [("value", f"{cls.__module__}.{cls.__name__}")],
        "pass a NumPy array, a torch.Tensor or a tf.Tensor.",
    )


def not_a_module(op: str, model: object) -> BackendError:
    """Something else where a model is wanted."""
    cls = type(model)
    return BackendError(
        f"{op}: this is no seqfront module.",
        [("model", f"{cls.__module__}.{cls.__name__}")],
        "pass an sf.nn.Module.",
    )


def wrong_keras_backend(name: str, op: str = "keras_layer") -> BackendError:
    """A Keras layer where Keras does not run on TensorFlow."""
    return BackendError(
        f"{op}: Keras does not run on TensorFlow here.",
        [("Keras runs on", name)],
        'set the environment variable KERAS_BACKEND="tensorflow" before importing Keras.',
    )


def no_gradients(op: str, backend: str) -> BackendError:
    """Differentiation where there is none."""
    return BackendError(
        f"{op}: the backend {backend!r} computes no gradients.",
        fix='use "torch" or "tensorflow"; the NumPy backend is the reference for values.',
    )


def unsupported_dtype(backend: str, dtype: str, why: str) -> BackendError:
    """A dtype that a framework does not have."""
    return BackendError(f"the backend {backend!r} has no {dtype}.", fix=why)


def unknown_device(backend: str, device: str, known: str) -> BackendError:
    """A device that a backend does not have."""
    return BackendError(
        f"the backend {backend!r} has no device {device!r}.",
        [("known", known)],
        "use one of these.",
    )


def native_missing(reason: str) -> NativeError:
    """An installation without the compiled library."""
    return NativeError(
        "the native library is not part of this installation.",
        [("import", reason)],
        "install with a C++17 compiler at hand: pip install .",
    )


def no_second_derivative(op: str, composed: bool = True) -> NativeError:
    """Double backward through a native op; some have a composed form."""
    fix = 'implementation="composed" computes the loss in operations that have one.'
    return NativeError(
        f"{op}: the native op has no second derivative.", fix=fix if composed else ""
    )


def native_device(op: str, device: str, reason: str) -> NativeError:
    """A GPU, and an installation without kernels for it."""
    return NativeError(
        f"{op}: this installation has no CUDA kernels.",
        [("device", device), ("reason", reason)],
        'move the tensors, sf.to_device(x, "cpu"), or install where nvcc is found: '
        "pip install . -C cmake.define.SEQFRONT_CUDA=ON",
    )


def native_no_kernel(op: str, device: str) -> NativeError:
    """A GPU, and an op that runs on the CPU only."""
    return NativeError(
        f"{op}: the op has no CUDA kernel yet.",
        [("device", device)],
        'move the tensors: sf.to_device(x, "cpu").',
    )


def native_mixed_devices(op: str, first: tuple[str, str], other: tuple[str, str]) -> NativeError:
    """Inputs on several devices; each as its name and device."""
    return NativeError(
        f"{op}: its inputs are on more than one device.",
        [first, other],
        "move one of them with sf.to_device.",
    )


def native_refused(reason: str) -> NativeError:
    """Input that the native library would not compute on."""
    return NativeError(reason)


def extra_missing(what: str, module: str, extra: str) -> BackendError:
    """An optional package that is not installed."""
    return BackendError(
        f"{what} needs the module {module!r}, which is not installed.",
        fix=f'pip install "seqfront[{extra}]".',
    )
