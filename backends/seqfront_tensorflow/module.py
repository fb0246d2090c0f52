"""A seqfront model as a `tf.Module`.

    net = seqfront_tensorflow.module(model)
    net.trainable_variables            # for GradientTape and optimizers
    tf.train.Checkpoint(model=net)     # by attribute path
    y = net(x)                         # seqfront tensors in and out

The `tf.Module` mirrors the tree of the model: every variable is an attribute where the model has
its parameter, so TensorFlow names and tracks it by the same path. The model goes on computing with
these variables; they never change their identity.

For serving, write a function of plain tensors and save it with the module:

    class Recognizer(tf.Module):
        def __init__(self):
            self.net = seqfront_tensorflow.module(model.eval())

        @tf.function(
            input_signature=[tf.TensorSpec([None, None, 80]), tf.TensorSpec([None], tf.int32)]
        )
        def __call__(self, x, frames):
            y = self.net(sf.wrap(x, (batch, time, mel), lengths={time: frames}))
            return y.raw_in((batch, time, labels))

    tf.saved_model.save(Recognizer(), path)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

import tensorflow as tf

import seqfront as sf
from seqfront import backends, errors
from seqfront.nn.foreign import Axes, DerivedLengths, Foreign
from seqfront.nn.module import children


def module(model: sf.nn.Module) -> Mirror:
    """The `tf.Module` of a model.

    Args:
        model: Any seqfront module. Parameters that are `tf.Variable`s are adopted as they are,
            those of other backends are converted. Weights shared by several attributes stay
            shared, under the first path.

    Returns:
        A `tf.Module` that takes and returns what the model does. Called again for the same model,
        the same one, with the parameters the model got since.
    """
    if not isinstance(model, sf.nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.not_a_module("seqfront_tensorflow.module", model)
    return _Walk().mirror(model)


def keras_layer(model: sf.nn.Module, call: Callable[..., Any], **options: Any) -> Any:
    """A Keras layer that runs a model (see `seqfront_tensorflow.layer`).

    Args:
        model: Any seqfront module; its parameters become the weights of the layer.
        call: Function of the plain tensors that Keras passes, giving plain tensors. It wraps them,
            calls the model, and unwraps what comes.
        options: Of `keras.layers.Layer`: `name`, `trainable`, ...

    Returns:
        A `keras.layers.Layer` on the TensorFlow backend of Keras 3.

    Example:
        >>> def classify(x, frames):
        ...     y = model(sf.wrap(x, (batch, time, mel), lengths={time: frames}))
        ...     return y.raw_in((batch, labels))
        >>> layer = seqfront_tensorflow.keras_layer(model, classify)
    """
    try:
        from seqfront_tensorflow.layer import KerasLayer
    except ModuleNotFoundError as error:
        raise errors.backend_not_installed("tensorflow", error.name or "keras") from None
    return KerasLayer(model, call, **options)


def wrap_layer(
    layer: Any,
    *,
    in_dims: Axes | Sequence[Axes],
    out_dims: Any,
    lengths: DerivedLengths | None = None,
    call: Callable[..., Any] | None = None,
) -> Foreign:
    """A seqfront module that runs a Keras layer (see `seqfront_tensorflow.wrapped`).

    Args:
        layer: A `keras.layers.Layer` or `keras.Model`. If it has no weights yet, they are made for
            inputs of these dims.
        in_dims: Dims of the axes that the layer takes, in order; for several inputs a list of
            them. `...` stands for all other dims of the input, as one axis; with it the layer
            works for any batch.
        out_dims: The same for what it gives; nested as the result is, None for parts that are not
            used. `...` are the dims that it was on the way in.
        lengths: For ragged dims of the result, a function of the inputs (Tensors) that gives their
            lengths. Dims of the inputs keep theirs, and dims derived from these follow them:
            `time.ceil_div(2)` needs nothing.
        call: How to run the layer, if not as `layer(*inputs)`: a function of it and the inputs as
            plain tensors.

    Returns:
        A module that takes Tensors, one for each of `in_dims`, in any order of axes. Padding is
        zero on the way in, as most layers know of none. A layer that takes a mask can have it, as
        another input: `call=lambda layer, x, mask: layer(x, mask=mask)`, and `x.mask(time)`.

    Raises:
        BackendError: This is no Keras layer, or its weights cannot be made; later, if the model is
            run on another framework.

    Example:
        >>> import keras, tensorflow as tf, seqfront as sf, seqfront_tensorflow
        >>> batch, time = sf.Dim("batch"), sf.Dim("time")
        >>> mel, hidden = sf.Dim("mel", 4), sf.Dim("hidden", 6)
        >>> half = time.ceil_div(2)
        >>> front = seqfront_tensorflow.wrap_layer(
        ...     keras.layers.Conv1D(6, 3, strides=2, padding="same"),
        ...     in_dims=(..., time, mel),
        ...     out_dims=(..., half, hidden),
        ... )
        >>> x = sf.wrap(tf.zeros([3, 9, 4]), (batch, time, mel), lengths={time: [9, 6, 2]})
        >>> front(x).lengths(half).raw.numpy().tolist(), list(front.named_parameters())
        ([5, 3, 1], ['kernel', 'bias'])
    """
    try:
        from seqfront_tensorflow.wrapped import WrappedLayer
    except ModuleNotFoundError as error:
        raise errors.backend_not_installed("tensorflow", error.name or "keras") from None
    return WrappedLayer(layer, in_dims, out_dims, lengths, call)


class Mirror(tf.Module):
    """The `tf.Module` of a seqfront module; or, without one, of a list or dict of modules."""

    seqfront_module: sf.nn.Module | None
    """What this mirrors; None for a list or dict."""
    _generators: Sequence[tf.Variable]
    """Tracked, or what draws from them could not be saved; but no variables of the model."""
    _TF_MODULE_IGNORED_PROPERTIES = frozenset(
        {"_generators", *getattr(tf.Module, "_TF_MODULE_IGNORED_PROPERTIES", ())}
    )

    def __init__(self, mirrored: sf.nn.Module | None = None) -> None:
        super().__init__()
        self.seqfront_module = mirrored
        if mirrored is not None:
            _mirrors[id(mirrored)] = self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the seqfront module gives."""
        if self.seqfront_module is None:
            raise errors.not_a_module("seqfront_tensorflow.module", None)
        return self.seqfront_module(*args, **kwargs)  # pyright: ignore[reportCallIssue]


