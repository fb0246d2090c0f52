"""Layers: `__init__` makes parameters, `__call__` computes."""

from seqfront.nn import init as init
from seqfront.nn.containers import ModuleList as ModuleList
from seqfront.nn.containers import Sequential as Sequential
from seqfront.nn.conv import Conv1d as Conv1d
from seqfront.nn.dropout import Dropout as Dropout
from seqfront.nn.embedding import Embedding as Embedding
from seqfront.nn.linear import Linear as Linear
from seqfront.nn.module import Module as Module
from seqfront.nn.norm import LayerNorm as LayerNorm
from seqfront.nn.parameter import Parameter as Parameter
from seqfront.nn.recurrent import LSTM as LSTM
from seqfront.nn.recurrent import LSTMState as LSTMState
