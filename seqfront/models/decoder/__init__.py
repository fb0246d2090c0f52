"""Decoders: prediction networks and joiners."""

from seqfront.models.decoder.joiner import Joiner as Joiner
from seqfront.models.decoder.prediction import LSTMPrediction as LSTMPrediction
