"""The TensorFlow 2 backend of seqfront: eager, `tf.function`, `GradientTape`, SavedModel.

Loading it also tells AutoGraph to leave seqfront's own code as it is (see `autograph`).
"""

from seqfront import backends
from seqfront_tensorflow import autograph
from seqfront_tensorflow.backend import Backend

__all__ = ["Backend"]

autograph.leave_alone()
backends.register(Backend())
