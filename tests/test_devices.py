"""Where tensors lie: made there, moved there with their lengths, refused where there is no device.

PyTorch's "meta" device has shapes and no values, so it is a second device on any machine.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import seqfront as sf
from seqfront import backends

batch, time, mel, out = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4), sf.Dim("out", 3)

MADE: dict[str, Callable[..., sf.Tensor]] = {
    "full": lambda **o: sf.full((batch, time), 2, **o),
    "zeros": lambda **o: sf.zeros((batch, time), **o),
    "ones": lambda **o: sf.ones((batch, time), **o),
    "range_over": lambda **o: sf.range_over(time, **o),
    "random_uniform": lambda **o: sf.random_uniform((batch, time), **o),
    "random_normal": lambda **o: sf.random_normal((batch, time), seed=3, **o),
    "random_gumbel": lambda **o: sf.random_gumbel((batch, time), **o),
    "random_truncated_normal": lambda **o: sf.random_truncated_normal((batch, time), **o),
    "random_bernoulli": lambda **o: sf.random_bernoulli((batch, time), 0.5, seed=3, **o),
    "random_integers": lambda **o: sf.random_integers((batch, time), high=9, **o),
    "random_permutation": lambda **o: sf.random_permutation(time, **o),
}


def _ragged(backend: str) -> sf.Tensor:
    raw = backends.get(backend).convert(np.ones((3, 5), "float32"))
    return sf.wrap(raw, (batch, time), lengths={time: [5, 2, 3]})


@pytest.mark.parametrize("name", MADE)
def test_made_on_a_device(name: str, backend_name: str) -> None:
    x = MADE[name](like=_ragged(backend_name), device="cpu")
    assert x.device == "cpu"
    assert x.backend.name == backend_name
    with pytest.raises(sf.errors.BackendError, match="has no device 'cuda:77'"):
        MADE[name](like=_ragged(backend_name), device="cuda:77")


@pytest.mark.parametrize("name", MADE)
def test_lengths_come_along(name: str) -> None:
    pytest.importorskip("torch")
    x = MADE[name](like=_ragged("torch"), device="meta")
    assert x.device == "meta"
    assert x.lengths(time).device == "meta"
    assert MADE[name](like=x).device == "meta"


def test_moved_with_lengths() -> None:
    pytest.importorskip("torch")
    x = sf.to_device(_ragged("torch"), "meta")
    assert (x.device, x.lengths(time).device, x.is_ragged(time)) == ("meta", "meta", True)
    assert sf.softmax(x, axis=time).device == "meta"


def test_a_model_moves_with_its_torch_module() -> None:
    pytest.importorskip("torch")
    import seqfront_torch

    with sf.use_backend("torch"):
        model = sf.models.TransformerEncoder(mel, layers=1, heads=2, inner=out)
        x = sf.random_normal((sf.Dim("frames", 5), mel), seed=1)
    seqfront_torch.module(model).to("meta")
    assert {p.device for p in model.named_parameters().values()} == {"meta"}
    y = model(sf.to_device(x, "meta"), axis=x.dims[0])
    assert y.device == "meta"
