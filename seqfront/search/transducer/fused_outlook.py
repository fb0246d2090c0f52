"""What comes next after hypotheses, by the native op that asks a joiner for the best labels only.

It serves eagerly on the CPU, for a `Joiner` alone: scorers want all classes. The log-probabilities
of all classes are never made, and the joiner's weights are read once, from panels
where it is known when they change.
"""

from __future__ import annotations

import numpy as np

from seqfront.backend import Raw, product
from seqfront.dim import Dim
from seqfront.models.decoder.joiner import Joiner
from seqfront.search.transducer.best_labels import BestLabels, has_native, joint_best_labels
from seqfront.search.transducer.model import Transducer
from seqfront.tensor import Tensor


def fused_best_labels(
    transducer: Transducer,
    frame: Tensor,
    features: Tensor,
    beam: Dim,
    count: int,
    temperature: float,
) -> BestLabels | None:
    """The best labels of each hypothesis at a frame; None where the op does not serve.

    Args:
        transducer: Of what the joiner is.
        frame: [batch..., in]; or [batch..., beam, in], for each hypothesis its own.
        features: [batch..., beam, in], what the prediction network gave.
        beam: The hypotheses.
        count: How many labels.
        temperature: Divides the logits.

    Returns:
        Over [batch..., beam] and [batch..., beam, count].
    """
    joiner, backend = transducer.join, frame.backend
    if not isinstance(joiner, Joiner) or not joiner.is_plain():
        return None
    if not _serves(joiner, frame, features, count, temperature):
        return None
    dims = tuple([dim for dim in frame.dims if dim not in (transducer.in_dim, beam)])
    own = (beam,) if beam in frame.dims else ()
    source = frame.raw_in((*dims, *own, transducer.in_dim))
    prediction = features.raw_in((*dims, beam, transducer.in_dim))
    lead: list[int] = [size or 0 for size in backend.static_shape(prediction)[:-1]]
    rows, hypotheses = product(lead), 1 if own else max(lead[-1], 1)
    width = transducer.in_dim.size or 0
    node = np.arange(rows, dtype=np.int32)
    found = joint_best_labels(
        backend,
        backend.reshape(source, (rows // hypotheses, width)),
        backend.reshape(prediction, (rows, width)),
        joiner,
        backend.convert(node // hypotheses, None, "cpu"),
        backend.convert(node, None, "cpu"),
        transducer.panels,
        blank=transducer.blank,
        count=count,
        temperature=temperature,
    )

    def apart(x: Raw) -> Raw:
        return backend.reshape(x, (*lead, *backend.static_shape(x)[1:]))

    return BestLabels(*map(apart, found))


def _serves(
    joiner: Joiner, frame: Tensor, features: Tensor, count: int, temperature: float
) -> bool:
    backend = frame.backend
    if backend.is_tracing() or not has_native(backend, frame.raw, count):
        return False
    tensors = (frame, features, joiner.output.weight)
    if any(x.backend is not backend or x.device != "cpu" for x in tensors):
        return False
    dtypes = {x.dtype for x in tensors}
    # Attributes of native ops have the precision of float32.
    exact = float(np.float32(temperature)) == temperature
    return dtypes == {"float32"} or (dtypes == {"float64"} and exact)
