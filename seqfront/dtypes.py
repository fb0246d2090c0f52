"""One table of dtype promotion, for every backend.

Dtypes go by name. Tensors promote as in PyTorch and the array API: within a kind to the wider type,
across kinds to the higher kind (bool < int < float) without looking at widths. Python numbers are
weak: they take the dtype of the tensor they meet, unless they are of a higher kind, and then the
default of that kind.

    >>> promote("int64", "float16"), promote("uint8", "int8"), promote_scalar("int32", 0.5)
    ('float16', 'int16', 'float32')
"""

from __future__ import annotations

from seqfront import errors

BOOL = ("bool",)
INTS = ("uint8", "int8", "int16", "int32", "int64")
FLOATS = ("float16", "bfloat16", "float32", "float64")
ALL = BOOL + INTS + FLOATS

DEFAULT_FLOAT = "float32"
DEFAULT_INT = "int32"

_KIND = {**dict.fromkeys(BOOL, 0), **dict.fromkeys(INTS, 1), **dict.fromkeys(FLOATS, 2)}
_BITS = {
    "bool": 1, "uint8": 8, "int8": 8, "int16": 16, "int32": 32, "int64": 64,
    "float16": 16, "bfloat16": 16, "float32": 32, "float64": 64,
}  # fmt: skip


def is_float(dtype: str) -> bool:
    """Whether a dtype is floating point."""
    return _KIND[dtype] == 2


def is_int(dtype: str) -> bool:
    """Whether a dtype is an integer (bool is not)."""
    return _KIND[dtype] == 1


def bytes_of(dtype: str) -> int:
    """What one value takes."""
    return max(_BITS[dtype] // 8, 1)


def check(dtype: str, op: str) -> str:
    """The dtype, or `DTypeError` if it is none of ours."""
    if dtype not in _KIND:
        raise errors.unknown_dtype(op, dtype, ALL)
    return dtype


def promote(a: str, b: str) -> str:
    """Dtype of an elementwise operation on two tensors."""
    if a == b:
        return a
    if _KIND[a] != _KIND[b]:
        return a if _KIND[a] > _KIND[b] else b
    if _BITS[a] == _BITS[b]:
        return "int16" if _KIND[a] == 1 else "float32"  # uint8 and int8; float16 and bfloat16
    wide, narrow = (a, b) if _BITS[a] > _BITS[b] else (b, a)
    return "int16" if (wide, narrow) == ("int8", "uint8") else wide


def promote_scalar(dtype: str, value: complex) -> str:
    """Dtype of an elementwise operation on a tensor and a Python number."""
    kind = 0 if isinstance(value, bool) else 1 if isinstance(value, int) else 2
    if kind <= _KIND[dtype]:
        return dtype
    return DEFAULT_INT if kind == 1 else DEFAULT_FLOAT


def number(value: float, dtype: str) -> float:
    """A Python number of the kind of a dtype, so that it keeps a tensor's dtype when they meet."""
    kind = _KIND[dtype]
    return value if kind == 2 else int(value) if kind == 1 else bool(value)


def check_number(op: str, name: str, value: object, dtype: str) -> None:
    """That a Python number loses nothing in a dtype but precision; else `DTypeError`."""
    whole = isinstance(value, (bool, int)) or (isinstance(value, float) and value.is_integer())
    if not whole and not (isinstance(value, float) and is_float(dtype)):
        raise errors.not_a_number(op, name, value, dtype)


def to_float(dtype: str) -> str:
    """Dtype of a function that has no meaning on integers (`exp`, `/`)."""
    return dtype if _KIND[dtype] == 2 else DEFAULT_FLOAT
