"""Alignment-synchronous beam search for transducers: a joiner and a prediction for each step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from seqfront import dtypes, errors
from seqfront.dim import Dim
from seqfront.lengths import FULL, Entry
from seqfront.nn.stateful import kept
from seqfront.ops import create, elementwise
from seqfront.ops.nested import nested_map, nested_where
from seqfront.search import history
from seqfront.search.hypotheses import Hypotheses
from seqfront.search.options import check_counts, check_numbers, check_recombine
from seqfront.search.recombination import START, Recombine
from seqfront.search.scorers.scorer import Fusion, Weighted
from seqfront.search.streaming import Search, check_streams
from seqfront.search.transducer.alignment_loop import AlignmentLoop
from seqfront.search.transducer.alignment_part import HELD, AlignmentBeamState, Part
from seqfront.search.transducer.alignment_pool import Aligned, Limits
from seqfront.search.transducer.alignment_step import AlignmentStep
from seqfront.search.transducer.calls import Calls
from seqfront.search.transducer.model import PredictionNetwork, Transducer
from seqfront.search.transducer.outlook import Known, Models
from seqfront.search.unrecorded import unrecorded
from seqfront.tensor import Tensor

_OP = "AlignmentBeam"


class AlignmentBeam(Search[AlignmentBeamState]):
    """Transducer search in steps of one label or blank (ALSD, Saon et al. 2020, "Alignment-length
    synchronous decoding for RNN transducer", ICASSP), for a whole batch at once.

    At each step a hypothesis takes the blank, and goes to the next frame, or one label. So a step
    is one call of the joiner and one of the prediction network, and frames and labels together are
    the number of steps. Hypotheses with the same labels become one before the best are chosen, and
    their probabilities add up. Those that have read the last frame no longer compete with others,
    which have still to become less likely: they are kept aside.

    When frames come in parts, hypotheses wait at different frames. A step is done when all of them
    have the frame they need, and it is known whether that is the last one; until then the frames
    that some have not read are held. So the steps are those that the whole would take, beam for
    beam; what is found before the last part lags behind by the frame that the last one waits for.
    A stream that has ended reads no more frames, until it is `reset`.

    Args:
        predict: The prediction network; the blank starts it.
        join: A `sf.models.Joiner`, or any function from one frame and one prediction to logits.
        blank_index: Class of the blank; negative: from the end.
        beam: How many hypotheses are kept. It may be more than there can be.
        max_symbols: Most labels at one frame; None: any number. Without it the beam is used better,
            as hypotheses with other numbers of labels at a frame need not be kept apart.
        max_labels: Most labels of a stream (U_max of the paper); None: any number. One of the two
            has to be given.
        classes: Labels and the blank. Default: the classes of the joiner.
        in_dim: Features of a frame. Default: those that the joiner takes.
        scorers: What else scores labels, each with a weight: `{"lm": (LanguageModel(lm), 0.3)}`.
            Without any, the search ends when no better hypothesis can come; with them, when all
            are complete.
        temperature: Divides the logits.
        blank_penalty: Taken from the logit of the blank, so that labels become likelier.
        recombine: "sum": probabilities of the same labels add up; "max": the best alignment counts
            alone; None: alignments stay apart, and labels may come several times.

    Raises:
        DimError: An argument that is none of these.

    Example:
        >>> import numpy as np, seqfront as sf
        >>> sf.set_seed(2)
        >>> batch, time, joint = sf.Dim("batch"), sf.Dim("time"), sf.Dim("joint", 6)
        >>> vocab, embedding, hidden = sf.Dim("vocab", 4), sf.Dim("embedding", 3), sf.Dim("h", 5)
        >>> predict = sf.models.LSTMPrediction(vocab, embedding, hidden, joint)
        >>> join = sf.models.Joiner(joint, vocab)
        >>> search = sf.search.AlignmentBeam(predict, join, blank_index=0, beam=3, max_symbols=2)
        >>> frames = 3 * np.random.default_rng(0).standard_normal((2, 5, 6)).astype("float32")
        >>> encoded = sf.wrap(frames, (batch, time, joint), lengths={time: [5, 3]})
        >>> hypotheses, state = search(encoded, axis=time)
        >>> hypotheses.score
        float32[batch≤2, beam:3] numpy:cpu
    """

    def __init__(
        self,
        predict: PredictionNetwork,
        join: Callable[[Tensor, Tensor], Tensor],
        *,
        blank_index: int,
        beam: int = 4,
        max_symbols: int | None = 3,
        max_labels: int | None = None,
        classes: Dim | None = None,
        in_dim: Dim | None = None,
        scorers: Mapping[str, Weighted] | None = None,
        temperature: float = 1.0,
        blank_penalty: float = 0.0,
        recombine: Recombine = "sum",
    ) -> None:
        self.transducer = Transducer(
            _OP, predict, join, blank_index=blank_index, classes=classes, in_dim=in_dim
        )
        self.classes = self.transducer.classes
        self.fusion = Fusion(_OP, scorers, self.classes)
        if max_symbols is None and max_labels is None:
            needed = "given, or max_labels"
            raise errors.bad_argument(_OP, "max_symbols", None, needed, "max_symbols=3.")
        most = {"max_symbols": max_symbols, "max_labels": max_labels}
        given = {name: count for name, count in most.items() if count is not None}
        check_counts(_OP, beam=beam, **given)
        check_numbers(_OP, temperature=temperature, blank_penalty=blank_penalty)
        check_recombine(_OP, recombine)
        self.beam_dim, self.label_dim = Dim("beam", beam), Dim("label")
        models = Models(self.transducer, self.fusion, self.beam_dim, temperature, blank_penalty)
        step = AlignmentStep(models, Limits(beam, max_symbols, max_labels, recombine))
        self._loop = AlignmentLoop(step)

    @property
    def calls(self) -> Calls:
        """Calls of the networks since the search was made, outside of graphs."""
        return self.transducer.calls

    def initial_state(self, batch: Sequence[Dim], *, like: Tensor) -> AlignmentBeamState:
        """One hypothesis without labels for each stream; see `Search.initial_state`."""
        dims = (*batch, self.beam_dim)
        dtype = dtypes.promote(like.dtype, "float32")
        number = kept(create.zeros(dims, dtype="int32", like=like))
        score = self._first_alone(kept(create.zeros(dims, dtype=dtype, like=like)))
        key = kept(create.full(dims, START, dtype="int64", like=like))
        known = Known(
            self.transducer.start(dims, like=score), self.fusion.initial_state(dims, like=score)
        )
        frames = kept(create.zeros(tuple(batch), dtype="int32", like=like))
        return AlignmentBeamState(
            score,
            Aligned(number, key, number, score, score, number, number),
            nested_map(kept, known),
            history.nothing(dims, self.label_dim, self.classes, like=score),
            frames,
            self._no_frames(batch, like),
            frames > 0,
        )

    def _first_alone(self, score: Tensor) -> Tensor:
        place = create.range_over(self.beam_dim, like=score).labels_of(None)
        return elementwise.where(place == 0, score, -math.inf, allow_broadcast=True)

    def _no_frames(self, batch: Sequence[Dim], like: Tensor) -> Tensor:
        backend = like.backend
        sizes = [like.size(dim) if dim in like.dims else dim.size or 0 for dim in batch]
        in_dim = self.transducer.in_dim
        features = like.size(in_dim) if in_dim in like.dims else in_dim.size or 0
        table = FULL.with_entries(
            {HELD: Entry(backend.full(sizes, 0, "int32", like.device), tuple(batch))}
        )
        raw = backend.full([*sizes, 0, features], 0, like.dtype, like.device)
        return Tensor(raw, (*batch, HELD, in_dim), table, backend=backend)

    def reset(self, state: AlignmentBeamState, streams: Tensor) -> AlignmentBeamState:
        """Streams anew; see `Search.reset`."""
        check_streams(streams)
        anew = self.initial_state(state.frames.dims, like=state.held)
        return nested_where(streams, anew, state)

    def __call__(
        self,
        encoded: Tensor,
        *,
        axis: Dim,
        state: AlignmentBeamState | None = None,
        is_last: bool | Tensor = True,
    ) -> tuple[Hypotheses, AlignmentBeamState]:
        """Read frames; see `Search.__call__`."""
        batch = self.transducer.batch_of(encoded, axis)

        def run() -> tuple[Hypotheses, AlignmentBeamState]:
            before = self.initial_state(batch, like=encoded) if state is None else state
            part = Part(self._loop, encoded, axis, batch, before, is_last)
            return part.read(self.label_dim)

        return unrecorded(encoded.backend, run)
