"""Random numbers by a seed, which are the same everywhere; and what is made of recorded draws."""

from __future__ import annotations

from typing import Any

import numpy as np

import seqfront as sf
from cases.dims import PLAIN, RAGGED, batch, feature, time, vocab
from seqfront.testing import Case, constant, normal, uniform

_X = normal(batch, time, feature)
_EXTENT = "other draws are made for another extent"
_WHOLE = "a draw follows from its place in the whole batch"
_ORDER = "draws go to positions in physical order"
_NOT_REPLAYED = "TorchDynamo does not read the context variable that draws are replayed from"
_INT = "integers have none"
_SEED = constant(12345)
_SLOW = {"torch": "Dynamo takes seconds for the hundred operations of a draw: others are compiled"}


def _noise(name: str, **options: Any) -> Case:
    return Case(
        f"{name.replace('_', '-')}-seed",
        lambda x, seed: (
            getattr(sf, name)((batch, time), like=x, seed=seed, **options) * sf.cast(x, "float32")
        ),
        {"x": _X, "seed": _SEED},
        RAGGED,
        covers=(name,),
        mixes_batch=_WHOLE,
        extent_matters=_EXTENT,
        no_finite_difference="float32 moves in steps",
        not_compiled=_SLOW if name in ("random_gumbel", "random_truncated_normal") else {},
    )


def _short(x: sf.Tensor) -> Any:
    """Python seeds, and the other dtypes."""
    return [
        draw(dims, dtype=dtype, like=x, seed=7)
        for draw in (sf.random_uniform, sf.random_normal)
        for dims, dtype in (((time, vocab), "float64"), ((feature,), "float16"), ((), "float32"))
    ]


def _keys(x: sf.Tensor, seed: sf.Tensor) -> Any:
    """Keys of tensors and of numbers meet."""
    first, second = sf.RandomKey(seed).split()
    third = sf.RandomKey(5).fold_in(seed).fold_in(2)
    return [sf.random_integers((time,), high=99, like=x, seed=k) for k in (first, second, third)]


NOISE = [
    Case(
        "random-keys",
        _keys,
        {"x": _X, "seed": _SEED},
        RAGGED,
        covers=("random_integers",),
        mixes_batch="the result has no batch",
        extent_matters=_EXTENT,
        no_gradient=_INT,
    ),
    Case(
        "random-dtypes",
        _short,
        {"x": _X},
        RAGGED,
        mixes_batch="what is drawn has no batch",
        covers=("random_uniform", "random_normal"),
        extent_matters=_EXTENT,
        no_gradient="numbers drawn have none",
        not_compiled=_SLOW,
    ),
    _noise("random_uniform"),
    _noise("random_normal"),
    _noise("random_gumbel"),
    _noise("random_truncated_normal", low=-1.0, high=2.5),
    Case(
        "random-noise-replayed",
        lambda x: (
            sf.random_gumbel((batch, time), like=x) * x,
            sf.random_truncated_normal((time, vocab), like=x),
            sf.random_bernoulli((batch, feature), 0.3, like=x),
        ),
        {"x": _X},
        RAGGED,
        covers=("random_gumbel", "random_truncated_normal", "random_bernoulli"),
        draws=True,
        extent_matters=_EXTENT,
        not_compiled={"torch": _NOT_REPLAYED},
    ),
    Case(
        "dropout-seed",
        lambda x, seed: sf.dropout(x, 0.5, seed=seed),
        {"x": uniform(batch, time, feature, low=1.0, high=2.0), "seed": _SEED},
        RAGGED,
        covers=("dropout",),
        order_matters=_ORDER,
        mixes_batch=_WHOLE,
        extent_matters=_EXTENT,
    ),
]


def _choice(
    name: str, call: Any, inputs: dict[str, Any], covers: str, **options: Any
) -> list[Case]:
    """An operation with whole results: by a seed, and by draws of NumPy."""
    reason = {"extent_matters": _EXTENT, "no_gradient": _INT, **options}
    return [
        Case(
            f"{name}-seed",
            lambda *xs: call(*xs[:-1], seed=sf.RandomKey(xs[-1])),
            {**inputs, "seed": _SEED},
            RAGGED,
            covers=(covers,),
            mixes_batch=_WHOLE,
            **reason,
        ),
        Case(
            f"{name}-replayed",
            lambda *xs: call(*xs, seed=None),
            inputs,
            RAGGED,
            covers=(covers,),
            draws=True,
            not_compiled={"torch": _NOT_REPLAYED},
            **reason,
        ),
    ]


_P = uniform(batch, time, low=0.0, high=1.0)
_POSSIBLE = constant([[-np.inf, 0.5, 0.5, -np.inf]] * 3, batch, feature)

CHOICES = [
    *_choice(
        "random-bernoulli",
        lambda p, seed: sf.random_bernoulli((time, batch), p, seed=seed),
        {"p": _P},
        "random_bernoulli",
        no_half="a draw near the probability falls to the other side",
    ),
    *_choice(
        "random-categorical-ragged",
        lambda x, seed: sf.random_categorical(logits=x, axis=time, dims=(vocab,), seed=seed),
        {"x": normal(batch, time, scale=3.0)},
        "random_categorical",
        order_matters=_ORDER,
    ),
    *_choice(
        "random-categorical-probs",
        lambda x, seed: sf.random_categorical(probs=x, axis=feature, seed=seed),
        {"x": uniform(batch, time, feature, low=0.0, high=1.0)},
        "random_categorical",
        order_matters=_ORDER,
    ),
    Case(
        "random-categorical-impossible",
        lambda x, seed: sf.random_categorical(logits=x, axis=feature, dims=(vocab,), seed=seed) % 3,
        {"x": _POSSIBLE, "seed": _SEED},
        PLAIN,
        covers=("random_categorical",),
        mixes_batch=_WHOLE,
        order_matters=_ORDER,
        not_compiled=_SLOW,
        no_gradient=_INT,
    ),
    *_choice(
        "random-integers",
        lambda x, seed: (
            sf.random_integers((batch, time), low=-3, high=120, dtype="int8", like=x, seed=seed),
            sf.random_integers((vocab,), low=2**40, high=2**53, dtype="int64", like=x, seed=seed),
        ),
        {"x": _X},
        "random_integers",
    ),
    *_choice(
        "random-permutation",
        lambda x, seed: (
            sf.random_permutation(vocab, dims=(batch,), like=x, seed=seed),
            sf.gather(x, indices=sf.random_permutation(time, like=x, seed=seed), axis=time),
        ),
        {"x": _X},
        "random_permutation",
        no_gradient="",
    ),
    Case(
        "random-permutation-has-each-position",
        lambda x, seed: sf.sort(sf.random_permutation(time, like=x, seed=seed), axis=time),
        {"x": _X, "seed": _SEED},
        RAGGED,
        covers=("random_permutation",),
        batch=(batch,),
        oracle=lambda x, seed: np.arange(len(x)),
        not_compiled=_SLOW,
        no_gradient=_INT,
    ),
]

CASES = [*NOISE, *CHOICES]
