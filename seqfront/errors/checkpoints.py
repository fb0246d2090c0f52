"""Messages about checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from seqfront.errors.base import CheckpointError

if TYPE_CHECKING:
    from seqfront.nn.parameter import Parameter
    from seqfront.safetensors_file import Stored

_SHOWN = 5


def checkpoint_misfit(
    file: str,
    missing: Mapping[str, Parameter],
    unexpected: Mapping[str, Stored],
    misfits: Mapping[str, tuple[Parameter, Stored]],
) -> CheckpointError:
    """Parameters that the model has and the file has not, the other way round, and other dims."""
    facts = _listed("missing", [f"{key}, needs {_needs(p)}" for key, p in missing.items()])
    facts += _listed("unexpected", [f"{key}, came {came}" for key, came in unexpected.items()])
    facts += _listed(
        "misfit",
        [f"{key}, needs {_needs(p)}, came {came}" for key, (p, came) in misfits.items()],
    )
    count = len(missing) + len(unexpected) + len(misfits)
    fix = "make the model with the dims it was saved with."
    if not misfits:
        fix = "load into the model that was saved, or strict=False to take what both have."
    return CheckpointError(
        f"load: {count} {'entry does' if count == 1 else 'entries do'} not fit the model.",
        [("file", file), *facts],
        fix,
    )


def _needs(parameter: Parameter) -> str:
    return f"{parameter.dtype}[{', '.join(map(repr, parameter.dims))}]"


def _listed(name: str, lines: Sequence[str]) -> list[tuple[str, str]]:
    shown = [(name, line) for line in lines[:_SHOWN]]
    rest = len(lines) - len(shown)
    return [*shown, (name, f"and {rest} more")] if rest else shown


def not_a_checkpoint(file: str, reason: str) -> CheckpointError:
    """A file that is none."""
    return CheckpointError(
        "load: this is no safetensors file.",
        [("file", file), ("reason", reason)],
        "sf.save writes one.",
    )


def bad_metadata(key: object, value: object) -> CheckpointError:
    """Metadata that safetensors cannot hold."""
    return CheckpointError(
        "save: the metadata of a checkpoint are strings by name.",
        [("entry", f"{key!r}: {value!r}")],
        "convert it, for instance with json.dumps.",
    )


def optimizer_misfit(rule: str, missing: Sequence[str]) -> CheckpointError:
    """A state that was kept by another optimizer, or for another model."""
    return CheckpointError(
        f"restore: the state is not that of {rule} for this model.",
        _listed("missing", missing),
        "restore into the optimizer, average and model that the state was taken from.",
    )
