"""Best alignments and posteriors of transducers (Graves 2012, arXiv:1211.3711; TDT: Xu et al. 2023,
arXiv:2304.06795)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from seqfront.alignment.result import over_batch
from seqfront.backend import Raw
from seqfront.dim import Dim
from seqfront.loss import lattice, tdt, variants
from seqfront.loss.lattice import Problem
from seqfront.loss.variants import Attributes, Topology, Windows
from seqfront.tensor import Tensor


class TransducerAlignment(NamedTuple):
    """The best alignment of each sequence; no gradient.

    A sequence without any alignment has scores of -inf and frames of -1. One with NaN or +inf in
    its logits has NaN for -inf.
    """

    score: Tensor
    """float over [batch...]: log p of the alignment; float64 for float64 logits, else float32."""
    label_frames: Tensor
    """int32 over [batch..., targets dim]: the frame in which each label is emitted."""
    label_durations: Tensor
    """int32 over [batch..., targets dim]: frames that it takes: 0 for the regular topology, 1 for
    the others, one of the durations for TDT."""
    label_scores: Tensor
    """float over [batch..., targets dim]: log p of each label where it is emitted, with all that
    the variant adds to it; the rest of the score is that of the blanks."""


class TransducerPosteriors(NamedTuple):
    """How probable labels and blanks are in each cell of the lattice, given the targets; no
    gradient.

    Over all frames each label adds up to 1. A sequence without any alignment has zeros, one with
    NaN or +inf in its logits NaN.
    """

    score: Tensor
    """float over [batch...]: log p(targets), minus the loss."""
    blanks: Tensor
    """float over [batch..., input dim, targets dim + 1]: a blank, big ones included, in this frame
    after so many labels."""
    labels: Tensor
    """float over [batch..., input dim, targets dim]: this label, in this frame."""


def rnnt_alignment(
    *,
    logits: Tensor,
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    logits_normalized: bool = False,
    topology: Topology = "regular",
    delay_penalty: float = 0.0,
    windows: Windows | None = None,
    big_blanks: Mapping[int, int] | None = None,
    sigma: float = 0.0,
    hat: bool = False,
) -> TransducerAlignment:
    """Forced alignment: the most probable path through the transducer lattice of the targets.

    Of equally good ways into a cell it takes, from the end, the first of: the blank, the label, the
    big blanks in their order. It is one kernel, so ties are broken alike on all backends.

    Args:
        logits: float over [batch..., input_spatial_dim, targets_spatial_dim + 1, classes], in any
            order; the third dim may also be `1 + targets_spatial_dim`.
        targets: Integers over [batch..., targets_spatial_dim], labels of the classes (or of a
            smaller dim, without the blank); their padding may be anything. May be empty.
        input_spatial_dim: Frames of the logits.
        targets_spatial_dim: Positions of the targets.
        blank_index: Class of the blank, anywhere; negative counts from the end.
        logits_normalized: The logits are log-probs already.
        topology, delay_penalty, windows, big_blanks, sigma, hat: As in `rnnt_loss`.

    Raises:
        DimError: Dims, vocabularies or labels do not fit, or variants do not go together.
    """
    op = "rnnt_alignment"
    attributes = variants.shape(op, topology, delay_penalty, sigma, hat, logits_normalized)
    on = (input_spatial_dim, targets_spatial_dim)
    lattice_of = _rnnt(op, logits, targets, on, blank_index, attributes, windows, big_blanks)
    return lattice_of.alignment("rnnt_align")


def rnnt_posteriors(
    *,
    logits: Tensor,
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    logits_normalized: bool = False,
    topology: Topology = "regular",
    delay_penalty: float = 0.0,
    windows: Windows | None = None,
    big_blanks: Mapping[int, int] | None = None,
    sigma: float = 0.0,
    hat: bool = False,
) -> TransducerPosteriors:
    """How probable it is, given logits and targets, that each label is emitted in each frame.

    The soft counterpart of `rnnt_alignment`, which says what the arguments are: each alignment
    counts by its probability.

    Raises:
        DimError: Dims, vocabularies or labels do not fit, or variants do not go together.
    """
    op = "rnnt_posteriors"
    attributes = variants.shape(op, topology, delay_penalty, sigma, hat, logits_normalized)
    on = (input_spatial_dim, targets_spatial_dim)
    lattice_of = _rnnt(op, logits, targets, on, blank_index, attributes, windows, big_blanks)
    return lattice_of.posteriors("rnnt_posteriors")


def tdt_alignment(
    *,
    logits: Tensor,
    duration_logits: Tensor,
    durations: Sequence[int],
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    logits_normalized: bool = False,
    sigma: float = 0.0,
) -> TransducerAlignment:
    """Forced alignment by a token-and-duration transducer; arguments as for `tdt_loss`.

    Of equally good ways into a cell it takes, from the end, that of the shortest duration, and of
    these the blank.

    Raises:
        DimError: Dims, vocabularies, labels or durations do not fit.
    """
    on = (input_spatial_dim, targets_spatial_dim)
    attributes: Attributes = {"normalized": bool(logits_normalized), "sigma": sigma}
    lattice_of = _tdt(
        "tdt_alignment", logits, duration_logits, durations, targets, on, blank_index, attributes
    )
    return lattice_of.alignment("tdt_align")


def tdt_posteriors(
    *,
    logits: Tensor,
    duration_logits: Tensor,
    durations: Sequence[int],
    targets: Tensor,
    input_spatial_dim: Dim,
    targets_spatial_dim: Dim,
    blank_index: int,
    logits_normalized: bool = False,
    sigma: float = 0.0,
) -> TransducerPosteriors:
    """`rnnt_posteriors` for a token-and-duration transducer; arguments as for `tdt_loss`.

    The posteriors of all durations of a symbol are added.

    Raises:
        DimError: Dims, vocabularies, labels or durations do not fit.
    """
    on = (input_spatial_dim, targets_spatial_dim)
    attributes: Attributes = {"normalized": bool(logits_normalized), "sigma": sigma}
    lattice_of = _tdt(
        "tdt_posteriors", logits, duration_logits, durations, targets, on, blank_index, attributes
    )
    return lattice_of.posteriors("tdt_posteriors")


class _Lattice(NamedTuple):
    """The lattices of a batch, ready for an op; and what the results are named by."""

    problem: Problem
    logits: Tensor
    frames: Dim
    states: Dim
    labels: Dim
    inputs: tuple[Raw | None, ...]
    attributes: Attributes

    def alignment(self, op: str) -> TransducerAlignment:
        score, *of_labels = self._call(op)
        return TransducerAlignment(
            self._tensor(score), *(self._tensor(raw, self.labels) for raw in of_labels)
        )

    def posteriors(self, op: str) -> TransducerPosteriors:
        score, blanks, labels = self._call(op)
        return TransducerPosteriors(
            self._tensor(score),
            self._tensor(blanks, self.frames, self.states),
            self._tensor(labels, self.frames, self.labels),
        )

    def _call(self, op: str) -> Any:
        backend = self.problem.backend
        attributes = {**self.attributes, "blank": self.problem.blank}
        return backend.native_call(op, self.inputs, attributes)

    def _tensor(self, raw: Raw, *rest: Dim) -> Tensor:
        return over_batch(self.problem, self.logits, raw, *rest)


def _rnnt(
    op: str,
    logits: Tensor,
    targets: Tensor,
    on: tuple[Dim, Dim],
    blank: int,
    attributes: Attributes,
    windows: Windows | None,
    big_blanks: Mapping[int, int] | None,
) -> _Lattice:
    p, states = _problem(op, logits, targets, on, blank)
    allowed = variants.windows(op, p, logits, on[1], windows)
    blanks = variants.big_blanks(op, p, targets, big_blanks, bool(attributes["hat"]))
    x, *rest = p.inputs
    inputs = (p.backend.stop_gradient(x), *rest, allowed, variants.pairs(p, blanks))
    return _Lattice(p, logits, on[0], states, on[1], inputs, attributes)


def _tdt(
    op: str,
    logits: Tensor,
    duration_logits: Tensor,
    durations: Sequence[int],
    targets: Tensor,
    on: tuple[Dim, Dim],
    blank: int,
    attributes: Attributes,
) -> _Lattice:
    variants.check_number(op, "sigma", attributes["sigma"])
    tdt.check_durations(op, durations)
    p, states = _problem(op, logits, targets, on, blank)
    backend = p.backend
    lasting = tdt.flat_durations(op, p, logits, duration_logits, (on[0], states), durations)
    x, *rest = p.inputs
    frames = backend.convert(list(durations), "int32", backend.device(x))
    inputs = (backend.stop_gradient(x), backend.stop_gradient(lasting), *rest, frames)
    return _Lattice(p, logits, on[0], states, on[1], inputs, attributes)


def _problem(
    op: str, logits: Tensor, targets: Tensor, on: tuple[Dim, Dim], blank: int
) -> tuple[Problem, Dim]:
    states = variants.label_states(op, logits, targets, on[1])
    return lattice.problem(op, logits, targets, *on, blank, (on[0], states)), states
