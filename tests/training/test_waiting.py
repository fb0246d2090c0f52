"""A training step waits for a GPU nowhere; for a device without values stands that of PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ragged_models import MODELS, Ctc, batch_arrays, make_trainer

reads = pytest.importorskip("host_reads").reads


@pytest.mark.parametrize("kind", MODELS)
def test_training_sends_the_batch_and_reads_nothing(kind: Callable[[], Any]) -> None:
    trainer = make_trainer(kind, "meta")
    trainer.step(*batch_arrays(0))  # what a layer or optimizer moves once
    found = reads(lambda: trainer.step(*batch_arrays(1)))
    assert found == ["aten._to_copy.default: tensors of cpu and meta"] * 4
    assert trainer.steps == 2


def test_losses_are_read_when_they_are_wanted() -> None:
    trainer = make_trainer(Ctc, "cpu")
    values = trainer.step(*batch_arrays(0))
    assert len(reads(lambda: values["loss"], "cpu")) == 1
    assert reads(lambda: values["loss"], "cpu") == []
    assert dict(values) == {"loss": values["loss"]}
    assert repr(values) == f"{{'loss': {values['loss']!r}}}"