_mirrors: WeakValueDictionary[int, Mirror] = WeakValueDictionary()
"""Living mirrors by the id of their module, which they keep alive."""


class _Walk:
    """One walk over a model, as `named_parameters` does it: each thing once, by its first path."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.converted: dict[int, tuple[Any, tf.Variable]] = {}

    def mirror(self, item: sf.nn.Module) -> Mirror:
        """The mirror of a module, up to date."""
        self.seen.add(id(item))
        known = _mirrors.get(id(item))
        return self.fill(Mirror(item) if known is None else known, item)

    def fill(self, node: Mirror, item: Any) -> Mirror:
        """Give a node what the module, list or dict holds now, and make it the owner, except of
        the weights of Keras layers: these stay with the layer."""
        if isinstance(item, Foreign):
            node._generators = item.generators()
        for name, value in children(item):
            if isinstance(value, sf.nn.Parameter | sf.nn.Module):
                if id(value) in self.seen:
                    continue
                self.seen.add(id(value))
            if isinstance(value, sf.nn.Module):
                setattr(node, name, self.mirror(value))
            elif isinstance(value, sf.nn.Parameter):
                setattr(node, name, self.adopted(value))
                if not value.bound:
                    value.owned_by(vars(node), name)
            elif isinstance(value, list | tuple | Mapping):
                inner = self.fill(Mirror(), value)
                if inner.submodules or inner.variables:
                    setattr(node, name, inner)
        return node

    def adopted(self, parameter: sf.nn.Parameter) -> tf.Variable:
        """The variable that holds a value already, or a new one; the same for the same."""
        raw = parameter.raw
        if isinstance(raw, tf.Variable):
            return raw
        if id(raw) not in self.converted:
            self.converted[id(raw)] = (raw, parameter.variable_of(backends.get("tensorflow")))
        return self.converted[id(raw)][1]
