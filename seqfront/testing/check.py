"""The checks: a case against the NumPy reference, another backend, and itself in disguise."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (NumPy declares the results of its array methods only in part.)

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any, cast

import numpy as np

from seqfront import backends, randomness
from seqfront.dim import Dim
from seqfront.testing.case import Case
from seqfront.testing.compare import (
    TOLERANCES,
    MismatchError,
    Rows,
    aligned,
    restricted,
    same_data,
    same_outputs,
)
from seqfront.testing.inputs import Argument
from seqfront.testing.invariances import Variant, chosen, cut, poisoned, row_mask
from seqfront.testing.run import Compile, Execution, Output, Setting, make_module, run, weights

Tolerance = tuple[float, float]


def tolerance(case: Case, precision: str, factor: float = 1.0) -> Tolerance:
    """Relative and absolute tolerance for a case."""
    relative, absolute = TOLERANCES[precision]
    return relative * case.tolerance * factor, absolute * case.tolerance * factor


@lru_cache(maxsize=64)
def draws_of(case: Case) -> tuple[Any, ...] | None:
    """The random numbers of a case, as NumPy draws them."""
    if not case.draws:
        return None
    backends.get("numpy").set_seed(case.seed)
    with randomness.record() as draws:
        run(case, "numpy", case.arguments(), Setting(gradients=False))
    return tuple(draws)


@lru_cache(maxsize=64)
def reference(case: Case, precision: str) -> Execution:
    """What a case gives on the NumPy backend."""
    setting = Setting(precision, gradients=False, draws=draws_of(case))
    return run(case, "numpy", case.arguments(), setting)


@lru_cache(maxsize=64)
def execution(case: Case, backend: str, precision: str = "float64") -> Execution:
    """What a case gives on a backend, run eagerly, with gradients."""
    return run(case, backend, case.arguments(), Setting(precision, draws=draws_of(case)))


# -- against the reference -------------------------------------------------------------------------


def check_values(case: Case, backend: str) -> None:
    """Values, dtypes, dims and lengths are those of the NumPy backend, in float32 and float64."""
    setting = Setting("float32", gradients=False, draws=draws_of(case))
    _same_as_reference(case, run(case, backend, case.arguments(), setting).outputs)
    exact = reference(case, "float64").outputs
    double = execution(case, backend).outputs
    same_outputs(double, exact, tolerance=_exact_tolerance(case, exact))


def check_half(case: Case, backend: str) -> None:
    """In float16 too there is a result, of the same dtype as that of NumPy, and near the exact
    one."""
    setting = Setting("float16", gradients=False, draws=draws_of(case))
    found = run(case, backend, case.arguments(), setting).outputs
    _same_dtypes(found, reference(case, "float16").outputs)
    if not case.no_half:
        exact = reference(case, "float64").outputs
        same_outputs(found, exact, dtypes=False, tolerance=tolerance(case, "float16"))


def check_compiled(case: Case, backend: str, against: str, compile: Compile) -> None:
    """A compiled function gives what the reference gives, and the gradients of another backend;
    with poison in the padding."""
    setting = Setting("float32", compile, draws=draws_of(case))
    arguments = case.arguments()
    if not case.reads_padding:
        arguments = {name: poisoned(x) for name, x in arguments.items()}
    found = run(case, backend, arguments, setting)
    _same_as_reference(case, found.outputs)
    if not case.no_gradient:
        wanted = execution(case, against).gradients
        allowed = tolerance(case, "float32", 5)  # sums over many positions
        _same_gradients(case, found.gradients, wanted, arguments, {}, allowed)


def check_gradients(case: Case, backend: str, against: str) -> None:
    """Gradients are those of another backend, to float64 precision."""
    wanted, found = execution(case, against), execution(case, backend)
    allowed = _exact_tolerance(case, wanted.outputs)
    _same_gradients(case, found.gradients, wanted.gradients, case.arguments(), {}, allowed)


def _same_as_reference(case: Case, single: tuple[Output, ...]) -> None:
    """float32 results: dtypes as those of NumPy in float32, values as those in float64."""
    exact, wanted = reference(case, "float64").outputs, reference(case, "float32").outputs
    _same_dtypes(single, wanted)
    worst = max((o.dtype for o in wanted if o.is_float), key=_coarseness, default="float32")
    same_outputs(single, exact, dtypes=False, tolerance=tolerance(case, worst))


def _same_dtypes(outputs: tuple[Output, ...], wanted: tuple[Output, ...]) -> None:
    for mine, other in zip(outputs, wanted, strict=True):
        if mine.dtype != other.dtype:
            raise MismatchError(f"a result is {mine.dtype} instead of {other.dtype}")


def _coarseness(dtype: str) -> float:
    return TOLERANCES.get(dtype, (0.0, 0.0))[0]


def _exact_tolerance(case: Case, outputs: tuple[Output, ...]) -> Tolerance:
    worst = max((o.dtype for o in outputs if o.is_float), key=_coarseness, default="float64")
    return tolerance(case, worst)


def _same_gradients(
    case: Case,
    mine: Mapping[str, np.ndarray],
    wanted: Mapping[str, np.ndarray],
    arguments: Mapping[str, Argument],
    rows: Rows,
    allowed: Tolerance,
) -> None:
    """`mine` for these arguments against `wanted` for those of the case."""
    base = case.arguments()
    if set(mine) != set(wanted):
        raise MismatchError(f"gradients of {sorted(mine)} instead of {sorted(wanted)}")
    for name, gradient in mine.items():
        where = f"the gradient of {name}"
        scale = float(np.abs(wanted[name][np.isfinite(wanted[name])]).max(initial=1.0))
        if name not in base:
            full = np.ones(gradient.shape, bool)
            same_data(where, gradient, full, wanted[name], full, (), _scaled(allowed, scale))
            continue
        x, original = arguments[name], base[name]
        values = aligned(gradient, x.dims, original.dims)
        data = aligned(x.data(), x.dims, original.dims)
        if not x.lengths:  # where it is wider it meets padding of others
            beyond = np.ones(values.shape, bool)
            beyond[tuple(slice(0, n) for n in original.values.shape)] = False
            data = data & ~beyond
        target = restricted(wanted[name], original.dims, rows)
        target_data = restricted(original.data(), original.dims, rows)
        if np.isnan(values[~data]).any() or np.any(values[~data] != 0):
            raise MismatchError(f"{where} is not zero in the padding:\n{values}")
        same_data(where, values, data, target, target_data, original.dims, _scaled(allowed, scale))


def _scaled(allowed: Tolerance, scale: float) -> Tolerance:
    return allowed[0], allowed[1] * scale


# -- against plain NumPy ---------------------------------------------------------------------------


def check_oracle(case: Case) -> None:
    """The NumPy backend gives what the case's own plain NumPy gives, sequence by sequence."""
    if case.oracle is None:
        raise AssertionError(f"{case.name} has no oracle")
    outputs = reference(case, "float64").outputs
    base = {name: x.as_dtype("float64") for name, x in case.arguments().items()}
    numpy = backends.get("numpy")
    with backends.use_backend("numpy"):
        model = make_module(case, numpy, Setting("float64"))
    oracle = case.oracle if model is None else partial(case.oracle, model)
    if case.mixes_batch or not case.batch:
        arrays = {name: _with_holes(x) for name, x in base.items()}
        _same_as_oracle(case, outputs, oracle(*arrays.values()), {})
        return
    sizes = [case.layout.size(dim) for dim in case.batch]
    for index in np.ndindex(*sizes):
        rows = {dim: np.array([i]) for dim, i in zip(case.batch, index, strict=True)}
        parts = {name: chosen(x, rows) for name, x in base.items()}
        alone = {dim: entry for x in parts.values() for dim, entry in x.lengths.items()}
        arrays = {
            name: cut(x, alone).values.reshape(
                [
                    n
                    for d, n in zip(x.dims, cut(x, alone).values.shape, strict=True)
                    if d not in rows
                ]
            )
            for name, x in parts.items()
        }
        _same_as_oracle(case, outputs, oracle(*arrays.values()), rows)


