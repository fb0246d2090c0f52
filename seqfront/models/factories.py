"""Transducers by their numbers: the models of torchaudio, and one of a Conformer."""

from __future__ import annotations

from typing import Literal

from seqfront import errors
from seqfront.dim import Dim
from seqfront.models.decoder.joiner import Joiner
from seqfront.models.decoder.transducer_prediction import (
    NormalizedPrediction,
    StatelessPrediction,
)
from seqfront.models.encoder.conformer import Conformer
from seqfront.models.encoder.emformer import Emformer, WeightScale
from seqfront.models.rnnt import RNNT
from seqfront.models.transcriber import ConformerTranscriber, EmformerTranscriber

EmformerActivation = Literal["relu", "gelu", "silu"]


def emformer_rnnt_model(
    *,
    input_dim: int | Dim,
    encoding_dim: int,
    num_symbols: int | Dim,
    segment_length: int,
    right_context_length: int,
    time_reduction_input_dim: int,
    time_reduction_stride: int,
    transformer_num_heads: int,
    transformer_ffn_dim: int,
    transformer_num_layers: int,
    transformer_dropout: float = 0.0,
    transformer_activation: EmformerActivation = "relu",
    transformer_left_context_length: int = 0,
    transformer_max_memory_size: int = 0,
    transformer_weight_init_scale_strategy: WeightScale | None = "depthwise",
    transformer_tanh_on_mem: bool = False,
    symbol_embedding_dim: int,
    num_lstm_layers: int,
    lstm_layer_norm: bool = False,
    lstm_layer_norm_epsilon: float = 1e-5,
    lstm_dropout: float = 0.0,
) -> RNNT:
    """A streaming transducer: an Emformer behind time reduction, LSTMs, and a joint network with
    ReLU. The arguments are those of torchaudio's function of this name.

    Args:
        input_dim: Features of a frame: the Dim that inputs have, or a number.
        encoding_dim: Features of the joint network.
        num_symbols: Labels and the blank: the Dim that labels are of, or a number.
        segment_length: Frames of a segment, a multiple of the stride.
        right_context_length: Frames that a segment looks ahead, a multiple of the stride.
        time_reduction_input_dim: Features of a frame before the time reduction.
        time_reduction_stride: How many frames become one.
        transformer_num_heads: Heads of the Emformer; so are the others that begin like this.
        transformer_ffn_dim: Features inside the feed-forward layers.
        transformer_num_layers: How many layers.
        transformer_dropout: Probability of zero while training.
        transformer_activation: Of the feed-forward layers.
        transformer_left_context_length: Frames before a segment that it sees, after the reduction:
            not divided by the stride.
        transformer_max_memory_size: Segments whose memories are seen.
        transformer_weight_init_scale_strategy: "depthwise", "constant" or None.
        transformer_tanh_on_mem: Memories go through tanh.
        symbol_embedding_dim: Features of the embedding, and of the LSTM layers.
        num_lstm_layers: How many.
        lstm_layer_norm: Whether they are normalised inside.
        lstm_layer_norm_epsilon: Added to the variances there.
        lstm_dropout: Probability of zero after each layer, while training.

    Raises:
        DimError: Segment or look-ahead are no multiples of the stride; heads do not divide.

    Example:
        >>> import seqfront as sf
        >>> mel, vocab = sf.Dim("mel", 8), sf.Dim("vocab", 5)
        >>> model = sf.models.emformer_rnnt_model(
        ...     input_dim=mel, encoding_dim=6, num_symbols=vocab, segment_length=4,
        ...     right_context_length=2, time_reduction_input_dim=4, time_reduction_stride=2,
        ...     transformer_num_heads=2, transformer_ffn_dim=8, transformer_num_layers=1,
        ...     symbol_embedding_dim=4, num_lstm_layers=1)
        >>> time, so_far = sf.Dim("time", 9), sf.Dim("so_far", 3)
        >>> labels = sf.wrap([4, 1, 2], (so_far,), sparse_dim=vocab)
        >>> model(sf.ones((time, mel)), labels, axis=time, targets_axis=so_far)
        float32[time//2:4, so_far:3, vocab:5] numpy:cpu
    """
    stride = time_reduction_stride
    op = "emformer_rnnt_model"
    for name, value in (
        ("segment_length", segment_length),
        ("right_context_length", right_context_length),
    ):
        if value % stride:
            raise errors.not_a_multiple(op, name, value, stride)
    joint = Dim("joint", encoding_dim)
    symbols, frame = _dim("symbols", num_symbols), Dim("frame", time_reduction_input_dim)
    encoder = Emformer(
        Dim("encoded", time_reduction_input_dim * stride),
        layers=transformer_num_layers,
        heads=transformer_num_heads,
        inner=Dim("inner", transformer_ffn_dim),
        segment=segment_length // stride,
        left=transformer_left_context_length,
        right=right_context_length // stride,
        memory=transformer_max_memory_size,
        activation=transformer_activation,
        dropout=transformer_dropout,
        tanh_on_memory=transformer_tanh_on_mem,
        weight_scale=transformer_weight_init_scale_strategy,
    )
    transcriber = EmformerTranscriber(
        _dim("input", input_dim), joint, frame_dim=frame, stride=stride, encoder=encoder
    )
    predictor = NormalizedPrediction(
        symbols,
        Dim("embedding", symbol_embedding_dim),
        Dim("hidden", symbol_embedding_dim),
        joint,
        layers=num_lstm_layers,
        layer_norm=lstm_layer_norm,
        epsilon=lstm_layer_norm_epsilon,
        dropout=lstm_dropout,
    )
    return RNNT(transcriber, predictor, Joiner(joint, symbols, activation="relu"))


