"""Decoders: prediction networks, joiners, and the Transformer's."""

from seqfront.models.decoder.joiner import Joiner as Joiner
from seqfront.models.decoder.normalized_lstm import NormalizedLSTM as NormalizedLSTM
from seqfront.models.decoder.prediction import LSTMPrediction as LSTMPrediction
from seqfront.models.decoder.transducer_prediction import (
    NormalizedPrediction as NormalizedPrediction,
)
from seqfront.models.decoder.transducer_prediction import RecentLabels as RecentLabels
from seqfront.models.decoder.transducer_prediction import StatelessPrediction as StatelessPrediction
from seqfront.models.decoder.transformer import TransformerDecoder as TransformerDecoder
from seqfront.models.decoder.transformer import TransformerDecoderLayer as TransformerDecoderLayer
