"""Search: from scores to labels.

- `transducer`, `ctc`: searches over frames, by the kind of model; `label_beam`: label by label.
- `scorers`: what gives labels their scores besides.
- `hypotheses`, `transcript`: what is found; `history`: how it is kept meanwhile.
- `streaming`: what all searches over frames share; `recombination`: how equal labels become one.
- `rescoring`, `view`: what to do with n-best lists.
"""

from seqfront.search.ctc.beam_state import CtcBeamState as CtcBeamState
from seqfront.search.ctc.greedy import CtcGreedy as CtcGreedy
from seqfront.search.ctc.greedy import CtcGreedyState as CtcGreedyState
from seqfront.search.ctc.prefix_beam import CtcPrefixBeam as CtcPrefixBeam
from seqfront.search.history import Said as Said
from seqfront.search.hypotheses import Hypotheses as Hypotheses
from seqfront.search.label_beam import LabelBeam as LabelBeam
from seqfront.search.rescoring import ctc_log_probs as ctc_log_probs
from seqfront.search.rescoring import transducer_log_probs as transducer_log_probs
from seqfront.search.scorers.attention_decoder import AttentionDecoder as AttentionDecoder
from seqfront.search.scorers.ctc_prefix import CtcPrefixScorer as CtcPrefixScorer
from seqfront.search.scorers.hotwords import Hotwords as Hotwords
from seqfront.search.scorers.internal_language_model import (
    InternalLanguageModel as InternalLanguageModel,
)
from seqfront.search.scorers.language_model import LanguageModel as LanguageModel
from seqfront.search.scorers.length_bonus import LengthBonus as LengthBonus
from seqfront.search.scorers.ngram import NGram as NGram
from seqfront.search.scorers.scorer import Scorer as Scorer
from seqfront.search.streaming import Search as Search
from seqfront.search.streaming import Streaming as Streaming
from seqfront.search.transcript import Transcript as Transcript
from seqfront.search.transducer.alignment_beam import AlignmentBeam as AlignmentBeam
from seqfront.search.transducer.alignment_part import AlignmentBeamState as AlignmentBeamState
from seqfront.search.transducer.beam import TransducerBeam as TransducerBeam
from seqfront.search.transducer.beam import TransducerBeamState as TransducerBeamState
from seqfront.search.transducer.calls import Calls as Calls
from seqfront.search.transducer.greedy import TransducerGreedy as TransducerGreedy
from seqfront.search.transducer.greedy_state import GreedyState as GreedyState
from seqfront.search.view import draw as draw
from seqfront.search.view import text_view as text_view
