"""What a request is called, so that a rule can name it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Scope

UPLOAD = "upload"
DOWNLOAD = "download"
LOG_STREAM = "log-stream"
OTHER = "other"

_RPC = re.compile(r"(?:/api)?/v1/(?P<service>[A-Za-z.]+Service)/(?P<method>[A-Za-z]+)")
_UPLOADS = "/upload/"
_FILES = "/files/"
_LOGS = re.compile(r"(?:/api)?/v1/kernels/logs/stream/.+")


@dataclass(frozen=True)
class CallName:
    """A request, as rules and the journal name it.

    Args:
        name: `service/method` of an RPC, or one of `upload`, `download`, `log-stream` and `other`.
        address: the method and the path, such as `GET /files/7`.
    """

    name: str
    address: str

    def matches(self, pattern: str) -> bool:
        """Whether `pattern` (`*`, `?` and `[...]` as in file names) is about this call.

        It is compared with the name, with an RPC's method alone, and with the address.
        """
        return any(fnmatchcase(name, pattern) for name in (self.name, self.name.rpartition("/")[2], self.address))


def call_name(scope: Scope) -> CallName:
    """What an HTTP request is called."""
    method: str = scope["method"]
    path: str = scope["path"]
    return CallName(_name(method, path), f"{method} {path}")


def _name(method: str, path: str) -> str:
    if (rpc := _RPC.fullmatch(path)) and method == "POST":
        return f"{rpc['service']}/{rpc['method']}"
    if _LOGS.fullmatch(path):
        return LOG_STREAM
    if path.startswith(_UPLOADS):
        return UPLOAD
    if path.startswith(_FILES):
        return DOWNLOAD
    return OTHER
