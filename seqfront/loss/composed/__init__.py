"""The lattice losses in operations of the backend, differentiated by the framework.

They take what the native ops of the same names take, and give the same losses. What they are for:
derivatives of any order, TensorFlow's `jit_compile=True`, and reading. A loss says what its arcs
weigh (`transducer`, `tdt`, `ctc`); `lattice` sums over all paths, the same way for all of them.
"""

from seqfront.loss.composed.ctc import ctc as ctc
from seqfront.loss.composed.tdt import tdt as tdt
from seqfront.loss.composed.transducer import rnnt as rnnt
