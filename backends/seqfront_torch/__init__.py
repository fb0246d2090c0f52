"""The PyTorch backend of seqfront: eager, `torch.compile`, `torch.export`.

Raw tensors are `torch.Tensor`s and parameters `torch.nn.Parameter`s, so that optimizers, autograd,
autocast and devices work as in any other PyTorch program.
"""

import torch

from seqfront import backends, dim
from seqfront_torch import native, tree
from seqfront_torch.backend import Backend
from seqfront_torch.module import Mirror, module
from seqfront_torch.packed import pack
from seqfront_torch.wrapped import wrap_module

__all__ = ["Backend", "Mirror", "module", "pack", "wrap_module"]

for _function in dim.TRACE_CONSTANT_FUNCTIONS:
    torch.compiler.assume_constant_result(_function)

native.register()
backends.register(Backend())
tree.register()
