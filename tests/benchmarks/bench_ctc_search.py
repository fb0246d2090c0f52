"""CTC prefix beam search against `tf.nn.ctc_beam_search_decoder`, which adds alignments up, too.

    python tests/benchmarks/bench_ctc_search.py [--threads 1] [--sizes 32 128] [--frames 300]

Both read 16 sequences of logits with the blank last, and give the best hypothesis. Ours has a beam
of them all, with the times and log-probs of labels, and goes on from there when frames come; it is
called on NumPy arrays, so the figure has all that is done in Python. One thread is measured in
processor time, more by the clock; both take turns, and a ratio is the median of rounds. Theirs
takes minutes for a large vocabulary, so that has one round.

The logits are as those of a trained model: in most frames the blank is nearly certain, in others a
label: both find the same. `--noise` has normally distributed ones instead, where narrow beams drop
nearly all and the two may differ. (Ours is what the textbook gives: `oracles/ctc_search.py`.)
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

BATCH = 16


def peaky(frames: int, classes: int) -> np.ndarray:
    """float32 [batch, time, classes]: a class stands out in each frame, more or less."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCH, frames, classes))
    spoken = rng.random((BATCH, frames)) < 0.3
    best = np.where(spoken, rng.integers(0, classes - 1, (BATCH, frames)), classes - 1)
    height = rng.uniform(4, 12, (BATCH, frames, 1)) + np.log(classes)
    np.put_along_axis(x, best[..., None], height, 2)
    return x.astype(np.float32)


def noise(frames: int, classes: int) -> np.ndarray:
    """The same shape, without any structure."""
    shape = (BATCH, frames, classes)
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def timed(run: Callable[[], Any], threads: int) -> float:
    """Seconds of one call."""
    clock = time.process_time if threads == 1 else time.perf_counter
    start = clock()
    run()
    return clock() - start


def compare(ours: Callable[[], Any], theirs: Callable[[], Any], threads: int) -> list[float]:
    """Medians: seconds of ours, of theirs, and the ratio."""
    for _ in range(3):
        ours()
    rounds = [(timed(theirs, threads), min(timed(ours, threads) for _ in range(5)))]
    while len(rounds) < 5 and rounds[0][0] < 2:
        rounds.append((timed(theirs, threads), min(timed(ours, threads) for _ in range(5))))
    columns = list(zip(*rounds, strict=True))
    ratios = [a / b for a, b in rounds]
    return [*map(statistics.median, (columns[1], columns[0])), statistics.median(ratios)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 128, 1024])
    parser.add_argument("--beams", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--noise", action="store_true")
    arguments = parser.parse_args()
    threads = arguments.threads
    os.environ["SEQFRONT_NUM_THREADS"] = str(threads)
    import tensorflow as tf

    import seqfront as sf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    batch, frames = sf.Dim("batch"), sf.Dim("frames")
    print(f"{threads} threads, {BATCH} x {arguments.frames} frames; milliseconds")
    print(f"{'':<24}{'seqfront':>11}{'tf.nn':>11}{'ratio':>8}  same labels, |score|")
    for size in arguments.sizes:
        x = (noise if arguments.noise else peaky)(arguments.frames, size)
        classes = sf.Dim("classes", size)
        encoded = sf.wrap(x, (batch, frames, classes))
        columns = tf.constant(x.transpose(1, 0, 2))
        lengths = tf.fill([BATCH], arguments.frames)
        for beam in arguments.beams:
            search = sf.search.CtcPrefixBeam(classes=classes, blank_index=-1, beam=beam)

            def ours(search: Any = search, encoded: Any = encoded) -> Any:
                return search(encoded, axis=frames)[0]

            def theirs(x: Any = columns, n: Any = lengths, beam: int = beam) -> Any:
                return tf.nn.ctc_beam_search_decoder(x, n, beam_width=beam, top_paths=1)

            mine, other, ratio = compare(ours, theirs, threads)
            same, apart = agreement(ours(), theirs(), batch)
            print(
                f"{size:>5} classes, beam {beam:<4} {1e3 * mine:12.1f}{1e3 * other:11.1f}"
                f"{ratio:8.1f}  {same} of {BATCH}, {apart:.1e}",
                flush=True,
            )


def agreement(ours: Any, theirs: Any, batch: Any) -> tuple[int, float]:
    """How many of the best label sequences are the same, and by how much their scores differ."""
    (paths,), log_probs = theirs
    best = ours.best()
    labels = best.labels.numpy(batch, best.label_dim)
    counts = best.labels.lengths(best.label_dim).numpy(batch)
    found: list[list[int]] = [[] for _ in range(BATCH)]
    for (row, _), label in zip(paths.indices.numpy(), paths.values.numpy(), strict=True):
        found[row].append(int(label))
    same = [labels[row, : counts[row]].tolist() == found[row] for row in range(BATCH)]
    apart = np.abs(best.score.numpy(batch) - log_probs.numpy()[:, 0])
    return sum(same), float(max([0.0, *apart[np.array(same)]]))


if __name__ == "__main__":
    main()
