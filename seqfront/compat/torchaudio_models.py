"""What the drop-ins for torchaudio's models do, on plain tensors of any framework.

Each framework has classes of its own that own the parameters (`seqfront_torch.torchaudio`,
`seqfront_tensorflow.torchaudio`); these here are their bases, and choose among them when called.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqfront import backends, checks, errors
from seqfront.backend import Backend, Raw
from seqfront.dim import Dim
from seqfront.lengths import FULL
from seqfront.models.encoder.emformer import Emformer as NamedEmformer
from seqfront.models.encoder.emformer_state import EmformerLayerState, EmformerState
from seqfront.models.factories import emformer_rnnt_base as named_emformer_rnnt_base
from seqfront.models.factories import emformer_rnnt_model as named_emformer_rnnt_model
from seqfront.models.rnnt import RNNT as NamedRNNT
from seqfront.models.transcriber import EmformerTranscriber
from seqfront.nn.module import Module
from seqfront.nn.recurrent import LSTMState
from seqfront.ops.create import wrap
from seqfront.tensor import Tensor

LayerStates = Sequence[Sequence[Raw]]
"""Tensors by layer."""


class FrameworkModel:
    """A model that belongs to a framework: which one, is chosen when it is made."""

    batch: Dim
    time: Dim

    def __new__(cls, *args: Any, **options: Any) -> Any:
        """An object of the class that the framework has."""
        own = cls
        if cls.__module__ == __name__:
            own = getattr(import_module(f"{_package()}.torchaudio"), cls.__name__)
        return super().__new__(own)

    if TYPE_CHECKING:  # what the classes of a framework have

        def own(self, model: Module) -> None:
            """Make the parameters of a model the framework's."""

        @property
        def model(self) -> Any:
            """The model over named dims."""

    def _wrapped(self, raw: Raw, axis: Dim, features: Dim, lengths: Any, more: int = 0) -> Tensor:
        """[batch, axis, features] with its lengths, and `more` positions after each."""
        backend = backends.of(raw)
        counts = backend.binary("add", _tensor(backend, lengths), more)
        return wrap(raw, (self.batch, axis, features), lengths={axis: counts})


def _package() -> str:
    """Where the classes are: of the default backend; of PyTorch, if none was chosen."""
    name = backends.default_name()
    backend = backends.get("torch" if name == "numpy" else name)
    return type(backend).__module__.partition(".")[0]


