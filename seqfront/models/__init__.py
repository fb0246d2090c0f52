"""Models made of layers."""

from seqfront.models.decoder import Joiner as Joiner
from seqfront.models.decoder import LSTMPrediction as LSTMPrediction
from seqfront.models.decoder import TransformerDecoder as TransformerDecoder
from seqfront.models.decoder import TransformerDecoderLayer as TransformerDecoderLayer
from seqfront.models.encoder import Conformer as Conformer
from seqfront.models.encoder import ConformerConvolution as ConformerConvolution
from seqfront.models.encoder import ConformerLayer as ConformerLayer
from seqfront.models.encoder import ConvSubsampling as ConvSubsampling
from seqfront.models.encoder import Emformer as Emformer
from seqfront.models.encoder import EmformerLayerState as EmformerLayerState
from seqfront.models.encoder import EmformerState as EmformerState
from seqfront.models.encoder import TransformerEncoder as TransformerEncoder
from seqfront.models.encoder import TransformerEncoderLayer as TransformerEncoderLayer
from seqfront.models.encoder import concat_states as concat_states
