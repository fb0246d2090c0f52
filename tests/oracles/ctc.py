"""CTC by brute force: every string of symbols, one for each frame, that reads the labels.

Weights are added to a table of scores, in which a star is one more class; nothing else changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oracles import lattices
from oracles.lattices import log_softmax


def ctc(
    logits: np.ndarray,
    labels: np.ndarray,
    *,
    blank: int,
    logits_normalized: bool = False,
    max_approx: bool = False,
    label_loop: bool = True,
    log_prior: np.ndarray | None = None,
    prior_scale: float = 1.0,
    star_index: int | None = None,
    star_score: float | None = None,
) -> float:
    """logits [time, classes], labels [n]; other arguments as in `ctc_loss`."""
    log_probs = logits.astype(np.float64) if logits_normalized else log_softmax(logits)
    classes = log_probs.shape[1]
    scores = log_probs if log_prior is None else log_probs - prior_scale * log_prior
    star = np.full((len(scores), 1), 0.0 if star_score is None else star_score)
    if star_score is None:
        others = np.delete(log_probs, blank, axis=1)
        star = np.log(np.exp(others).sum(-1, keepdims=True))
    symbols = [classes if label == star_index else int(label) for label in labels]
    return lattices.ctc(
        np.concatenate([scores, star], 1),
        np.asarray(symbols, int),
        blank=blank,
        normalized=True,
        max_approx=max_approx,
        label_loop=label_loop,
    )


def feasible(frames: int, labels: Sequence[int], label_loop: bool) -> bool:
    """Whether any string of that many symbols reads the labels."""
    symbols = max([0, *labels]) + 2  # some class that is no label is among them
    logits = np.zeros((frames, symbols + 1))
    shifted = np.asarray([label + 1 for label in labels], int)
    return bool(np.isfinite(lattices.ctc(logits, shifted, blank=0, label_loop=label_loop)))
