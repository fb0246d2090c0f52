"""All cases, in one list."""

from __future__ import annotations

import itertools

from cases import elementwise
from seqfront.testing import Case

MODULES = (elementwise,)

CASES: tuple[Case, ...] = tuple(itertools.chain.from_iterable(m.CASES for m in MODULES))

COMPILED_FULLY = frozenset({"softplus"})
"""Representative cases that are also compiled to machine code; the others are traced only."""
