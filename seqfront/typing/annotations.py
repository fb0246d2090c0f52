"""What an annotation says: a kind of dtypes, and dims by name.

The text is read once, when the annotation is made. A dim is a name, or arithmetic of dims as one
would write it in Python; what that means in a call, `seqfront.typing.matching` says.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, NamedTuple, cast

from seqfront import dtypes, errors
from seqfront.tensor import Tensor

Value = Callable[[Mapping[str, Any]], Any]
"""Value of an expression, from what its names stand for."""

_METHODS = frozenset({"ceil_div", "pad", "scale", "slice"})


class Item(NamedTuple):
    """One dim of an annotation."""

    text: str
    """As written, without the size."""
    size: int | None
    """After the colon."""
    value: Value | None = None
    """Of an expression; None for a name, and for `_`."""
    names: tuple[str, ...] = ()
    """The dims that an expression is made of."""

    def __repr__(self) -> str:
        return self.text if self.size is None else f"{self.text}:{self.size}"


class Shape:
    """Dtypes and dims that a tensor is to have.

    Args:
        kind: What the dtype may be.
        text: The dims, for example `"*batch time mel:80"`.
        tensor: The class of tensor.
    """

    items: tuple[Item, ...]
    """Names first, then expressions, then `_:80`, then `_`: what means least chooses last."""
    rest: str | None
    """`"..."`, `"*batch"`, or None: no other dims."""
    labels: Item | None
    """The dim that the values are indices into."""

    def __init__(self, kind: Kind, text: str, tensor: type[Tensor] = Tensor) -> None:
        self.kind, self.text, self.tensor = kind, text, tensor
        self.rest, self.labels = None, None
        items: list[Item] = []
        words = list(_words(text))
        for place, (start, word) in enumerate(words):
            if word == "..." or (word[0] == "*" and word[1:].isidentifier()):
                if self.rest is not None:
                    raise errors.unreadable_annotation(text, start, word)
                self.rest = word
            elif word == "of" and place == len(words) - 2:
                self.labels = _item(text, *words[-1])
                break
            else:
                item = _item(text, start, word)
                if item.text != "_" and any(other.text == item.text for other in items):
                    raise errors.unreadable_annotation(text, start, word)
                items.append(item)
        self.items = tuple(sorted(items, key=_order))

    def __repr__(self) -> str:
        return f'{self.kind.name} "{self.text}"'


class Kind:
    """Dtypes that go by one name: `Kind[Tensor, dims]` is an annotation.

    Args:
        name: As the annotation is written.
        members: Names of dtypes.
    """

    def __init__(self, name: str, *members: str) -> None:
        self.name = name
        self.members = frozenset(members)

    def __getitem__(self, item: tuple[type[Tensor], str]) -> Any:
        """The annotation of a tensor of this kind, over dims."""
        if not isinstance(item, tuple) or len(item) != 2 or not isinstance(item[1], str):  # pyright: ignore
            raise errors.bad_annotation(self.name, item)
        tensor, text = item
        if not isinstance(tensor, type) or not issubclass(tensor, Tensor):  # pyright: ignore
            raise errors.bad_annotation(self.name, item)
        return cast(Any, Annotated)[tensor, Shape(self, text, tensor)]

    def __repr__(self) -> str:
        return self.name


def _words(text: str) -> Iterator[tuple[int, str]]:
    for match in re.finditer(r"\S+", text):
        yield match.start(), match.group()


def _order(item: Item) -> int:
    if item.text == "_":
        return 3 if item.size is None else 2
    return 0 if item.value is None else 1


def _item(text: str, start: int, word: str) -> Item:
    body, _, digits = word.partition(":")
    if not body or (_ and not digits.isdecimal()):
        raise errors.unreadable_annotation(text, start, word)
    size = int(digits) if digits else None
    if body.isidentifier():
        return Item(body, size)
    names: list[str] = []
    try:
        value = _compiled(ast.parse(body, mode="eval").body, names)
    except (SyntaxError, TypeError):
        raise errors.unreadable_annotation(text, start, word) from None
    return Item(body, size, value, tuple(names))


def _compiled(node: ast.expr, names: list[str]) -> Value:
    """A function of what the names stand for; `TypeError` for what is no arithmetic of dims."""
    if isinstance(node, ast.BinOp):
        return _operation(node, names)
    if isinstance(node, ast.Call):
        return _method(node, names)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        operand = _compiled(node.operand, names)
        return lambda scope: -operand(scope)
    if isinstance(node, ast.Attribute):
        return _attribute(node)
    if isinstance(node, ast.Name):
        name = node.id
        names.append(name)
        return lambda scope: scope[name]
    if isinstance(node, ast.Constant) and type(node.value) is int:
        number = node.value
        return lambda scope: number
    raise TypeError


def _operation(node: ast.BinOp, names: list[str]) -> Value:
    a, b = _compiled(node.left, names), _compiled(node.right, names)
    if isinstance(node.op, ast.Add):
        return lambda scope: a(scope) + b(scope)
    if isinstance(node.op, ast.Sub):
        return lambda scope: a(scope) - b(scope)
    if isinstance(node.op, ast.Mult):
        return lambda scope: a(scope) * b(scope)
    if isinstance(node.op, ast.FloorDiv):
        return lambda scope: a(scope) // b(scope)
    raise TypeError


def _method(node: ast.Call, names: list[str]) -> Value:
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in _METHODS or node.keywords:
        raise TypeError
    name, owner = node.func.attr, _compiled(node.func.value, names)
    arguments = [_compiled(argument, names) for argument in node.args]
    return lambda scope: getattr(owner(scope), name)(*[a(scope) for a in arguments])


def _attribute(node: ast.Attribute) -> Value:
    """`self.in_dim`: read from an argument, so its names are no dims."""
    owner = _compiled(node.value, [])
    name = node.attr
    return lambda scope: getattr(owner(scope), name)


Shaped = Kind("Shaped", *dtypes.ALL)
Num = Kind("Num", *dtypes.INTS, *dtypes.FLOATS)
Bool = Kind("Bool", *dtypes.BOOL)
Integer = Kind("Integer", *dtypes.INTS)
Int = Kind("Int", "int8", "int16", "int32", "int64")
UInt8 = Kind("UInt8", "uint8")
Int8 = Kind("Int8", "int8")
Int16 = Kind("Int16", "int16")
Int32 = Kind("Int32", "int32")
Int64 = Kind("Int64", "int64")
Float = Kind("Float", *dtypes.FLOATS)
Float16 = Kind("Float16", "float16")
BFloat16 = Kind("BFloat16", "bfloat16")
Float32 = Kind("Float32", "float32")
Float64 = Kind("Float64", "float64")

KINDS = {kind.name: kind for kind in vars().copy().values() if isinstance(kind, Kind)}
"""All of them, by name."""
