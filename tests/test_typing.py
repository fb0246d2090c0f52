"""Annotations hold calls to dims by name; texts of the errors are in tests/messages/annotations."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, get_type_hints

import numpy as np
import pytest
from typed import annotated

import seqfront as sf
from seqfront import backends, dtypes
from seqfront.typing import (
    BFloat16,
    Bool,
    Float,
    Float32,
    Int,
    Integer,
    Num,
    Shaped,
    UInt8,
)

batch, time, mel, vocab = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4), sf.Dim("vocab", 5)
beam, other_time = sf.Dim("beam"), sf.Dim("time")
T = sf.Tensor


def zeros(*dims: sf.Dim, dtype: str = "float32", of: sf.Dim | None = None) -> sf.Tensor:
    sizes = [2 if d.size is None else d.size for d in dims]
    x = sf.cast(sf.wrap(np.zeros(sizes, "float32"), dims), dtype)
    return x if of is None else x.labels_of(of)


def accepts(annotation: Any, *values: Any) -> bool:
    """Whether a call with these values, all of them so annotated, is accepted."""

    def function(*xs: Any) -> None: ...

    function.__annotations__ = {"xs": annotation}
    try:
        sf.checked(function)(*values)
    except (sf.DimError, sf.DTypeError):
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [
        (Float, "float16 bfloat16 float32 float64"),
        (Int, "int8 int16 int32 int64"),
        (Integer, "uint8 int8 int16 int32 int64"),
        (Bool, "bool"),
        (Num, "uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64"),
        (Shaped, "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64"),
        (UInt8, "uint8"),
        (Float32, "float32"),
        (BFloat16, "bfloat16"),
    ],
    ids=str,
)
def test_kinds_of_dtypes(kind: Any, accepted: str) -> None:
    with sf.use_backend("torch"):  # NumPy has no bfloat16
        found = [d for d in dtypes.ALL if accepts(kind[T, "mel"], sf.zeros((mel,), dtype=d))]
    assert set(found) == set(accepted.split())


ACCEPTED: list[tuple[str, tuple[sf.Dim, ...], bool]] = [
    ("batch time mel", (mel, batch, time), True),
    ("batch time mel", (batch, time), False),
    ("batch time", (batch, time, mel), False),
    ("", (), True),
    ("", (mel,), False),
    ("...", (batch, time), True),
    ("...", (), True),
    ("... mel:4", (time, mel), True),
    ("mel:5", (mel,), False),
    ("... mel", (time, vocab), False),
    ("_ time", (time, batch), True),
    ("_ _", (time, batch), True),
    ("_ _", (time,), False),
    ("_:4 _", (time, mel), True),
    ("_ _:4", (mel, time), True),
    ("_:5 _", (time, mel), False),
    ("time//2 batch", (time // 2, batch), True),
    ("time//2", (time // 3,), False),
    ("time time//2", (time // 2, time), True),
    ("time time//2", (other_time // 2, time), False),
    ("1+time+2", (time.pad(1, 2),), True),
    ("time-1", (time - 1,), True),
    ("time.ceil_div(2)", (time.ceil_div(2),), True),
    ("(time-2).ceil_div(2)", ((time - 2).ceil_div(2),), True),
    ("time.slice(-3)", (time.slice(-3),), True),
    ("batch*beam time", (time, batch * beam), True),
    ("batch+beam", (batch + beam,), True),
    ("2*mel:8", (mel * 2,), True),
    ("2*mel:9", (mel * 2,), False),
]


@pytest.mark.parametrize(("text", "dims", "fits"), ACCEPTED)
def test_dims_in_any_order(text: str, dims: tuple[sf.Dim, ...], fits: bool) -> None:
    x = sf.wrap(np.zeros([2 if d.size is None else d.size for d in dims], "float32"), dims)
    assert accepts(Float[T, text], x) is fits


def test_a_name_is_one_dim_in_a_call_and_free_in_the_next() -> None:
    @sf.checked
    def same(a: Float[T, "time"], b: Float[T, "time"]) -> None: ...

    same(zeros(time), zeros(time))
    same(zeros(other_time), zeros(other_time))
    with pytest.raises(sf.DimError, match="time is not the same in a and b"):
        same(zeros(time), zeros(other_time))


def test_names_bound_in_expressions_hold_in_the_call() -> None:
    @sf.checked
    def halves(a: Float[T, "time//2"], b: Float[T, "time"]) -> None: ...

    halves(zeros(time // 2), zeros(time))
    with pytest.raises(sf.DimError, match="time is not the same in a and b"):
        halves(zeros(time // 2), zeros(other_time))


def test_batch_dims_may_be_none_or_several() -> None:
    @sf.checked
    def halves(a: Float[T, "*batch time"], b: Float[T, "*batch time//2"]) -> None: ...

    halves(zeros(time), zeros(time // 2))
    halves(zeros(beam, time, batch), zeros(batch, time // 2, beam))
    with pytest.raises(sf.DimError, match=r"\*batch is not the same in a and b"):
        halves(zeros(beam, time), zeros(batch, time // 2))
    with pytest.raises(sf.DimError, match=r"\*batch is not the same in a and b"):
        halves(zeros(time), zeros(batch, time // 2))


def test_dims_of_arguments_and_of_their_attributes() -> None:
    class Layer(sf.nn.Module):
        def __init__(self, in_dim: sf.Dim, out_dim: sf.Dim) -> None:
            self.in_dim, self.out_dim, self.stride = in_dim, out_dim, 2
            self.linear = sf.nn.Linear(in_dim, out_dim)

        @sf.checked
        def __call__(
            self, x: Float[T, "... self.in_dim axis"], *, axis: sf.Dim
        ) -> Float[T, "... self.out_dim axis//self.stride"]:
            return self.linear(x).rename(axis, axis // self.stride)

    layer = Layer(mel, vocab)
    assert set(layer(zeros(batch, time, mel), axis=time).dims) == {batch, time // 2, vocab}
    with pytest.raises(sf.DimError, match=r"Layer: x has no dim self.in_dim"):
        layer(zeros(batch, time, vocab), axis=time)
    layer.stride = 1
    assert time in layer(zeros(time, mel), axis=time).dims


def test_labels() -> None:
    annotation = Int[T, "batch of vocab"]
    assert accepts(annotation, zeros(batch, dtype="int32", of=vocab))
    assert not accepts(annotation, zeros(batch, dtype="int32", of=mel))
    assert not accepts(annotation, zeros(batch, dtype="int32"))
    assert accepts(Int[T, "batch of vocab:5"], zeros(batch, dtype="int32", of=vocab))
    assert not accepts(Int[T, "batch of _:6"], zeros(batch, dtype="int32", of=vocab))


def test_unions_and_containers() -> None:
    one, two = zeros(time), zeros(batch, time)
    either = Float[T, "time"] | Float[T, "batch time"]
    assert accepts(either, one, two)
    assert not accepts(either, zeros(mel))
    assert accepts(Optional[Float[T, "time"]], None, one)  # noqa: UP045
    assert not accepts(Float[T, "time"] | None, two)
    assert accepts(Float[T, "time"] | float, 1.0, one)
    assert accepts(Float[T, "time"] | list[Float[T, "time"]], [one, one])
    assert not accepts(Float[T, "time"] | list[Float[T, "time"]], [one, two])
    assert accepts(Sequence[Float[T, "time"]], [one], (one, one))
    assert not accepts(tuple[Float[T, "time"], ...], (one, two))
    assert accepts(Mapping[str, Float[T, "time"]], {"a": one})
    assert not accepts(dict[str, Float[T, "time"]], {"a": two})
    assert accepts(tuple[Float[T, "time"], int], (one, "anything"))
    assert not accepts(tuple[Float[T, "time"], int], (two, 1))
    assert accepts(Callable[[Float[T, "time"]], int], print)
    assert not accepts(Float[sf.nn.Parameter, "mel"], zeros(mel))
    assert accepts(Float[sf.nn.Parameter, "mel"], sf.nn.Parameter((mel,)))


def test_all_kinds_of_parameters() -> None:
    @sf.checked
    def function(
        a: Float[T, "time"],
        /,
        *more: Float[T, "time"],
        c: Float[T, "time"],
        **rest: Float[T, "mel"],
    ) -> None: ...

    x, m = zeros(time), zeros(mel)
    function(x, x, x, c=x, m=m)
    for arguments, keywords in [
        ((m,), {"c": x}),
        ((x, m), {"c": x}),
        ((x,), {"c": m}),
        ((x,), {"c": x, "d": x}),
    ]:
        with pytest.raises(sf.DimError):
            function(*arguments, **keywords)
    with pytest.raises(TypeError, match="missing 1 required"):
        function()


def test_what_is_left_out_is_not_checked() -> None:
    @sf.checked
    def function(x: Float[T, "time"] = None) -> None: ...  # type: ignore[assignment]

    function()


def test_static_and_class_methods() -> None:
    class Reader:
        @sf.checked
        @staticmethod
        def one(x: Float[T, "time"]) -> Float[T, "time"]:
            return x

        @sf.checked
        @classmethod
        def two(cls, x: Float[T, "time"]) -> type[Reader]:
            return cls

    assert Reader.one(zeros(time)).dims == (time,)
    assert Reader.two(zeros(time)) is Reader
    for call in (Reader.one, Reader.two, Reader().one):
        with pytest.raises(sf.DimError):
            call(zeros(mel))


def test_coroutines_have_their_arguments_checked() -> None:
    @sf.checked
    async def function(x: Float[T, "time"]) -> Float[T, "time"]:
        return x

    assert asyncio.run(function(zeros(time))).dims == (time,)  # type: ignore[arg-type]
    with pytest.raises(sf.DimError):
        function(zeros(mel))


def test_what_cannot_be_checked_is_named() -> None:
    with pytest.raises(sf.DTypeError, match="came  property"):
        sf.checked(property(lambda self: 1))  # type: ignore[type-var]


def test_dataclasses() -> None:
    @dataclass
    class Base:
        x: Float[T, "batch time"]

    @sf.checked
    @dataclass
    class Derived(Base):
        y: Float[T, "time"] | None = None
        z: list[Float[T, "..."]] = field(default_factory=list)

    assert Derived(zeros(batch, time)).z == []
    with pytest.raises(sf.DimError, match="Derived: x has no dim batch"):
        Derived(zeros(time))
    with pytest.raises(sf.DimError, match="Derived: time is not the same in x and y"):
        Derived(zeros(batch, time), zeros(other_time))
    Base(zeros(mel))  # not checked


def test_a_function_keeps_its_name_and_annotations() -> None:
    assert annotated.encode.__name__ == "encode"
    assert annotated.encode.__wrapped__.__doc__ == annotated.encode.__doc__  # type: ignore[attr-defined]
    hints = get_type_hints(annotated.encode)
    assert hints["x"] is sf.Tensor
    assert "Float" in repr(get_type_hints(annotated.encode, include_extras=True)["x"])
    assert annotated.run().frames.dims == (annotated.batch, annotated.time, annotated.mel)


def test_the_error_is_raised_right_below_the_caller() -> None:
    with pytest.raises(sf.DimError) as caught:
        annotated.Batch(zeros(mel), zeros(batch, dtype="int32"))
    frames = [frame.name for frame in traceback.extract_tb(caught.tb)]
    assert frames == ["test_the_error_is_raised_right_below_the_caller", "call"]


def test_turned_off_it_is_not_there() -> None:
    code = "import seqfront as sf\ndef function(x): ...\nprint(sf.checked(function) is function)"
    command = [sys.executable, "-c", code]
    for value, wanted in (("0", "True"), ("1", "False")):
        ran = subprocess.run(
            command, env={"SEQFRONT_CHECKED": value}, capture_output=True, text=True, check=True
        )
        assert ran.stdout.strip() == wanted


@sf.checked
def mean_of_frames(x: Float[T, "*batch time mel:4"]) -> Float[T, "*batch mel"]:
    return sf.mean(x, axis=time)


@sf.checked
def wrong_result(x: Float[T, "*batch time mel:4"]) -> Float[T, "*batch time"]:
    return sf.mean(x, axis=time)


@sf.checked
@dataclass
class Frames:
    """A graph makes an object of it, and calls its checked method."""

    x: Float[T, "_ time mel:4"]
    more: list[int] | None = None

    @sf.checked
    def mean(self, axis: sf.Dim) -> Float[T, "batch axis.ceil_div(2)"]:
        return every_second(mean_of_frames(self.x), axis=axis)


@sf.checked
def every_second(x: Float[T, "... axis"], *, axis: sf.Dim) -> Float[T, "... axis.ceil_div(2)"]:
    return sf.slice(x, axis=axis, step=2)


def mean_as_object(x: sf.Tensor) -> sf.Tensor:
    return Frames(x).mean(mel)


def _raw(fn: Callable[[sf.Tensor], sf.Tensor]) -> Callable[[Any], Any]:
    return lambda raw: fn(sf.wrap(raw, (batch, time, mel))).raw


def test_one_graph_of_torch() -> None:
    torch = pytest.importorskip("torch")
    backends.get("torch")
    from torch._dynamo.testing import CompileCounter

    torch._dynamo.reset()
    counter = CompileCounter()
    compiled = torch.compile(_raw(mean_as_object), backend=counter, fullgraph=True, dynamic=True)
    for size in (3, 4, 5):
        raw = torch.randn(size, size + 4, 4)
        np.testing.assert_allclose(compiled(raw), raw.mean(1)[:, ::2], rtol=1e-5, atol=1e-6)
        sf.checked(lambda: None)  # what is decorated later is no reason to compile again
    assert counter.frame_count == 1
    with pytest.raises(Exception, match="the result has no dim time"):
        torch.compile(_raw(wrong_result), backend="eager", fullgraph=True)(torch.randn(2, 3, 4))
    torch._dynamo.reset()


def test_one_graph_of_tensorflow() -> None:
    tf = pytest.importorskip("tensorflow")
    backends.get("tensorflow")
    traced = tf.function(
        _raw(mean_as_object), input_signature=[tf.TensorSpec([None, None, 4])], autograph=False
    )
    for size in (3, 4):
        raw = tf.random.normal([size, size + 1, 4])
        np.testing.assert_allclose(
            traced(raw), tf.reduce_mean(raw, 1)[:, ::2], rtol=1e-5, atol=1e-6
        )
    assert traced.experimental_get_tracing_count() == 1
    with pytest.raises(sf.DimError, match="the result has no dim time"):
        tf.function(_raw(wrong_result))(tf.zeros([2, 3, 4]))
