"""Where the labels are in the frames: best alignments, and posteriors of all of them."""

from seqfront.alignment.ctc import CtcAlignment as CtcAlignment
from seqfront.alignment.ctc import CtcPosteriors as CtcPosteriors
from seqfront.alignment.ctc import ctc_alignment as ctc_alignment
from seqfront.alignment.ctc import ctc_posteriors as ctc_posteriors
from seqfront.alignment.transducer import TransducerAlignment as TransducerAlignment
from seqfront.alignment.transducer import TransducerPosteriors as TransducerPosteriors
from seqfront.alignment.transducer import rnnt_alignment as rnnt_alignment
from seqfront.alignment.transducer import rnnt_posteriors as rnnt_posteriors
from seqfront.alignment.transducer import tdt_alignment as tdt_alignment
from seqfront.alignment.transducer import tdt_posteriors as tdt_posteriors
