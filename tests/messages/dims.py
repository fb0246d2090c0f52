# ruff: noqa: E501  (texts are as long as they are)
"""Messages about dims, lengths, values and dtypes."""

from __future__ import annotations

import numpy as np

import seqfront as sf
from messages.message import Message
from seqfront import DimError, DTypeError

batch, time, mel = sf.Dim("batch"), sf.Dim("time"), sf.Dim("mel", 4)
other_time, also_four, vocab = sf.Dim("time"), sf.Dim("also_four", 4), sf.Dim("vocab", 5)


MESSAGES = [
    Message(
        "bad_dim_name",
        DTypeError,
        lambda w: sf.Dim(80),
        (
            "Dim: the name has to be text.\n"
            "  name  80\n"
            '  fix: a name and perhaps a size, as in Dim("mel", 80).'
        ),
        only="any",
    ),
    Message(
        "bad_dim_size",
        DimError,
        lambda w: sf.Dim("time", -1),
        (
            "Dim: the size of 'time' has to be an int of at least 0, or None.\n"
            "  size  -1\n"
            "  fix: lengths are data: give them to sf.wrap(raw, dims, lengths={dim: lengths})."
        ),
        only="any",
    ),
    Message(
        "bad_dim_operand",
        DTypeError,
        lambda w: time // 0,
        (
            "Dim: time // 0 has no meaning.\n"
            "  operand  int 0\n"
            "  fix: dims add and multiply with dims and ints, and divide by ints of at least 1."
        ),
        only="any",
    ),
    Message(
        "bad_dim_operand",
        DTypeError,
        lambda w: time * "2",
        (
            "Dim: time * '2' has no meaning.\n"
            "  operand  str '2'\n"
            "  fix: dims add and multiply with dims and ints, and divide by ints of at least 1."
        ),
        only="any",
    ),
    Message(
        "bad_dim_operand",
        DTypeError,
        lambda w: time + 0.5,
        (
            "Dim: time + 0.5 has no meaning.\n"
            "  operand  float 0.5\n"
            "  fix: dims add and multiply with dims and ints, and divide by ints of at least 1."
        ),
        only="any",
    ),
    Message(
        "missing_dim",
        DimError,
        lambda w: sf.softmax(w.zeros(batch, time), axis=other_time),
        (
            "softmax: x has a dim called 'time', but not this one.\n"
            "  x       float32[batch≤3, time≤3] numpy:cpu\n"
            "  x's     time made at dims.py:LINE\n"
            "  wanted  time made at dims.py:LINE\n"
            "  fix: dims match by identity, never by name: pass the same Dim object, or x.rename(old, new)."
        ),
    ),
    Message(
        "missing_dim",
        DimError,
        lambda w: sf.sum(w.zeros(batch, mel), axis=also_four),
        (
            "sum: dim also_four:4 is not in x.\n"
            "  x  float32[batch≤3, mel:4] numpy:cpu\n"
            "  fix: did you mean mel:4?"
        ),
    ),
    Message(
        "missing_dim",
        DimError,
        lambda w: sf.sum(w.zeros(batch, mel), axis=time),
        (
            "sum: dim time is not in x.\n"
            "  x  float32[batch≤3, mel:4] numpy:cpu\n"
            "  fix: name one of [batch, mel:4]."
        ),
    ),
    Message(
        "wrong_dims",
        DimError,
        lambda w: w.zeros(batch, mel).raw_in((batch, time)),
        (
            "raw_in: the dims named are not those of x.\n"
            "  x      float32[batch≤3, mel:4] numpy:cpu\n"
            "  named  [batch, time]\n"
            "  fix: name every dim of x once, in the order you want."
        ),
    ),
    Message(
        "repeated_dim",
        DimError,
        lambda w: w.zeros(mel, mel),
        (
            "wrap: mel:4 would stand on two axes.\n"
            "  dims  [mel:4, mel:4]\n"
            '  fix: a tensor never holds one dim twice: use mel.clone("...") for the second.'
        ),
    ),
    Message(
        "wrong_size",
        DimError,
        lambda w: w.zeros(batch, mel).rename(mel, sf.Dim("five", 5)),
        (
            "rename: five:5 does not fit an axis of size 4.\n"
            "  x  float32[batch≤3, mel:4] numpy:cpu\n"
            "  fix: a dim of size 4, or a dynamic one without size."
        ),
    ),
    Message(
        "no_common_dims",
        DimError,
        lambda w: w.zeros(batch, time) + w.zeros(batch, mel),
        (
            "add: no operand has the dims of all others.\n"
            "  a  float32[batch≤3, time≤3] numpy:cpu\n"
            "  b  float32[batch≤3, mel:4] numpy:cpu\n"
            "  fix: if the outer product is meant, say allow_broadcast=True; else check for a dim too many."
        ),
    ),
    Message(
        "lengths_differ",
        DimError,
        lambda w: (
            w.zeros(batch, time, lengths={time: [3, 2, 1]})
            + w.zeros(batch, time, lengths={time: [3, 3, 1]})
        ),
        (
            "add: the operands have different lengths of time.\n"
            "  a    float32[batch≤3, time≤3] numpy:cpu\n"
            "  b    float32[batch≤3, time≤3] numpy:cpu\n"
            "  a's  [3 2 1]\n"
            "  b's  [3 3 1]\n"
            "  fix: two axes of different lengths are two dims: make the second one time.clone()."
        ),
        eager="values of lengths are not looked at",
    ),
    Message(
        "wrong_rank",
        DimError,
        lambda w: sf.wrap(w.raw(np.zeros((3, 4))), (batch, time, mel)),
        (
            "wrap: the raw tensor has 2 axes, and 3 dims were given.\n"
            "  raw   float32 (3, 4)\n"
            "  dims  [batch, time, mel:4]\n"
            "  fix: one dim for each axis, in the order of the axes."
        ),
    ),
    Message(
        "wrong_extent",
        DimError,
        lambda w: sf.wrap(w.raw(np.zeros((3, 5))), (batch, mel)),
        (
            "wrap: the raw shape does not fit the dims.\n"
            "  raw     float32 (3, 5)\n"
            "  dims    [batch, mel:4]\n"
            "  axis 1  5 is not 4\n"
            "  fix: check the order of the dims, or the size the dim was made with."
        ),
    ),
    Message(
        "foreign_lengths",
        DimError,
        lambda w: w.zeros(batch, mel, lengths={time: [1, 2, 3]}),
        (
            "wrap: lengths are given for time, which is none of the dims.\n"
            "  dims  [batch, mel:4]\n"
            "  fix: give lengths by the dims of the tensor: lengths={time: n}."
        ),
    ),
    Message(
        "bad_lengths_shape",
        DimError,
        lambda w: w.zeros(batch, time, lengths={time: [1, 2]}),
        (
            "wrap: the lengths of time do not fit the dims before it.\n"
            "  lengths  (2)\n"
            "  dims     [batch, time]\n"
            "  fix: raw lengths run over the first dims other than their own (the batch); for any other dims, wrap the lengths too."
        ),
        eager="extents of raw tensors may be unknown",
    ),
    Message(
        "bad_lengths_dtype",
        DTypeError,
        lambda w: w.zeros(batch, time, lengths={time: [1.0, 2.0, 3.0]}),
        (
            "wrap: the lengths of time have to be integers.\n"
            "  lengths  float32\n"
            "  fix: convert them first: int32 or int64."
        ),
    ),
    Message(
        "lengths_out_of_range",
        DimError,
        lambda w: w.zeros(batch, time, lengths={time: [1, 4, 3]}),
        (
            "wrap: the lengths of time go beyond the data.\n"
            "  lengths  1 to 4\n"
            "  needed   0 to 3\n"
            "  fix: lengths count positions of this axis, before any subsampling."
        ),
        eager="values of lengths are not looked at",
    ),
    Message(
        "ambiguous_truth",
        DimError,
        lambda w: bool(w.zeros(batch) > 0.0),
        (
            "bool: a tensor with dims is neither true nor false.\n"
            "  x  bool[batch≤3] numpy:cpu\n"
            "  fix: sf.any(x, axis=...) or sf.all(x, axis=...); sf.where(condition, a, b) to choose."
        ),
    ),
    Message(
        "not_a_scalar",
        DimError,
        lambda w: float(w.zeros(batch)),
        (
            "float: x has dims, so it is not one number.\n"
            "  x  float32[batch≤3] numpy:cpu\n"
            "  fix: reduce it first, for example sf.mean(x, axis=x.dims)."
        ),
    ),
    Message(
        "no_indexing",
        DTypeError,
        lambda w: w.zeros(batch, mel)[0],
        (
            "indexing: a tensor has no first axis, so x[...] has no meaning.\n"
            "  x  float32[batch≤3, mel:4] numpy:cpu\n"
            "  fix: sf.gather(x, indices=i, axis=dim); x.raw_in(dims) is the plain tensor."
        ),
    ),
    Message(
        "no_indexing",
        DTypeError,
        lambda w: list(w.zeros(batch, mel)),
        (
            "indexing: a tensor has no first axis, so x[...] has no meaning.\n"
            "  x  float32[batch≤3, mel:4] numpy:cpu\n"
            "  fix: sf.gather(x, indices=i, axis=dim); x.raw_in(dims) is the plain tensor."
        ),
    ),
    Message(
        "not_an_operand",
        DTypeError,
        lambda w: w.zeros(batch) + np.zeros(3),
        (
            "add: an operand is neither a Tensor nor a number.\n"
            "  operand  numpy.ndarray\n"
            "  fix: wrap plain tensors with their dims first, sf.wrap(raw, dims); numbers are Python's."
        ),
    ),
    Message(
        "unknown_dtype",
        DTypeError,
        lambda w: sf.cast(w.zeros(batch), "float"),
        (
            "cast: the dtype cannot be 'float'.\n"
            "  known  bool, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64\n"
            "  fix: give one of these, by name."
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: sf.where(w.zeros(batch), 1.0, 0.0),
        (
            "where: condition has to be bool.\n"
            "  condition  float32[batch≤3] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    Message(
        "wrong_dtype",
        DTypeError,
        lambda w: w.zeros(batch, of=vocab),
        (
            "wrap: raw has to be an integer type, as it has a sparse_dim.\n"
            "  raw  float32[batch≤3] numpy:cpu\n"
            "  fix: sf.cast(x, dtype) converts values."
        ),
    ),
    Message(
        "already_wrapped",
        DTypeError,
        lambda w: sf.wrap(w.zeros(batch), (batch,)),
        (
            "wrap: this is a Tensor already.\n"
            "  raw  float32[batch≤3] numpy:cpu\n"
            "  fix: use it as it is; x.rename(old, new) gives it other dims."
        ),
    ),
    Message(
        "bad_integer_operand",
        DTypeError,
        lambda w: w.ints(batch) ** -1,
        (
            "pow: -1 has no meaning as the second operand of integers.\n"
            "  x  int32[batch≤3] numpy:cpu\n"
            '  fix: sf.cast(x, "float32") first, if infinity or a fraction is meant.'
        ),
    ),
    Message(
        "bad_lengths_table",
        DTypeError,
        lambda w: sf.wrap(w.raw(np.zeros((3, 4))), (batch, mel), [3, 2, 1]),
        (
            "wrap: lengths are given for each ragged dim.\n"
            "  lengths  list [3, 2, 1]\n"
            "  fix: say which dim they are of: lengths={time: n}."
        ),
    ),
    Message(
        "no_array",
        DTypeError,
        lambda w: np.asarray(w.zeros(batch)),
        (
            "array: a tensor has no order of axes, so it does not become an array by itself.\n"
            "  x  float32[batch≤3] numpy:cpu\n"
            "  fix: x.numpy(batch, time) is the array with the axes in that order, x.raw_in(dims) the raw tensor."
        ),
    ),
    Message(
        "not_a_dim",
        DTypeError,
        lambda w: sf.argmax(w.zeros(batch, mel), axis=1),
        (
            "argmax: dims are given as Dim objects.\n"
            "  came  int 1\n"
            '  fix: make a dim once, time = sf.Dim("time"), and pass that object; several as a tuple.'
        ),
    ),
    Message(
        "not_a_number",
        DTypeError,
        lambda w: sf.mask_padding(w.zeros(batch), "0"),
        (
            "mask_padding: value is no number that float32 can hold.\n"
            "  value  str '0'\n"
            "  fix: give a Python number of the kind of the dtype."
        ),
    ),
    Message(
        "not_convertible",
        DTypeError,
        lambda w: sf.wrap([[1, 2], [3]], (batch,)),
        (
            "wrap: no tensor can be made of this value.\n"
            "  value  list [[1, 2], [3]]\n"
            "  fix: pass an array or tensor, a number, or a nested list of numbers in equal rows."
        ),
        only="any",
    ),
    Message(
        "not_wrapped",
        DTypeError,
        lambda w: sf.softmax([1.0, 2.0], axis=mel),
        (
            "softmax: x has to be a Tensor.\n"
            "  x  builtins.list\n"
            "  fix: wrap plain tensors with their dims first: sf.wrap(raw, dims)."
        ),
    ),
    Message(
        "sizes_differ",
        DimError,
        lambda w: w(np.zeros((3, 4)), batch, time) + w(np.zeros((3, 5)), batch, time),
        (
            "add: the operands have different extents of time.\n"
            "  a  float32[batch≤3, time≤4] numpy:cpu\n"
            "  b  float32[batch≤3, time≤5] numpy:cpu\n"
            "  fix: two axes of different extents are two dims: make the second one time.clone()."
        ),
        eager="extents of raw tensors may be unknown",
    ),
]
