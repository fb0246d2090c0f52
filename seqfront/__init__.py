"""seqfront: sequence models over named dims, written once, run on PyTorch and TensorFlow.

    import seqfront as sf

    batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 80)
    x = sf.wrap(raw, (batch, time, mel), lengths={time: frames})
    y = sf.softmax(x, axis=time)

Importing this imports no framework: one is loaded when a tensor of it turns up, or when it is asked
for by name.
"""

from seqfront import alignment as alignment
from seqfront import loss as loss
from seqfront import metrics as metrics
from seqfront import models as models
from seqfront import nn as nn
from seqfront import randomness as randomness
from seqfront import search as search
from seqfront import training as training
from seqfront.alignment import ctc_alignment as ctc_alignment
from seqfront.alignment import ctc_posteriors as ctc_posteriors
from seqfront.alignment import rnnt_alignment as rnnt_alignment
from seqfront.alignment import rnnt_posteriors as rnnt_posteriors
from seqfront.alignment import tdt_alignment as tdt_alignment
from seqfront.alignment import tdt_posteriors as tdt_posteriors
from seqfront.backends import set_backend as set_backend
from seqfront.backends import use_backend as use_backend
from seqfront.checkpoint import load as load
from seqfront.checkpoint import save as save
from seqfront.checks import debug_checks as debug_checks
from seqfront.dim import Dim as Dim
from seqfront.errors import BackendError as BackendError
from seqfront.errors import CheckpointError as CheckpointError
from seqfront.errors import DimError as DimError
from seqfront.errors import DTypeError as DTypeError
from seqfront.errors import NativeError as NativeError
from seqfront.errors import SeqfrontError as SeqfrontError
from seqfront.errors import TraceError as TraceError
from seqfront.loss import alignment_windows as alignment_windows
from seqfront.loss import cross_entropy as cross_entropy
from seqfront.loss import ctc_feasible as ctc_feasible
from seqfront.loss import ctc_loss as ctc_loss
from seqfront.loss import edit_distance as edit_distance
from seqfront.loss import fused_ctc_loss as fused_ctc_loss
from seqfront.loss import fused_rnnt_loss as fused_rnnt_loss
from seqfront.loss import label_smoothing as label_smoothing
from seqfront.loss import pack_cells as pack_cells
from seqfront.loss import prune as prune
from seqfront.loss import rnnt_loss as rnnt_loss
from seqfront.loss import rnnt_loss_packed as rnnt_loss_packed
from seqfront.loss import rnnt_loss_pruned as rnnt_loss_pruned
from seqfront.loss import rnnt_loss_simple as rnnt_loss_simple
from seqfront.loss import tdt_loss as tdt_loss
from seqfront.nn.attention import dot_attention as dot_attention
from seqfront.ops.contract import dot as dot
from seqfront.ops.contract import linear as linear
from seqfront.ops.convolve import conv as conv
from seqfront.ops.create import full as full
from seqfront.ops.create import ones as ones
from seqfront.ops.create import range_over as range_over
from seqfront.ops.create import wrap as wrap
from seqfront.ops.create import zeros as zeros
from seqfront.ops.dtype import cast as cast
from seqfront.ops.dtype import to_backend as to_backend
from seqfront.ops.dtype import to_device as to_device
from seqfront.ops.elementwise import abs as abs
from seqfront.ops.elementwise import add as add
from seqfront.ops.elementwise import ceil as ceil
from seqfront.ops.elementwise import cos as cos
from seqfront.ops.elementwise import erf as erf
from seqfront.ops.elementwise import exp as exp
from seqfront.ops.elementwise import expm1 as expm1
from seqfront.ops.elementwise import floor as floor
from seqfront.ops.elementwise import gelu as gelu
from seqfront.ops.elementwise import is_finite as is_finite
from seqfront.ops.elementwise import is_nan as is_nan
from seqfront.ops.elementwise import log as log
from seqfront.ops.elementwise import log1p as log1p
from seqfront.ops.elementwise import logaddexp as logaddexp
from seqfront.ops.elementwise import logical_not as logical_not
from seqfront.ops.elementwise import maximum as maximum
from seqfront.ops.elementwise import minimum as minimum
from seqfront.ops.elementwise import multiply as multiply
from seqfront.ops.elementwise import relu as relu
from seqfront.ops.elementwise import round as round
from seqfront.ops.elementwise import rsqrt as rsqrt
from seqfront.ops.elementwise import sigmoid as sigmoid
from seqfront.ops.elementwise import sign as sign
from seqfront.ops.elementwise import silu as silu
from seqfront.ops.elementwise import sin as sin
from seqfront.ops.elementwise import softplus as softplus
from seqfront.ops.elementwise import sqrt as sqrt
from seqfront.ops.elementwise import tanh as tanh
from seqfront.ops.elementwise import where as where
from seqfront.ops.gradient import stop_gradient as stop_gradient
from seqfront.ops.gradient import value_and_grad as value_and_grad
from seqfront.ops.index import gather as gather
from seqfront.ops.index import one_hot as one_hot
from seqfront.ops.join import concat as concat
from seqfront.ops.join import pad as pad
from seqfront.ops.join import stack as stack
from seqfront.ops.mask import mask_padding as mask_padding
from seqfront.ops.mask import sequence_mask as sequence_mask
from seqfront.ops.noise import dropout as dropout
from seqfront.ops.noise import random_normal as random_normal
from seqfront.ops.noise import random_uniform as random_uniform
from seqfront.ops.reduce import all as all
from seqfront.ops.reduce import any as any
from seqfront.ops.reduce import argmax as argmax
from seqfront.ops.reduce import argmin as argmin
from seqfront.ops.reduce import logsumexp as logsumexp
from seqfront.ops.reduce import max as max
from seqfront.ops.reduce import mean as mean
from seqfront.ops.reduce import min as min
from seqfront.ops.reduce import prod as prod
from seqfront.ops.reduce import sum as sum
from seqfront.ops.shape import expand_dim as expand_dim
from seqfront.ops.shape import merge_dims as merge_dims
from seqfront.ops.shape import split_dim as split_dim
from seqfront.ops.shape import squeeze as squeeze
from seqfront.ops.softmax import log_softmax as log_softmax
from seqfront.ops.softmax import softmax as softmax
from seqfront.randomness import set_seed as set_seed
from seqfront.tensor import Tensor as Tensor

__version__ = "0.1.0"
