"""Linear maps of few rows at a time, as a stream has them, with weights laid out for them.

PyTorch lays the weights of a product out anew in every call. For many rows that is nothing; for the
five of a chunk it takes longer than the product. Here it is done once:

    model.eval()
    seqfront_torch.pack(model)
    with torch.no_grad():
        y, state = model.stream(chunk, state, axis=model.chunk)
"""

from __future__ import annotations

import seqfront as sf
from seqfront import errors
from seqfront_torch import weights


def pack(model: sf.nn.Module) -> int:
    """Lay the weights of all linear maps out for few rows, for inference on the CPU.

    It takes as much memory again as the weights do, and changes nothing but the time: as long as
    no gradient is recorded, products of up to 32 rows read the new layout. A weight that changes
    (an optimizer, `assign`, `load_state_dict`) is read as it is again, until the next call; only
    what is written past autograd, into `weight.data`, goes unnoticed.

    Args:
        model: Any module, with parameters on PyTorch, CPU, in float32 or bfloat16.

    Returns:
        How many weights were laid out.
    """
    if not isinstance(model, sf.nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_a_module("seqfront_torch.pack", model)
    count = 0
    for module in model.named_modules().values():
        if isinstance(module, sf.nn.Linear):
            count += module.weight.backend.name == "torch" and weights.lay_out(module.weight.raw)
    return count
