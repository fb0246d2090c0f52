"""Losses over named dims: unreduced, over any batch dims."""

from seqfront.loss.cross_entropy import cross_entropy as cross_entropy
from seqfront.loss.cross_entropy import label_smoothing as label_smoothing
from seqfront.loss.ctc import ctc_loss as ctc_loss
from seqfront.loss.edit_distance import edit_distance as edit_distance
from seqfront.loss.fused import fused_ctc_loss as fused_ctc_loss
from seqfront.loss.fused import fused_rnnt_loss as fused_rnnt_loss
from seqfront.loss.transducer import rnnt_loss as rnnt_loss