def _with_holes(x: Argument) -> np.ndarray:
    hole = np.nan if x.is_float else 0
    return np.where(x.data(), x.values, np.asarray(hole, x.values.dtype))


def _same_as_oracle(case: Case, outputs: tuple[Output, ...], expected: Any, rows: Rows) -> None:
    wanted = cast("tuple[Any, ...]", expected if isinstance(expected, tuple) else (expected,))
    allowed = _exact_tolerance(case, outputs)
    if len(wanted) != len(outputs):
        raise MismatchError(f"the oracle gives {len(wanted)} results, the case {len(outputs)}")
    for output, value in zip(outputs, wanted, strict=True):
        array = np.asarray(value)
        values = restricted(output.values, output.dims, rows)
        data = restricted(output.data(), output.dims, rows)
        rest = [d for d in output.dims if d not in rows]
        shape = [n for d, n in zip(output.dims, values.shape, strict=True) if d not in rows]
        values, data = values.reshape(shape), data.reshape(shape)
        if array.ndim != values.ndim:
            raise MismatchError(f"the oracle gives {array.ndim} axes for {rest}")
        full = np.ones(array.shape, bool)
        if case.mixes_batch or not rows:
            full = data
        same_data("against the oracle the result", values, data, array, full, rest, allowed)


# -- against differences ---------------------------------------------------------------------------


