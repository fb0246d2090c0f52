"""Decoders: prediction networks, joiners, and the Transformer's."""

from seqfront.models.decoder.joiner import Joiner as Joiner
from seqfront.models.decoder.prediction import LSTMPrediction as LSTMPrediction
from seqfront.models.decoder.transformer import TransformerDecoder as TransformerDecoder
from seqfront.models.decoder.transformer import TransformerDecoderLayer as TransformerDecoderLayer
