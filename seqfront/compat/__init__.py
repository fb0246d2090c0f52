"""Losses and models under the names and signatures of other libraries, on plain tensors.

    from seqfront.compat import torchaudio

    loss = torchaudio.rnnt_loss(logits, targets, logit_lengths, target_lengths, blank=0)

One function takes tensors of PyTorch, TensorFlow and (values only) NumPy, by the type of its first
argument. Arguments, defaults and reductions are those of the original; each docstring ends with
what differs from it, and why. There is no mathematics here: all losses are the native ones.

- `seqfront.compat.torchaudio`: `rnnt_loss`, `RNNTLoss`; the models `Emformer`, `RNNT`,
  `emformer_rnnt_base`, `emformer_rnnt_model`, and `convert` for their checkpoints
- `seqfront.compat.espnet`: `rnnt_loss`, `RNNTLossNumba` (NeMo has the same class)
- `seqfront.compat.torch`: `ctc_loss`, `CTCLoss`

Under `torch.compile`, the framework has to be imported before this package is, or a loss object
made, or a loss computed, before the first compiled call: none can be loaded within a trace.
"""

from seqfront import backends

backends.load_imported()