def check_finite_differences(case: Case, backend: str, step: float = 1e-5) -> None:
    """Gradients are the limit of differences of float64 NumPy values, in random directions."""
    found = execution(case, backend)
    base = {name: x.as_dtype("float64") for name, x in case.arguments().items()}
    parameters = _parameters(case)
    rng = np.random.default_rng(case.seed + 1)
    for name, gradient in found.gradients.items():
        for _ in range(2):
            direction = rng.standard_normal(gradient.shape)
            if name in base:
                direction = np.where(base[name].data(), direction, 0.0)
            ends = [
                _total(case, _moved(base, name, sign * step * direction),
                       _moved_array(parameters, name, sign * step * direction))
                for sign in (1.0, -1.0)
            ]  # fmt: skip
            slope = (ends[0] - ends[1]) / (2 * step)
            product = float(np.sum(np.where(direction != 0, gradient, 0.0) * direction))
            scale = 1.0 + float(np.abs(gradient[np.isfinite(gradient)]).max(initial=0.0))
            if not abs(slope - product) <= 1e-5 * scale * case.tolerance:
                raise MismatchError(
                    f"the gradient of {name} gives {product} in a direction, differences {slope}"
                )


def _parameters(case: Case) -> dict[str, np.ndarray]:
    if case.module is None:
        return {}
    randomness.set_seed(case.seed)
    with backends.use_backend("numpy"):
        named = case.module().named_parameters()
    return {name: np.asarray(p.numpy(), np.float64) for name, p in named.items() if p.trainable}


def _moved(base: Mapping[str, Argument], name: str, by: np.ndarray) -> dict[str, Argument]:
    return {n: x.with_values(x.values + by) if n == name else x for n, x in base.items()}


def _moved_array(base: Mapping[str, np.ndarray], name: str, by: np.ndarray) -> dict[str, Any]:
    return {n: x + by if n == name else x for n, x in base.items()}


def _total(case: Case, arguments: Mapping[str, Argument], parameters: Mapping[str, Any]) -> float:
    setting = Setting("float64", gradients=False, parameters=parameters, draws=draws_of(case))
    outputs = run(case, "numpy", arguments, setting).outputs
    return sum(
        float(np.sum(np.where(o.data(), o.values, 0.0) * weights(o, {}), dtype=np.float64))
        for o in outputs
        if o.is_float
    )


