"""Encoders: from features of a sequence to features of what it means."""

from seqfront.models.encoder.conformer import Conformer as Conformer
from seqfront.models.encoder.conformer import ConformerConvolution as ConformerConvolution
from seqfront.models.encoder.conformer import ConformerLayer as ConformerLayer
from seqfront.models.encoder.conformer import ConformerState as ConformerState
from seqfront.models.encoder.emformer import Emformer as Emformer
from seqfront.models.encoder.emformer_state import EmformerLayerState as EmformerLayerState
from seqfront.models.encoder.emformer_state import EmformerState as EmformerState
from seqfront.models.encoder.emformer_state import concat_states as concat_states
from seqfront.models.encoder.lstm import LSTMEncoder as LSTMEncoder
from seqfront.models.encoder.subsample import ConvSubsampling as ConvSubsampling
from seqfront.models.encoder.transformer import TransformerEncoder as TransformerEncoder
from seqfront.models.encoder.transformer import TransformerEncoderLayer as TransformerEncoderLayer
