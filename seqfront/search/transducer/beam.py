"""Frame-synchronous beam search for transducers, exact but for what the beam leaves out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from seqfront import dtypes, errors
from seqfront.dim import Dim
from seqfront.nn.stateful import kept
from seqfront.ops import create, elementwise
from seqfront.ops.dtype import cast
from seqfront.ops.nested import nested_gather, nested_where
from seqfront.ops.order import argsort
from seqfront.search import history
from seqfront.search.history import Said
from seqfront.search.hypotheses import Hypotheses
from seqfront.search.options import check_counts, check_numbers, check_recombine
from seqfront.search.recombination import START, Recombine
from seqfront.search.scorers.scorer import Fusion, Weighted
from seqfront.search.streaming import Search
from seqfront.search.transducer.calls import Calls
from seqfront.search.transducer.frame_loop import FrameLoop
from seqfront.search.transducer.frame_step import Beam, FrameStep, Paths
from seqfront.search.transducer.model import PredictionNetwork, Transducer
from seqfront.search.transducer.outlook import Known, Models
from seqfront.search.unrecorded import unrecorded
from seqfront.tensor import Tensor

_OP = "TransducerBeam"


class TransducerBeamState(NamedTuple):
    """Where the search is after the frames so far."""

    score: Tensor
    """[batch..., beam]: what hypotheses are ranked by; -inf where there is none."""
    paths: Paths
    """Keys and log-probabilities of the labels so far, those committed included."""
    known: Known
    """What predictor and scorers know of them."""
    said: Said
    """Labels that are not committed yet."""
    frames: Tensor
    """int32 [batch...]: frames so far."""

    def with_said(self, said: Said) -> TransducerBeamState:
        """The same with other labels."""
        return self._replace(said=said)


class TransducerBeam(Search[TransducerBeamState]):
    """Transducer search frame by frame (Graves 2012, arXiv:1211.3711, section 2.5), for a whole
    batch at once.

    At each frame a hypothesis says up to `max_symbols` labels and then the blank. Hypotheses with
    the same labels become one before the best are chosen, and their probabilities add up: so a
    score is the log-probability of the labels, summed over all alignments that the beam has met. A
    beam that is wide enough finds it exactly, and otherwise it is a lower bound.

    It runs eagerly and in graphs, where all levels of labels are unrolled: a graph is
    `max_symbols + 1` joiners large. Eagerly a frame ends when no hypothesis with a label more is
    better than the beam's worst, and the prediction network is not asked for others. On the CPU a
    `sf.models.Joiner` is asked for its best labels only. PyTorch's is laid out for that at the
    first search, and anew when it has changed (other than through `weight.data`), in as much memory
    again as its weights take.

    Args:
        predict: The prediction network; the blank starts it.
        join: A `sf.models.Joiner`, or any function from one frame and one prediction to logits.
        blank_index: Class of the blank; negative: from the end.
        beam: How many hypotheses are kept. It may be more than there can be.
        max_symbols: Most labels at one frame.
        classes: Labels and the blank. Default: the classes of the joiner.
        in_dim: Features of a frame. Default: those that the joiner takes.
        scorers: What else scores labels, each with a weight: `{"lm": (LanguageModel(lm), 0.3)}`.
        temperature: Divides the logits.
        blank_penalty: Taken from the logit of the blank, so that labels become likelier: against
            deletions. (Taken from its log-probability it would change nothing: all alignments of an
            utterance have as many blanks as frames.)
        recombine: "sum": probabilities of the same labels add up; "max": the best alignment counts
            alone; None: alignments stay apart, and labels may come several times.
        length_norm: Once the last frame is read, hypotheses are ranked by score / (labels + 1) **
            length_norm.
        prune_norm: Rank by score / (labels + 2), at every frame, as torchaudio does. It prefers
            hypotheses that say much.
        margin: Hypotheses worse by more than this than the best one are dropped.

    Raises:
        DimError: An argument that is none of these.

    Example:
        >>> import numpy as np, seqfront as sf
        >>> sf.set_seed(2)
        >>> batch, time, joint = sf.Dim("batch"), sf.Dim("time"), sf.Dim("joint", 6)
        >>> vocab, embedding, hidden = sf.Dim("vocab", 4), sf.Dim("embedding", 3), sf.Dim("h", 5)
        >>> predict = sf.models.LSTMPrediction(vocab, embedding, hidden, joint)
        >>> join = sf.models.Joiner(joint, vocab)
        >>> search = sf.search.TransducerBeam(predict, join, blank_index=0, beam=3)
        >>> frames = 3 * np.random.default_rng(0).standard_normal((2, 5, 6)).astype("float32")
        >>> encoded = sf.wrap(frames, (batch, time, joint), lengths={time: [5, 3]})
        >>> hypotheses, state = search(encoded, axis=time)
        >>> hypotheses.score
        float32[batch≤2, beam:3] numpy:cpu
        >>> hypotheses.best().labels
        int32[batch≤2, label≤2] of vocab:4 numpy:cpu
    """

    def __init__(
        self,
        predict: PredictionNetwork,
        join: Callable[[Tensor, Tensor], Tensor],
        *,
        blank_index: int,
        beam: int = 4,
        max_symbols: int = 3,
        classes: Dim | None = None,
        in_dim: Dim | None = None,
        scorers: Mapping[str, Weighted] | None = None,
        temperature: float = 1.0,
        blank_penalty: float = 0.0,
        recombine: Recombine = "sum",
        length_norm: float = 0.0,
        prune_norm: bool = False,
        margin: float | None = None,
    ) -> None:
        self.transducer = Transducer(
            _OP, predict, join, blank_index=blank_index, classes=classes, in_dim=in_dim
        )
        self.classes = self.transducer.classes
        self.fusion = Fusion(_OP, scorers, self.classes)
        check_counts(_OP, beam=beam, max_symbols=max_symbols)
        check_numbers(
            _OP,
            temperature=temperature,
            blank_penalty=blank_penalty,
            length_norm=length_norm,
            margin=margin,
        )
        check_recombine(_OP, recombine)
        if prune_norm and length_norm:
            why = "both say by what hypotheses are ranked in the end"
            raise errors.cannot_combine(_OP, "prune_norm=True", f"length_norm={length_norm}", why)
        self.beam_dim, self.label_dim = Dim("beam", beam), Dim("label")
        self.length_norm = float(length_norm)
        self.models = Models(
            self.transducer, self.fusion, self.beam_dim, temperature, blank_penalty
        )
        self._step = FrameStep(
            self.models,
            max_symbols=max_symbols,
            recombine=recombine,
            margin=margin,
            prune_norm=prune_norm,
        )
        self._loop = FrameLoop(self._step)

    @property
    def calls(self) -> Calls:
        """How often the models were asked so far, by calls that were not in graphs."""
        return self.transducer.calls

    def initial_state(self, batch: Sequence[Dim], *, like: Tensor) -> TransducerBeamState:
        """One hypothesis without labels for each stream; see `Search.initial_state`."""
        dims = (*batch, self.beam_dim)
        dtype = dtypes.promote(like.dtype, "float32")
        zero = kept(create.zeros(dims, dtype=dtype, like=like))
        number = kept(create.zeros(dims, dtype="int32", like=like))
        place = create.range_over(self.beam_dim, like=number).labels_of(None)
        first = elementwise.binary("eq", place, number, allow_broadcast=True)
        score = elementwise.where(first, zero, -math.inf)
        key = kept(create.full(dims, START, dtype="int64", like=like))
        return TransducerBeamState(
            score,
            Paths(number, key, number, score, score),
            Known(
                self.transducer.start(dims, like=score), self.fusion.initial_state(dims, like=score)
            ),
            history.nothing(dims, self.label_dim, self.classes, like=zero),
            kept(create.zeros(tuple(batch), dtype="int32", like=like)),
        )

    def __call__(
        self,
        encoded: Tensor,
        *,
        axis: Dim,
        state: TransducerBeamState | None = None,
        is_last: bool | Tensor = True,
    ) -> tuple[Hypotheses, TransducerBeamState]:
        """Read frames; see `Search.__call__`."""
        batch = self.transducer.batch_of(encoded, axis)
        self._check(encoded, batch, state, is_last)
        encoded = kept(encoded)  # other lengths that a part knows are others in the next part

        def run() -> tuple[Hypotheses, TransducerBeamState]:
            before = self.initial_state(batch, like=encoded) if state is None else state
            after = self._read(encoded, axis, before)
            return self._hypotheses(after, is_last), after

        return unrecorded(encoded.backend, run)

    def _check(self, encoded: Tensor, batch: Sequence[Dim], state: object, is_last: object) -> None:
        if not dtypes.is_float(encoded.dtype):
            raise errors.wrong_dtype(_OP, "encoded", encoded, "a floating-point type")
        wanted = {*batch, self.beam_dim}
        if state is not None and (
            not isinstance(state, TransducerBeamState) or set(state.score.dims) != wanted
        ):
            needed = f"a state of this search over {[*batch, self.beam_dim]}"
            raise errors.bad_argument(_OP, "state", state, needed, "pass on what the search gave.")
        if isinstance(is_last, Tensor) and is_last.dtype != "bool":
            raise errors.wrong_dtype(_OP, "is_last", is_last, "bool")
        if not isinstance(is_last, (bool, Tensor)):
            fix = "is_last=False while there are frames to come."
            raise errors.bad_argument(_OP, "is_last", is_last, "a bool or a Tensor of them", fix)

    def _read(self, encoded: Tensor, axis: Dim, state: TransducerBeamState) -> TransducerBeamState:
        place = create.range_over(self.beam_dim, like=state.score).labels_of(None)
        node = elementwise.add(state.paths.count * 0, place)
        beam = Beam(state.paths._replace(node=node), state.known)
        beam, steps = self._loop(beam, encoded, axis=axis, before=state.frames)
        source, more = history.read_back(
            beam.paths.node,
            steps,
            step=self._loop.step_dim,
            beam=self.beam_dim,
            label=self.label_dim,
            classes=self.classes,
        )
        said = history.extended(state.said, source, more, beam=self.beam_dim, label=self.label_dim)
        frames = state.frames + encoded.lengths(axis)
        score = self._ranked(self._total(beam.known.fusion.scores, beam.paths), beam.paths)
        return TransducerBeamState(score, *beam, said, kept(frames))

    def _total(self, scores: Mapping[str, Tensor], paths: Paths) -> Tensor:
        """Of the model and all scorers."""
        if not self.fusion:
            return paths.model
        return paths.model + self.fusion.total([scores[name] for name in self.fusion.scorers])

    def _ranked(self, score: Tensor, paths: Paths) -> Tensor:
        """What hypotheses are ranked by while there are frames to come."""
        raw = self._step.ranks(score.backend, score.raw, paths.count.raw_in(score.dims))
        return Tensor(raw, score.dims, backend=score.backend)

    # -- what was found ---------------------------------------------------------------------------

    def _hypotheses(self, state: TransducerBeamState, is_last: bool | Tensor) -> Hypotheses:
        scores, score = self._final(state, is_last)
        valid = elementwise.binary("gt", score, -math.inf)
        said = history.only_valid(state.said, valid, self.label_dim)
        scores = {name: elementwise.where(valid, x, 0.0) for name, x in scores.items()}
        found = Hypotheses(
            said.labels,
            score,
            {"model": state.paths.model, **scores},
            said.log_probs,
            said.start,
            said.end,
            valid,
            self.beam_dim,
            self.label_dim,
        )
        if is_last is False or not (self.length_norm or self.fusion):
            return found
        order = argsort(score, axis=self.beam_dim, descending=True)
        return nested_gather(found, indices=order, axis=self.beam_dim)

    def _final(
        self, state: TransducerBeamState, is_last: bool | Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Scores of the scorers, and what hypotheses are ranked by."""
        so_far = state.known.fusion.scores
        if is_last is False:
            return so_far, state.score
        scores = self.fusion.end(state.known.fusion)
        score = self._ranked(self._total(scores, state.paths), state.paths)
        if self.length_norm:
            number = cast(state.paths.count + 1, score.dtype)
            score = score / number**self.length_norm
        if is_last is True:
            return scores, score
        return nested_where(is_last, (scores, score), (so_far, state.score))
