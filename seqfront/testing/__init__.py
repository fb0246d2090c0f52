"""Testing code written with seqfront: one case, every backend, every invariance.

A `Case` says how to make inputs and calls public API once. The harness does the rest: it runs the
case on any backend, eager or compiled, compares values, dtypes, dims, lengths and gradients, and
checks what ought to change nothing: poison in the padding, the order of axes, the extent of the
padding, the other sequences of the batch.

    from seqfront import testing

    case = testing.Case(
        "softmax-over-time",
        lambda x: sf.softmax(x, axis=time),
        {"x": testing.normal(batch, time, feature)},
        layout=testing.Layout({batch: 3, time: 5}, {time: testing.ragged(batch, [5, 3, 4])}),
        batch=(batch,),
    )
    testing.check_values(case, "torch")
    for variant in testing.variants(case):
        testing.check_variant(case, variant, "torch")

Failures are `AssertionError`s that say what differs and where. Nothing here needs pytest.
"""

from seqfront.testing.case import Case as Case
from seqfront.testing.check import check_compiled as check_compiled
from seqfront.testing.check import check_finite_differences as check_finite_differences
from seqfront.testing.check import check_gradients as check_gradients
from seqfront.testing.check import check_half as check_half
from seqfront.testing.check import check_oracle as check_oracle
from seqfront.testing.check import check_values as check_values
from seqfront.testing.check import check_variant as check_variant
from seqfront.testing.compare import MismatchError as MismatchError
from seqfront.testing.inputs import Argument as Argument
from seqfront.testing.inputs import Layout as Layout
from seqfront.testing.inputs import Spec as Spec
from seqfront.testing.inputs import booleans as booleans
from seqfront.testing.inputs import constant as constant
from seqfront.testing.inputs import distinct as distinct
from seqfront.testing.inputs import integers as integers
from seqfront.testing.inputs import normal as normal
from seqfront.testing.inputs import ragged as ragged
from seqfront.testing.inputs import uniform as uniform
from seqfront.testing.invariances import Variant as Variant
from seqfront.testing.invariances import variants as variants
from seqfront.testing.run import Execution as Execution
from seqfront.testing.run import Output as Output
from seqfront.testing.run import run as run
