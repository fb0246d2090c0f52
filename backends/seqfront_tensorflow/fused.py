"""Composed operations for which TensorFlow has a kernel, or which it can do in fewer steps."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from seqfront.backend import Raw

Op = tf.raw_ops


class Fused:
    """Overrides of `seqfront.composed.ComposedOps`."""
