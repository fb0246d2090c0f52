"""Search: from scores to labels."""

from seqfront.search.greedy import GreedyState as GreedyState
from seqfront.search.greedy import Transcript as Transcript
from seqfront.search.greedy import greedy_transducer as greedy_transducer
from seqfront.search.history import Said as Said
from seqfront.search.hypotheses import Hypotheses as Hypotheses
from seqfront.search.rescoring import ctc_log_probs as ctc_log_probs
from seqfront.search.rescoring import transducer_log_probs as transducer_log_probs
from seqfront.search.scorer import Scorer as Scorer
from seqfront.search.streaming import Search as Search
from seqfront.search.transducer_beam import TransducerBeam as TransducerBeam
from seqfront.search.transducer_beam import TransducerBeamState as TransducerBeamState
from seqfront.search.view import draw as draw
from seqfront.search.view import text_view as text_view
