"""Prediction networks and joiners on arrays, by native ops: for searches on the CPU, whose steps
are so short that a call of a framework's operator takes longer than what it computes.

The parameters are those of the modules, whatever framework they belong to: the arrays share their
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqfront import errors, native
from seqfront.backend import Backend, Raw
from seqfront.models.decoder.joiner import Joiner
from seqfront.models.decoder.normalized_lstm import NormalizedLSTM
from seqfront.models.decoder.transducer_prediction import NormalizedPrediction
from seqfront.nn.norm import LayerNorm
from seqfront.search.transducer.best_labels import joiner_weights
from seqfront.search.transducer.memory import Memory, Step, lies, program
from seqfront.search.transducer.panels import Panels, Weight


class _Norm(NamedTuple):
    """Parameters of a layer normalisation."""

    scale: Any
    bias: Any
    epsilon: float

    def step(self, x: Any, to: Any) -> Step:
        """to [rows, features] = the rows of x, normalised."""
        return (
            "layer_norm",
            (lies(x), lies(self.scale), lies(self.bias)),
            (self.epsilon,),
            (lies(to),),
        )


class _Layer(NamedTuple):
    """Parameters of an LSTM layer, as native ops read them."""

    input: Weight
    hidden: Weight
    norms: tuple[Memory, ...]
    """Scale and bias of the gates' and of the cell's."""
    epsilon: float
    arrays: tuple[Any, ...]
    """What `norms` lie in, kept alive."""


class _Plan(NamedTuple):
    """A step of the prediction network on so many rows: the same memory, whenever it is taken."""

    gates: Any
    """Of the first layer, from the labels: [rows, 4 features]."""
    before: Any
    """Hidden and cell of each layer: [2 layers, rows, features]."""
    after: Any
    features: Any
    """[rows, out]."""
    others: tuple[Any, ...]
    """What else the steps work in, kept alive."""
    run: Callable[[], None]


class ArrayPrediction:
    """A `NormalizedPrediction` of float32 outside of training.

    Args:
        predictor: The network.
        backend: Of its parameters.
        panels: Where its weights are kept.
    """

    def __init__(self, predictor: NormalizedPrediction, backend: Backend, panels: Panels) -> None:
        def array(parameter: Any) -> Any:
            return np.ascontiguousarray(backend.to_numpy(parameter.raw))

        def norm(layer: LayerNorm) -> _Norm:
            return _Norm(array(layer.scale), array(layer.bias), layer.epsilon)

        def lstm(number: int, layer: NormalizedLSTM) -> _Layer:
            gates, cell = layer.gates_norm, layer.cell_norm
            arrays = tuple(map(array, (gates.scale, gates.bias, cell.scale, cell.bias)))
            return _Layer(
                panels(backend, f"input of layer {number}", layer.input.weight.raw),
                panels(backend, f"hidden of layer {number}", layer.hidden.weight.raw),
                tuple(map(lies, arrays)),
                gates.epsilon,
                arrays,
            )

        self._embedding = array(predictor.embedding.weight)
        self._first, self._last = norm(predictor.embedding_norm), norm(predictor.norm)
        self._layers = [lstm(number, layer) for number, layer in enumerate(predictor.layers)]
        first = predictor.embedding_norm
        made_of = (
            predictor.embedding.weight,
            first.scale,
            first.bias,
            predictor.layers[0].input.weight,
        )
        raws = tuple(parameter.raw for parameter in made_of)
        self._gates: dict[int, Any] = panels.keep(backend, "gates of labels", raws, dict)
        projection = predictor.projection
        bias: Any = projection.bias
        self._projection = panels(backend, "projection", projection.weight.raw)
        self._bias = None if bias is None else array(bias)
        self._plans: dict[int, _Plan] = {}

    def __call__(self, labels: Sequence[int], memories: Sequence[Any]) -> tuple[Any, Any]:
        """One step.

        Args:
            labels: In range.
            memories: For each label float32 [2 layers, features]: hidden and cell of each layer.

        Returns:
            Features [labels, out] and the new memory [2 layers, labels, features].
        """
        plan = self._plans.get(len(labels))
        if plan is None:
            plan = self._plans[len(labels)] = self._plan(len(labels))
        self._project(labels)
        for row, (label, memory) in enumerate(zip(labels, memories, strict=True)):
            plan.gates[row] = self._gates[label]
            plan.before[:, row] = memory
        plan.run()
        return plan.features.copy(), plan.after.copy()

    def _plan(self, rows: int) -> _Plan:
        """A step of so many rows."""
        width = self._layers[0].input.lies[2][1]
        gates, inner = np.empty((2, rows, width), np.float32)
        before, after = np.empty((2, 2 * len(self._layers), rows, width // 4), np.float32)
        projected, features = np.empty((2, rows, self._projection.lies[2][1]), np.float32)
        steps: list[Step] = []
        source = gates
        for i, layer in enumerate(self._layers):
            if i > 0:
                source = inner
                steps.append(_product(after[2 * i - 2], layer.input, None, source))
            parts = (source, before[2 * i], before[2 * i + 1])
            inputs = (*map(lies, parts), layer.hidden.lies, *layer.norms)
            attributes = (layer.epsilon, layer.hidden.panels)
            outputs = (lies(after[2 * i]), lies(after[2 * i + 1]))
            steps.append(("normalized_lstm", inputs, attributes, outputs))
        steps.append(_product(after[-2], self._projection, self._bias, projected))
        steps.append(self._last.step(projected, features))
        return _Plan(gates, before, after, features, (inner, projected), program(*steps))

    def _project(self, labels: Sequence[int]) -> None:
        """What the first layer makes of the embeddings, which is kept: labels come again, in other
        utterances, too."""
        new = [label for label in dict.fromkeys(labels) if label not in self._gates]
        if new:
            weight = self._layers[0].input
            gates = np.empty((len(new), weight.lies[2][1]), np.float32)
            embedded = self._embedding[new]
            x = np.empty_like(embedded)
            program(self._first.step(embedded, x), _product(x, weight, None, gates))()
            self._gates.update(zip(new, gates, strict=True))


def _product(x: Any, weight: Weight, bias: Any, to: Any) -> Step:
    """to = x [rows, in] weight + bias."""
    added = None if bias is None else lies(bias)
    return "few_rows", (lies(x), weight.lies, added), (weight.panels,), (lies(to),)


class _JoinerPlan(NamedTuple):
    """A call for so many pairs, of so many sequences: the same memory, whenever it is made."""

    indices: Any
    """[2, pairs]: frames, and rows of the features."""
    features: Any
    """[sequences, joint]."""
    found: tuple[Any, Any, Any]
    run: Callable[[], None]


class ArrayJoiner:
    """A `Joiner` and the frames of an utterance, float32: what comes next.

    Args:
        joiner: The joiner.
        backend: Of its parameters and of the frames.
        frames: [frames, joint].
        panels: Where its weight is kept.
        blank: Class of the blank.
        count: How many of the best labels are wanted.
        temperature: Divides the logits.
    """

    def __init__(
        self,
        joiner: Joiner,
        backend: Backend,
        frames: Raw,
        panels: Panels,
        *,
        blank: int,
        count: int,
        temperature: float,
    ) -> None:
        weight, bias = joiner_weights(joiner)
        arrays = [None if x is None else backend.to_numpy(x) for x in (frames, bias)]
        self._arrays = [None if x is None else np.ascontiguousarray(x) for x in arrays]
        self._source, self._bias = [None if x is None else lies(x) for x in self._arrays]
        self._weight = panels(backend, "joiner", weight)
        self._ranks = np.arange(count, dtype=np.int32)
        activation = (None, "tanh", "relu").index(joiner.activation)
        self._options = (blank, activation, temperature, self._weight.panels)
        self._plans: dict[tuple[int, int], _JoinerPlan] = {}

    def __call__(
        self, frames: Sequence[int], features: Sequence[Any], places: Sequence[int]
    ) -> tuple[Any, Any, Any]:
        """Of pairs of a frame and one of `features`, each [joint]: log-probabilities of the blank
        [pairs] and of the best labels [pairs, count], and these labels; all until the next call."""
        sizes = len(frames), len(features)
        plan = self._plans.get(sizes)
        if plan is None:
            plan = self._plans[sizes] = self._plan(*sizes)
        plan.indices[0], plan.indices[1] = frames, places
        for row, one in enumerate(features):
            plan.features[row] = one
        plan.run()
        return plan.found

    def _plan(self, pairs: int, nodes: int) -> _JoinerPlan:
        """So many pairs, of so many sequences."""
        count = len(self._ranks)
        indices = np.empty((2, pairs), np.int32)
        features = np.empty((nodes, self._weight.lies[2][0]), np.float32)
        found = (
            np.empty(pairs, np.float32),
            np.empty((pairs, count), np.float32),
            np.empty((pairs, count), np.int32),
        )
        inputs = (self._source, lies(features), self._weight.lies, self._bias)
        rest = (lies(indices[0]), lies(indices[1]), lies(self._ranks))
        step = "joint_top_labels", (*inputs, *rest), self._options, tuple(map(lies, found))
        return _JoinerPlan(indices, features, found, program(step))


def array_prediction(predictor: object, backend: Backend, panels: Panels) -> ArrayPrediction | None:
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
    return ArrayPrediction(predictor, backend, panels)
