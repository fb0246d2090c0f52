"""Beam search for transducers beside torchaudio's, in one run.

    python tests/benchmarks/bench_search.py [--rounds N] [--seconds N]

The prediction network and the joiner of torchaudio's base model (encoding 1024, 4097 symbols, three
layer-normalised LSTM layers of 512), random weights, encoder frames of which 25 are a second:
"changing" has a new sound every 10 frames, "noise" another at every frame. One thread; hypotheses
are ranked by their scores. Rounds go over both searches in turn; what is printed is the best CPU
time of each, their ratio, and whether both found the same. Then what was asked of the models
(calls / rows), and what the time cannot be less than: the time to read the weights once in each
call, as fast as this machine reads 64 MiB that no cache holds.

At last `sf.search.TransducerBeam`, which takes batches: CPU time for each utterance, alone and of
eight that are alike.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from oracles.torchaudio_models import rnnt, rnnt_decoder

import seqfront as sf
import seqfront_torch
from seqfront import native
from seqfront.compat import torchaudio
from seqfront.search.transducer.calls import Calls

RATE, ENCODING, SYMBOLS, UNITS, LAYERS = 25, 1024, 4097, 512, 3
BLANK = SYMBOLS - 1
CONFIG: dict[str, Any] = {
    "input_dim": 80, "encoding_dim": ENCODING, "num_symbols": SYMBOLS, "segment_length": 16,
    "right_context_length": 4, "time_reduction_input_dim": 128, "time_reduction_stride": 4,
    "transformer_num_heads": 8, "transformer_ffn_dim": 64, "transformer_num_layers": 1,
    "transformer_dropout": 0.1, "transformer_activation": "gelu",
    "transformer_left_context_length": 30, "transformer_max_memory_size": 0,
    "transformer_weight_init_scale_strategy": "depthwise", "transformer_tanh_on_mem": True,
    "symbol_embedding_dim": UNITS, "num_lstm_layers": LAYERS, "lstm_layer_norm": True,
    "lstm_layer_norm_epsilon": 1e-3, "lstm_dropout": 0.3,
}  # fmt: skip
BIAS = {"changing": 31.0, "noise": 28.0}
"""Of the blank, so that ten seconds have ten to twenty tokens."""


def encoded(kind: str, count: int) -> torch.Tensor:
    """[1, frames, encoding]."""
    random = torch.Generator().manual_seed(1)
    if kind == "noise":
        return torch.randn(1, count, ENCODING, generator=random)
    sounds = torch.randn(count // 10 + 2, ENCODING, generator=random)
    place = torch.arange(count) / 10
    before = place.long()
    weight = (0.5 - 0.5 * torch.cos((place - before) * torch.pi))[:, None]
    x = sounds[before] * (1 - weight).sqrt() + sounds[before + 1] * weight.sqrt()
    return (x + 0.3 * torch.randn(count, ENCODING, generator=random))[None]


def models(bias: float) -> tuple[Any, Any]:
    """Ours and theirs, with the same parameters; frames come encoded."""
    torch.manual_seed(0)
    theirs = rnnt.emformer_rnnt_model(**CONFIG).eval()
    with torch.no_grad():
        theirs.joiner.linear.weight.mul_(12)
        theirs.joiner.linear.bias[BLANK] = bias
    ours = torchaudio.emformer_rnnt_model(**CONFIG).eval()
    ours.load_state_dict(theirs.state_dict())
    for model in (ours, theirs):
        model.transcribe = lambda x, n: (x, n)
    return ours, theirs


def by_score(hypothesis: Any) -> float:
    return hypothesis[3]


def count(model: Any, calls: Calls) -> None:
    """Count what is asked of torchaudio's model."""
    predict, join = model.predict, model.join

    def counted_predict(*args: Any) -> Any:
        calls.count_predictor(len(args[0]))
        return predict(*args)

    def counted_join(*args: Any) -> Any:
        calls.count_joiner(len(args[2]))
        return join(*args)

    model.predict, model.join = counted_predict, counted_join


