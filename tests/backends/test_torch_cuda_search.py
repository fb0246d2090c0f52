"""Metrics and searches over CUDA tensors in PyTorch: which native ops they ask, and that they never
ask for one that has no CUDA kernel.

As in `test_torch_cuda_ops.py` no GPU is needed: the kernels are those for the host. Here tensors of
the CPU say that they are on "cuda:0", and what is made there is made on the CPU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqfront import backends, native

ROOT = Path(__file__).parents[2]
ON_HOST = ROOT / "build/native-tests/tests/libseqfront_cuda_on_host.so"

torch = pytest.importorskip("torch")

PROGRAM = """
import json
from types import SimpleNamespace

import torch
from torch.overrides import TorchFunctionMode

import seqfront as sf
import seqfront_torch
import seqfront_torch.native as operators
from seqfront import backends, native
from seqfront.search.transducer.best_labels import best_labels

calls = []


class Library:
    # The compiled module, and what is asked of it.
    def __getattr__(self, name):
        return getattr(module, name)

    def call(self, op, *rest):
        calls.append(op)
        module.call(op, *rest)

    def call_cuda(self, op, *rest):
        calls.append(op)
        module.call_cuda(op, *rest)


module, native._module = native.library(), Library()
sf.set_backend("torch")
generator = torch.Generator().manual_seed(1)
frames = torch.randn((2, 6, 7), generator=generator)
batch, time, vocab, joint = sf.Dim("batch"), sf.Dim("time"), sf.Dim("vocab", 7), sf.Dim("joint", 7)


def encoded(features):
    lengths = torch.tensor([6, 4], dtype=torch.int32)
    return sf.wrap(frames, (batch, time, features), lengths={time: lengths})


def of_hypotheses(search, features):
    found, _ = search(encoded(features), axis=time)
    labels = sf.where(sf.sequence_mask(found.labels, found.label_dim), found.labels, -1).raw
    longest = int((labels >= 0).sum(-1).max())  # on a GPU nobody looks how much is padding
    return [labels[..., :longest], found.score.raw]


def metrics():
    a, b = sf.Dim("a"), sf.Dim("b")
    first = torch.tensor([[1, 2, 3, 4], [5, 5, 9, 9]], dtype=torch.int32)
    second = torch.tensor([[1, 3, 4, 4, 9], [6, 5, 5, 9, 9]])
    x = sf.wrap(first, (batch, a), lengths={a: torch.tensor([4, 2])})
    y = sf.wrap(second, (batch, b), lengths={b: torch.tensor([4, 3])})
    named = dict(hypothesis=x, hypothesis_spatial_dim=a, reference=y, reference_spatial_dim=b)
    both = (*sf.metrics.edit_distance(**named), *sf.metrics.optimal_completion(**named))
    return [each.raw for each in (sf.edit_distance(x, a, y, b), *both)]


def labels_of_rows():
    return [*best_labels(backends.get("torch"), frames[0], 2, 4)]


hotwords = sf.search.Hotwords([((1, 2), 1.0), ((3,), 2.0)], classes=vocab)
SCORERS = {"hotwords": (hotwords, 0.5)}


def ctc_beam():
    return of_hypotheses(sf.search.CtcPrefixBeam(classes=vocab, blank_index=0, beam=3), vocab)


def ctc_beam_with_hotwords():
    search = sf.search.CtcPrefixBeam(classes=vocab, blank_index=0, beam=3, scorers=SCORERS)
    return of_hypotheses(search, vocab)


sf.set_seed(3)
hidden = sf.Dim("hidden", 140)
prediction = sf.models.NormalizedPrediction(vocab, sf.Dim("embedding", 5), hidden, joint).eval()
joiner = sf.models.Joiner(joint, vocab)


def transducer_beam():
    return of_hypotheses(
        sf.search.TransducerBeam(prediction, joiner, blank_index=0, beam=3), joint
    )


def transducer_beam_with_hotwords():
    search = sf.search.TransducerBeam(
        prediction, joiner, blank_index=0, beam=3, scorers=SCORERS
    )
    return of_hypotheses(search, joint)


def transducer_greedy():
    return of_hypotheses(sf.search.TransducerGreedy(prediction, joiner, blank_index=0), joint)


wide = sf.Dim("wide", 300)
packed, plain = sf.nn.Linear(wide, wide.clone()), sf.nn.Linear(wide, wide.clone())
seqfront_torch.pack(packed)
few = torch.randn((2, 300), generator=generator)


def products_of_few_rows():
    return [layer(sf.wrap(few, (batch, wide))).raw for layer in (packed, plain)]


CASES = (metrics, labels_of_rows, ctc_beam, ctc_beam_with_hotwords, transducer_beam,
         transducer_beam_with_hotwords, transducer_greedy, products_of_few_rows)


def on_cuda(op, inputs, arguments, outputs, threads):
    operators._run_cuda(op, inputs, arguments, outputs, torch.device("cpu"))


class LikeCuda(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        there = torch.device("cuda", 0)
        if function == torch.Tensor.device.__get__:
            return there
        if function == torch.Tensor.is_cpu.__get__:
            return False

        def here(x):
            return "cpu" if isinstance(x, str | torch.device) and str(x) == "cuda:0" else x

        return function(*map(here, args), **{k: here(x) for k, x in (kwargs or {}).items()})


def results(case):
    calls.clear()
    with torch.no_grad():
        return case(), sorted({*calls})


expected = [results(case) for case in CASES]
native.call = on_cuda
torch.cuda.current_stream = lambda device: SimpleNamespace(device_index=0, cuda_stream=0)
asked = {}
for case, (wanted, ops) in zip(CASES, expected):
    with LikeCuda():
        assert str(frames.device) == "cuda:0" and not frames.is_cpu
        found, asked_there = results(case)
    asked[case.__name__] = [ops, asked_there]
    for x, y in zip(found, wanted, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-5, atol=1e-5)
print(json.dumps(asked))
"""


@pytest.mark.skipif(
    not ON_HOST.exists(), reason="the kernels for the host are not built: make test-native"
)
def test_metrics_and_searches_by_way_of_cuda() -> None:
    """The results of the CPU; and of each the native ops, there and here."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "backends"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "SEQFRONT_CUDA_LIBRARY": str(ON_HOST), "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    automata = ["automaton_advance", "automaton_scores"]
    edits = ["edit_alignment", "edit_distance", "optimal_completion"]
    assert json.loads(done.stdout) == {
        "metrics": [edits, edits],
        "labels_of_rows": [["top_labels"], ["top_labels"]],
        "ctc_beam": [["ctc_prefix_beam"], []],
        "ctc_beam_with_hotwords": [automata, automata],
        "transducer_beam": [["joint_top_labels", "normalized_lstm"], []],
        "transducer_beam_with_hotwords": [[*automata, "normalized_lstm"], automata],
        "transducer_greedy": [["normalized_lstm"], []],
        "products_of_few_rows": [["few_rows"], []],
    }


def test_which_devices_native_ops_serve() -> None:
    backend = backends.get("torch")
    assert native.serves(backend, "top_labels", torch.zeros(1))
    assert not native.serves(backend, "top_labels", torch.zeros(1, device="meta"))
    assert not native.serves(backend, "no_such_op", torch.zeros(1))
