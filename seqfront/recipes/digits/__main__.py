"""Train on one framework, read on all: `python -m seqfront.recipes.digits --help`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import seqfront as sf
from seqfront import errors
from seqfront.recipes.digits import data, evaluate, model, report, train

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # without TensorFlow's start-up notes,
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # and with sums in one order
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # small tensors: do not burn a busy machine

READERS = ("torch", "tensorflow", "numpy")


def main() -> int:
    """Train, save, read with every backend, draw."""
    options = _options()
    run = train.Run(options.out)
    if options.resume and not run.state.exists():
        print(f"nothing to resume in {run.folder}: start without --resume")
        return 2
    started = time.perf_counter()
    try:
        history = _train(run, options)
    except KeyboardInterrupt:
        print(f"\ninterrupted; the checkpoint is kept. Continue with --resume --out {run.folder}")
        return 130
    trained = time.perf_counter() - started
    _, held_out = data.load()
    lines = data.compose(held_out, 300, np.random.Generator(np.random.Philox(key=[7, 7])))
    readers = {name: evaluate.load_reader(run.model, name, options.model) for name in READERS}
    readings = [evaluate.read(reader, lines, name) for name, reader in readers.items()]
    _print_readings(readings, lines, trained, options.backend)
    if options.model == "emformer":
        _print_streams(readers, readings, lines)
    if options.pictures:
        _draw(run, history, lines, readers[READERS[0]], READERS[0])
    return 0


def _train(run: train.Run, options: argparse.Namespace) -> list[dict[str, float]]:
    progress_module = _rich("rich.progress")
    columns = (
        progress_module.TextColumn("{task.description}"),
        progress_module.BarColumn(),
        progress_module.TextColumn("{task.completed}/{task.total}"),
        progress_module.TimeElapsedColumn(),
        progress_module.TextColumn("{task.fields[losses]}"),
    )
    with progress_module.Progress(*columns) as bar:
        task = bar.add_task(f"training on {options.backend}", total=options.steps, losses="")

        def on_step(step: int, values: dict[str, float]) -> None:
            shown = "  ".join(f"{name} {value:.3f}" for name, value in values.items())
            bar.update(task, completed=step, losses=shown)

        return train.train(
            run,
            backend=options.backend,
            steps=options.steps,
            seed=options.seed,
            resume=options.resume,
            encoder=options.model,
            on_step=on_step,
        )


def _print_readings(
    readings: list[evaluate.Reading], lines: data.Lines, trained: float, backend: str
) -> None:
    console = _rich("rich.console").Console()
    table = _rich("rich.table").Table(title="held-out lines, one checkpoint, three backends")
    for heading in ("backend", "label error rate", "lines", "seconds"):
        table.add_column(heading, justify="left" if heading == "backend" else "right")
    for r in readings:
        rate = f"{100 * r.error_rate:.2f} %"
        table.add_row(r.backend, rate, str(len(r.transcripts)), f"{r.seconds:.2f}")
    console.print(table)
    texts = evaluate.texts_of(lines.labels, lines.counts)
    for text, reading in list(zip(texts, readings[0].transcripts, strict=True))[:5]:
        mark = "" if text == reading else "   <- wrong"
        console.print(f"  is {text:<10}  read {reading:<10}{mark}", highlight=False)
    same = all(r.transcripts == readings[0].transcripts for r in readings)
    console.print(f"training on {backend}: {trained:.1f} s")
    console.print(f"transcripts: {'identical' if same else 'DIFFERENT'} on all backends")
    console.print(f"largest difference of logits: {evaluate.largest_difference(readings):.2e}")


def _print_streams(
    readers: dict[str, model.DigitReader], readings: list[evaluate.Reading], lines: data.Lines
) -> None:
    """Read the same lines again as streams: what is read must not change."""
    truth = evaluate.texts_of(lines.labels, lines.counts)
    for (backend, reader), whole in zip(readers.items(), readings, strict=True):
        started = time.perf_counter()
        transcripts = evaluate.read_as_streams(reader, lines, backend)
        seconds = time.perf_counter() - started
        same = "the same as" if transcripts == whole.transcripts else "DIFFERENT from"
        rate = f"{100 * sf.metrics.character_error_rate(transcripts, truth).rate:.2f} %"
        print(
            f"as streams, {reader.encoder.hop} columns at a time, on {backend}: "
            f"{same} whole lines, label error rate {rate} ({seconds:.2f} s)"
        )


def _draw(
    run: train.Run,
    history: list[dict[str, float]],
    lines: data.Lines,
    reader: model.DigitReader,
    backend: str,
) -> None:
    started = time.perf_counter()
    report.draw_curve(history, run.folder / "curve.png")
    row = int(np.argmax(lines.counts))
    batch = evaluate.raw_batch(lines, backend)
    report.draw_lattice(reader, batch, row, run.folder / "lattice.png")
    seconds = time.perf_counter() - started
    print(f"pictures: {run.folder / 'curve.png'}, {run.folder / 'lattice.png'} ({seconds:.1f} s)")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m seqfront.recipes.digits",
        description="Train a small transducer to read lines of handwritten digits.",
    )
    parser.add_argument("--backend", choices=("torch", "tensorflow"), default="torch",
                        help="framework to train on (default: torch)")  # fmt: skip
    parser.add_argument("--model", choices=model.ENCODERS, default="lstm",
                        help="encoder; the Emformer also reads streams")  # fmt: skip
    parser.add_argument("--steps", type=int, default=1000, help="training steps in all")
    parser.add_argument("--seed", type=int, default=1, help="of parameters and data")
    parser.add_argument("--out", type=Path, default=Path("runs/digits"), help="folder for files")
    parser.add_argument("--resume", action="store_true", help="continue from the last checkpoint")
    parser.add_argument("--no-pictures", dest="pictures", action="store_false",
                        help="only numbers")  # fmt: skip
    return parser.parse_args()


def _rich(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise errors.extra_missing("the digits recipe", "rich", "demo") from None


if __name__ == "__main__":
    try:
        sys.exit(main())
    except sf.SeqfrontError as error:
        sys.exit(f"{type(error).__name__}: {error}")
