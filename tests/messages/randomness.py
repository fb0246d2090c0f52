"""Messages of random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf
from messages.message import Make, Message
from seqfront import BackendError, DimError, DTypeError, TraceError, randomness
from seqfront.randomness import Draw

batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4)


def replayed(w: Make, *draws: Any) -> Any:
    with randomness.replay(draws):
        return sf.random_normal((mel,), like=w.zeros(mel))


def drawn(kind: Any, *shape: int) -> Draw:
    return Draw(kind, np.zeros(shape, np.float32), "float32")


def elsewhere(w: Make) -> Any:
    seed = sf.wrap(sf.backends.get("numpy").convert(np.array(7)), ())
    return sf.random_normal((mel,), like=w.zeros(mel), seed=seed)


def recorded_in_a_graph(w: Make) -> Any:
    def draw() -> Any:
        with randomness.record():
            return sf.random_normal((mel,), like=w.zeros(mel)).raw

    return w.backend.compile(draw)()


MESSAGES = [
    Message(
        "not_a_seed",
        DTypeError,
        lambda w: sf.random_uniform((mel,), like=w.zeros(mel), seed=0.5),  # type: ignore[arg-type]
        (
            "random_uniform: seed has to be a whole number.\n"
            "  seed  0.5\n"
            "  fix: an int, sf.RandomKey(7), or an integer scalar Tensor."
        ),
    ),
    Message(
        "not_a_seed",
        DTypeError,
        lambda w: sf.RandomKey(7).fold_in("layer"),  # type: ignore[arg-type]
        (
            "RandomKey.fold_in: number has to be a whole number.\n"
            "  number  'layer'\n"
            "  fix: an int, sf.RandomKey(7), or an integer scalar Tensor."
        ),
        only="any",
    ),
    Message(
        "bad_seed_tensor",
        DimError,
        lambda w: sf.dropout(w.zeros(mel), 0.5, seed=w.ints(mel)),
        (
            "dropout: seed has to be an integer scalar, if it is a Tensor.\n"
            "  seed  int32[mel:4] numpy:cpu\n"
            "  fix: an int, sf.RandomKey(7), or an integer scalar Tensor."
        ),
    ),
    Message(
        "foreign_seed",
        BackendError,
        elsewhere,
        (
            "the seed and what is drawn by it are of two backends.\n"
            "  seed   numpy\n"
            "  draws  torch\n"
            '  fix: a seed on that backend: sf.to_backend(x, "torch"), or an int.'
        ),
        only="torch",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.RandomKey(7).split(0),
        ("RandomKey.split: count cannot be 0.\n  needed  an int of at least 1\n  fix: count=2."),
        only="any",
    ),
    Message(
        "nothing_to_replay",
        DimError,
        replayed,
        (
            "replay: more random numbers are drawn than were recorded.\n"
            "  recorded  0 draws\n"
            "  wanted    normal float32[4]\n"
            "  fix: replay the same computation that was recorded, in the same order."
        ),
        eager="draws are not replayed to a graph",
    ),
    Message(
        "draws_differ",
        DimError,
        lambda w: replayed(w, drawn("uniform", 4)),
        (
            "replay: draw 0 is not the one that was recorded.\n"
            "  recorded  uniform float32[4]\n"
            "  wanted    normal float32[4]\n"
            "  fix: replay the same computation that was recorded, in the same order."
        ),
        eager="draws are not replayed to a graph",
    ),
    Message(
        "draws_differ",
        DimError,
        lambda w: replayed(w, drawn("normal", 3)),
        (
            "replay: draw 0 is not the one that was recorded.\n"
            "  recorded  normal float32[3]\n"
            "  wanted    normal float32[4]\n"
            "  fix: replay the same computation that was recorded, in the same order."
        ),
        eager="draws are not replayed to a graph",
    ),
    Message(
        "draws_left",
        DimError,
        lambda w: replayed(w, drawn("normal", 4), drawn("uniform", 2, 3)),
        (
            "replay: fewer random numbers were drawn than were recorded.\n"
            "  recorded  2 draws\n"
            "  drawn     1\n"
            "  next      uniform float32[2, 3]\n"
            "  fix: replay the same computation that was recorded, in the same order."
        ),
        eager="draws are not replayed to a graph",
    ),
    Message(
        "not_a_draw",
        DTypeError,
        lambda w: replayed(w, np.zeros(4, np.float32)),
        (
            "replay: item 0 is no draw.\n"
            "  type  numpy.ndarray\n"
            '  fix: what sf.randomness.record() gave, or sf.randomness.Draw("uniform", array, '
            '"float32").'
        ),
        eager="draws are not replayed to a graph",
    ),
    Message(
        "recorded_while_tracing",
        TraceError,
        recorded_in_a_graph,
        (
            "record: draws cannot be recorded while a graph is traced.\n"
            "  fix: record an eager run, and replay it to a traced one; or draw with seed=."
        ),
        only="tensorflow",
    ),
    Message(
        "bad_bounds",
        DimError,
        lambda w: sf.random_integers((mel,), low=3, high=3, like=w.zeros(mel)),
        (
            "random_integers: no numbers can be drawn from 3 to 3.\n"
            "  needed  ints, low < high, that int32 has\n"
            "  fix: low comes first: low=0, high=10."
        ),
    ),
    Message(
        "bad_bounds",
        DimError,
        lambda w: sf.random_integers((mel,), high=300, dtype="uint8", like=w.zeros(mel)),
        (
            "random_integers: no numbers can be drawn from 0 to 300.\n"
            "  needed  ints, low < high, that uint8 has\n"
            "  fix: low comes first: low=0, high=10."
        ),
    ),
    Message(
        "bad_bounds",
        DimError,
        lambda w: sf.random_truncated_normal((mel,), low=2.0, high=-2.0, like=w.zeros(mel)),
        (
            "random_truncated_normal: no numbers can be drawn from 2.0 to -2.0.\n"
            "  needed  -5 <= low < high <= 5\n"
            "  fix: low comes first: low=0, high=10."
        ),
    ),
    Message(
        "bad_rate",
        DimError,
        lambda w: sf.random_bernoulli((mel,), 1.5, like=w.zeros(mel)),
        (
            "random_bernoulli: the rate has to be between 0 and 1.\n"
            "  rate  1.5\n"
            "  fix: it is a probability: 0.1 for one in ten."
        ),
    ),
    Message(
        "wrong_dims",
        DimError,
        lambda w: sf.random_bernoulli((mel,), w.zeros(batch, mel)),
        (
            "random_bernoulli: the dims named are not those of probability.\n"
            "  probability  float32[batch≤3, mel:4] numpy:cpu\n"
            "  named        [mel:4]\n"
            "  fix: name every dim of probability once, in the order you want."
        ),
    ),
    Message(
        "logits_or_probs",
        DimError,
        lambda w: sf.random_categorical(axis=mel),
        (
            "random_categorical: either logits or probs are needed.\n"
            "  given  none\n"
            "  fix: logits are unnormalised log-probabilities: logits=x; for probabilities, "
            "probs=x."
        ),
        only="any",
    ),
    Message(
        "torn_sequences",
        DimError,
        lambda w: sf.random_permutation(
            batch, dims=(time,), like=w.zeros(batch, time, lengths={time: [3, 2, 1]})
        ),
        (
            "random_permutation: the lengths of time run over batch, so sequences would be torn "
            "apart.\n"
            "  x        float64[time≤3, batch≤3] numpy:cpu\n"
            "  lengths  int32[batch≤3] numpy:cpu\n"
            "  fix: reduce or mask time first."
        ),
        eager="the lengths are printed",
    ),
]
