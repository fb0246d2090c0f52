"""What AutoGraph, the rewriting of Python source in `tf.function`, may do with seqfront's code.

AutoGraph turns `if` and `while` on tensors into graph ops. Our code has none: it goes through
`cond`, `while_loop` and `scan`. Rewritten, it would trace more slowly, could warn, and its errors
would come out as another class with another message.
"""

from __future__ import annotations

from seqfront.errors import SeqfrontError

PACKAGES = ("seqfront", "seqfront_numpy", "seqfront_tensorflow", "seqfront_torch")


def leave_alone() -> None:
    """Exempt our packages from rewriting, and our errors from rewording."""
    # AutoGraph re-raises errors from a user's rewritten function as a new object, and as a
    # `StagingError` if it does not know their constructor. It lets those with this mark pass.
    setattr(SeqfrontError, "ag_pass_through", True)  # noqa: B010  (no field of the class itself)
    try:
        from tensorflow.python.autograph.core import config  # pyright: ignore[reportMissingImports]

        known: tuple[object, ...] = tuple(config.CONVERSION_RULES)
        config.CONVERSION_RULES = (*map(config.DoNotConvert, PACKAGES), *known)
    except (ImportError, AttributeError):
        # Another TensorFlow keeps its rules elsewhere. Then our code is rewritten: slower to trace,
        # not wrong.
        pass
