"""An end of a command at which all was said."""

from __future__ import annotations

from contract.errors import RelayError


class AlreadySaidError(RelayError):
    """A command ends with an exit code, and all that there is to say was said: nothing is added to it."""
