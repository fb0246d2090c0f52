"""What is counted when sequences are compared: edits, error rates, optimal completions."""

from seqfront.metrics.alignment import EditAlignment as EditAlignment
from seqfront.metrics.alignment import edit_distance as edit_distance
from seqfront.metrics.completion import OptimalCompletion as OptimalCompletion
from seqfront.metrics.completion import optimal_completion as optimal_completion
from seqfront.metrics.error_rate import AlignedPair as AlignedPair
from seqfront.metrics.error_rate import ErrorRate as ErrorRate
from seqfront.metrics.error_rate import character_error_rate as character_error_rate
from seqfront.metrics.error_rate import word_error_rate as word_error_rate
