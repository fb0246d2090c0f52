"""Numbers that follow from a seed: known answers, the same bits everywhere, fair distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from frameworks import INSTALLED

import seqfront as sf
from seqfront import backends, philox

batch, time, vocab = sf.Dim("batch"), sf.Dim("time"), sf.Dim("vocab", 4)
many = sf.Dim("many", 40001)
_ONES = 2**32 - 1

KNOWN = [  # Random123 1.14: kat_vectors
    ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((_ONES,) * 4, (_ONES,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]
"""Counter, key, words."""


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_known_answers(counter: philox.Words, key: tuple[int, int], words: str) -> None:
    assert " ".join(f"{word:08x}" for word in philox.block(philox.HOST, counter, key)) == words
    for name in INSTALLED:
        backend = backends.get(name)
        a, b, c, d = (backend.convert(np.array([word], "int64")) for word in counter)
        found = philox.block(backend, (a, b, c, d), key)
        assert " ".join(f"{int(backend.to_numpy(x)[0]):08x}" for x in found) == words


def test_words_are_blocks_in_order(backend_name: str) -> None:
    backend = backends.get(backend_name)
    words = backend.to_numpy(backend.random_words(7, _ONES, 9, "cpu"))
    blocks = [philox.block(philox.HOST, (i, 0, 0, 0), (7, _ONES)) for i in range(3)]
    assert words.dtype == np.int64
    assert words.tolist() == [word for block in blocks for word in block][:9]


def _draws(seed: Any, dtype: str = "float32") -> dict[str, np.ndarray]:
    """All kinds of one seed."""
    return {
        "uniform": sf.random_uniform((many,), dtype=dtype, seed=seed).numpy(),
        "normal": sf.random_normal((many,), dtype=dtype, seed=seed).numpy(),
        "truncated": sf.random_truncated_normal((many,), dtype=dtype, seed=seed).numpy(),
        "gumbel": sf.random_gumbel((many,), dtype=dtype, seed=seed).numpy(),
        "integers": sf.random_integers((many,), low=-5, high=7, seed=seed).numpy(),
        "bernoulli": sf.random_bernoulli((many,), 0.2, seed=seed).numpy(),
        "permutation": sf.random_permutation(many, seed=seed).numpy(),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_are_the_same_on_every_backend(dtype: str) -> None:
    seed = sf.RandomKey(2**63 + 11).fold_in(-4)
    wanted = _draws(seed, dtype)
    for name in INSTALLED:
        with sf.use_backend(name):
            for kind, values in _draws(seed, dtype).items():
                if kind in ("normal", "truncated", "gumbel"):
                    unit = np.finfo(dtype).eps
                    np.testing.assert_allclose(values, wanted[kind], 40 * unit, 10 * unit)
                else:
                    np.testing.assert_array_equal(values, wanted[kind])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distributions(dtype: str) -> None:
    found = _draws(3, dtype)
    assert all(np.isfinite(values).all() for values in found.values())
    u = found["uniform"]
    assert 0 <= u.min() < 1e-3
    assert 0.999 < u.max() < 1
    for order in (1, 2, 3):
        assert abs((u**order).mean() - 1 / (order + 1)) < 0.01
    steps = u * 2.0 ** (24 if dtype == "float32" else 53)
    assert (steps == np.round(steps)).all()
    z, cut, gumbel = found["normal"], found["truncated"], found["gumbel"]
    assert abs(z.mean()) < 0.02
    assert abs(z.std() - 1) < 0.02
    assert abs((np.abs(z) < 1).mean() - 0.6827) < 0.01
    assert abs(z[: many.size // 2] @ z[-(many.size // 2) :]) / many.size < 0.02
    assert -2 <= cut.min() < -1.99
    assert 1.99 < cut.max() <= 2
    assert abs(cut.std() - 0.8796) < 0.01
    assert abs(gumbel.mean() - np.euler_gamma) < 0.03
    assert abs(gumbel.var() - np.pi**2 / 6) < 0.06
    counts = np.bincount(found["integers"] + 5)
    assert counts.shape == (12,)
    assert abs(counts / many.size - 1 / 12).max() < 0.01
    assert abs(found["bernoulli"].mean() - 0.2) < 0.01
    assert (np.sort(found["permutation"]) == np.arange(many.size)).all()
    assert abs(np.corrcoef(found["permutation"], np.arange(many.size))[0, 1]) < 0.02


def test_short_floats_stay_below_one(backend_name: str) -> None:
    with sf.use_backend(backend_name):
        for dtype, step in (("float16", 2**-11), ("bfloat16", 2**-8)):
            u = sf.random_uniform((many,), dtype=dtype, seed=1)
            assert u.dtype == dtype
            values = u.numpy().astype("float64")
            assert values.min() == 0
            assert values.max() == 1 - step
            assert np.isfinite(sf.random_normal((many,), dtype=dtype, seed=1).numpy()).all()


def test_categorical_follows_the_probabilities() -> None:
    p = sf.wrap(np.array([0.5, 0.0, 0.2, 0.3], "float32"), (vocab,))
    logits = sf.log(p * 7.0)
    for drawn in (
        sf.random_categorical(probs=p, axis=vocab, dims=(many,), seed=5),
        sf.random_categorical(logits=logits, axis=vocab, dims=(many,), seed=6),
    ):
        assert drawn.sparse_dim is vocab
        assert drawn.dims == (many,)
        shares = np.bincount(drawn.numpy(), minlength=4) / many.size
        assert shares[1] == 0
        assert abs(shares - [0.5, 0.0, 0.2, 0.3]).max() < 0.01


def test_no_seed_draws_from_the_framework(backend_name: str) -> None:
    backend = backends.get(backend_name)
    with sf.use_backend(backend_name):
        draws: list[np.ndarray] = []
        for _ in range(2):
            backend.set_seed(4)
            draws += [sf.random_integers((many,), high=9).numpy() for _ in range(2)]
    np.testing.assert_array_equal(draws[0], draws[2])
    assert (draws[0] != draws[1]).any()


def test_keys_are_independent() -> None:
    key = sf.RandomKey(7)
    keys = [key, *key.split(3), *(key.fold_in(i) for i in range(3)), sf.RandomKey(8)]
    assert len({repr(k) for k in keys}) == len(keys)
    u = np.stack([sf.random_uniform((many,), seed=k).numpy() for k in keys])
    assert abs(np.corrcoef(u) - np.eye(len(keys))).max() < 0.02


def test_keys_of_tensors_are_those_of_numbers(backend_name: str) -> None:
    backend = backends.get(backend_name)
    for number in (0, 12, -3, 2**62 + 9):
        tensor = sf.wrap(backend.convert(np.array(number, "int64")), ())
        keys = (sf.RandomKey(tensor), sf.RandomKey(5).fold_in(tensor))
        wanted = (sf.RandomKey(number), sf.RandomKey(5).fold_in(number))
        for key, other in zip(keys, wanted, strict=True):
            assert [int(backend.to_numpy(w)) for w in key.words] == list(other.words)
            low, _ = zip(key.split()[1].words, other.split()[1].words, strict=True)
            assert int(backend.to_numpy(low[0])) == low[1]
    assert repr(keys[0]) == f"RandomKey(of a tensor of {backend_name})"


def test_each_step_of_a_graph_has_its_own_draws() -> None:
    """One trace; the seed is an argument."""
    tf = pytest.importorskip("tensorflow")
    traces: list[int] = []

    @tf.function
    def step(seed: Any) -> Any:
        traces.append(1)
        key = sf.RandomKey(sf.wrap(seed, ())).fold_in(1)
        return sf.random_uniform((vocab,), like=sf.wrap(seed, ()), seed=key).raw

    for number in (1, 2):
        wanted = sf.random_uniform((vocab,), seed=sf.RandomKey(number).fold_in(1)).numpy()
        np.testing.assert_array_equal(step(tf.constant(number)).numpy(), wanted)
    assert len(traces) == 1
