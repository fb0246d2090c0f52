"""More cases of primitives: move, index, contract and transform."""

from __future__ import annotations

import itertools

import numpy as np
from primitive_cases import INF, array, case, floats, ints

# -- move -----------------------------------------------------------------------------------------

case("reshape", lambda b, x: b.reshape(x, (4, 6)), floats(2, 3, 4), gradient=True)
case("reshape to a scalar", lambda b, x: b.reshape(x, ()), floats(1, 1))
case("reshape of nothing", lambda b, x: b.reshape(x, (3, 0)), floats(0, 5))
case(
    "reshape of a transposed",
    lambda b, x: b.reshape(b.transpose(x, (1, 0)), (6,)),
    floats(2, 3),
    gradient=True,
)
for _order in itertools.permutations(range(3)):
    case(
        f"transpose {_order}",
        lambda b, x, o=_order: b.transpose(x, o),
        floats(2, 3, 4),
        gradient=True,
    )
case("transpose a scalar", lambda b, x: b.transpose(x, ()), floats())
for _axes in ((), (0,), (2,), (0, 3), (1, 2)):
    case(
        f"expand_dims {_axes}",
        lambda b, x, a=_axes: b.expand_dims(x, a),
        floats(2, 3),
        gradient=True,
    )
    case(
        f"squeeze {_axes}",
        lambda b, x, a=_axes: b.squeeze(b.expand_dims(x, a), a),
        floats(2, 3),
        gradient=True,
    )
case("squeeze one of two", lambda b, x: b.squeeze(x, (1,)), floats(1, 1, 3))
case("broadcast_to", lambda b, x: b.broadcast_to(x, (4, 2, 3)), floats(2, 1), gradient=True)
case("broadcast_to nothing", lambda b, x: b.broadcast_to(x, (0, 3)), floats(1, 3))
for _axis in (0, 1, 2):
    case(
        f"concat {_axis}",
        lambda b, x, y, a=_axis: b.concat([x, y, x], a),
        floats(2, 3, 2),
        floats(2, 3, 2, seed=1),
        gradient=True,
    )
    case(f"flip {_axis}", lambda b, x, a=_axis: b.flip(x, a), floats(2, 3, 2), gradient=True)
    case(
        f"stack {_axis}",
        lambda b, x, y, a=_axis: b.stack([x, y], a),
        floats(2, 3),
        floats(2, 3, seed=1),
        gradient=True,
    )
case("concat with nothing", lambda b, x, y: b.concat([x, y], 0), floats(2, 3), floats(0, 3))
case("split", lambda b, x: b.split(x, (1, 0, 3), 1), floats(2, 4), gradient=True)
case("split first axis", lambda b, x: b.split(x, (1, 2), 0), ints(3, 2))
case("pad", lambda b, x: b.pad(x, ((1, 2), (0, 1)), 0.5), floats(2, 3), gradient=True)
case("pad infinite", lambda b, x: b.pad(x, ((0, 0), (2, 0), (0, 0)), -INF), floats(2, 3, 2))
case("pad ints", lambda b, x: b.pad(x, ((0, 2),), -1), ints(3))
case("pad bools", lambda b, x: b.pad(x, ((1, 2),), False), np.array([True, True]))
case("pad nothing", lambda b, x: b.pad(x, ((1, 0), (0, 0)), 1.0), floats(0, 2))
case("pad a scalar", lambda b, x: b.pad(x, (), 1.0), floats())
_inside = ((0, 5, 1), (1, 4, 1), (0, 5, 2), (1, 4, 2), (2, 2, 1), (5, 5, 1), (0, 5, 7))
_outside = ((-2, 5, 1), (-9, 3, 1), (1, -1, 2), (3, 9, 1), (7, 9, 1), (3, 1, 1), (2, -9, 1))
for _slice in _inside + _outside:
    case(
        f"slice {_slice}", lambda b, x, s=_slice: b.slice(x, 1, *s), floats(2, 5, 2), gradient=True
    )

# -- index ----------------------------------------------------------------------------------------

for _axis in (0, 1, 2):
    _run = lambda b, x, i, a=_axis: b.gather(x, i, a)  # noqa: E731
    case(f"gather {_axis}", _run, floats(2, 3, 4), array([[1, 0], [1, 1]]), gradient=True)
    case(f"gather {_axis} scalar", _run, floats(2, 3, 4), array(1))
    case(f"gather {_axis} int64", _run, ints(2, 3, 4), array([1, 0, 0], "int64"))
    case(f"gather {_axis} nothing", _run, floats(2, 3, 4), np.zeros((0, 2), "int32"))
