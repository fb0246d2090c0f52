"""Models made of layers."""

from seqfront.models.decoder import Joiner as Joiner
from seqfront.models.decoder import LSTMPrediction as LSTMPrediction
from seqfront.models.decoder import NormalizedLSTM as NormalizedLSTM
from seqfront.models.decoder import NormalizedPrediction as NormalizedPrediction
from seqfront.models.decoder import RecentLabels as RecentLabels
from seqfront.models.decoder import StatelessPrediction as StatelessPrediction
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
from seqfront.models.factories import conformer_rnnt_model as conformer_rnnt_model
from seqfront.models.factories import emformer_rnnt_base as emformer_rnnt_base
from seqfront.models.factories import emformer_rnnt_model as emformer_rnnt_model
from seqfront.models.rnnt import RNNT as RNNT
from seqfront.models.transcriber import ConformerTranscriber as ConformerTranscriber
from seqfront.models.transcriber import EmformerTranscriber as EmformerTranscriber
from seqfront.models.transcriber import reduce_time as reduce_time
