"""Plans are made once for a key, and never more are kept than was said."""

from __future__ import annotations

import numpy as np

import seqfront as sf
from seqfront import align
from seqfront.plans import Plans


def test_made_once_and_bounded() -> None:
    asked: list[int] = []

    def double(key: int) -> int:
        asked.append(key)
        return 2 * key

    plans = Plans(double, most=2)
    assert [plans[1], plans[1], plans[2], plans[1]] == [2, 2, 4, 2]
    assert asked == [1, 2]
    assert plans[3] == 6  # one more than is kept: the others are forgotten
    assert dict(plans) == {3: 6}
    assert plans[1] == 2
    assert asked == [1, 2, 3, 1]


def test_none_is_a_plan() -> None:
    asked: list[int] = []
    plans: Plans[int, None] = Plans(asked.append)
    assert plans[1] is None
    assert plans[1] is None
    assert asked == [1]


def test_endless_new_dims_are_not_kept() -> None:
    for _ in range(align._PLANS.most + 10):
        dim = sf.Dim("x", 2)
        total = sf.wrap(np.zeros(2), (dim,)) + sf.wrap(np.ones(2), (dim,))
        assert total.dims == (dim,)
    assert len(align._PLANS) <= align._PLANS.most
