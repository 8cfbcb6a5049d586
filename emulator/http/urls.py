"""The URLs that an emulator hands out: absolute, and signed as those of a storage bucket are."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import quote

SIGNATURE = "X-Goog-Signature"


class Urls:
    """Makes and checks URLs.

    Args:
        base: scheme, host and port.
        secret: signs.
    """

    def __init__(self, base: str, secret: bytes) -> None:
        self.base = base.rstrip("/")
        self._secret = secret

    def page(self, path: str) -> str:
        """A page for people."""
        return f"{self.base}{path}"

    def upload(self, token: str) -> str:
        """Where a blob is put."""
        return f"{self.base}/upload/{token}"

    def file(self, path: str) -> str:
        """Where a file of `emulator.downloads` is got; `path` is plain, with a leading slash."""
        return f"{self.base}{quote(path)}?{SIGNATURE}={self._signature(path)}"

    def is_signed(self, path: str, signature: str) -> bool:
        """Whether the signature is that of the path."""
        return hmac.compare_digest(self._signature(path), signature)

    def _signature(self, path: str) -> str:
        return hmac.new(self._secret, path.encode(), hashlib.sha256).hexdigest()
