"""Speed and memory of the Emformer beside torchaudio's, in one run.

    python tests/benchmarks/bench_emformer.py [--threads N] [--rounds N]

The base configuration of torchaudio's pipeline: 20 layers of 512 features after time reduction, 25
frames a second, segments of 4 frames, 30 before and 1 ahead; no gradient. Rounds go over both in
turn, so that a busy machine slows both; what is printed is the best CPU time of each, per second of
audio, and the ratio. Memory is the growth of the process's peak, in a process each. "packed" is
after `seqfront_torch.pack(model)`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from oracles.torchaudio_models import emformer as original

import seqfront as sf
import seqfront_torch

SECONDS = (10, 30, 60, 120)
RATE = 25
"""Frames of a second."""

batch, frames = sf.Dim("batch"), sf.Dim("frames")
feature, inner = sf.Dim("feature", 512), sf.Dim("inner", 2048)


def ours(layers: int = 20) -> Any:
    with sf.use_backend("torch"):
        model = sf.models.Emformer(
            feature, layers=layers, heads=8, inner=inner, segment=4, left=30, right=1,
            activation="gelu", tanh_on_memory=True,
        )  # fmt: skip
    return model.eval()


def theirs(layers: int = 20) -> Any:
    return original.Emformer(
        512, 8, 2048, layers, 4, left_context_length=30, right_context_length=1,
        activation="gelu", tanh_on_mem=True,
    ).eval()  # fmt: skip


def whole(model: Any, seconds: int) -> Callable[[], Any]:
    """A whole utterance."""
    x, n = torch.randn(1, RATE * seconds + 1, 512), torch.tensor([RATE * seconds])
    if isinstance(model, torch.nn.Module):
        return lambda: model(x, n)
    named = sf.wrap(x, (batch, frames, feature))
    return lambda: model(named, axis=frames, context=1)


def chunks(model: Any, streams: int) -> Callable[[], Any]:
    """Ten chunks more of so many streams."""
    x, n = torch.randn(streams, 5, 512), torch.full((streams,), 5)
    state: Any = None

    def run() -> None:
        nonlocal state
        for _ in range(10):
            if isinstance(model, torch.nn.Module):
                _, _, state = model.infer(x, n, state)
            else:
                named = sf.wrap(x, (batch, model.chunk, feature))
                _, state = model.stream(named, state, axis=model.chunk)

    return run


def best(functions: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Seconds of CPU time."""
    found = dict.fromkeys(functions, float("inf"))
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.process_time()
            function()
            found[name] = min(found[name], time.process_time() - start)
    return found


def peak(name: str, seconds: int) -> None:
    """Prints by how many MiB the peak memory of this process grows."""
    model = (ours if name == "ours" else theirs)(layers=4)
    whole(model, 2)()
    run = whole(model, seconds)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what there is now
    before = _highest()
    run()
    print((_highest() - before) / 1024)


def _highest() -> int:
    """Peak memory in KiB."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def grown(name: str, seconds: int) -> float:
    """`peak` in a process of its own."""
    command = [sys.executable, __file__, "--peak", name, str(seconds)]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def measure(rounds: int) -> None:
    """All lines."""
    models, costs = {"ours": ours(), "theirs": theirs()}, []
    for seconds in SECONDS:
        runs = {name: whole(model, seconds) for name, model in models.items()}
        found = best(runs, max(2, rounds // (1 + seconds // 30)))
        costs.append(found["ours"] / seconds)
        memory = {name: grown(name, seconds) for name in models}
        print(
            f"{seconds:4} s  ours {found['ours'] / seconds * 1e3:6.1f} ms per second"
            f"  theirs / ours {found['theirs'] / found['ours']:5.2f}"
            f"  memory {memory['ours']:6.0f} MiB  theirs / ours"
            f" {memory['theirs'] / max(memory['ours'], 1):5.1f}",
            flush=True,
        )
    print(f"per second, {SECONDS[-1]} s / {SECONDS[0]} s: {costs[-1] / costs[0]:.2f}")
    for streams in (1, 4):
        runs = {name: chunks(model, streams) for name, model in models.items()}
        found = best(runs, 4 * rounds)
        seqfront_torch.pack(models["ours"])
        found["packed"] = best({"packed": runs["ours"]}, 4 * rounds)["packed"]
        again = best({"theirs": runs["theirs"]}, 4 * rounds)["theirs"]
        found["theirs"] = min(found["theirs"], again)
        models["ours"] = ours()
        print(
            f"{streams} streams, one chunk: ours {found['ours'] * 100:5.1f} ms"
            f"  packed {found['packed'] * 100:5.1f} ms"
            f"  theirs / ours {found['theirs'] / found['ours']:5.2f}"
            f"  theirs / packed {found['theirs'] / found['packed']:5.2f}",
            flush=True,
        )


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak", nargs=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with torch.no_grad():
        if options.peak:
            peak(options.peak[0], int(options.peak[1]))
        else:
            measure(options.rounds)


if __name__ == "__main__":
    main()