class Emformer(FrameworkModel):
    """torchaudio's Emformer (Shi et al. 2021, arXiv:2010.10759) on PyTorch and on TensorFlow.

    On PyTorch it is a `torch.nn.Module`, whose `state_dict` is that of torchaudio's, and loads into
    it; under `sf.use_backend("tensorflow")` it is a `tf.Module`, called like a function.

    Args:
        input_dim: Features of a frame.
        num_heads: Heads of the attention; they divide the features.
        ffn_dim: Features inside the feed-forward layers.
        num_layers: How many layers.
        segment_length: Frames of a segment.
        dropout: Probability of zero while training.
        activation: "relu", "gelu" or "silu".
        left_context_length: Frames before a segment that it sees.
        right_context_length: Frames after it that it sees.
        max_memory_size: Segments before it whose memories it sees.
        weight_init_scale_strategy: "depthwise", "constant" or None.
        tanh_on_mem: Memories go through tanh, or are kept within -10 and 10.
        negative_inf: Energy of what is not seen; -1e4 or less.

    Differs from torchaudio 2.11:
        - A sequence gives what it gives alone, whatever its length and its neighbours; there, the
          look-ahead of the last segment is taken from padding, and a single sequence that is
          padded is not masked.
        - Time and memory are linear in the frames, not quadratic.
        - Streams of any age share a batch; there, all have the age of the first. States are not
          changed in place; of frames older than the stream, they hold zeros. A last chunk may be
          short: its last frames are the look-ahead, directly behind those of the segment.
        - Half precision streams, too; no frames are fine. Errors are `sf.DimError`s, which are
          `ValueError`s.

    Example:
        >>> import torch
        >>> from seqfront.compat.torchaudio import Emformer
        >>> emformer = Emformer(8, 2, 16, 2, 4, right_context_length=1)
        >>> output, lengths = emformer(torch.rand(3, 41, 8), torch.tensor([40, 17, 0]))
        >>> tuple(output.shape), lengths.tolist()
        ((3, 40, 8), [40, 17, 0])
        >>> output, lengths, states = emformer.infer(torch.rand(1, 5, 8), torch.tensor([5]))
        >>> tuple(output.shape), len(states)
        ((1, 4, 8), 2)
    """

    def __init__(
        self,
        input_dim: int,
        num_heads: int,
        ffn_dim: int,
        num_layers: int,
        segment_length: int,
        dropout: float = 0.0,
        activation: str = "relu",
        left_context_length: int = 0,
        right_context_length: int = 0,
        max_memory_size: int = 0,
        weight_init_scale_strategy: str | None = "depthwise",
        tanh_on_mem: bool = False,
        negative_inf: float = -1e8,
    ) -> None:
        super().__init__()
        _check_activation("Emformer", activation)
        options: Any = {"activation": activation, "weight_scale": weight_init_scale_strategy}
        with backends.use_backend("numpy"):
            model = NamedEmformer(
                Dim("input", input_dim),
                layers=num_layers,
                heads=num_heads,
                inner=Dim("inner", ffn_dim),
                segment=segment_length,
                left=left_context_length,
                right=right_context_length,
                memory=max_memory_size,
                dropout=dropout,
                tanh_on_memory=tanh_on_mem,
                negative_inf=negative_inf,
                **options,
            )
        self.batch, self.time = Dim("batch"), Dim("time")
        self.own(model)

    def forward(self, input: Raw, lengths: Raw) -> tuple[Raw, Raw]:
        """Whole sequences.

        Args:
            input: [batch, time + right context, features]: frames, and what lies ahead of the last.
            lengths: Integers [batch]: frames, without the right context.

        Returns:
            [batch, time, features], and `lengths`.
        """
        model: NamedEmformer = self.model
        x = self._wrapped(input, self.time, model.dim, lengths, model.right)
        y = model(x, axis=self.time, context=model.right)
        return y.raw_in((self.batch, self.time - model.right, model.dim)), lengths

    def infer(
        self, input: Raw, lengths: Raw, states: LayerStates | None = None
    ) -> tuple[Raw, Raw, list[list[Raw]]]:
        """The next chunk of each stream.

        Args:
            input: [batch, segment + right context, features].
            lengths: Integers [batch]: frames of the chunk, with the right context.
            states: What came before, of each layer: memories [max_memory_size, batch, features],
                keys and values [left context, batch, features], and frames so far, int32
                [1, batch].

        Returns:
            [batch, segment, features], lengths without the right context, and new states.
        """
        model: NamedEmformer = self.model
        y, counts, after = _infer(self, model, model.chunk, input, lengths, states, 1)
        return y.raw_in((self.batch, model.segment, model.dim)), counts, after


