"""Frame-synchronous transducer search of streams: parts, other batches, streams without end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_transducer import (
    FEATURES,
    Bigram,
    Found,
    Parts,
    batch,
    feature,
    frames,
    read,
    time,
    wrapped,
)

import seqfront as sf

part, more, fewer = sf.Dim("part"), sf.Dim("more"), sf.Dim("fewer")
classes = sf.Dim("classes", 4)
LENGTHS = (7, 4, 0, 6)
FRAMES = frames(3, LENGTHS)


def searches(seed: int = 3, backend: str = "numpy", **options: Any) -> sf.search.TransducerBeam:
    parts = Parts(classes, seed, backend)
    scorers = {"bigram": (Bigram(classes, 1, seed, backend=backend), 0.4)}
    options = {"beam": 4, "max_symbols": 2, "scorers": scorers, **options}
    return sf.search.TransducerBeam(parts.prediction, parts.joiner, blank_index=1, **options)


SEARCH = searches()


def whole(x: Any = FRAMES, lengths: Any = LENGTHS, search: Any = SEARCH) -> list[list[Found]]:
    return read(search(wrapped(x, lengths, "numpy"), axis=time)[0])


def alike(found: list[list[Found]], wanted: list[list[Found]]) -> None:
    """The same labels and frames in the same order, and scores but for rounding."""
    for mine, theirs in zip(found, wanted, strict=True):
        assert [(f.labels, f.start, f.end) for f in mine] == [
            (f.labels, f.start, f.end) for f in theirs
        ]
        for f, g in zip(mine, theirs, strict=True):
            assert (f.score, *f.log_probs) == pytest.approx((g.score, *g.log_probs), abs=1e-9)
            assert f.scores == pytest.approx(g.scores, abs=1e-9)


def pieces(cuts: list[list[int]], lengths: Any = LENGTHS, x: Any = FRAMES) -> Any:
    """Frames of each stream from one cut to the next, NaN behind them."""
    ends = [np.minimum(np.asarray(row), n) for row, n in zip(cuts, lengths, strict=True)]
    for i in range(len(cuts[0])):
        before = [0 if i == 0 else int(row[i - 1]) for row in ends]
        counts = [int(row[i]) - start for row, start in zip(ends, before, strict=True)]
        table = np.full((len(counts), max(counts) + i % 2, FEATURES), np.nan)
        for row, (start, count) in enumerate(zip(before, counts, strict=True)):
            table[row, :count] = x[row, start : start + count]
        yield table, counts


@settings(max_examples=12, deadline=None, database=None)
@given(st.lists(st.lists(st.integers(0, 7), min_size=4, max_size=4), min_size=4, max_size=4))
def test_parts_give_what_the_whole_gives(cuts: list[list[int]]) -> None:
    """Any cuts, others for each stream, empty parts included."""
    cuts = [[*sorted(row), 7] for row in cuts]
    state = None
    for i, (table, counts) in enumerate(pieces(cuts)):
        encoded = wrapped(table, counts, "numpy", part)
        found, state = SEARCH(encoded, axis=part, state=state, is_last=i == len(cuts[0]) - 1)
    alike(read(found), whole())
    assert state.frames.numpy().tolist() == list(LENGTHS)


def test_each_stream_ends_by_itself() -> None:
    """`is_last` of some: what scorers say of ending there counts for these alone."""
    encoded = wrapped(FRAMES, LENGTHS, "numpy")
    last = sf.wrap(np.array([True, False, True, False]), (batch,))
    found = read(SEARCH(encoded, axis=time, is_last=last)[0])
    ended, going = whole(), read(SEARCH(encoded, axis=time, is_last=False)[0])
    assert found == [ended[0], going[1], ended[2], going[3]]
    assert ended[1][0].score != going[1][0].score


def test_order_and_size_of_the_batch() -> None:
    order = [3, 0, 2, 1]
    alike(whole(FRAMES[order], [LENGTHS[i] for i in order]), [whole()[i] for i in order])
    for row in range(4):
        alike(whole(FRAMES[[row]], [LENGTHS[row]]), [whole()[row]])


def test_without_a_batch() -> None:
    encoded = sf.wrap(FRAMES[0], (time, feature))
    found, _ = SEARCH(encoded, axis=time)
    assert found.score.dims == (SEARCH.beam_dim,)
    best = whole()[0][0]
    assert tuple(found.best().labels.raw.tolist())[: len(best.labels)] == best.labels
    assert float(found.best().score) == pytest.approx(best.score, abs=1e-9)


def test_two_batch_dims_and_other_axes() -> None:
    group, row = sf.Dim("group", 2), sf.Dim("row")
    lengths = sf.wrap(np.reshape(LENGTHS, (2, 2)).astype(np.int32), (group, row))
    x = np.reshape(FRAMES, (2, 2, 7, FEATURES)).transpose(3, 1, 2, 0)
    found, state = SEARCH(sf.wrap(x, (feature, row, time, group), {time: lengths}), axis=time)
    score = found.score.numpy(group, row, found.beam_dim).reshape(4, -1)
    valid = np.isfinite(score)
    wanted = whole()
    assert [score[i][valid[i]].tolist() for i in range(4)] == [
        pytest.approx([f.score for f in found_row], abs=1e-9) for found_row in wanted
    ]
    assert state.frames.numpy(group, row).ravel().tolist() == list(LENGTHS)


@pytest.mark.parametrize("blank", [0, 3, -2])
def test_blank_at_any_index(blank: int) -> None:
    """Classes in another order give the same labels in that order."""
    order = [0, 2, 3]
    order.insert(blank % 4, 1)
    parts = Parts(classes, 3, "numpy", order)
    scorers = {"bigram": (Bigram(classes, blank % 4, 3, order), 0.4)}
    bigram = scorers["bigram"][0]
    assert bigram.table[blank % 4][order.index(2)] == SEARCH.fusion.scorers["bigram"][0].table[1][2]
    search = sf.search.TransducerBeam(
        parts.prediction, parts.joiner, blank_index=blank, beam=4, max_symbols=2, scorers=scorers
    )
    found = [
        [f._replace(labels=tuple(order[label] for label in f.labels)) for f in row]
        for row in whole(search=search)
    ]
    alike(found, whole())


def _of(x: Any, streams: sf.Dim) -> sf.Tensor:
    return sf.wrap(x, (streams, part, feature))


def test_streams_come_and_go() -> None:
    """Streams change places and leave, one starts anew, others join; each is as if alone."""
    x = frames(5, (6,) * 6)
    _, old = SEARCH(_of(x[:4, :2], batch), axis=part, is_last=False)
    chosen = SEARCH.select(old, sf.wrap(np.array([3, 1], np.int32), (fewer,)), axis=batch)
    new = SEARCH(_of(x[4:5, :3], batch), axis=part, is_last=False)[1]
    joined = SEARCH.concat((chosen, fewer), (new, batch), out_dim=more)
    again = SEARCH.reset(joined, sf.wrap(np.array([False, True, False]), (more,)))
    rest = np.full((3, 6, FEATURES), np.nan)
    rest[0, :4], rest[1, :6], rest[2, :3] = x[3, 2:6], x[5, :6], x[4, 3:6]
    lengths = sf.wrap(np.array([4, 6, 3], np.int32), (more,))
    encoded = sf.wrap(rest, (more, part, feature), {part: lengths})
    found = read(SEARCH(encoded, axis=part, state=again)[0], more)
    alike(found, whole(x[[3, 5, 4]], (6, 6, 6)))


def test_stream_without_end() -> None:
    """What is committed and what is left are what the whole gives; and the state stays small."""
    search = searches(temperature=0.3, beam=3)
    x = 2.0 * np.random.default_rng(8).standard_normal((2, 120, FEATURES))
    committed: list[list[int]] = [[], []]
    starts: list[list[int]] = [[], []]
    state, hypotheses, widths = None, None, set[int]()
    for at in range(0, 120, 4):
        hypotheses, state = search(
            _of(x[:, at : at + 4], batch), axis=part, state=state, is_last=at == 116
        )
        if at == 116:
            break
        said, state = search.commit(state)
        label = search.label_dim
        widths.add(int(state.said.labels.size(label)))
        for row, count in enumerate(said.labels.lengths(label).numpy()):
            committed[row] += said.labels.numpy(batch, label)[row, :count].tolist()
            starts[row] += said.start.numpy(batch, label)[row, :count].tolist()
    wanted = read(search(_of(x, batch), axis=part)[0])
    for row, found in enumerate(read(hypotheses)):
        assert len(committed[row]) > 5
        assert (*committed[row], *found[0].labels) == wanted[row][0].labels
        assert (*starts[row], *found[0].start) == wanted[row][0].start
        assert found[0].score == pytest.approx(wanted[row][0].score, abs=1e-8)
    assert max(widths) < 30


def test_state_of_another_batch_goes_on() -> None:
    """A state does not mind the order of axes of what comes in."""
    x = frames(6, (6, 6))
    _, state = SEARCH(_of(x[:, :3], batch), axis=part, is_last=False)
    turned = sf.wrap(x[:, 3:].transpose(2, 1, 0), (feature, part, batch))
    alike(read(SEARCH(turned, axis=part, state=state)[0]), whole(x, (6, 6)))
