"""What the declarations of native ops have to keep to, for every framework to take them."""

from __future__ import annotations

from collections import Counter

import pytest

from seqfront import native


@pytest.mark.parametrize("name", sorted(native.ops()))
def test_names_of_an_op_are_unique(name: str) -> None:
    """TensorFlow refuses an op whose attribute is called as one of its arrays."""
    op = native.ops()[name]
    names = Counter(spec.name for spec in (*op.inputs, *op.outputs, *op.attributes))
    assert [each for each, count in names.items() if count > 1] == []
