"""torchaudio's beam search for transducers, on plain tensors of PyTorch and of TensorFlow."""

from __future__ import annotations

from typing import Any

from seqfront import backends, errors
from seqfront.backend import Backend, Raw
from seqfront.compat.torchaudio_expansion import Expansion, Hypothesis, Key
from seqfront.compat.torchaudio_transducer import Transducer
from seqfront.search.transducer.calls import Calls
from seqfront.search.transducer.lookahead import Lookahead
from seqfront.search.transducer.panels import Panels

_OP = "RNNTBeamSearch"


class RNNTBeamSearch:
    """torchaudio's `RNNTBeamSearch` (Graves 2012, arXiv:1211.3711), with the same hypotheses.

    Args:
        model: A transducer: `seqfront.compat.torchaudio.RNNT` on PyTorch or TensorFlow, or any
            object with its methods `transcribe`, `transcribe_streaming`, `predict` and `join`, as
            torchaudio's own has them. That of seqfront is faster on the CPU: its joiner is asked
            for the best labels only, and on PyTorch weights of joiner and predictor are laid out
            for products of few rows at the first search, which takes as much memory again. They are
            laid out anew when they change, other than through `weight.data`.
        blank: Index of the blank among the classes; negative counts from the end.
        temperature: Divides the logits.
        hypo_sort_key: What hypotheses are ranked by at the end of each frame, from a `Hypothesis`.
            Default: score / (len(tokens) + 1), which prefers hypotheses that say much; what is
            exact is `lambda hypothesis: hypothesis.score`. (To keys, `state` is a sequence that is
            made when it is read.)
        step_max_tokens: Most labels at one frame.

    Attributes:
        calls: How often predictor and joiner were asked so far, and about how many rows.

    Differs from torchaudio 2.11:
        - The blank may be any class: there, it has to be the last one.
        - Frames beyond `length` are not read. No frames are fine, as is a beam that is wider than
          there are hypotheses, or labels: there, these are errors.
        - Equal scores go to the hypothesis that was met first, then to the lower label.
        - Hypotheses have an alignment. Those of torchaudio go on here, as plain tuples.
        - A plain object that serves TensorFlow, too: it cannot be scripted, nor has it parameters.
          Gradients are not kept.

    Example:
        >>> import torch
        >>> from seqfront.compat.torchaudio import RNNTBeamSearch, emformer_rnnt_base
        >>> model = emformer_rnnt_base(10).eval()
        >>> search = RNNTBeamSearch(model, blank=9)
        >>> found = search(torch.rand(36, 80), torch.tensor(32), beam_width=3)
        >>> len(found), found[0].tokens[0]
        (3, 9)
    """

    def __init__(
        self,
        model: Any,
        blank: int,
        temperature: float = 1.0,
        hypo_sort_key: Key | None = None,
        step_max_tokens: int = 100,
    ) -> None:
        if not temperature > 0:
            fix = "1.0 changes nothing."
            raise errors.bad_argument(_OP, "temperature", temperature, "above 0", fix)
        if type(step_max_tokens) is not int or step_max_tokens < 0:
            needed, fix = "an int of at least 0", "100 is the default."
            raise errors.bad_argument(_OP, "step_max_tokens", step_max_tokens, needed, fix)
        self.model = model
        self.blank = blank
        self.temperature = temperature
        self.hypo_sort_key = hypo_sort_key
        self.step_max_tokens = step_max_tokens
        self.calls = Calls()
        self._panels = Panels()

    def __call__(self, input: Raw, length: Raw, beam_width: int) -> list[Hypothesis]:
        """As `forward`."""
        return self.forward(input, length, beam_width)

    def forward(self, input: Raw, length: Raw, beam_width: int) -> list[Hypothesis]:
        """Search a whole utterance.

        Args:
            input: Frames [time + right context, features], or [1, time + right context, features].
            length: How many of them, without the right context: scalar or [1].
            beam_width: How many hypotheses are kept.

        Returns:
            Hypotheses, the best first; at most `beam_width`.
        """
        backend, input, length = self._checked(input, length, beam_width)

        def run() -> list[Hypothesis]:
            encoded, lengths = self.model.transcribe(input, length)
            return self._search(backend, encoded, lengths, beam_width, None)

        return backend.no_grad(run)

    def infer(
        self,
        input: Raw,
        length: Raw,
        beam_width: int,
        state: list[list[Raw]] | None = None,
        hypothesis: Any = None,
    ) -> tuple[list[Hypothesis], list[list[Raw]]]:
        """Search the next chunk of a stream.

        Args:
            input: The chunk [segment + right context, features], or [1, ...].
            length: Its frames, with the right context: scalar or [1].
            beam_width: How many hypotheses are kept.
            state: Of the encoder, as the last call gave it; None to start.
            hypothesis: What the last call found: all of it, to find what `forward` would have; or
                one `Hypothesis`. None to start.

        Returns:
            Hypotheses of all that came so far, the best first; and the encoder's state.
        """
        backend, input, length = self._checked(input, length, beam_width)

        def run() -> tuple[list[Hypothesis], list[list[Raw]]]:
            encoded, lengths, after = self.model.transcribe_streaming(input, length, state)
            return self._search(backend, encoded, lengths, beam_width, hypothesis), after

        return backend.no_grad(run)

    def _checked(self, input: Raw, length: Raw, beam_width: int) -> tuple[Backend, Raw, Raw]:
        backend = backends.of(input)
        shape = backend.static_shape(input)
        if len(shape) != 2 and not (len(shape) == 3 and shape[0] == 1):
            raise errors.search_input("input", shape, "[time, features] or [1, time, features]")
        counts = length if backends.is_raw(length) else backend.convert(length)
        if backend.static_shape(counts) not in ((), (1,)):
            raise errors.search_input("length", backend.static_shape(counts), "[] or [1]")
        if type(beam_width) is not int or beam_width < 1:
            needed = "an int of at least 1"
            raise errors.bad_argument(_OP, "beam_width", beam_width, needed, "beam_width=4.")
        if len(shape) == 2:
            input = backend.expand_dims(input, (0,))
        return backend, input, backend.reshape(counts, (1,))

    def _search(
        self, backend: Backend, encoded: Raw, lengths: Raw, beam_width: int, hypothesis: Any
    ) -> list[Hypothesis]:
        frames = min(int(backend.to_numpy(lengths)[0]), int(backend.shape(encoded)[1]))
        transducer = Transducer(
            self.model,
            backend,
            encoded,
            self.blank,
            self.temperature,
            beam_width,
            self.calls,
            self._panels,
        )
        run = Expansion(
            transducer, beam_width, self.step_max_tokens, self.hypo_sort_key, hypothesis
        )
        ahead = Lookahead(transducer.looks, frames, beam_width)
        for frame in range(frames):
            run.read(frame, ahead)
        return [run.hypothesis(path) for path in run.beam]
