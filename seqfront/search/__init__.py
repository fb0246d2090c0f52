"""Search: from scores to labels."""

from seqfront.search.alignment_beam import AlignmentBeam as AlignmentBeam
from seqfront.search.alignment_part import AlignmentBeamState as AlignmentBeamState
from seqfront.search.attention_decoder import AttentionDecoder as AttentionDecoder
from seqfront.search.calls import Calls as Calls
from seqfront.search.ctc_greedy import CtcGreedy as CtcGreedy
from seqfront.search.ctc_prefix_beam import CtcPrefixBeam as CtcPrefixBeam
from seqfront.search.ctc_prefix_scorer import CtcPrefixScorer as CtcPrefixScorer
from seqfront.search.greedy import TransducerGreedy as TransducerGreedy
from seqfront.search.history import Said as Said
from seqfront.search.hotwords import Hotwords as Hotwords
from seqfront.search.hypotheses import Hypotheses as Hypotheses
from seqfront.search.internal_language_model import InternalLanguageModel as InternalLanguageModel
from seqfront.search.label_beam import LabelBeam as LabelBeam
from seqfront.search.language_model import LanguageModel as LanguageModel
from seqfront.search.length_bonus import LengthBonus as LengthBonus
from seqfront.search.ngram import NGram as NGram
from seqfront.search.rescoring import ctc_log_probs as ctc_log_probs
from seqfront.search.rescoring import transducer_log_probs as transducer_log_probs
from seqfront.search.scorer import Scorer as Scorer
from seqfront.search.streaming import Search as Search
from seqfront.search.transcript import GreedyState as GreedyState
from seqfront.search.transcript import Transcript as Transcript
from seqfront.search.transducer_beam import TransducerBeam as TransducerBeam
from seqfront.search.transducer_beam import TransducerBeamState as TransducerBeamState
from seqfront.search.view import draw as draw
from seqfront.search.view import text_view as text_view
