"""The loss of token-and-duration transducers (Xu et al. 2023, arXiv:2304.06795)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from seqfront import align, errors, randomness
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.loss import composed, lattice, variants
from seqfront.loss.lattice import Infeasible, Needed, Problem
from seqfront.loss.variants import Attributes, Implementation
from seqfront.ops.noise import check_rate
from seqfront.tensor import Tensor


def tdt_loss(
    *,
    logits: Tensor,
    duration_logits: Tensor,
    durations: Sequence[int],
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    logits_normalized: bool = False,
    infeasible: Infeasible = "inf",
    sigma: float = 0.0,
    omega: float = 0.0,
    fastemit: float = 0.0,
    fastemit_scales_loss: bool = False,
    clamp: float | None = None,
    reuse_logits: bool = False,
    implementation: Implementation = "native",
) -> Tensor:
    """-log p(targets | logits, duration_logits): every token also says how many frames it takes.

    A blank takes one of the durations above 0, a label any of them; the last symbol is a blank that
    ends right after the last frame.

    Args:
        logits: As for `rnnt_loss`.
        duration_logits: float over the dims of the logits, with a dim of the durations in the
            place of the classes.
        durations: Frames, ascending, as in (0, 1, 2, 3, 4).
        targets: As for `rnnt_loss`, and so are the arguments that are not named here.
        input_spatial_dim: Frames of the logits.
        targets_spatial_dim: Positions of the targets.
        blank_index: Class of the blank.
        logits_normalized: The logits are log-probs already; the duration logits never are.
        infeasible: What sequences without any alignment get: "inf", "zero", or "raise".
        sigma: Taken off every log-prob of a token, so that long durations win.
        omega: Probability with which a sequence is trained with the plain RNN-T loss of its logits
            instead (without sigma; the duration logits get no gradient). Drawn for each sequence
            from the framework's generator.
        fastemit: Scales what labels contribute to both gradients by 1 + fastemit.
        fastemit_scales_loss: Report the loss times 1 + fastemit.
        clamp: Bound for each element of the gradients, before what comes from above.
        reuse_logits: The gradient may be written over the logits.
        implementation: As for `rnnt_loss`.

    Returns:
        Loss in nats over the batch dims, unreduced; float64 for float64 logits, else float32.

    Raises:
        DimError: Dims, vocabularies, labels or durations do not fit.
        NativeError: With `infeasible="raise"`, sequences that have no alignment.
    """
    op = "tdt_loss"
    lattice.check_choice(op, infeasible)
    check_rate(op, omega)
    attributes: Attributes = {
        "normalized": bool(logits_normalized),
        **variants.training(op, fastemit, fastemit_scales_loss, clamp, implementation),
    }
    variants.check_number(op, "sigma", sigma)
    check_durations(op, durations)
    states = variants.label_states(op, logits, targets, targets_spatial_dim)
    rows = (input_spatial_dim, states)
    p = lattice.problem(
        op, logits, targets, input_spatial_dim, targets_spatial_dim, blank_index, rows
    )
    lasting = flat_durations(op, p, logits, duration_logits, rows, durations)
    attributes["blank"] = p.blank

    def token_loss(q: Problem) -> Raw:
        if implementation == "composed":
            return composed.rnnt(q.backend, *q.inputs, **attributes)
        (loss,) = q.backend.native_call("rnnt", q.inputs, attributes)
        return loss

    def duration_loss(q: Problem) -> Raw:
        inputs = (q.logits, lasting, *q.inputs[1:])
        own: Attributes = {**attributes, "sigma": sigma}
        if implementation == "composed":
            return composed.tdt(q.backend, *inputs, durations, **own)
        frames = q.backend.convert(list(durations), "int32", q.backend.device(q.logits))
        reuse = reuse_logits and not omega
        (loss,) = q.backend.native_call("tdt", (*inputs, frames), {**own, "reuse": reuse})
        return loss

    loss = _mixed(p, omega, token_loss, duration_loss) if omega else duration_loss(p)
    return lattice.per_sequence(op, p, loss, logits, infeasible, _needed(durations))


def check_durations(op: str, durations: Sequence[int]) -> None:
    """That they are frames, ascending, and lead on."""
    needed = "ascending numbers of frames, not only 0"
    fix = "(0, 1, 2, 4), say: in the order of the duration logits."
    if not isinstance(durations, Sequence) or not durations:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.bad_argument(op, "durations", durations, needed, fix)
    whole = all(isinstance(d, int) for d in durations)  # pyright: ignore[reportUnnecessaryIsInstance]
    ascend = whole and all(a < b for a, b in itertools.pairwise(durations))
    if not ascend or durations[0] < 0 or durations[-1] == 0:
        raise errors.bad_argument(op, "durations", durations, needed, fix)


def flat_durations(
    op: str,
    p: Problem,
    logits: Tensor,
    x: Tensor,
    rows: tuple[Dim, ...],
    durations: Sequence[int],
) -> Raw:
    """Raw [count, *rows, durations]."""
    align.check(op, x, *p.batch, *rows, name="duration_logits")
    if x.dtype != logits.dtype:
        raise errors.wrong_dtype(op, "duration_logits", x, f"{logits.dtype}, as the logits are")
    align.common_backend(op, (logits, x))
    align.common_lengths(op, (logits, x))
    align.check_sizes(op, (logits, x))
    left = [dim for dim in x.dims if dim not in rows and dim not in p.batch]
    if len(left) != 1 or _extent(x, left[0]) not in (None, len(durations)):
        raise errors.wrong_durations(op, x, left, len(durations))
    return lattice.flattened(x, p.batch, (*rows, left[0]))


def _extent(x: Tensor, dim: Dim) -> int | None:
    return x.backend.static_shape(x.raw)[x.axis(dim)] if dim.size is None else dim.size


def _mixed(
    p: Problem,
    omega: float,
    token_loss: Callable[[Problem], Raw],
    duration_loss: Callable[[Problem], Raw],
) -> Raw:
    """Each sequence with one of the losses; for the other it has no frames and no labels, which
    costs 0 and takes no time."""
    backend = p.backend
    shape = backend.shape(p.frame_lengths)
    drawn = randomness.draw(backend, "uniform", shape, "float32", backend.device(p.logits))
    plain = backend.binary("lt", drawn, omega)

    def only(chosen: Raw) -> Problem:
        frames = backend.where(chosen, p.frame_lengths, 0)
        return p._replace(
            frame_lengths=frames, label_lengths=backend.where(chosen, p.label_lengths, 0)
        )

    rest = duration_loss(only(backend.unary("not", plain)))
    return backend.binary("add", token_loss(only(plain)), rest)


def _needed(durations: Sequence[int]) -> Needed:
    """Frames for labels, and for the blank that ends."""
    label, blank = durations[0], next(d for d in durations if d > 0)
    return lambda labels, repeats: (0, labels * label + blank if labels else 0)
