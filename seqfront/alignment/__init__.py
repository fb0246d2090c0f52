"""Where the labels are in the frames: best alignments, and posteriors of all of them."""

from seqfront.alignment.ctc import CtcAlignment as CtcAlignment
from seqfront.alignment.ctc import CtcPosteriors as CtcPosteriors
from seqfront.alignment.ctc import ctc_alignment as ctc_alignment
from seqfront.alignment.ctc import ctc_posteriors as ctc_posteriors
