"""A folder for a script's temporary files: of its own, closed to others, and short enough for sockets to lie in it.

The address of a Unix socket is its path, and may have some hundred bytes: below a project's own folder, workers of
multiprocessing or torch could not listen.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

LONGEST_SOCKET_ADDRESS = 103
"""On macOS; Linux takes four bytes more."""
ROOM_FOR_SOCKETS = 40
"""For `/pymp-xxxxxxxx/listener-xxxxxxxx` of multiprocessing, and some more."""
_PREFIX = "relay-"
_RANDOM_BYTES = 6
_EVERYWHERE = Path("/tmp")  # noqa: S108 - folders in it are made closed to others, under names that nobody can guess


def name_short_folder(usual: Path | None = None) -> Path:
    """A path for a new temporary folder, which nobody has made yet and nobody can guess.

    Args:
        usual: where temporary files lie, as this system says if not given; where that is too long for sockets to lie
            in the folder, it is `/tmp`.
    """
    usual = Path(tempfile.gettempdir()) if usual is None else usual
    name = f"{_PREFIX}{secrets.token_hex(_RANDOM_BYTES)}"
    needed = len(os.fsencode(usual / name)) + ROOM_FOR_SOCKETS
    if os.name == "posix" and needed > LONGEST_SOCKET_ADDRESS and os.access(_EVERYWHERE, os.W_OK | os.X_OK):
        return _EVERYWHERE / name
    return usual / name


def short_folder_named(stated: object) -> Path | None:
    """The folder of that path, if it is one that `name_short_folder` can have named: only such a one is removed."""
    if not isinstance(stated, str) or not Path(stated).name.startswith(_PREFIX) or not Path(stated).is_absolute():
        return None
    return Path(stated)
