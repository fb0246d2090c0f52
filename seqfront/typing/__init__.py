"""Annotations that say which dims a tensor has, and a decorator that checks them.

    from seqfront.typing import Float, Int

    @sf.checked
    def encode(
        x: Float[sf.Tensor, "*batch time mel:80"], labels: Int[sf.Tensor, "*batch labels of vocab"]
    ) -> Float[sf.Tensor, "*batch time//2 hidden"]: ...

To a type checker `Float[sf.Tensor, "..."]` is `sf.Tensor`, no more. When the function is called,
`sf.checked` holds tensors to it: dtypes by kind, dims by name, in any order. Within a call a name
means one `Dim` object, so that two axes called "time" do not meet unseen.

A kind is `Float`, `Int` (signed), `Integer`, `Bool`, `Num` (integer or float), `Shaped` (any), or
one dtype: `Float32`, `BFloat16`, `UInt8`, .... The dims, with spaces between:

- `time`: the dim that the argument `time` of the call is, if it is a `Dim`; else the dim called so.
- `mel:80`: with the static size 80, as dims print.
- `time//2`, `1+time`, `batch*beam`, `time.ceil_div(2)`: arithmetic, which gives the same object for
  the same expression. `self.in_dim`: an attribute of an argument.
- `_`: one dim, any. `...`: any other dims. `*batch`: other dims, the same throughout the call.
- `of vocab`, at the end: the values are indices into that dim.

None of these: the tensor is a scalar. Checks look at dims, never at values, so that they cost some
ten microseconds in a call, and nothing in a compiled graph.
"""

from typing import TYPE_CHECKING

from seqfront.typing.calls import checked as checked

if TYPE_CHECKING:
    from typing import Annotated as BFloat16
    from typing import Annotated as Bool
    from typing import Annotated as Float
    from typing import Annotated as Float16
    from typing import Annotated as Float32
    from typing import Annotated as Float64
    from typing import Annotated as Int
    from typing import Annotated as Int8
    from typing import Annotated as Int16
    from typing import Annotated as Int32
    from typing import Annotated as Int64
    from typing import Annotated as Integer
    from typing import Annotated as Num
    from typing import Annotated as Shaped
    from typing import Annotated as UInt8
else:
    from seqfront.typing.annotations import (
        BFloat16,
        Bool,
        Float,
        Float16,
        Float32,
        Float64,
        Int,
        Int8,
        Int16,
        Int32,
        Int64,
        Integer,
        Num,
        Shaped,
        UInt8,
    )

__all__ = [
    "BFloat16",
    "Bool",
    "Float",
    "Float16",
    "Float32",
    "Float64",
    "Int",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "Integer",
    "Num",
    "Shaped",
    "UInt8",
    "checked",
]
