"""Prediction networks and joiners on arrays, by native ops: for searches on the CPU, whose steps
are so short that a call of a framework's operator takes longer than what it computes.

The parameters are those of the modules, whatever framework they belong to: the arrays share their
memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from seqfront import errors, native
from seqfront.backend import Backend, Raw
from seqfront.models.decoder.joiner import Joiner
from seqfront.models.decoder.normalized_lstm import NormalizedLSTM
from seqfront.models.decoder.transducer_prediction import NormalizedPrediction
from seqfront.native import Buffer, NativeOp
from seqfront.nn.norm import LayerNorm
from seqfront.search.transducer.best_labels import joiner_weights


def lies(x: Any) -> Buffer:
    """Where the elements of a float32 or int32 array without gaps are."""
    stride, strides = 1, [0] * x.ndim
    for axis in range(x.ndim - 1, -1, -1):
        strides[axis] = stride
        stride *= x.shape[axis]
    dtype = "float32" if x.dtype == np.float32 else "int32"
    return Buffer(x.__array_interface__["data"][0], x.shape, tuple(strides), dtype)


class _Norm(NamedTuple):
    scale: Any
    bias: Any
    epsilon: float

    def __call__(self, x: Any) -> Any:
        x = x - x.mean(1, keepdims=True)
        variance = np.square(x).mean(1, keepdims=True)
        return x / np.sqrt(variance + self.epsilon) * self.scale + self.bias


class _Layer(NamedTuple):
    """Parameters, as native ops read them."""

    arrays: tuple[Any, ...]
    """What `input` and `rest` lie in, kept alive."""
    input: Buffer
    rest: tuple[Buffer, ...]
    epsilon: float


class ArrayPrediction:
    """A `NormalizedPrediction` of float32 outside of training.

    Args:
        predictor: The network.
        backend: Of its parameters.
    """

    def __init__(self, predictor: NormalizedPrediction, backend: Backend) -> None:
        ops = native.ops()
        self._product: NativeOp = ops["few_rows"]
        self._cell: NativeOp = ops["normalized_lstm"]

        def array(parameter: Any) -> Any:
            return np.ascontiguousarray(backend.to_numpy(parameter.raw))

        def norm(layer: LayerNorm) -> _Norm:
            return _Norm(array(layer.scale), array(layer.bias), layer.epsilon)

        def lstm(layer: NormalizedLSTM) -> _Layer:
            gates, cell = layer.gates_norm, layer.cell_norm
            parameters = (layer.hidden.weight, gates.scale, gates.bias, cell.scale, cell.bias)
            arrays = (array(layer.input.weight), *map(array, parameters))
            first, *rest = map(lies, arrays)
            return _Layer(arrays, first, tuple(rest), gates.epsilon)

        self._embedding = array(predictor.embedding.weight)
        self._first, self._last = norm(predictor.embedding_norm), norm(predictor.norm)
        self._layers = [lstm(layer) for layer in predictor.layers]
        self._gates: dict[int, Any] = {}
        projection = predictor.projection
        bias: Any = projection.bias
        self._projection = array(projection.weight)
        self._bias = None if bias is None else array(bias)

    def __call__(self, labels: Sequence[int], memory: Any) -> tuple[Any, Any]:
        """One step.

        Args:
            labels: In range.
            memory: float32 [2 layers, labels, features]: hidden and cell of each layer.

        Returns:
            Features [labels, out] and the new memory.
        """
        after = np.empty_like(memory)
        gates = self._input_gates(labels, 4 * memory.shape[2])
        for i, layer in enumerate(self._layers):
            if i > 0:
                gates = np.empty_like(gates)
                inputs = (lies(after[2 * i - 2]), layer.input, None)
                native.call(self._product, inputs, (), (lies(gates),))
            before = (lies(memory[2 * i]), lies(memory[2 * i + 1]))
            to = (lies(after[2 * i]), lies(after[2 * i + 1]))
            native.call(self._cell, (lies(gates), *before, *layer.rest), (layer.epsilon,), to)
        y = np.empty((len(labels), self._projection.shape[1]), np.float32)
        bias = None if self._bias is None else lies(self._bias)
        last = (lies(after[-2]), lies(self._projection), bias)
        native.call(self._product, last, (), (lies(y),))
        return self._last(y), after

    def _input_gates(self, labels: Sequence[int], width: int) -> Any:
        """What the first layer makes of the embeddings, which is kept: labels come again."""
        new = [label for label in dict.fromkeys(labels) if label not in self._gates]
        if new:
            x = self._first(self._embedding[new])
            gates = np.empty((len(new), width), np.float32)
            inputs = (lies(x), self._layers[0].input, None)
            native.call(self._product, inputs, (), (lies(gates),))
            self._gates.update(zip(new, gates, strict=True))
        return np.stack([self._gates[label] for label in labels])


class ArrayJoiner:
    """A `Joiner` and the frames of an utterance, float32: what comes next.

    Args:
        joiner: The joiner.
        backend: Of its parameters and of the frames.
        frames: [frames, joint].
        blank: Class of the blank.
        count: How many of the best labels are wanted.
        temperature: Divides the logits.
    """

    def __init__(
        self,
        joiner: Joiner,
        backend: Backend,
        frames: Raw,
        *,
        blank: int,
        count: int,
        temperature: float,
    ) -> None:
        self._op: NativeOp = native.ops()["joint_top_labels"]
        weight, bias = joiner_weights(joiner)
        arrays = [None if x is None else backend.to_numpy(x) for x in (frames, weight, bias)]
        self._arrays = [None if x is None else np.ascontiguousarray(x) for x in arrays]
        self._source, self._weight, self._bias = [
            None if x is None else lies(x) for x in self._arrays
        ]
        self._ranks = np.arange(count, dtype=np.int32)
        activation = (None, "tanh", "relu").index(joiner.activation)
        self._options = (blank, activation, temperature)

    def __call__(
        self, frames: Sequence[int], features: Any, places: Sequence[int]
    ) -> tuple[Any, Any, Any]:
        """Of pairs of a frame and a row of `features` [sequences, joint]: log-probabilities of the
        blank [pairs] and of the best labels [pairs, count], and these labels."""
        indices = np.array((frames, places), np.int32)
        pairs, count = len(frames), len(self._ranks)
        found = (
            np.empty(pairs, np.float32),
            np.empty((pairs, count), np.float32),
            np.empty((pairs, count), np.int32),
        )
        inputs = (self._source, lies(features), self._weight, self._bias)
        rest = (lies(indices[0]), lies(indices[1]), lies(self._ranks))
        native.call(self._op, (*inputs, *rest), self._options, [lies(x) for x in found])
        return found


def array_prediction(predictor: object, backend: Backend) -> ArrayPrediction | None:
    """The network on arrays; None if it is another one, or elsewhere."""
    if type(predictor) is not NormalizedPrediction or predictor.training:
        return None
    if any(type(layer) is not NormalizedLSTM for layer in predictor.layers):
        return None
    parameters = predictor.named_parameters().values()
    if any(p.dtype != "float32" or backend.device(p.raw) != "cpu" for p in parameters):
        return None
    try:
        native.ops()
    except errors.NativeError:
        return None
    return ArrayPrediction(predictor, backend)
