"""Bytes by their digest: a folder of blobs, and folders of names for them."""

from __future__ import annotations

import shutil
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from contract.storage import files

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from emulator.store.values import StoredFile


class Blobs:
    """The bytes of everything that was uploaded or that a session left, each content once.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._root.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the blob with that digest lies."""
        return self._root / sha256[:2] / sha256

    def adopt(self, source: Path) -> tuple[str, int]:
        """Move a whole file in; return its digest and size."""
        digest, size = files.sha256_of_file(source), source.stat().st_size
        target = self.path(digest)
        if target.exists():
            source.unlink()
        else:
            target.parent.mkdir(exist_ok=True)
            files.put_in_place(source, target)
        return digest, size

    def keep(self, content: bytes) -> tuple[str, int]:
        """Take `content` in; return its digest and size."""
        digest = files.sha256_of_bytes(content)
        target = self.path(digest)
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            files.write_bytes(target, content)
        return digest, len(content)

    def lay_out(self, names: Iterable[StoredFile], folder: Path) -> None:
        """Make `folder` hold the files under their names, whole or not at all, unless it is there already.

        They are second names of the blobs where the system can do that: whoever mounts them must not write.
        """
        if folder.exists():
            return
        building = folder.with_name(f"{folder.name}.building")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        for each in names:
            target = building / PurePosixPath(each.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            files.second_name(self.path(each.sha256), target)
        for inside in (building, *(path for path in building.rglob("*") if path.is_dir())):
            files.fsync_directory(inside)  # once for all that is in it
        building.rename(folder)
        files.fsync_directory(folder.parent)