def best(programs: list[Callable[[], Any]], rounds: int) -> tuple[list[float], list[Any]]:
    """The least CPU time of each, and what it gave."""
    times, found = [float("inf")] * len(programs), [None] * len(programs)
    for _ in range(rounds):
        for i, program in enumerate(programs):
            start = time.process_time()
            found[i] = program()
            times[i] = min(times[i], time.process_time() - start)
    return times, found


def bandwidth() -> float:
    """GB/s."""
    x = torch.ones(1 << 24)
    times, _ = best([x.sum], 20)
    return x.numel() * 4e-9 / times[0]


def shown(calls: Calls) -> str:
    return (
        f"predictor {calls.predictor}/{calls.predictor_rows}, "
        f"joiner {calls.joiner}/{calls.joiner_rows}"
    )


def run(kind: str, rounds: int, frames: int, speed: float) -> None:
    ours, theirs = models(BIAS[kind])
    x, n = encoded(kind, frames), torch.tensor([frames])
    sizes = [sum(p.numel() for p in m.parameters()) for m in (theirs.predictor, theirs.joiner)]
    sizes[0] -= theirs.predictor.embedding.weight.numel()
    for width in (1, 4, 10):
        search = torchaudio.RNNTBeamSearch(ours, BLANK, hypo_sort_key=by_score)
        other = rnnt_decoder.RNNTBeamSearch(theirs, BLANK, hypo_sort_key=by_score)
        programs = [lambda s=s, w=width: s(x, n, w) for s in (search, other)]
        (mine, their), (a, b) = best(programs, rounds)
        same = [list(h[0]) for h in a] == [list(h[0]) for h in b]
        difference = max(abs(g[3] - h[3]) for g, h in zip(a, b, strict=True))
        print(
            f"{kind:<9} beam {width:<3} {mine * 1e3:8.0f} ms {their * 1e3:8.0f} ms "
            f"{their / mine:5.1f}x   {len(a[0][0]) - 1} tokens, "
            f"{'the same' if same else 'OTHER hypotheses'}, scores within {difference:.0e}"
        )
        search.calls, asked = Calls(), Calls()
        search(x, n, width)
        kept = theirs.predict, theirs.join
        count(theirs, asked)
        other(x, n, width)
        theirs.predict, theirs.join = kept
        mine_gb, their_gb = (
            4e-9 * (c.predictor * sizes[0] + c.joiner * sizes[1]) for c in (search.calls, asked)
        )
        print(f"    seqfront    {shown(search.calls)}; weights {mine_gb / speed * 1e3:.0f} ms")
        print(f"    torchaudio  {shown(asked)}; weights {their_gb / speed * 1e3:.0f} ms")


def batches(kind: str, rounds: int, count: int) -> None:
    """Whole batches at once, before and after weights are laid out for few rows."""
    model = models(BIAS[kind])[0].model
    batch, frames = sf.Dim("batch"), sf.Dim("frames")
    for packed in (False, True):
        if packed:
            seqfront_torch.pack(model)
        for width in (4, 10):
            search = sf.search.TransducerBeam(
                model.predictor, model.joiner, blank_index=BLANK, beam=width
            )
            programs: list[Callable[[], Any]] = []
            for size in (1, 8):
                x = sf.wrap(
                    encoded(kind, count).repeat(size, 1, 1), (batch, frames, model.joiner.in_dim)
                )
                programs.append(lambda s=search, x=x: s(x, axis=frames))
            times, _ = best(programs, rounds)
            print(
                f"{kind:<9} beam {width:<3} TransducerBeam{', packed' if packed else '':<8} "
                f"alone {times[0] * 1e3:5.0f} ms, of 8 {times[1] / 8 * 1e3:5.0f} ms"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    native.library().set_default_threads(1)
    speed = bandwidth()
    print(f"{options.seconds} s of speech, {speed:.0f} GB/s; seqfront, torchaudio, ratio")
    with torch.no_grad():
        for kind in BIAS:
            run(kind, options.rounds, RATE * options.seconds, speed)
        for kind in BIAS:
            batches(kind, max(1, options.rounds // 3), RATE * options.seconds)


if __name__ == "__main__":
    main()
