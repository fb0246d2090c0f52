# ruff: noqa: E501  (texts are as long as they are)
"""Messages of control flow and of gradient operations."""

from __future__ import annotations

from typing import Any

import seqfront as sf
from messages.message import Make, Message
from seqfront import DimError, DTypeError

batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4)


def ragged(w: Make) -> sf.Tensor:
    return w.zeros(batch, time, lengths={time: [3, 2, 1]})


def once(w: Make, body: Any, **more: Any) -> Any:
    """A loop that makes at least one step."""
    start = {"h": w.zeros(batch, mel), **more}
    return sf.while_loop(lambda s: sf.all(s["h"] == 0.0, axis=s["h"].dims), body, start)


def differentiated(w: Make, backward: Any) -> Any:
    x = w.zeros(mel)

    def loss() -> sf.Tensor:
        return sf.sum(sf.custom_gradient(lambda x: x * 2.0, backward, x), axis=mel)

    return sf.value_and_grad(loss, [x])


def recomputed(w: Make) -> Any:
    x, runs = w.zeros(mel), []

    def fn(x: sf.Tensor) -> sf.Tensor:
        runs.append(x)
        return sf.sin(x) if len(runs) == 1 else sf.sum(sf.sin(x), axis=mel)

    return sf.value_and_grad(lambda: sf.sum(sf.checkpoint(fn, x), axis=mel), [x])


_STAYS = '  fix: structure, dims, dtypes and ragged dims of the state stay; a number that changes is a tensor: sf.zeros((), dtype="int32", like=x).'