# -- against itself in disguise --------------------------------------------------------------------


def check_variant(case: Case, variant: Variant, backend: str) -> None:
    """A variant of a case gives the same results and gradients, in float64."""
    wanted = execution(case, backend)
    allowed = _exact_tolerance(case, wanted.outputs)
    shared: dict[str, np.ndarray] = {}
    for arguments, rows in variant.parts:
        setting = Setting("float64", draws=draws_of(case), coordinates=rows)
        mine = run(case, backend, arguments, setting)
        if variant.rows_changed:
            _check_changed(case, mine, wanted, arguments, variant.rows_changed, allowed)
            continue
        same_outputs(
            mine.outputs, wanted.outputs, rows=rows, dtypes=variant.same_dtypes, tolerance=allowed
        )
        if not case.unsafe_output:
            _check_padding(mine.outputs)
        own = {n: g for n, g in mine.gradients.items() if _has_rows(case, n, rows)}
        _same_gradients(case, own, {n: wanted.gradients[n] for n in own}, arguments, rows, allowed)
        for name in set(mine.gradients) - set(own):
            _accumulate(case, shared, name, mine.gradients[name], arguments)
    for name, total in shared.items():
        full = np.ones(total.shape, bool)
        scale = float(np.abs(wanted.gradients[name]).max(initial=1.0))
        where = f"the sum of the gradients of {name}"
        same_data(where, total, full, wanted.gradients[name], full, (), _scaled(allowed, scale))


def _has_rows(case: Case, name: str, rows: Rows) -> bool:
    """Whether the gradient of an input belongs to the rows alone, and is not shared by all."""
    x = case.arguments().get(name)
    return not rows or (x is not None and all(dim in x.dims for dim in rows))


def _accumulate(
    case: Case,
    shared: dict[str, np.ndarray],
    name: str,
    gradient: np.ndarray,
    arguments: Mapping[str, Argument],
) -> None:
    """Add up what each part contributes; a part may hold the start of it only."""
    base: dict[str, Argument] = case.arguments()
    total = shared.setdefault(
        name, np.zeros(base[name].values.shape if name in base else gradient.shape)
    )
    total[tuple(slice(0, n) for n in gradient.shape)] += gradient


def _check_padding(outputs: tuple[Output, ...]) -> None:
    for output in outputs:
        padding = output.values[~output.data()] if output.is_float else np.zeros(0)
        if not output.untrusted and not np.isfinite(padding).all():
            raise MismatchError(f"the padding of the result is not finite: {padding}")


def _check_changed(
    case: Case,
    mine: Execution,
    wanted: Execution,
    arguments: Mapping[str, Argument],
    changed: Mapping[Dim, np.ndarray],
    allowed: Tolerance,
) -> None:
    """Without NaN anywhere, and the same in all rows that were not changed."""
    for number, (output, before) in enumerate(zip(mine.outputs, wanted.outputs, strict=True)):
        data = output.data()
        if output.is_float and np.isnan(output.values[data]).any():
            raise MismatchError(f"result {number} is NaN for an empty row:\n{output.values}")
        old = row_mask(output.values.shape, output.dims, changed)
        kept = data & ~old
        values = aligned(before.values, before.dims, output.dims)
        kept_before = aligned(before.data(), before.dims, output.dims)
        kept_before = kept_before & ~row_mask(values.shape, output.dims, changed)
        same_data("a row beside it", output.values, kept, values, kept_before, output.dims, allowed)
    for name, gradient in mine.gradients.items():
        if np.isnan(gradient).any():
            raise MismatchError(f"the gradient of {name} is NaN beside an empty row:\n{gradient}")
        if name in arguments and np.any(gradient[~arguments[name].data()] != 0):
            raise MismatchError(f"the gradient of {name} is not zero in the padding:\n{gradient}")
