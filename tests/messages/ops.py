# ruff: noqa: E501  (texts are as long as they are)
"""Messages of operations."""

from __future__ import annotations

import numpy as np

import seqfront as sf
from messages.message import Make, Message
from seqfront import BackendError, DimError, DTypeError, TraceError

batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4)
row = sf.Dim("row")
nine, vocab, also = sf.Dim("nine", 9), sf.Dim("vocab", 5), sf.Dim("also", 4)


def ragged(w: Make) -> sf.Tensor:
    return w.zeros(batch, time, lengths={time: [3, 2, 1]})


def parameter(w: Make) -> sf.nn.Parameter:
    with sf.use_backend(w.backend.name):
        return sf.nn.Parameter((mel,))


MESSAGES = [
    Message(
        "size_unknown",
        DimError,
        lambda w: sf.zeros((batch, mel)),
        (
            "zeros: the size of batch is not known.\n"
            "  batch  dynamic, made at ops.py:LINE\n"
            "  fix: give a tensor that has it, as in like=x; or a static size, Dim('batch', 120)."
        ),
        only="any",
    ),
    Message(
        "size_unknown",
        DimError,
        lambda w: sf.one_hot(w.ints(batch, of=time)),
        (
            "one_hot: the size of time is not known.\n"
            "  time  dynamic, made at ops.py:LINE\n"
            "  fix: give a tensor that has it, as in like=x; or a static size, Dim('time', 120)."
        ),
    ),
    Message(
        "ragged_dim",
        DimError,
        lambda w: sf.merge_dims(ragged(w), (batch, time)),
        (
            "merge_dims: time is ragged, so padding would lie between the data.\n"
            "  x        float32[batch≤3, time≤3] numpy:cpu\n"
            "  lengths  int32[batch≤3] numpy:cpu\n"
            "  fix: sf.mask_padding(x) and then x.with_lengths(seqfront.lengths.FULL), if that is meant."
        ),
        eager="the lengths are printed",
    ),
    Message(
        "nothing_to_merge",
        DimError,
        lambda w: sf.merge_dims(w.zeros(batch, mel), ()),
        (
            "merge_dims: no dim is named.\n"
            "  x  float32[batch≤3, mel:4] numpy:cpu\n"
            "  fix: name at least one dim of x."
        ),
    ),
    Message(
        "cannot_split",
        DimError,
        lambda w: sf.split_dim(w.zeros(batch, mel), mel, (time, sf.Dim("three", 3))),
        (
            "split_dim: mel:4 cannot be split into time, three:3.\n"
            "  x  float32[batch≤3, mel:4] numpy:cpu\n"
            "  fix: the sizes have to multiply to that of the dim; one of them may be dynamic."
        ),
    ),
    Message(
        "nothing_to_join",
        DimError,
        lambda w: sf.concat(),
        ("concat: no tensor is given.\n  fix: give at least one."),
        only="any",
    ),
    Message(
        "nothing_to_join",
        DimError,
        lambda w: sf.stack([], batch),
        ("stack: no tensor is given.\n  fix: give at least one."),
        only="any",
    ),
    Message(
        "negative_padding",
        DimError,
        lambda w: sf.pad(w.zeros(batch, time), axis=time, left=-1),
        (
            "pad: time can be padded by whole numbers of positions only, of at least 0.\n"
            "  x      float32[batch≤3, time≤3] numpy:cpu\n"
            "  left   -1\n"
            "  right  0\n"
            "  fix: give left and right as ints of at least 0."
        ),
    ),
    Message(
        "foreign_labels",
        DimError,
        lambda w: sf.gather(w.zeros(vocab, mel), indices=w.ints(batch, of=mel), axis=vocab),
        (
            "gather: the indices are labels of mel:4, not of vocab:5.\n"
            "  indices  int32[batch≤3] of mel:4 numpy:cpu\n"
            "  axis     vocab:5 made at ops.py:LINE\n"
            "  fix: if they mean the same, say so: indices.labels_of(axis)."
        ),
    ),
    Message(
        "no_labels",
        DimError,
        lambda w: sf.one_hot(w.ints(batch)),
        (
            "one_hot: it is not said which dim the values are labels of.\n"
            "  x  int32[batch≤3] numpy:cpu\n"
            "  fix: sf.wrap(..., sparse_dim=vocab), or x.labels_of(vocab)."
        ),
    ),
    Message(
        "index_out_of_range",
        DimError,
        lambda w: sf.gather(w.zeros(vocab, mel), indices=w([1, 5, 2], batch), axis=vocab),
        (
            "gather: an index lies outside of vocab:5.\n"
            "  x        float32[vocab:5, mel:4] numpy:cpu\n"
            "  indices  1 to 5\n"
            "  needed   0 to 4\n"
            "  fix: positions start at 0; labels have to be made with the vocabulary of this dim."
        ),
        eager="values of indices are not looked at",
    ),
    Message(
        "index_out_of_range",
        DimError,
        lambda w: sf.gather(w.zeros(batch, mel), indices=4, axis=mel),
        (
            "gather: an index lies outside of mel:4.\n"
            "  x        float32[batch≤3, mel:4] numpy:cpu\n"
            "  indices  4 to 4\n"
            "  needed   0 to 3\n"
            "  fix: positions start at 0; labels have to be made with the vocabulary of this dim."
        ),
    ),
    Message(
        "window_beyond_data",
        DimError,
        lambda w: sf.conv(
            w.zeros(batch, mel, vocab),
            w.zeros(nine, vocab, mel),
            spatial=[(mel, nine)],
            in_dim=vocab,
            out_dim=mel,
        ),
        (
            "conv: the window over mel:4 is longer than the data.\n"
            "  x       float32[batch≤3, mel:4, vocab:5] numpy:cpu\n"
            "  size    4\n"
            "  window  9\n"
            '  fix: padding="same" or "causal", or longer input.'
        ),
        eager="extents of raw tensors may be unknown",
    ),
    Message(
        "nothing_to_differentiate",
        DTypeError,
        lambda w: sf.value_and_grad(lambda: w.zeros(), []),
        (
            "value_and_grad: there is nothing to differentiate by.\n"
            "  fix: give at least one parameter or tensor."
        ),
    ),
    Message(
        "bad_rate",
        DimError,
        lambda w: sf.dropout(w.zeros(batch), 1.5),
        (
            "dropout: the rate has to be between 0 and 1.\n"
            "  rate  1.5\n"
            "  fix: it is a probability: 0.1 for one in ten."
        ),
    ),
    Message(
        "wrong_value_shape",
        DimError,
        lambda w: parameter(w).assign(np.zeros((4, 5))),
        (
            "assign: the value does not have the dims of the parameter.\n"
            "  parameter  float32[mel:4] numpy:cpu\n"
            "  value      (4, 5)\n"
            "  fix: an array with one axis for each dim, in their order; or a Tensor over the same dims."
        ),
        eager="it is done between steps",
    ),
    Message(
        "needs_values",
        TraceError,
        lambda w: w.backend.compile(lambda raw: sf.wrap(raw, (batch, mel)).numpy())(
            w.raw(np.zeros((3, 4)))
        ),
        (
            "numpy: the value of a tensor is not known while tracing.\n"
            "  x  float32[batch≤3, mel:4] numpy:cpu\n"
            "  fix: compute it outside of the compiled function, or keep it as a tensor."
        ),
        only="tensorflow",
        eager="it is the one that only tracing raises",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.conv(
            w.zeros(batch, time, vocab),
            w.zeros(nine, vocab, mel),
            spatial=[],
            in_dim=vocab,
            out_dim=mel,
        ),
        (
            "conv: spatial cannot be [].\n"
            "  needed  one to three pairs (dim of x, window dim of the kernel)\n"
            "  fix: spatial=[(time, window)]."
        ),
    ),
    Message(
        "foreign_gradient",
        BackendError,
        lambda w: sf.value_and_grad(lambda: sf.zeros((), dtype="float32"), [w.zeros(mel)]),
        (
            "value_and_grad: the value and what it is differentiated by are of two backends.\n"
            "  value  float32[] 0.0 numpy:cpu\n"
            "  wrt    float32[mel:4] numpy:cpu\n"
            '  fix: move one of them first: sf.to_backend(x, "torch").'
        ),
        only="torch",
    ),
    Message(
        "kernel_misfit",
        DimError,
        lambda w: sf.conv(
            w.zeros(batch, time, mel),
            w.zeros(nine, vocab, also),
            spatial=[(time, nine)],
            in_dim=mel,
            out_dim=also,
        ),
        (
            "conv: the features of the kernel do not fit those of x.\n"
            "  x       float32[batch≤3, time≤3, mel:4] numpy:cpu\n"
            "  kernel  float32[nine:9, vocab:5, also:4] numpy:cpu\n"
            "  in_dim  mel:4\n"
            "  groups  1\n"
            "  fix: the kernel has in_dim / groups input features, and groups divides both features."
        ),
        eager="extents of raw tensors may be unknown",
    ),
    Message(
        "not_differentiable",
        DTypeError,
        lambda w: sf.value_and_grad(lambda: w.zeros(), w.zeros(mel)),
        (
            "value_and_grad: wrt has to be a list of float Tensors.\n"
            "  wrt  float32[mel:4] numpy:cpu\n"
            "  fix: fn gives a scalar Tensor, or a pair of one and anything else; wrt are float Tensors."
        ),
    ),
    Message(
        "not_trainable",
        DTypeError,
        lambda w: sf.nn.Parameter((mel,), 1, dtype="int32"),
        (
            "Parameter: int32 has no gradient, so it cannot be trained.\n"
            "  fix: a float dtype, or trainable=False for kept state."
        ),
        only="any",
    ),
    Message(
        "torn_sequences",
        DimError,
        lambda w: sf.sort(ragged(w), axis=batch),
        (
            "sort: the lengths of time run over batch, so sequences would be torn apart.\n"
            "  x        float32[batch≤3, time≤3] numpy:cpu\n"
            "  lengths  int32[batch≤3] numpy:cpu\n"
            "  fix: reduce or mask time first."
        ),
        eager="the lengths are printed",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.top_k(w.zeros(batch, mel), 0, axis=mel),
        (
            "top_k: k cannot be 0.\n"
            "  needed  an int of at least 1\n"
            '  fix: k=4, or k_dim=sf.Dim("beam", 4).'
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.search_sorted(w.zeros(mel), w.zeros(batch), axis=mel, side="middle"),
        (
            "search_sorted: side cannot be 'middle'.\n"
            "  needed  'left' or 'right'\n"
            "  fix: 'left' counts what is less."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.scatter(
            w.zeros(mel), indices=w.ints(mel), axis=mel, out_dim=vocab, mode="sum"
        ),
        (
            "scatter: mode cannot be 'sum'.\n"
            "  needed  one of 'add', 'max', 'min', 'logsumexp', 'update'\n"
            "  fix: 'add' sums up."
        ),
    ),
    Message(
        "index_out_of_range",
        DimError,
        lambda w: sf.scatter(
            w.zeros(also), indices=w([0, 1, 2, 7], also), axis=also, out_dim=vocab
        ),
        (
            "scatter: an index lies outside of vocab:5.\n"
            "  x        float32[also:4] numpy:cpu\n"
            "  indices  0 to 7\n"
            "  needed   0 to 4\n"
            "  fix: positions start at 0; labels have to be made with the vocabulary of this dim."
        ),
        eager="the values are looked at",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.slice(w.zeros(batch, time), axis=time, step=-1),
        (
            "slice: step cannot be -1.\n"
            "  needed  an int of at least 1\n"
            "  fix: step=2 takes every other position; sf.reverse turns a dim round."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.slice(w.zeros(batch, time), axis=time, start=1.5),
        (
            "slice: start cannot be 1.5.\n  needed  an int, a Tensor of ints or None\n  fix: start=2."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.shift(w.zeros(batch, time), axis=time, by=0.5),
        ("shift: by cannot be 0.5.\n  needed  an int\n  fix: by=1 shifts to the end."),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.window(w.zeros(batch, time), axis=time, window_dim=mel, stride=0),
        ("window: stride cannot be 0.\n  needed  an int of at least 1\n  fix: stride=2."),
    ),
    Message(
        "window_beyond_data",
        DimError,
        lambda w: sf.window(w.zeros(batch, mel), axis=mel, window_dim=nine),
        (
            "window: the window over mel:4 is longer than the data.\n"
            "  x       float32[batch≤3, mel:4] numpy:cpu\n"
            "  size    4\n"
            "  window  9\n"
            '  fix: padding="same" or "causal", or longer input.'
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.repeat(w.zeros(batch, time), axis=time, counts=-1),
        (
            "repeat: counts cannot be -1.\n"
            "  needed  an int of at least 0, or a Tensor of ints\n"
            "  fix: counts=2."
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.repeat(w.zeros(time), axis=time, counts=w.ints(time)),
        (
            "repeat: out_dim cannot be None.\n"
            "  needed  a Dim, for such counts\n"
            '  fix: out_dim=sf.Dim("frame"), made once.'
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.repeat(w.zeros(mel), axis=mel, counts=w([1, -1, 0, 2], mel), out_dim=time),
        (
            "repeat: counts cannot be int32[mel:4] numpy:cpu.\n"
            "  needed  at least 0 everywhere\n"
            "  fix: sf.maximum(counts, 0)."
        ),
        eager="the values are looked at",
    ),
    Message(
        "wrong_size",
        DimError,
        lambda w: sf.repeat(w.zeros(mel), axis=mel, counts=w([1, 1, 0, 9], mel), out_dim=nine),
        (
            "repeat: nine:9 does not fit an axis of size 11.\n"
            "  x  int32[] 11 numpy:cpu\n"
            "  fix: a dim of size 11, or a dynamic one without size."
        ),
        eager="the values are looked at",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.masked_select(w.zeros(time), mask=w.zeros(time) > 0, axis=time, out_dim=nine),
        (
            "masked_select: out_dim cannot be nine:9.\n"
            "  needed  a dynamic dim\n"
            '  fix: out_dim=sf.Dim("label"), made once.'
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.pack_padded(w.zeros(batch, time), dims=(), out_dim=sf.Dim("frame")),
        ("pack_padded: dims cannot be ().\n  needed  at least one dim\n  fix: dims=(batch, time)."),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.pack_padded(w.zeros(batch, time), dims=(batch, time), out_dim=nine),
        (
            "pack_padded: the packed dim cannot be nine:9.\n"
            "  needed  a dynamic dim\n"
            '  fix: sf.Dim("frames"), made once.'
        ),
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.unpack_padded(
            w.zeros(also).rename(also, row), in_dim=row, dims=(time,), like=w.zeros(time)
        ),
        (
            "unpack_padded: x cannot be float32[row≤4] numpy:cpu.\n"
            "  needed  3 positions of row, as many as like has data\n"
            "  fix: like has to have the lengths that were packed."
        ),
        eager="the values are looked at",
    ),
    Message(
        "bad_argument",
        DimError,
        lambda w: sf.nested_map(sf.add, (w.zeros(mel),), [w.zeros(mel)]),
        (
            "nested_map: a part cannot be 'tuple beside list'.\n"
            "  needed  the same structure in all states\n"
            "  fix: states have the same types, lengths and keys."
        ),
    ),
]
