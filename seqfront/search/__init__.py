"""Search: from scores to labels."""

from seqfront.search.alignment_beam import AlignmentBeam as AlignmentBeam
from seqfront.search.alignment_part import AlignmentBeamState as AlignmentBeamState
from seqfront.search.calls import Calls as Calls
from seqfront.search.ctc_beam_state import CtcBeamState as CtcBeamState
from seqfront.search.ctc_greedy import CtcGreedy as CtcGreedy
from seqfront.search.ctc_greedy import CtcGreedyState as CtcGreedyState
from seqfront.search.ctc_prefix_beam import CtcPrefixBeam as CtcPrefixBeam
from seqfront.search.greedy import TransducerGreedy as TransducerGreedy
from seqfront.search.history import Said as Said
from seqfront.search.hypotheses import Hypotheses as Hypotheses
from seqfront.search.scorer import Scorer as Scorer
from seqfront.search.streaming import Search as Search
from seqfront.search.transcript import GreedyState as GreedyState
from seqfront.search.transcript import Transcript as Transcript
from seqfront.search.transducer_beam import TransducerBeam as TransducerBeam
from seqfront.search.transducer_beam import TransducerBeamState as TransducerBeamState
