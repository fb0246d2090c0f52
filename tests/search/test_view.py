"""n-best lists to look at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends

batch, beam = sf.Dim("batch"), sf.Dim("beam", 4)
label, vocab = sf.Dim("label"), sf.Dim("vocab", 6)
WORDS = ["four", "for", "seven", "eleven", "nine", "five"]


def _hypotheses(name: str = "numpy") -> sf.search.Hypotheses:
    backend = backends.get(name)
    counts = np.array([[3, 3, 3, 4], [0, 1, 0, 0]], np.int32)

    def over_labels(first: Any, second: Any) -> sf.Tensor:
        raw = backend.convert(np.array([first, second], np.int32))
        lengths = sf.wrap(backend.convert(counts), (batch, beam))
        return sf.wrap(raw, (batch, beam, label), {label: lengths})

    labels = over_labels(
        [[2, 0, 4, 0], [2, 1, 4, 0], [3, 0, 4, 0], [2, 0, 4, 5]], [[0] * 4, [5] * 4] + [[0] * 4] * 2
    )
    start = over_labels(
        [[3, 20, 41, 0], [3, 21, 41, 0], [2, 20, 41, 0], [3, 20, 41, 55]],
        [[0] * 4, [7] * 4, *[[0] * 4] * 2],
    )
    score = sf.wrap(
        backend.convert(np.array([[-1.0, -1.8, -2.5, -3.1], [-2.0, -3.0, -np.inf, -np.inf]])),
        (batch, beam),
    )
    return sf.search.Hypotheses(
        labels.labels_of(vocab), score, {"model": score}, labels * 0.5, start, start + 1,
        score > -100.0, beam, label,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["numpy", "torch", "tensorflow"])
def test_a_list_as_text(name: str) -> None:
    assert sf.search.text_view(_hypotheses(name), names=WORDS, width=80).splitlines() == [
        "rank   post.     score  2      3           20   21               41             55",
        "   1   55.7%    -1.000         seven       four                  nine",
        "   2   25.0%    -1.800         ·····            for              nine",
        "   3   12.4%    -2.500  eleven             four                  nine",
        "   4    6.8%    -3.100         ·····       ····                  ····           five",
    ]


def test_hypotheses_without_labels_as_text() -> None:
    assert sf.search.text_view(_hypotheses(), utterance=1).splitlines() == [
        "rank   post.     score  7",
        "   1   73.1%    -2.000",
        "   2   26.9%    -3.000  5",
    ]


def test_labels_never_lie_over_each_other() -> None:
    text = sf.search.text_view(_hypotheses(), names=lambda at: WORDS[at] * 3, width=30)
    first, last = text.splitlines()[1], text.splitlines()[4]
    assert first.split()[3:] == ["sevensevenseven", "fourfourfour", "nineninenine"]
    assert last.split()[3:] == ["·" * 15, "·" * 12, "·" * 12, "fivefivefive"]


def test_a_list_as_a_picture() -> None:
    figure = sf.search.draw(_hypotheses(), names=dict(enumerate(WORDS)), seconds_per_frame=0.04)
    (axes,) = figure.axes
    texts = [text.get_text() for text in axes.texts]
    assert sorted(texts) == sorted(
        ["seven", "four", "nine", "for", "nine", "eleven", "four", "nine", "five"]
    )
    at = {text.get_text(): text.get_position() for text in axes.texts}
    assert at["five"] == (55 * 0.04, 3)
    assert next(iter(axes.get_yticklabels())).get_text() == "55.7 %  -1.00"
    assert axes.get_xlabel() == "seconds"
    widths = {line.get_linewidth() for line in axes.lines}
    assert max(widths) == pytest.approx(0.8 + 4 * (0.557 + 0.25 + 0.068), abs=0.02)


def test_a_picture_in_axes_that_are_given() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.add_subplot()
    assert sf.search.draw(_hypotheses(), utterance=1, axes=axes) is figure
    assert [text.get_text() for text in axes.texts] == ["5"]


def test_what_cannot_be_shown() -> None:
    with pytest.raises(sf.errors.DimError) as raised:
        sf.search.text_view(_hypotheses(), utterance=2)
    assert str(raised.value) == (
        "text_view: utterance cannot be 2.\n"
        "  needed  an int in 0 .. 1\n"
        "  fix: utterance=0 is the first of the batch."
    )
    with pytest.raises(sf.errors.DimError, match="draw: dim beam:4 is not in x"):
        sf.search.draw(_hypotheses().best())
