"""Models made of layers."""

from seqfront.models.decoder import Joiner as Joiner
from seqfront.models.decoder import LSTMPrediction as LSTMPrediction
