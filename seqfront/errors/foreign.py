"""Messages about layers of a framework inside a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfront.errors.base import BackendError, DimError

if TYPE_CHECKING:
    from seqfront.tensor import Tensor


def not_a_layer(op: str, value: object, wanted: str) -> BackendError:
    """Something else where a layer of a framework is wanted."""
    cls = type(value)
    return BackendError(
        f"{op}: this is no {wanted}.",
        [("layer", f"{cls.__module__}.{cls.__name__}")],
        "layers of seqfront are used as they are.",
    )


def unbuilt_layer(op: str, kind: str, why: str) -> BackendError:
    """A layer whose variables are not there yet."""
    return BackendError(
        f"{op}: the variables of this layer have not been made.",
        [("layer", kind), ("why", why)],
        "call the layer once on its own before it is wrapped.",
    )


def foreign_framework(op: str, kind: str, framework: str, x: Tensor) -> BackendError:
    """Tensors of one framework for a layer of another."""
    return BackendError(
        f"{op}: a layer of {framework!r} runs on {framework!r} only.",
        [("layer", kind), ("x", x)],
        "a model runs on every backend if all its layers are those of seqfront.",
    )


def bound_parameter(parameter: Tensor, path: str, source: str, target: str) -> BackendError:
    """A model with a layer of a framework that is to move to another one."""
    return BackendError(
        f"a layer of {source!r} cannot move to {target!r}.",
        [("its parameter", f"{path} {parameter!r}")],
        "a model runs on every backend if all its layers are those of seqfront.",
    )


def other_result(op: str, kind: str, found: str, wanted: str) -> DimError:
    """A layer that gives something else than what was said of it."""
    return DimError(
        f"{op}: the layer gives something else than out_dims say.",
        [("layer", kind), ("gives", found), ("out_dims", wanted)],
        "name each axis of each result, in order; None stands for a result that is not used.",
    )


def no_configuration(model: object) -> BackendError:
    """Keras asks for a layer as data, to write it to a file or to clone it."""
    return BackendError(
        "keras_layer: a layer around a model of Python code has no configuration.",
        [("model", type(model).__name__)],
        "keep the weights, net.save_weights(path) or sf.save(model, path); serve net.export(path).",
    )
