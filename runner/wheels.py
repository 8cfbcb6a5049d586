"""Installed pure-Python distributions as bundles that a session brings along.

A bundle is made from what is installed here, so that a remote session computes with the very files
that a local one does, and packaging needs no network. The installer has compared the wheel with the
digest in requirements.lock, and noted the digest of each file in the distribution's RECORD; a file
that differs from it by now is not shipped.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import zipfile
from importlib import metadata
from typing import TYPE_CHECKING

from contract.errors import InputError
from contract.make import target
from contract.storage import layout
from contract.storage.zips import timeless_member

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import Distribution, PackagePath

_LEFT_OUT = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})
"""What the installer adds to a wheel, and RECORD, which lists that."""
_COMPILED_SUFFIXES = (".so", ".pyd", ".dylib", ".dll")


def make_bundle(name: str) -> tuple[str, bytes]:
    """The installed distribution `name` as a bundle: its file name, which holds the version, and its bytes.

    Equal installations give equal bytes.

    Raises:
        InputError: it is not installed from a wheel, not pure Python, or was changed since.
    """
    try:
        installed = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise InputError(f"package {name}", "is not installed", f"run `{target('setup')}`") from None
    members = tuple((path.as_posix(), _content(name, path)) for path in _files(name, installed))
    return f"{name}-{installed.version}{layout.PACKAGE_SUFFIX}", _zipped(members)


@functools.lru_cache(maxsize=4)
def _zipped(members: tuple[tuple[str, bytes], ...]) -> bytes:
    """Files and what is in them as a zip file; whoever packages a hundred jobs compresses them once."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as bundle:
        for name, content in members:
            member = timeless_member(name)
            member.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(member, content)
    return stream.getvalue()


def _files(name: str, installed: Distribution) -> Iterator[PackagePath]:
    """The files that the wheel held, in order."""
    recorded = [path for path in installed.files or () if path.name not in _LEFT_OUT and path.suffix != ".pyc"]
    outside = [path for path in recorded if ".." in path.parts or path.is_absolute()]
    if not any(path.suffix == ".py" for path in recorded):
        raise InputError(f"package {name}", "is not installed from a wheel", f"run `{target('setup')}`")
    if any(path.suffix in _COMPILED_SUFFIXES for path in recorded):
        raise InputError(f"package {name}", "holds compiled code for this machine, and cannot be shipped to another")
    yield from sorted((path for path in recorded if path not in outside), key=str)


def _content(name: str, path: PackagePath) -> bytes:
    content = path.read_binary()
    noted = path.hash
    if noted is not None:
        digest = hashlib.new(noted.mode, content).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != noted.value:
            problem = f"{path} is not the file that was installed"
            raise InputError(f"package {name}", problem, f"remove .venv and run `{target('setup')}`")
    return content
