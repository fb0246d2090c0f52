"""The TensorFlow 2 backend of seqfront: eager, `tf.function`, `GradientTape`, SavedModel.

Loading it also tells AutoGraph to leave seqfront's own code as it is (see `autograph`).
"""

from seqfront import backends
from seqfront_tensorflow import autograph, tree
from seqfront_tensorflow.backend import Backend
from seqfront_tensorflow.module import Mirror, keras_layer, module, wrap_layer
from seqfront_tensorflow.tree import spec

__all__ = ["Backend", "Mirror", "keras_layer", "module", "spec", "wrap_layer"]

autograph.leave_alone()
backends.register(Backend())
tree.register()
