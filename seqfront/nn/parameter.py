"""Parameters: tensors that a framework owns.

A `Parameter` knows its dims and where it started; its value lies in the dictionary of an *owner*
and is read there at every use. To begin with the owner is the parameter itself; when a framework
takes the model (`seqfront_torch.module(model)`), its module becomes the owner. So whatever the
framework does to its own parameters (optimizers, `load_state_dict(assign=True)`,
`functional_call`, distribution) is what the model computes with.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np
from typing_extensions import Self

from seqfront import align, backends, dtypes, errors, randomness
from seqfront.backend import Backend, Raw
from seqfront.dim import Dim
from seqfront.lengths import FULL
from seqfront.nn.init import Initializer
from seqfront.tensor import Tensor


class Parameter(Tensor):
    """A tensor that is learned, or kept.

    Args:
        dims: Static dims.
        initial: Starting value: an initialiser, or a number.
        dtype: A float dtype; others only if not trainable.
        trainable: Whether an optimizer may change it. False: kept state (running statistics).

    Example:
        >>> import seqfront as sf
        >>> feature = sf.Dim("feature", 3)
        >>> sf.nn.Parameter((feature,), 1.0)
        float32[feature:3] numpy:cpu
    """

    __slots__ = ("_key", "_own", "_owner", "bound", "learned", "trainable")

    trainable: bool
    """Whether an optimizer may change it."""
    learned: bool
    """Whether it was made to be trained; False: kept state."""
    bound: bool
    """Whether it belongs to a layer of a framework, which it cannot leave."""
    _own: dict[str, Raw]
    _owner: Mapping[str, Raw]
    _key: str

    def __init__(
        self,
        dims: Sequence[Dim],
        initial: Initializer | float = 0.0,
        *,
        dtype: str = "float32",
        trainable: bool = True,
    ) -> None:
        dims = align.distinct("Parameter", dims)
        shape = tuple([_static(dim) for dim in dims])
        dtypes.check(dtype, "Parameter")
        if trainable and not dtypes.is_float(dtype):
            raise errors.not_trainable(dtype)
        backend = backends.default()
        self.dims, self.lengths_table = dims, FULL
        self.sparse_dim, self.untrusted = None, False
        if isinstance(initial, Initializer):
            value = initial(dims, randomness.next_stream())
        else:
            dtypes.check_number("Parameter", "initial", initial, dtype)
            value = np.full(shape, initial)
        raw = backend.convert(np.asarray(value, np.float64 if dtype == "float64" else np.float32))
        if backend.dtype(raw) != dtype:
            raw = backend.cast(raw, dtype)
        self.trainable = self.learned = trainable
        self.bound = False
        self._key = "value"
        self._own = {"value": backend.parameter(raw, trainable=trainable)}
        self._owner = self._own

    @property
    def raw(self) -> Raw:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The framework's variable, as its owner has it now."""
        return self._owner[self._key]

    @property
    def backend(self) -> Backend:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The backend of the owner."""
        return backends.of(self._owner[self._key])

    @classmethod
    def of_layer(cls, dims: tuple[Dim, ...], owner: Mapping[str, Raw], key: str) -> Self:
        """What stands for a variable that a layer of a framework keeps, in `owner[key]`."""
        parameter = cls.__new__(cls)
        parameter.dims, parameter.lengths_table = dims, FULL
        parameter.sparse_dim, parameter.untrusted = None, False
        parameter.trainable = parameter.learned = parameter.bound = True
        parameter._own = {}
        parameter.owned_by(owner, key)
        return parameter

    def freeze(self, frozen: bool = True) -> None:
        """Leave it as it is from now on, or let it be trained again. Kept state stays what it is.

        Raises:
            DimError: A framework's module owns it.
        """
        trainable = self.learned and not frozen
        if trainable == self.trainable:
            return
        if self._owner is not self._own:
            raise errors.bad_argument(
                "freeze",
                "a parameter",
                self,
                "one that no framework's module owns",
                "freeze the model first, or use what the framework has (requires_grad_).",
            )
        self.trainable = trainable
        self._own["value"] = self.variable_of(self.backend)

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        """What a copy or pickle holds: not `raw` and `backend`, which the owner has."""
        held = ("dims", "lengths_table", "sparse_dim", "untrusted", *self.__slots__)
        return None, {name: getattr(self, name) for name in held}

    def owned_by(self, owner: Mapping[str, Raw], key: str) -> None:
        """Read the value from `owner[key]` from now on; for the bridges to frameworks."""
        self._owner, self._key = owner, key

    @contextlib.contextmanager
    def lent(self, value: Raw) -> Generator[None]:
        """Read `value` instead of the owner's, inside a `with` block."""
        owner, key = self._owner, self._key
        self.owned_by({"value": value}, "value")
        try:
            yield
        finally:
            self.owned_by(owner, key)

    def variable_of(self, backend: Backend) -> Raw:
        """A new variable of a framework, with the same value."""
        source, value = self.backend, self.raw
        if source is not backend:
            if self.bound:
                raise errors.bound_parameter(self, self._key, source.name, backend.name)
            value = backend.convert(source.to_numpy(value), self.dtype)
        return backend.parameter(value, trainable=self.trainable)

    def move_to(self, backend: Backend) -> None:
        """Become a variable of another framework, with the same value."""
        if self.backend is not backend:
            self._own = {"value": self.variable_of(backend)}
            self.owned_by(self._own, "value")

    def assign(self, value: Any) -> None:
        """Overwrite the value: a Tensor over the same dims, or an array in their order."""
        if isinstance(value, Tensor):
            value = value.backend.to_numpy(value.raw_in(self.dims))
        array: Any = np.asarray(value)
        if array.dtype.kind not in "biufV":  # V: bfloat16, which NumPy has not
            raise errors.unknown_dtype("assign", str(array.dtype), dtypes.ALL)
        shape = tuple(dim.size for dim in self.dims)
        if array.shape != shape:
            raise errors.wrong_value_shape(self, array.shape)
        backend = self.backend
        backend.assign(self.raw, backend.convert(array, self.dtype, self.device))


def _static(dim: Dim) -> int:
    if dim.size is None:
        raise errors.size_unknown("Parameter", dim)
    return dim.size