MESSAGES = [
    Message(
        "bad_predicate",
        DimError,
        lambda w: sf.cond(w.zeros(mel) > 0.0, lambda: 1, lambda: 1),
        (
            "cond: predicate has to be one truth value.\n"
            "  predicate  bool[mel:4] numpy:cpu\n"
            "  fix: a bool Tensor without dims: compare, then sf.any(x, axis=x.dims) or sf.all."
        ),
    ),
    Message(
        "bad_predicate",
        DTypeError,
        lambda w: sf.while_loop(lambda x: x, lambda x: x, w(1.0)),
        (
            "while_loop: condition(state) has to be one truth value.\n"
            "  condition(state)  float32[] 1.0 numpy:cpu\n"
            "  fix: a bool Tensor without dims: compare, then sf.any(x, axis=x.dims) or sf.all."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.cond(w(1.0) > 0.0, 3, lambda: 3),  # type: ignore[arg-type]
        (
            "cond: then cannot be 3.\n"
            "  needed  a function\n"
            "  fix: give then as a function or a lambda."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.scan(lambda s, x: s, w.zeros(batch), ragged(w), axis=time),  # type: ignore[arg-type, return-value]
        (
            "scan: body(state, x) cannot be float32[batch≤3] numpy:cpu.\n"
            "  needed  a pair\n"
            "  fix: body gives the next state, and y."
        ),
        eager="the tensor that is printed has another form",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.clip_gradient(w.zeros(mel)),
        (
            "clip_gradient: value and norm cannot be (None, None).\n"
            "  needed  one of the two\n"
            "  fix: value=1.0 for each single gradient, norm=1.0 for the norm of many."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.clip_gradient(w.zeros(mel), value=0.0),
        (
            "clip_gradient: the limit cannot be 0.0.\n"
            "  needed  a number above 0\n"
            "  fix: sf.stop_gradient(x) for none."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.scan(
            lambda s, x: (s.push(x), None),
            sf.TensorArray.empty(like=w.zeros(batch)),
            ragged(w),
            axis=time,
        ),
        (
            "scan: state cannot be TensorArray of float32[batch] numpy.\n"
            "  needed  a Tensor\n"
            "  fix: what grows comes out of sf.scan as y; sf.while_loop carries arrays."
        ),
        only="numpy",
    ),
    Message(
        "state_changes",
        DimError,
        lambda w: once(w, lambda s: {"h": sf.sum(s["h"], axis=mel)}),
        (
            "while_loop: state['h'] does not stay of one kind from step to step.\n"
            "  before  float32[batch≤3, mel:4] numpy:cpu\n"
            "  after   float32[batch≤3] numpy:cpu\n" + _STAYS
        ),
    ),
    Message(
        "state_changes",
        DimError,
        lambda w: once(w, lambda s: {"h": s["h"] + 1.0, "n": s["n"] + 1}, n=0),
        (
            "while_loop: state['n'] does not stay of one kind from step to step.\n"
            "  before  0\n"
            "  after   1\n" + _STAYS
        ),
    ),
    Message(
        "state_changes",
        DimError,
        lambda w: once(w, lambda s: (s["h"],)),
        (
            "while_loop: state does not stay of one kind from step to step.\n"
            "  before  dict of ['h']\n"
            "  after   tuple of [0]\n" + _STAYS
        ),
    ),
    Message(
        "state_changes",
        DimError,
        lambda w: sf.scan(lambda s, x: (x, x), w.zeros(batch, mel), ragged(w), axis=time),
        (
            "scan: state does not stay of one kind from step to step.\n"
            "  before  float32[batch≤3, mel:4] numpy:cpu\n"
            "  after   float32[batch≤3] numpy:cpu\n" + _STAYS
        ),
    ),
    Message(
        "nothing_to_carry",
        DTypeError,
        lambda w: sf.while_loop(lambda s: w(1.0) > 2.0, lambda s: s, (3, None)),
        (
            "while_loop: there is no tensor in the state.\n"
            "  fix: give what changes from step to step as Tensors, in any structure."
        ),
    ),
    Message(
        "not_wrapped",
        DTypeError,
        lambda w: sf.while_loop(lambda s: s[0] > 0.0, lambda s: s, (w(1.0), w(1.0).raw)),
        (
            "while_loop: state[1] has to be a Tensor.\n"
            "  state[1]  numpy.ndarray\n"
            "  fix: wrap plain tensors with their dims first: sf.wrap(raw, dims)."
        ),
        only="numpy",
    ),
    Message(
        "shared_state",
        DimError,
        lambda w: sf.scan(
            lambda s, x: (s, x), {"h": w.zeros(batch), "n": w(0)}, ragged(w), axis=time
        ),
        (
            "scan: state['n'] has no dim batch, so it cannot stop with each sequence.\n"
            "  state['n']  int32[] 0 numpy:cpu\n"
            "  axis        time, whose lengths run over batch\n"
            "  fix: give each sequence its own: sf.expand_dim(x, batch, like=xs)."
        ),
    ),
    Message(
        "no_steps",
        DimError,
        lambda w: sf.scan(lambda s, x: (s, s), w.zeros(batch), axis=time),
        (
            "scan: without xs, the size of time is not known.\n"
            "  time  dynamic, made at control.py:LINE\n"
            "  fix: give xs that have it, as in xs=sf.range_over(time, like=x); or a static size, Dim('time', 120)."
        ),
    ),
    Message(
        "wrong_item",
        DimError,
        lambda w: sf.TensorArray.empty(like=w.zeros(batch)).push(w.zeros(batch, mel)),
        (
            "TensorArray.push: x is not of the kind of the items.\n"
            "  x      float32[batch≤3, mel:4] numpy:cpu\n"
            "  items  TensorArray of float32[batch] numpy\n"
            "  fix: dims, dtype and ragged dims are those of like in TensorArray.empty(like=...)."
        ),
        only="numpy",
    ),
    Message(
        "wrong_size",
        DimError,
        lambda w: sf.TensorArray.empty(like=w.zeros(batch)).push(w.zeros(batch)).stack(axis=mel),
        (
            "TensorArray.stack: mel:4 does not fit an axis of size 1.\n"
            "  x  float32[mel:4, batch≤3] numpy:cpu\n"
            "  fix: a dim of size 1, or a dynamic one without size."
        ),
        eager="the number of items is not known",
    ),
    Message(
        "wrong_gradient_count",
        DTypeError,
        lambda w: differentiated(w, lambda slope, y, x: (slope, slope)),
        (
            "custom_gradient: backward does not give one gradient for each argument.\n"
            "  gradients  2\n"
            "  arguments  1\n"
            "  fix: give a tuple with a Tensor or None for each of xs."
        ),
        only="torch",
    ),
    Message(
        "not_a_gradient",
        DTypeError,
        lambda w: differentiated(w, lambda slope, y, x: sf.sum(slope, axis=mel)),
        (
            "custom_gradient: backward gives no gradient of argument 0.\n"
            "  gradient    float32[] 4.0 numpy:cpu\n"
            "  argument 0  float32[mel:4] numpy:cpu\n"
            "  fix: backward gives, for each argument in order, a Tensor of its dims and dtype, or None."
        ),
        only="torch",
    ),
    Message(
        "recomputed_differently",
        DimError,
        recomputed,
        (
            "checkpoint: the result is of another kind when it is computed again.\n"
            "  first  float32[mel:4] numpy:cpu\n"
            "  again  float32[] 0.0 numpy:cpu\n"
            "  fix: fn depends on nothing but its arguments, parameters and random numbers."
        ),
        only="tensorflow",
    ),
]