def emformer_rnnt_base(num_symbols: int | Dim, *, input_dim: int | Dim = 80) -> RNNT:
    """The transducer of torchaudio's LibriSpeech pipeline: 76.7 million parameters with 4097
    symbols, segments of 160 ms and 40 ms ahead for frames of 10 ms.

    Args:
        num_symbols: Labels and the blank: the Dim that labels are of, or a number.
        input_dim: Features of a frame: 80, or a Dim of that size.
    """
    return emformer_rnnt_model(
        input_dim=input_dim,
        encoding_dim=1024,
        num_symbols=num_symbols,
        segment_length=16,
        right_context_length=4,
        time_reduction_input_dim=128,
        time_reduction_stride=4,
        transformer_num_heads=8,
        transformer_ffn_dim=2048,
        transformer_num_layers=20,
        transformer_dropout=0.1,
        transformer_activation="gelu",
        transformer_left_context_length=30,
        transformer_max_memory_size=0,
        transformer_weight_init_scale_strategy="depthwise",
        transformer_tanh_on_mem=True,
        symbol_embedding_dim=512,
        num_lstm_layers=3,
        lstm_layer_norm=True,
        lstm_layer_norm_epsilon=1e-3,
        lstm_dropout=0.3,
    )


def conformer_rnnt_model(
    *,
    input_dim: int | Dim,
    encoding_dim: int,
    num_symbols: int | Dim,
    time_reduction_stride: int,
    conformer_input_dim: int,
    conformer_ffn_dim: int,
    conformer_num_layers: int,
    conformer_num_heads: int,
    conformer_window: int = 31,
    conformer_dropout: float = 0.0,
    symbol_embedding_dim: int,
    label_context: int = 2,
) -> RNNT:
    """A transducer for whole utterances: a Conformer behind time reduction, a stateless prediction
    network, and a joint network with tanh.

    Args:
        input_dim: Features of a frame: the Dim that inputs have, or a number.
        encoding_dim: Features of the joint network.
        num_symbols: Labels and the blank: the Dim that labels are of, or a number.
        time_reduction_stride: How many frames become one.
        conformer_input_dim: Features of the Conformer.
        conformer_ffn_dim: Features inside its feed-forward layers.
        conformer_num_layers: How many layers.
        conformer_num_heads: Heads of its attention.
        conformer_window: Frames that its convolutions see.
        conformer_dropout: Probability of zero while training.
        symbol_embedding_dim: Features of the embedding of labels.
        label_context: How many labels the prediction network sees.
    """
    joint, encoded = Dim("joint", encoding_dim), Dim("encoded", conformer_input_dim)
    symbols = _dim("symbols", num_symbols)
    encoder = Conformer(
        encoded,
        layers=conformer_num_layers,
        heads=conformer_num_heads,
        inner=Dim("inner", conformer_ffn_dim),
        window=conformer_window,
        dropout=conformer_dropout,
    )
    transcriber = ConformerTranscriber(
        _dim("input", input_dim), joint,
        stride=time_reduction_stride, encoder=encoder, encoder_dim=encoded,
    )  # fmt: skip
    predictor = StatelessPrediction(
        symbols, Dim("embedding", symbol_embedding_dim), joint, context=label_context
    )
    return RNNT(transcriber, predictor, Joiner(joint, symbols))


def _dim(name: str, size: int | Dim) -> Dim:
    return size if isinstance(size, Dim) else Dim(name, size)
