"""Speed and memory of the losses as users call them, beside their peers, in one run.

    python tests/benchmarks/bench_losses.py                  # time: loss and gradient, as ratios
    python tests/benchmarks/bench_losses.py --memory         # extra peak memory, a process each

Each implementation gets the same random logits, full lengths, float32, and gives the loss of every
sequence and the gradient of their sum. Rounds go over all implementations in turn, so that a busy
machine slows all of them; what is printed is the median time, and the median over rounds of the
ratio to seqfront on torch. optax is measured if it is installed.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import torch
from torch.nn import functional

import seqfront as sf

RNNT_SHAPES = [(8, 150, 30, 512), (4, 200, 40, 1024), (1, 400, 60, 4096), (16, 100, 20, 128)]
CTC_SHAPES = [(32, 500, 100, 1024), (8, 1000, 200, 5000), (16, 300, 60, 128)]

batch, time_dim, label = sf.Dim("batch"), sf.Dim("time"), sf.Dim("label")
Step = Callable[[], Any]


def _arrays(kind: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
    count, frames, labels, classes = shape
    rows = (count, frames, labels + 1) if kind == "rnnt" else (count, frames)
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(*rows, classes, generator=generator)
    targets = torch.randint(1, classes, (count, labels), dtype=torch.int32, generator=generator)
    return logits, targets


def _seqfront(kind: str, logits: Any, targets: Any) -> sf.Tensor:
    classes = sf.Dim("classes", logits.shape[-1])
    rows = (batch, time_dim, label + 1) if kind == "rnnt" else (batch, time_dim)
    loss = sf.rnnt_loss if kind == "rnnt" else sf.ctc_loss
    return loss(
        logits=sf.wrap(logits, (*rows, classes)),
        targets=sf.wrap(targets, (batch, label), sparse_dim=classes),
        input_spatial_dim=time_dim,
        targets_spatial_dim=label,
        blank_index=0,
    )


def seqfront_torch(kind: str, shape: tuple[int, ...]) -> Step:
    """The named API on torch."""
    logits, targets = _arrays(kind, shape)
    logits.requires_grad_()
    return lambda: torch.autograd.grad(_seqfront(kind, logits, targets).raw.sum(), logits)


def seqfront_loss_only(kind: str, shape: tuple[int, ...]) -> Step:
    """The named API on torch, without gradient."""
    logits, targets = _arrays(kind, shape)

    def step() -> Any:
        with torch.no_grad():
            return _seqfront(kind, logits, targets).raw

    return step


def seqfront_tensorflow(kind: str, shape: tuple[int, ...]) -> Step:
    """The named API on TensorFlow, eager."""
    import tensorflow as tf

    logits, targets = (tf.constant(x.numpy()) for x in _arrays(kind, shape))

    def step() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = tf.reduce_sum(_seqfront(kind, logits, targets).raw)
        return tape.gradient(loss, logits)

    return step


def torch_own(kind: str, shape: tuple[int, ...]) -> Step:
    """CTC: torch.nn.functional.ctc_loss. RNN-T: autograd over anti-diagonals."""
    logits, targets = _arrays(kind, shape)
    logits.requires_grad_()
    count, frames, labels, _ = shape
    if kind == "ctc":
        lengths = torch.full((count,), frames), torch.full((count,), labels)

        def ctc() -> Any:
            log_probs = logits.log_softmax(-1).transpose(0, 1)
            loss = functional.ctc_loss(log_probs, targets.long(), *lengths, reduction="sum")
            return torch.autograd.grad(loss, logits)

        return ctc
    return lambda: torch.autograd.grad(_rnnt_by_diagonals(logits, targets).sum(), logits)


def _rnnt_by_diagonals(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The textbook recursion, one vectorised step for each anti-diagonal."""
    count, frames, states, _ = logits.shape
    log_probs = logits.log_softmax(-1)
    blank = log_probs[..., 0]
    index = targets.long()[:, None, :, None].expand(count, frames, states - 1, 1)
    emit = log_probs[:, :, :-1].gather(-1, index)[..., 0]
    u = torch.arange(states)
    alpha = torch.full((count, states), -1e30)
    alpha = torch.where(u == 0, 0.0, alpha)
    for diagonal in range(1, frames + states - 1):
        t = diagonal - u
        stay = (t - 1).clamp(0, frames - 1)
        from_blank = alpha + blank[:, stay, u]
        from_blank = torch.where((t >= 1) & (t < frames), from_blank, -1e30)
        move = t.clamp(0, frames - 1)[1:]
        from_label = alpha[:, :-1] + emit[:, move, u[:-1]]
        from_label = torch.where((t[1:] >= 0) & (t[1:] < frames), from_label, -1e30)
        from_label = functional.pad(from_label, (1, 0), value=-1e30)
        alpha = torch.logaddexp(from_blank, from_label)
    return -(alpha[:, -1] + blank[:, -1, -1])