for _batch, _axis in ((1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)):
    _run = lambda b, x, i, a=_axis, n=_batch: b.gather(x, i, a, n)  # noqa: E731
    for _extra in ((), (5,), (2, 5), (0,)):
        _indices = ints(*(2, 3, 2)[:_batch], *_extra, low=0, high=2)
        case(
            f"gather {_axis} batch {_batch} {_extra}",
            _run,
            floats(2, 3, 2, 4),
            _indices,
            gradient=0 not in _extra,
        )
case(
    "gather batch of nothing",
    lambda b, x, i: b.gather(x, i, 1, 1),
    floats(0, 3, 2),
    np.zeros((0, 2), "int32"),
)
for _s in ("add", "max", "min", "update"):
    _run = lambda b, x, i, u, n=_s: b.scatter(n, x, i, u)  # noqa: E731
    case(
        f"scatter {_s}",
        _run,
        floats(4, 2),
        array([2, 0, 2, 2]),
        floats(4, 2, seed=1),
        gradient=True,
    )
    case(f"scatter {_s} int64", _run, ints(4, 2), array([2, 0, 2], "int64"), ints(3, 2, seed=1))
    case(f"scatter {_s} 1-D", _run, floats(4), array([3, 3]), floats(2, seed=1), gradient=True)
    case(f"scatter {_s} 3-D", _run, floats(4, 2, 3), array([3, 0]), floats(2, 2, 3, seed=1))
    case(f"scatter {_s} nothing", _run, floats(4, 2), np.zeros(0, "int32"), floats(0, 2))
case(
    "scatter update many",
    lambda b, x, i, u: b.scatter("update", x, i, u),
    np.zeros((50, 3), "float32"), ints(1000, low=0, high=50), floats(1000, 3),
)  # fmt: skip
for _down in (False, True):
    _run = lambda b, x, d=_down: b.sort(x, 1, d)  # noqa: E731
    case(f"sort {_down}", lambda b, x, d=_down: b.sort(x, 1, d)[0], floats(2, 5, 2), gradient=True)
    case(f"sort {_down} axis 0", lambda b, x, d=_down: b.sort(x, 0, d), floats(5, 2))
    case(f"sort {_down} stable", _run, ints(3, 40, low=0, high=4))
    case(f"sort {_down} stable floats", _run, ints(3, 40, low=0, high=4).astype("float32"))
    case(f"sort {_down} infinite", _run, [[-INF, 1.0, INF, -INF, 0.0]])
    case(f"sort {_down} of nothing", _run, floats(2, 0))
for _k in (0, 1, 3, 40):
    _run = lambda b, x, k=_k: b.top_k(x, k)  # noqa: E731
    case(f"top_k {_k}", _run, floats(2, 40))
    case(f"top_k {_k} ties", _run, ints(3, 40, low=0, high=4).astype("float32"))
    case(f"top_k {_k} ints", _run, ints(3, 40, low=0, high=4))
for _dtype in ("float32", "float64", "float16", "int32"):
    _x = ints(2, 600, low=0, high=40).astype(_dtype)
    case(f"top_k many ties {_dtype}", lambda b, x: b.top_k(x, 50), _x - array(20, _dtype))
case("top_k many", lambda b, x: b.top_k(x, 50), floats(2, 600))
case("top_k values", lambda b, x: b.top_k(x, 3)[0], floats(2, 7), gradient=True)
case("top_k infinite", lambda b, x: b.top_k(x, 3), [[-INF, -INF, 1.0, -INF], [INF, 0.0, INF, 1.0]])
for _side in ("left", "right"):
    _run = lambda b, s, v, w=_side: b.search_sorted(s, v, w)  # noqa: E731
    case(f"search_sorted {_side}", _run, array([1, 2, 2, 4]), array([0, 1, 2, 3, 4, 5]))
    case(f"search_sorted {_side} rows", _run, np.sort(ints(2, 3, 7), -1), ints(2, 3, 4, seed=1))
    case(f"search_sorted {_side} floats", _run, np.sort(floats(2, 7), -1), floats(2, 4, seed=1))
    case(f"search_sorted {_side} nothing", _run, floats(2, 0), floats(2, 4))
_mask = np.array([True, False, True])
case("masked_select", lambda b, x, m: b.masked_select(x, m), floats(3, 2), _mask, gradient=True)
case("masked_select 1-D", lambda b, x, m: b.masked_select(x, m), ints(3), _mask)
case("masked_select nothing", lambda b, x, m: b.masked_select(x, m), floats(3, 2), _mask & False)

# -- contract and transform -----------------------------------------------------------------------

