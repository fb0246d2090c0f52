"""A Keras layer (or model) as a layer of a seqfront model.

    class Recognizer(sf.nn.Module):
        def __init__(self):
            self.front = seqfront_tensorflow.wrap_layer(
                keras.layers.Conv1D(256, 3, padding="same"),
                in_dims=(..., time, mel),
                out_dims=(..., time, hidden),
            )
            self.encoder = sf.models.Conformer(hidden, ...)

        def __call__(self, x):
            return self.encoder(self.front(x), axis=time)

Its weights are parameters of the model. They go by the names that the layers inside have, without
the numbers that Keras counts in a process: `front.dense_1.kernel` is the second dense layer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import keras
import tensorflow as tf

from seqfront import errors
from seqfront.dim import Dim
from seqfront.nn.foreign import Axes, DerivedLengths, Foreign


class WrappedLayer(Foreign):
    """The module that `wrap_layer` makes."""

    framework: ClassVar[str] = "tensorflow"
    op: ClassVar[str] = "wrap_layer"

    def __init__(
        self,
        layer: Any,
        in_dims: Axes | Sequence[Axes],
        out_dims: Any,
        lengths: DerivedLengths | None,
        call: Callable[..., Any] | None,
    ) -> None:
        if keras.backend.backend() != "tensorflow":
            raise errors.wrong_keras_backend(keras.backend.backend(), self.op)
        if not isinstance(layer, keras.layers.Layer):
            raise errors.not_a_layer(self.op, layer, "keras.layers.Layer")
        super().__init__(in_dims, out_dims, lengths, call)
        self.layer: Any = layer
        self.training = True
        self._build()
        self._by_path = dict(zip(_paths(layer), layer.weights, strict=True))

    def _build(self) -> None:
        """Make the weights, by a trace for inputs of any size."""
        if self.layer.built:
            return
        call = self._call or (lambda run, *raws: run(*raws))
        specs = [tf.TensorSpec([_size(axis) for axis in axes]) for axes in self._in_dims]
        traced = tf.function(partial(call, self.runner()), autograph=False)
        try:
            traced.get_concrete_function(*specs)
        except Exception as error:  # whatever the layer does not like about the inputs
            raise errors.unbuilt_layer(self.op, self.kind, str(error).split("\n")[0]) from error

    @property
    def kind(self) -> str:
        """Class of the layer."""
        return f"keras.layers.{type(self.layer).__name__}"

    def runner(self) -> Callable[..., Any]:
        """The layer, in training mode or not."""
        return partial(self.layer, training=self.training)

    def variables(self) -> Iterator[tuple[str, Any, bool]]:
        """The weights of the layer."""
        for path, variable in self._by_path.items():
            yield path, variable.value, variable.trainable

    def variable(self, path: str) -> Any:
        """The `tf.Variable` of a weight."""
        return self._by_path[path].value

    def generators(self) -> list[Any]:
        """Those of dropout and the like, which Keras counts among variables, not weights."""
        weights = {id(weight) for weight in self.layer.weights}
        return [v.value for v in self.layer.variables if id(v) not in weights]


def _size(axis: Any) -> int | None:
    return axis.size if isinstance(axis, Dim) else None


def _paths(layer: Any) -> list[str]:
    """Names of the weights, the same for every layer that is made in the same way."""
    numbers: dict[tuple[str, ...], dict[str, str]] = {}
    found: list[str] = []
    for weight in layer.weights:
        *above, name = weight.path.split("/")
        path: tuple[str, ...] = ()
        for part in above[1:] if above[:1] == [layer.name] else above:
            known = numbers.setdefault(path, {})
            if part not in known:
                known[part] = _numbered(re.sub(r"_\d+$", "", part), list(known.values()))
            path = (*path, known[part])
        found.append(_numbered(".".join((*path, name)), found))
    return found


def _numbered(name: str, taken: Sequence[str]) -> str:
    """The name, or the first of `name_1`, `name_2`, ... that is not taken."""
    number, result = 0, name
    while result in taken:
        number += 1
        result = f"{name}_{number}"
    return result
