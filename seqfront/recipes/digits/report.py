"""What the demo shows: numbers in the terminal, and two pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import seqfront as sf
from seqfront import errors
from seqfront.recipes.digits.model import BLANK, Batch, DigitReader, column, line, position, symbol

History = Sequence[Mapping[str, float]]


def posterior(reader: DigitReader, batch: Batch, row: int) -> Any:
    """Probability that the alignment of one line passes each cell: NumPy [frame, 1 + position].

    The gradient of the loss with respect to log-probs is minus the probability of each arc
    (Graves 2012, equation 20), so their sum over the classes is that of the cell.
    """
    joint, _, frame = reader.logits(batch)
    log_probs = sf.stop_gradient(sf.log_softmax(joint, axis=symbol))

    def loss() -> sf.Tensor:
        losses = sf.rnnt_loss(
            logits=log_probs,
            targets=batch.labels,
            input_spatial_dim=frame,
            targets_spatial_dim=position,
            blank_index=BLANK,
            logits_normalized=True,
        )
        return sf.sum(losses, axis=line)

    _, (grad,) = sf.value_and_grad(loss, [log_probs])
    cells = -grad.numpy(line, frame, 1 + position, symbol).sum(-1)[row]
    frames = int(log_probs.lengths(frame).numpy()[row])
    labels = int(batch.labels.lengths(position).numpy()[row])
    return cells[:frames, : labels + 1]


def draw_curve(history: History, path: Path) -> None:
    """The learning curve."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    steps = np.arange(1, len(history) + 1)
    for name, colour in (("rnnt", "#1f4e79"), ("ctc", "#c55a11")):
        values = np.array([values[name] for values in history])
        axes.plot(steps, values, color=colour, alpha=0.2, linewidth=0.8)
        axes.plot(steps, _smooth(values), color=colour, linewidth=1.8, label=f"{name} loss")
    axes.set(xlabel="step", ylabel="nats per label", yscale="log", title="Learning to read digits")
    axes.grid(True, which="both", alpha=0.2)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_lattice(reader: DigitReader, batch: Batch, row: int, path: Path) -> None:
    """One line: its image, the posterior of its lattice, and the labels where they are emitted."""
    plt = _pyplot()
    cells = posterior(reader, batch, row)
    transcript = reader.transcribe(batch.pixels)
    length = int(batch.pixels.lengths(column).numpy()[row])
    pixels = batch.pixels.numpy(line, column, batch.pixels.dims[-1])[row, :length]
    wanted = batch.labels.numpy(line, position)[row, : cells.shape[1] - 1]
    count = int(transcript.labels.lengths(transcript.label_dim).numpy()[row])
    labels = transcript.labels.numpy(line, transcript.label_dim)[row, :count]
    frames = transcript.start.numpy(line, transcript.label_dim)[row, :count]

    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(11, 5.2), sharex=True, layout="constrained",
        gridspec_kw={"height_ratios": [1, 2.2]},
    )  # fmt: skip
    extent = (0, length, 0, pixels.shape[1])
    top.imshow(pixels.T, cmap="gray_r", aspect="auto", extent=extent, interpolation="nearest")
    top.set_yticks([])
    for label, frame in zip(labels, frames, strict=True):
        centre = 2 * frame + 1
        top.axvline(centre, color="#c55a11", linewidth=1)
        top.text(centre, pixels.shape[1] + 0.3, str(label), color="#c55a11", ha="center",
                 va="bottom", fontsize=13, fontweight="bold")  # fmt: skip
    top.set_title(f"read: {''.join(map(str, labels))}     is: {''.join(map(str, wanted))}",
                  pad=22, fontfamily="monospace")  # fmt: skip
    shown = bottom.imshow(
        cells.T, cmap="magma", aspect="auto", origin="lower", vmin=0, vmax=1,
        extent=(0, 2 * cells.shape[0], -0.5, cells.shape[1] - 0.5), interpolation="nearest",
    )  # fmt: skip
    bottom.plot(2 * frames + 1, np.arange(count), "o", markersize=6, markerfacecolor="none",
                color="#4fd1c5", label="label emitted")  # fmt: skip
    bottom.set_yticks(range(cells.shape[1]), ["start", *map(str, wanted)])
    bottom.set(xlabel="column", ylabel="labels so far", xlim=(0, length))
    bottom.legend(loc="upper left", framealpha=0.85)
    figure.colorbar(shown, ax=bottom, label="posterior of the cell")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _smooth(values: Any, width: int = 25) -> Any:
    """Running mean over the last steps."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - width, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def _pyplot() -> Any:
    try:
        matplotlib: Any = import_module("matplotlib")
    except ModuleNotFoundError:
        raise errors.extra_missing("drawing pictures", "matplotlib", "viz") from None
    matplotlib.use("Agg")
    return import_module("matplotlib.pyplot")
