"""The URLs that an emulator hands out: absolute, and for files signed as those of a storage bucket are.

/upload/<token>                           where a file is put
/files/outputs/<session>/<path>           a file that a session left
/files/datasets/<version>/<path>          a file of a dataset
/files/archives/<version>/<slug>.zip      all files of a dataset
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import quote

SIGNATURE = "X-Goog-Signature"
OUTPUTS = "outputs"
DATASETS = "datasets"
ARCHIVES = "archives"


def files_path(kind: str, number: int, path: str) -> str:
    """The path, and what is signed, of a file of that kind; `number` is of the session or of the dataset's version."""
    return f"/files/{kind}/{number}/{path}"


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

    def output(self, session: int, path: str) -> str:
        """Where a file that a session left is got."""
        return self._signed(files_path(OUTPUTS, session, path))

    def dataset(self, version: int, path: str) -> str:
        """Where a file of a dataset's version is got."""
        return self._signed(files_path(DATASETS, version, path))

    def archive(self, version: int, slug: str) -> str:
        """Where all files of a dataset's version are got."""
        return self._signed(files_path(ARCHIVES, version, f"{slug}.zip"))

    def _signed(self, path: str) -> str:
        return f"{self.base}{quote(path)}?{SIGNATURE}={self._signature(path)}"

    def is_signed(self, path: str, signature: str) -> bool:
        """Whether the signature is that of the path."""
        return hmac.compare_digest(self._signature(path), signature)

    def _signature(self, path: str) -> str:
        return hmac.new(self._secret, path.encode(), hashlib.sha256).hexdigest()
