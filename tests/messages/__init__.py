"""Every message of seqfront: how to get it, and its full text.

Each module here has a list `MESSAGES`; `MESSAGES` of the package has them all.
"""

from importlib import import_module
from pkgutil import iter_modules

from messages.message import Message

MESSAGES: list[Message] = [
    message
    for module in iter_modules(__path__)
    if module.name != "message"
    for message in import_module(f"messages.{module.name}").MESSAGES
]
