"""Nested tuples, lists and dicts of tensors. A None is a part of the structure, not a leaf."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf


def leaves(tree: Any) -> list[Any]:
    """What a structure holds, in the order of `tf.nest`."""
    return [leaf for leaf in tf.nest.flatten(tree) if leaf is not None]


def rebuild(tree: Any, found: Iterable[Any]) -> Any:
    """A structure like `tree` with other leaves."""
    rest = iter(found)
    flat = [leaf if leaf is None else next(rest) for leaf in tf.nest.flatten(tree)]
    return tf.nest.pack_sequence_as(tree, flat)


def map_leaves(fn: Callable[[Any], Any], tree: Any) -> Any:
    """`fn` of every leaf."""
    return rebuild(tree, map(fn, leaves(tree)))


def tensors(tree: Any) -> list[tf.Tensor]:
    """The leaves as tensors."""
    return [tf.convert_to_tensor(leaf) for leaf in leaves(tree)]