class RNNT(FrameworkModel):
    """torchaudio's transducer (Graves 2012, arXiv:1211.3711) on PyTorch and on TensorFlow.

    As `Emformer`, a `torch.nn.Module` with torchaudio's `state_dict`, or a `tf.Module`; made by
    `emformer_rnnt_base` and `emformer_rnnt_model`. With lengths, padding is never seen, and the
    state of the predictor is that at the end of each sequence.

    Args:
        transcriber: An `sf.models.EmformerTranscriber`.
        predictor: An `sf.models.NormalizedPrediction`.
        joiner: An `sf.models.Joiner`.
    """

    def __init__(self, transcriber: Module, predictor: Module, joiner: Any) -> None:
        super().__init__()
        if not isinstance(transcriber, EmformerTranscriber):
            needed = "an sf.models.EmformerTranscriber"
            fix = "emformer_rnnt_model(...) makes all three."
            raise errors.bad_argument("RNNT", "transcriber", transcriber, needed, fix)
        self.batch, self.time = Dim("batch"), Dim("time")
        self.labels, self.encoded = Dim("labels"), Dim("encoded")
        self.own(NamedRNNT(transcriber, predictor, joiner))

    def forward(
        self,
        sources: Raw,
        source_lengths: Raw,
        targets: Raw,
        target_lengths: Raw,
        predictor_state: LayerStates | None = None,
    ) -> tuple[Raw, Raw, Raw, list[list[Raw]]]:
        """Logits of all frames and labels.

        Args:
            sources: [batch, time + right context, features].
            source_lengths: Integers [batch], without the right context.
            targets: Labels [batch, labels], the blank first: none is put before them.
            target_lengths: Integers [batch], the blank counted.
            predictor_state: Of each layer: hidden and cell [batch, features].

        Returns:
            Logits [batch, time // stride, labels, classes], both lengths, and the state.
        """
        encoded, source_lengths = self.transcribe(sources, source_lengths)
        predicted, _, state = self.predict(targets, target_lengths, predictor_state)
        logits, *_ = self.join(encoded, source_lengths, predicted, target_lengths)
        return logits, source_lengths, target_lengths, state

    def transcribe(self, sources: Raw, source_lengths: Raw) -> tuple[Raw, Raw]:
        """Whole sequences [batch, time + right context, features], lengths without the context ->
        [batch, time // stride, joint], lengths // stride."""
        transcriber: EmformerTranscriber = self.model.transcriber
        context, stride = transcriber.encoder.right * transcriber.stride, transcriber.stride
        x = self._wrapped(sources, self.time, transcriber.input.in_dim, source_lengths, context)
        counts = _tensor(backends.of(sources), source_lengths) // stride
        y = transcriber(x, axis=self.time, context=context)
        axis = self.time // stride - transcriber.encoder.right
        return y.raw_in((self.batch, axis, transcriber.norm.dim)), counts

    def transcribe_streaming(
        self, sources: Raw, source_lengths: Raw, state: LayerStates | None
    ) -> tuple[Raw, Raw, list[list[Raw]]]:
        """The next chunk of each stream [batch, segment + right context, features], lengths with
        the context -> [batch, segment // stride, joint], lengths, and states as of `Emformer`."""
        transcriber: EmformerTranscriber = self.model.transcriber
        y, counts, after = _infer(
            self, transcriber, transcriber.chunk, sources, source_lengths, state, transcriber.stride
        )
        dims = (self.batch, transcriber.encoder.segment, transcriber.norm.dim)
        return y.raw_in(dims), counts, after

    def predict(
        self, targets: Raw, target_lengths: Raw, state: LayerStates | None
    ) -> tuple[Raw, Raw, list[list[Raw]]]:
        """Labels [batch, labels] -> [batch, labels, joint], their lengths, and the state after."""
        predictor = self.model.predictor
        labels = wrap(
            targets,
            (self.batch, self.labels),
            lengths={self.labels: target_lengths},
            sparse_dim=predictor.embedding.labels,
        )
        before = None
        if state is not None:
            before = tuple(
                LSTMState(*(wrap(part, (self.batch, layer.out_dim)) for part in parts))
                for layer, parts in zip(predictor.layers, state, strict=True)
            )
        y, after = predictor(labels, axis=self.labels, state=before)
        parts = [
            [part.raw_in((self.batch, layer.out_dim)) for part in each]
            for layer, each in zip(predictor.layers, after, strict=True)
        ]
        return y.raw_in((self.batch, self.labels, predictor.norm.dim)), target_lengths, parts

    def join(
        self,
        source_encodings: Raw,
        source_lengths: Raw,
        target_encodings: Raw,
        target_lengths: Raw,
    ) -> tuple[Raw, Raw, Raw]:
        """[batch, frames, joint] and [batch, labels, joint] -> logits [batch, frames, labels,
        classes], and both lengths."""
        joiner = self.model.joiner
        joint, classes = joiner.output.in_dim, joiner.output.out_dim
        encoded = wrap(source_encodings, (self.batch, self.encoded, joint))
        predicted = wrap(target_encodings, (self.batch, self.labels, joint))
        logits = joiner(encoded, predicted)
        dims = (self.batch, self.encoded, self.labels, classes)
        return logits.raw_in(dims), source_lengths, target_lengths


