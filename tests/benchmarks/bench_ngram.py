"""An n-gram model in a search: processor time of a step, beside a log-softmax of as many rows.

    python tests/benchmarks/bench_ngram.py

A random model of order 3 with 455,000 n-grams over 5000 words; 16 utterances with 10 hypotheses, on
torch and one thread. The composed form is what runs where the native library cannot.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import numpy as np
import torch

import seqfront as sf

WORDS, BIGRAMS, TRIGRAMS, STEPS = 5000, 150_000, 300_000, 20
batch, beam, classes = sf.Dim("batch"), sf.Dim("beam", 10), sf.Dim("classes", WORDS + 1)


def random_model() -> str:
    """Heads of n-grams are Zipf's, as words are."""
    rng = np.random.default_rng(0)
    pairs: dict[tuple[int, int], None] = {}
    while len(pairs) < BIGRAMS:
        pairs[int(rng.zipf(1.3)) % WORDS, int(rng.integers(WORDS))] = None
    known, triples = list(pairs), {}
    while len(triples) < TRIGRAMS:
        triples[(*known[rng.integers(BIGRAMS)], int(rng.integers(WORDS)))] = None
    lines = ["\\data\\", f"ngram 1={WORDS + 3}", f"ngram 2={BIGRAMS}", f"ngram 3={TRIGRAMS}"]
    lines += ["\\1-grams:", "-3 <unk>", "-99 <s> -0.3", "-2 </s>"]
    lines += [f"-3.5 w{word} -0.4" for word in range(WORDS)]
    lines += ["\\2-grams:", *[f"-2 w{a} w{b} -0.2" for a, b in known]]
    lines += ["\\3-grams:", *[f"-1 w{a} w{b} w{c}" for a, b, c in triples], "\\end\\"]
    return "\n".join(lines)


def milliseconds(step: Callable[[], object]) -> float:
    """Of one call, the best of three rounds."""
    found: list[float] = []
    for _ in range(3):
        begin = time.process_time()
        for _ in range(STEPS):
            step()
        found.append((time.process_time() - begin) / STEPS * 1e3)
    return min(found)


def main() -> None:
    """Print all figures."""
    torch.set_num_threads(1)
    text, labels = random_model(), [None, *[f"w{word}" for word in range(WORDS)]]
    like = sf.wrap(torch.zeros(16, 10), (batch, beam))
    said = sf.wrap(torch.randint(1, WORDS, (16, 10), dtype=torch.int32), (batch, beam))
    for implementation in ("native", "composed"):
        begin = time.process_time()
        ngram = sf.search.NGram.from_arpa(
            io.StringIO(text), classes=classes, labels=labels, implementation=implementation
        )
        reading = time.process_time() - begin
        state = ngram.advance(ngram.initial_state((batch, beam), like=like), said)
        row = milliseconds(lambda n=ngram, s=state: n.score(s))
        step = milliseconds(lambda n=ngram, s=state: n.advance(s, said))
        print(f"{implementation}: read {reading:.1f} s; scores {row:.3f} ms, step {step:.3f} ms")
    logits = torch.randn(160, WORDS + 1)
    print(f"log_softmax: {milliseconds(lambda: torch.log_softmax(logits, -1)):.3f} ms")


if __name__ == "__main__":
    main()
