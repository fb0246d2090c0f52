"""An n-best list to look at: as text in the terminal, and as a picture."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from seqfront import errors
from seqfront.search.branches import Branch, Listed, Names, listed, name_of
from seqfront.search.hypotheses import Hypotheses


def text_view(
    hypotheses: Hypotheses, *, names: Names = None, utterance: int = 0, width: int = 100
) -> str:
    """An n-best list over time, as lines of text.

    Each hypothesis has a line with its posterior among those of the list and its score; its labels
    stand where they begin. What it shares with a better one is shown as dots.

    Args:
        hypotheses: What a search found.
        names: How labels are written: a sequence or mapping by index, or a function of it.
        utterance: Which of the batch, counted over all batch dims.
        width: Most characters of a line, if labels leave room for that.

    Returns:
        Lines, without a newline at the end.

    Raises:
        DimError: There is no such utterance, or the hypotheses have no beam.
    """
    found = listed("text_view", hypotheses, utterance)
    texts = [name_of(names, branch.label) for branch in found.branches]
    columns = _columns(found, texts, max(width - 22, 10))
    lines = [f"{'rank':>4} {'post.':>7} {'score':>9}"]
    lines[0] += _ruler(found, columns)
    for lane, row in enumerate(found.rows):
        line = f"{lane + 1:>4} {100 * found.posterior[lane]:>6.1f}% {found.scores[lane]:>9.3f}"
        body = ""
        for at in row:
            branch, text = found.branches[at], texts[at]
            shown = text if branch.lane == lane else "·" * len(text)
            body = body.ljust(columns[branch.start]) + shown + " "
        lines.append((line + "  " + body).rstrip())
    return "\n".join(lines)


def _columns(found: Listed, texts: list[str], room: int) -> dict[int, int]:
    """Where frames that labels begin at stand: as time goes, but never one label over another."""
    starts = sorted({branch.start for branch in found.branches})
    if not starts:
        return {}
    span = max(max(branch.end for branch in found.branches) - starts[0], 1)
    needed: dict[int, int] = {start: _widest(found, texts, start) for start in starts}
    columns: dict[int, int] = {}
    free = 0
    for start in starts:
        columns[start] = max(free, (start - starts[0]) * room // span)
        free = columns[start] + needed[start]
    return columns


def _widest(found: Listed, texts: list[str], start: int) -> int:
    """Characters that the labels of any hypothesis at one frame take."""
    widths = [0]
    for row in found.rows:
        here = [len(texts[at]) + 1 for at in row if found.branches[at].start == start]
        widths.append(sum(here))
    return max(widths)


def _ruler(found: Listed, columns: dict[int, int]) -> str:
    line = ""
    for start, column in columns.items():
        if len(line) <= column:
            line = line.ljust(column) + f"{start} "
    return ("  " + line).rstrip()


def draw(
    hypotheses: Hypotheses,
    *,
    names: Names = None,
    utterance: int = 0,
    seconds_per_frame: float | None = None,
    axes: Any = None,
) -> Any:
    """An n-best list over time, as a picture: a tree, its branches as thick as they are likely.

    Needs matplotlib (the extra `viz`).

    Args:
        hypotheses: What a search found.
        names: How labels are written: a sequence or mapping by index, or a function of it.
        utterance: Which of the batch, counted over all batch dims.
        seconds_per_frame: To show seconds; default: frames.
        axes: matplotlib Axes to draw into; default: those of a new figure.

    Returns:
        The matplotlib Figure: `draw(hypotheses).savefig("beam.png")`.

    Raises:
        DimError: There is no such utterance, or the hypotheses have no beam.
        BackendError: matplotlib is not installed.
    """
    found = listed("draw", hypotheses, utterance)
    if axes is None:
        figure: Any = _figure()(figsize=(10, 1.2 + 0.45 * max(len(found.rows), 1)))
        axes = figure.add_subplot()
    scale = seconds_per_frame or 1.0
    starts = [branch.start for branch in found.branches] or [0]
    root = min(starts) - 0.05 * max(max(starts) - min(starts), 1)
    for branch in found.branches:
        before = None if branch.parent is None else found.branches[branch.parent]
        _draw_branch(axes, branch, before, root, scale, name_of(names, branch.label))
    axes.set_yticks(range(len(found.rows)))
    pairs = zip(found.posterior, found.scores, strict=True)
    axes.set_yticklabels([f"{100 * share:.1f} %  {score:.2f}" for share, score in pairs])
    axes.set_ylim(len(found.rows) - 0.4, -0.6)
    axes.set_xlabel("frame" if seconds_per_frame is None else "seconds")
    axes.set_ylabel("posterior, score")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.figure.tight_layout()
    return axes.figure


def _draw_branch(
    axes: Any, branch: Branch, before: Branch | None, root: float, scale: float, text: str
) -> None:
    start = root if before is None else before.start
    lane = 0 if before is None else before.lane
    line = {"color": "#3465a4", "alpha": 0.35 + 0.65 * branch.mass, "solid_capstyle": "round"}
    width = 0.8 + 4.0 * branch.mass
    axes.plot([start * scale, branch.start * scale], [lane, branch.lane], linewidth=width, **line)
    axes.text(
        branch.start * scale, branch.lane, text, ha="center", va="center", fontsize=9,
        bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "#3465a4"},
    )  # fmt: skip


def _figure() -> Any:
    """The class of figures, which needs no window."""
    try:
        return import_module("matplotlib.figure").Figure
    except ModuleNotFoundError:
        raise errors.extra_missing("draw", "matplotlib", "viz") from None
