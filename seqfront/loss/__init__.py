"""Losses over named dims: unreduced, over any batch dims."""

from seqfront.loss.cross_entropy import cross_entropy as cross_entropy
from seqfront.loss.cross_entropy import label_smoothing as label_smoothing
from seqfront.loss.ctc import ctc_loss as ctc_loss
from seqfront.loss.ctc_feasible import ctc_feasible as ctc_feasible
from seqfront.loss.edit_distance import edit_distance as edit_distance
from seqfront.loss.fused import fused_ctc_loss as fused_ctc_loss
from seqfront.loss.fused import fused_rnnt_loss as fused_rnnt_loss
from seqfront.loss.packed import pack_cells as pack_cells
from seqfront.loss.packed import rnnt_loss_packed as rnnt_loss_packed
from seqfront.loss.pruned import prune as prune
from seqfront.loss.pruned import rnnt_loss_pruned as rnnt_loss_pruned
from seqfront.loss.simple_joiner import rnnt_loss_simple as rnnt_loss_simple
from seqfront.loss.tdt import tdt_loss as tdt_loss
from seqfront.loss.transducer import rnnt_loss as rnnt_loss
from seqfront.loss.windows import alignment_windows as alignment_windows