for _equation, _shapes in (
    ("btf,fo->bto", [(2, 3, 4), (4, 5)]),
    ("bhtf,bhsf->bhts", [(2, 2, 3, 4), (2, 2, 5, 4)]),
    ("tbf,bf->bt", [(3, 2, 4), (2, 4)]),
    ("ab,ab->", [(2, 3), (2, 3)]),
    ("ab,cd->dbca", [(2, 3), (2, 2)]),
    ("ab->ba", [(2, 3)]),
    ("ab->", [(2, 3)]),
    ("a,ab,b->ab", [(2,), (2, 3), (3,)]),
    ("ab,bb->a", [(2, 3), (3, 3)]),
    (",ab->ab", [(), (2, 3)]),
):
    _run = lambda b, *xs, e=_equation: b.einsum(e, *xs)  # noqa: E731
    _xs = [floats(*shape, seed=i) for i, shape in enumerate(_shapes)]
    case(f"einsum {_equation}", _run, *_xs, gradient=True)
    case(f"einsum {_equation} float64", _run, *(x.astype("float64") for x in _xs))
case(
    "einsum nothing contracted",
    lambda b, x, y: b.einsum("ab,bc->ac", x, y),
    floats(2, 0),
    floats(0, 3),
)
case(
    "einsum empty batch",
    lambda b, x, y: b.einsum("abc,cd->abd", x, y),
    floats(0, 2, 3),
    floats(3, 2),
)

for _strides, _dilations, _groups in (
    ((1,), (1,), 1), ((2,), (1,), 1), ((1,), (2,), 1), ((3,), (2,), 1), ((1,), (1,), 2),
    ((2,), (1,), 4), ((1, 1), (1, 1), 1), ((2, 1), (1, 2), 2), ((2, 2), (1, 1), 1),
    ((1, 2, 1), (1, 1, 2), 2),
):  # fmt: skip
    _window = (3, 2, 2)[: len(_strides)]
    _run = lambda b, x, k, s=_strides, d=_dilations, g=_groups: b.conv(x, k, s, d, g)  # noqa: E731
    _kernel = floats(*_window, 4 // _groups, 8, seed=1)
    _name = f"conv strides {_strides} dilations {_dilations} groups {_groups}"
    _x = floats(2, *(7, 5, 4)[: len(_strides)], 4)
    case(_name, _run, _x, _kernel, gradient=len(_strides) < 3)
    case(f"{_name} empty batch", _run, _x[:0], _kernel)
    case(f"{_name} empty time", _run, _x[:, :0], _kernel)
    case(f"{_name} short time", _run, _x[:, :2], _kernel)
for _strides in ((1,), (2,), (3,), (2, 1), (1, 2, 1)):
    _run = lambda b, x, k, s=_strides: b.conv_transpose(x, k, s)  # noqa: E731
    _x = floats(2, *(4, 3, 2)[: len(_strides)], 3)
    _kernel = floats(*(3, 2, 2)[: len(_strides)], 4, 3, seed=1)
    case(f"conv_transpose {_strides}", _run, _x, _kernel, gradient=len(_strides) < 3)
    case(f"conv_transpose {_strides} empty batch", _run, _x[:0], _kernel)
for _p, _window, _strides in itertools.product(("max", "mean"), ((2,), (3,)), ((1,), (2,))):
    _run = lambda b, x, n=_p, w=_window, s=_strides: b.pool(n, x, w, s)  # noqa: E731
    case(f"pool {_p} {_window} {_strides}", _run, floats(2, 7, 3), gradient=True)
    case(f"pool {_p} {_window} {_strides} empty time", _run, floats(2, 0, 3))
    case(f"pool {_p} {_window} {_strides} short time", _run, floats(2, 1, 3))
    case(f"pool {_p} {_window} {_strides} empty batch", _run, floats(0, 7, 3))
for _p in ("max", "mean"):
    case(
        f"pool {_p} 2-D",
        lambda b, x, n=_p: b.pool(n, x, (2, 3), (2, 1)),
        floats(2, 5, 4, 3),
        gradient=True,
    )
    case(
        f"pool {_p} 3-D",
        lambda b, x, n=_p: b.pool(n, x, (2, 1, 2), (2, 1, 1)),
        floats(2, 4, 2, 3, 2),
    )
case("pool max negative", lambda b, x: b.pool("max", x, (2,), (1,)), [[[-INF], [-2.0], [-1.0]]])

for _size in (5, 6, 8, 3):
    _run = lambda b, x, n=_size: b.rfft(x, n)  # noqa: E731
    case(f"rfft {_size}", _run, floats(2, 3, 6), gradient=True)
    case(f"rfft {_size} float64", _run, floats(6).astype("float64"))
    _parts = [floats(2, _size // 2 + 1, seed=i) for i in (0, 1)]
    case(f"irfft {_size}", lambda b, r, i, n=_size: b.irfft(r, i, n), *_parts, gradient=True)
