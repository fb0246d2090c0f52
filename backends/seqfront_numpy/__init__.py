"""The NumPy backend of seqfront: the readable reference.

It does plainly what the seam says and no more: no gradients, one device. Everything the other
backends compute is tested against it, and it runs a model where no framework is installed.
"""

from seqfront import backends
from seqfront_numpy.backend import Backend

__all__ = ["Backend"]

backends.register(Backend())
