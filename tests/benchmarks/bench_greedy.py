"""Greedy transducer search: calls and processor time for a batch, and one by one.

    python tests/benchmarks/bench_greedy.py [--threads N] [--rounds N] [--labels N]

The shapes of torchaudio's base transducer: 250 frames of 1024 features (10 s), 4097 classes, and a
prediction network of three normalised LSTM layers of 512. Weights are random; the blank's bias is
such that an utterance has about so many labels. Lengths go from 60 % to all of the frames.

"frame by frame" asks the joiner for one frame at a time, as the search did before, and as is usual:
the prediction network runs whenever any sequence of the batch has a label. "one by one" is each
sequence alone, by the present search.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import seqfront as sf
from seqfront.search.transducer import label_blocks

FRAMES, BATCHES = 250, (1, 4, 16)

batch, frames = sf.Dim("batch"), sf.Dim("frames")
joint, classes = sf.Dim("joint", 1024), sf.Dim("classes", 4097)
BLANK = 4096


def model(labels: int) -> Any:
    """Prediction network and joiner; one label in so many frames."""
    sf.set_seed(0)
    with sf.use_backend("torch"):
        predict = sf.models.NormalizedPrediction(
            classes, sf.Dim("embedding", 512), sf.Dim("hidden", 512), joint, layers=3
        )
        join = sf.models.Joiner(joint, classes, activation="relu")
    search = sf.search.TransducerGreedy(predict, join, blank_index=BLANK)
    x = encoded(4)
    low, high = -50.0, 50.0
    for _ in range(12):
        middle = (low + high) / 2
        with torch.no_grad():
            join.output.bias.raw[BLANK] = middle
        found, _ = search(x, axis=frames)
        mean = found.labels.lengths(found.label_dim).numpy().mean()
        low, high = (low, middle) if mean < labels else (middle, high)
    return predict, join


def encoded(count: int) -> sf.Tensor:
    """A batch of utterances."""
    rng = np.random.default_rng(1)
    x = torch.tensor(2 * rng.standard_normal((count, FRAMES, joint.size)), dtype=torch.float32)
    lengths = torch.tensor(np.linspace(FRAMES, 0.6 * FRAMES, count).astype(np.int32))
    return sf.wrap(x, (batch, frames, joint), {frames: lengths})


def frame_by_frame(predict: Any, join: Any, x: sf.Tensor) -> tuple[int, int]:
    """The search that goes from frame to frame; counts of both calls."""
    lengths, calls = x.lengths(frames), [1, 0]
    labels = sf.full((batch,), BLANK, dtype="int32", like=x).labels_of(classes)
    features, memory = predict(labels, axis=None)
    for t in range(int(lengths.numpy().max())):
        frame, active = sf.gather(x, indices=t, axis=frames), lengths > t
        for _ in range(4):
            best = sf.argmax(join(frame, features), axis=classes)
            calls[1] += 1
            active = active & (best != BLANK)
            if not active.numpy().any():
                break
            labels = sf.where(active, best, labels).labels_of(classes)
            after, state = predict(labels, axis=None, state=memory)
            calls[0] += 1
            features = sf.where(active, after, features)
            memory = sf.nested_where(active, state, memory)
    return calls[0], calls[1]


def seconds(run: Callable[[], Any], rounds: int) -> float:
    """The median processor time."""
    run()
    found: list[float] = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return statistics.median(found)


def rows(x: sf.Tensor) -> list[sf.Tensor]:
    """Each sequence alone, without padding."""
    raw, lengths = x.raw_in((batch, frames, joint)), x.lengths(frames).numpy()
    return [
        sf.wrap(raw[i : i + 1, : int(n)], (batch, frames, joint), {frames: torch.tensor([int(n)])})
        for i, n in enumerate(lengths)
    ]


def table(predict: Any, join: Any, rounds: int) -> None:
    """Calls and times for batches of several sizes."""
    search = sf.search.TransducerGreedy(predict, join, blank_index=BLANK)

    def counted(run: Callable[[], Any]) -> tuple[int, int]:
        before = search.calls.now()
        run()
        calls = search.calls.since(before)
        return calls.predictor, calls.joiner

    print(f"{'batch':>5} {'':<16}{'predictor':>10}{'joiner':>8}{'CPU ms':>9}{'ratio':>7}")
    for count in BATCHES:
        x, alone = encoded(count), rows(encoded(count))

        def whole(x: sf.Tensor = x) -> Any:
            return search(x, axis=frames)

        def singly(alone: list[sf.Tensor] = alone) -> Any:
            return [search(one, axis=frames) for one in alone]

        def by_frames(x: sf.Tensor = x) -> Any:
            return frame_by_frame(predict, join, x)

        own = seconds(whole, rounds)
        lines = [
            ("label looping", counted(whole), own),
            ("one by one", counted(singly), seconds(singly, rounds)),
            ("frame by frame", by_frames(), seconds(by_frames, rounds)),
        ]
        for name, (predictor, joiner), cpu in lines:
            print(
                f"{count:>5} {name:<16}{predictor:>10}{joiner:>8}{1e3 * cpu:>9.0f}{cpu / own:>7.2f}"
            )


def blocks(predict: Any, join: Any, rounds: int) -> None:
    """What reading frames in blocks is worth."""
    print(f"\n{'rows in a block':<18}" + "".join(f"{f'batch {n}':>16}" for n in BATCHES))
    chosen = label_blocks.BLOCK_ROWS
    for size in (1, 8, 16, 32, 64, 128):
        label_blocks.BLOCK_ROWS = size
        cells: list[str] = []
        for count in BATCHES:
            search = sf.search.TransducerGreedy(predict, join, blank_index=BLANK)
            x = encoded(count)
            search(x, axis=frames)
            calls = search.calls.joiner
            cpu = seconds(lambda s=search, x=x: s(x, axis=frames), rounds)
            cells.append(f"{1e3 * cpu:>8.0f} ms{calls:>5}")
        print(f"{size:<18}" + "".join(cells))
    label_blocks.BLOCK_ROWS = chosen


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--labels", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with torch.no_grad():
        predict, join = model(options.labels)
        table(predict, join, options.rounds)
        blocks(predict, join, options.rounds)


if __name__ == "__main__":
    main()
