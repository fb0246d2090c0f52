"""Language model files that cannot be read."""

from __future__ import annotations

from seqfront.errors.base import CheckpointError

_OP = "NGram.from_arpa"


def malformed_arpa(
    file: str, line: int, text: str, wrong: str, needed: str, came: str = ""
) -> CheckpointError:
    """A line that is not what ARPA files have there; line 0: the end of the file."""
    place = (f"line {line}", repr(text)) if line else ("at", "the end of the file")
    facts = [("file", file), place, ("needed", needed)]
    if came:
        facts.append(("came", came))
    fix = "write the file again with the tool that made it: it is damaged, or no ARPA file."
    return CheckpointError(f"{_OP}: {wrong}.", facts, fix)


def no_such_word(file: str, name: str, word: str) -> CheckpointError:
    """A word with a meaning of its own that the model does not have."""
    return CheckpointError(
        f"{_OP}: the {name} word is not in the model.",
        [("file", file), (name, repr(word))],
        f"give the word that the model has for it, or {name}=None.",
    )


def no_label_known(file: str, labels: str, words: str) -> CheckpointError:
    """Labels and model that have nothing in common."""
    return CheckpointError(
        f"{_OP}: none of the labels is a word of the model.",
        [("file", file), ("labels", labels), ("words", words)],
        "train the model on the labels of the search (its word pieces or characters).",
    )
