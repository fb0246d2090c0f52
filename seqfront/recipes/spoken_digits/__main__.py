"""Train on one framework, hear streams on both: `... --help` says with what."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import seqfront as sf
from seqfront import errors
from seqfront.recipes.spoken_digits import data, evaluate, features, search, train
from seqfront.recipes.spoken_digits.model import Listener

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # without TensorFlow's start-up notes,
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # and with sums in one order
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # small tensors: do not burn a busy machine

LISTENERS = ("torch", "tensorflow")


def main() -> int:
    """Load, train, save, hear, compare."""
    options = _options()
    if options.data is None:
        raise errors.recordings_missing(None, "--data is not given")
    training, held_out = data.split(data.load(options.data), options.speaker)
    print(f"{len(training)} takes to train on, {len(held_out)} held out")
    checkpoint = options.out / "model.safetensors"
    started = time.perf_counter()
    sf.set_seed(options.seed)
    steps = train.train(
        Listener(), training, checkpoint, backend=options.backend, minutes=options.minutes,
        seed=options.seed, on_step=_report,
    )  # fmt: skip
    print(f"{steps} steps on {options.backend} in {time.perf_counter() - started:.0f} s")
    stream = np.random.Generator(np.random.Philox(key=[7, 7]))
    strings = data.compose(held_out, options.strings, stream)
    hearings = [
        evaluate.hear(evaluate.load_listener(checkpoint, backend), strings, backend)
        for backend in LISTENERS
    ]
    _print(hearings, strings)
    for backend in LISTENERS if options.beam else ():
        listener = evaluate.load_listener(checkpoint, backend)
        _print_search(search.search(listener, strings, backend, beam=options.beam))
    return 0


def _report(step: int, values: Mapping[str, float]) -> None:
    if step == 1 or step % 100 == 0:
        shown = "  ".join(f"{name} {value:.3f}" for name, value in values.items())
        print(f"step {step:5d}  {shown}", flush=True)


def _print(hearings: list[evaluate.Hearing], strings: data.Strings) -> None:
    seconds = float(strings.frame_counts.sum()) * features.HOP / features.RATE
    print(f"{len(strings.counts)} held-out strings, {strings.counts.sum()} words, {seconds:.0f} s")
    for hearing in hearings:
        median, late = np.percentile(hearing.milliseconds, [50, 95])
        same = "the same as" if hearing.same_as_whole else "DIFFERENT from"
        print(
            f"{hearing.backend:<11} word error rate {100 * hearing.error_rate:.2f} %, as streams, "
            f"{same} whole strings; a chunk takes {median:.1f} ms (median), "
            f"{late:.1f} ms (95th percentile)"
        )
    difference = evaluate.largest_difference(hearings)
    print(f"largest difference of the encoders' outputs between backends: {difference:.2e}")


def _print_search(found: search.Searched) -> None:
    width = found.hypotheses.beam_dim.size
    print(
        f"{found.backend:<11} a beam of {width}: word error rate {100 * found.error_rate:.2f} %, "
        f"{100 * found.rescored_rate:.2f} % rescored by all alignments, of which the beam missed "
        f"{found.missed:.1e} nats at most; {found.seconds:.1f} s for all strings"
    )
    if found.backend == LISTENERS[-1]:
        print(sf.search.text_view(found.hypotheses.nbest(3), width=96))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m seqfront.recipes.spoken_digits",
        description="Train a small Emformer transducer to hear strings of spoken digits.",
    )
    parser.add_argument("--data", type=Path,
                        help="recordings of the Free Spoken Digit Dataset: "
                             "a folder of wave files, or a tar archive")  # fmt: skip
    parser.add_argument("--backend", choices=LISTENERS, default="torch",
                        help="framework to train on (default: torch)")  # fmt: skip
    parser.add_argument("--minutes", type=float, default=4.0, help="to train (default: 4)")
    parser.add_argument("--strings", type=int, default=200, help="held-out strings to hear")
    parser.add_argument("--beam", type=int, default=8, help="hypotheses of a search; 0: none")
    parser.add_argument("--speaker", help="hold out all of a speaker instead of the first takes")
    parser.add_argument("--seed", type=int, default=1, help="of parameters and data")
    parser.add_argument("--out", type=Path, default=Path("runs/spoken_digits"),
                        help="folder for the checkpoint")  # fmt: skip
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except sf.SeqfrontError as error:
        sys.exit(f"{type(error).__name__}: {error}")