def torch_softmax_only(kind: str, shape: tuple[int, ...]) -> Step:
    """log_softmax and its gradient alone: what any loss on top of it cannot be faster than."""
    logits, _ = _arrays(kind, shape)
    logits.requires_grad_()
    ones = torch.ones_like(logits)
    return lambda: torch.autograd.grad(logits.log_softmax(-1), logits, ones)


def optax_ctc(kind: str, shape: tuple[int, ...]) -> Step:
    """optax.ctc_loss, compiled by XLA."""
    import jax
    import optax

    logits, targets = (jax.numpy.asarray(x.numpy()) for x in _arrays(kind, shape))
    no_padding = [jax.numpy.zeros(x.shape[:2]) for x in (logits, targets)]

    def loss(x: Any) -> Any:
        return optax.ctc_loss(x, no_padding[0], targets, no_padding[1]).sum()

    step = jax.jit(jax.grad(loss))
    return lambda: step(logits).block_until_ready()


IMPLEMENTATIONS: dict[str, Callable[[str, tuple[int, ...]], Step]] = {
    "seqfront torch": seqfront_torch,
    "seqfront tensorflow": seqfront_tensorflow,
    "seqfront loss only": seqfront_loss_only,
    "torch": torch_own,
    "torch softmax only": torch_softmax_only,
    "optax": optax_ctc,
}


def _names(kind: str) -> list[str]:
    names = [name for name in IMPLEMENTATIONS if name != "optax"]
    if kind == "ctc":
        try:
            import optax  # noqa: F401

            names.append("optax")
        except ModuleNotFoundError:
            print("(optax is not installed: not measured)")
    return names


def measure_time(kind: str, shape: tuple[int, ...], rounds: int) -> None:
    """Median milliseconds, and ratios to the first."""
    steps = {name: IMPLEMENTATIONS[name](kind, shape) for name in _names(kind)}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(rounds + 1):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            if round_ > 0:
                times[name].append(1000 * (time.perf_counter() - started))
    base = times["seqfront torch"]
    print(f"\n{kind} {shape}, {torch.get_num_threads()} threads")
    for name, values in times.items():
        ratio = statistics.median(v / b for v, b in zip(values, base, strict=True))
        print(f"  {name:<20} {statistics.median(values):9.2f} ms   x{ratio:.2f}")


def measure_memory(kind: str, shape: tuple[int, ...]) -> None:
    """Peak memory beyond inputs, of one call in a process of its own, in MB and in logits."""
    logits = _arrays(kind, shape)[0]
    size = logits.numel() * 4 / 1e6
    del logits
    print(f"\n{kind} {shape}, logits {size:.0f} MB: extra peak memory")
    for name in _names(kind):
        command = [sys.executable, __file__, "--one", name, kind, *map(str, shape)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        extra = float(output.split()[-1])
        print(f"  {name:<20} {extra:8.0f} MB   {extra / size:.2f} x logits")


def _one(name: str, kind: str, shape: tuple[int, ...]) -> None:
    """Extra peak memory of one call, after a small one that loads the code."""
    IMPLEMENTATIONS[name](kind, (1, 4, 2, 8))()
    step = IMPLEMENTATIONS[name](kind, shape)
    with open("/proc/self/statm") as file:
        before = int(file.read().split()[1]) * resource.getpagesize()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # resets the peak
    result = step()
    with open("/proc/self/status") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    del result
    print((1024 * peak - before) / 1e6)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--one", nargs=6, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.one:
        name, kind, *shape = options.one
        _one(name, kind, tuple(map(int, shape)))
        return
    for kind, shapes in (("rnnt", RNNT_SHAPES), ("ctc", CTC_SHAPES)):
        for shape in shapes:
            if options.memory:
                measure_memory(kind, shape)
            else:
                measure_time(kind, shape, options.rounds)


if __name__ == "__main__":
    main()