def emformer_rnnt_model(**options: Any) -> RNNT:
    """torchaudio's factory: all its keyword arguments, which are those of
    `sf.models.emformer_rnnt_model`; gives an `RNNT`."""
    _check_activation("emformer_rnnt_model", options.get("transformer_activation", "relu"))
    with backends.use_backend("numpy"):
        model = named_emformer_rnnt_model(**options)
    return RNNT(model.transcriber, model.predictor, model.joiner)


def emformer_rnnt_base(num_symbols: int) -> RNNT:
    """torchaudio's transducer of 76.7 million parameters (with 4097 symbols, as its LibriSpeech
    pipeline has): an `RNNT`."""
    with backends.use_backend("numpy"):
        model = named_emformer_rnnt_base(num_symbols)
    return RNNT(model.transcriber, model.predictor, model.joiner)


def _check_activation(op: str, activation: str) -> None:
    if activation not in ("relu", "gelu", "silu"):
        raise errors.unknown_choice(op, "activation", activation, ("relu", "gelu", "silu"))


# -- streaming, of an Emformer and of what is around it --------------------------------------------


def _infer(
    outer: FrameworkModel,
    model: NamedEmformer | EmformerTranscriber,
    chunk: Dim,
    raw: Raw,
    lengths: Raw,
    states: LayerStates | None,
    stride: int,
) -> tuple[Tensor, Raw, list[list[Raw]]]:
    """Run over a chunk: result, lengths, states in torchaudio's layout."""
    encoder = model.encoder if isinstance(model, EmformerTranscriber) else model
    features = model.input.in_dim if isinstance(model, EmformerTranscriber) else model.dim
    backend = backends.of(raw)
    came, wanted = backend.static_shape(raw), chunk.size or 0
    if len(came) == 3 and came[1] not in (None, wanted):
        right = encoder.right * stride
        raise errors.wrong_chunk(type(outer).__name__, came, wanted - right, right)
    lengths = _tensor(backend, lengths)
    x = outer._wrapped(raw, chunk, features, lengths)  # pyright: ignore[reportPrivateUsage]
    if _all_full(backend, lengths, wanted):
        x = x.with_lengths(FULL)
    state = None if states is None else _state(encoder, outer.batch, states)
    y, after = model.stream(x, state, axis=chunk, context=encoder.right * stride)
    counts = backend.binary("max", lengths // stride - encoder.right, 0)
    return y, counts, _layers(encoder, outer.batch, after)


def _all_full(backend: Backend, lengths: Raw, size: int) -> bool:
    """Whether it is plain to see that no stream is at its end."""
    return checks.may_look(backend, lengths) and bool((backend.to_numpy(lengths) == size).all())


def _tensor(backend: Backend, lengths: Any) -> Raw:
    """Lengths that may be a list as what can be computed with."""
    return lengths if backends.is_raw(lengths) else backend.convert(lengths)


def _state(encoder: NamedEmformer, batch: Dim, states: LayerStates) -> EmformerState:
    if len(states) != len(encoder.layers) or any(len(layer) != 4 for layer in states):
        raise errors.wrong_states([len(layer) for layer in states], len(encoder.layers))
    backend = backends.of(states[0][3])
    pair, memory = (encoder.past, batch, encoder.key_value), (encoder.memory, batch, encoder.dim)
    layers = tuple(
        EmformerLayerState(wrap(mems, memory), wrap(backend.concat((keys, values), 2), pair))
        for mems, keys, values, _ in states
    )
    return EmformerState(wrap(backend.squeeze(states[0][3], (0,)), (batch,)), layers)


def _layers(encoder: NamedEmformer, batch: Dim, state: EmformerState) -> list[list[Raw]]:
    backend, size = state.age.backend, encoder.dim.size
    age = backend.expand_dims(state.age.raw, (0,))
    pair, memory = (encoder.past, batch, encoder.key_value), (encoder.memory, batch, encoder.dim)
    return [
        [layer.memory.raw_in(memory), *backend.split(layer.past.raw_in(pair), (size, size), 2), age]
        for layer in state.layers
    ]
