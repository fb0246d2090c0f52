"""Search: from scores to labels."""

from seqfront.search.greedy import GreedyState as GreedyState
from seqfront.search.greedy import Transcript as Transcript
from seqfront.search.greedy import greedy_transducer as greedy_transducer
