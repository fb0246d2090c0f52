"""From an alignment to where labels may be emitted."""

from __future__ import annotations

from seqfront import align, dtypes, errors
from seqfront.tensor import Tensor


def alignment_windows(frames: Tensor, *, left: int, right: int) -> tuple[Tensor, Tensor]:
    """Windows for `rnnt_loss` around an alignment (Mahadeokar et al. 2021, arXiv:2011.03072).

    Args:
        frames: Integers over [batch..., labels]: the frame in which each label is emitted.
        left: How many frames earlier it may come.
        right: How many frames later.

    Returns:
        First and last frame, both inclusive; they may lie outside the frames that there are.
    """
    align.check("alignment_windows", frames, name="frames")
    if not dtypes.is_int(frames.dtype):
        raise errors.wrong_dtype("alignment_windows", "frames", frames, "an integer type")
    for name, buffer in (("left", left), ("right", right)):
        if not isinstance(buffer, int) or buffer < 0:  # pyright: ignore[reportUnnecessaryIsInstance]
            needed = "a number of frames, 0 or more"
            fix = "0 allows the frame of the alignment only."
            raise errors.bad_argument("alignment_windows", name, buffer, needed, fix)
    return frames - left, frames + right
