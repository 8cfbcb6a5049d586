"""Which files a folder of sources holds, and what is refused in one.

A link is followed where it stays inside its folder, and what it leads to is carried as a copy under
the link's name. Nothing else is left out silently but what nobody wrote (`is_left_out`): what cannot
be carried is refused by name, so that no session starts without a file that its user counts on.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from typing import TYPE_CHECKING, NamedTuple

from contract.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_NAME_BYTES = 255
"""Of one name on Linux, where sessions in containers and on Kaggle run; elsewhere names are counted in characters."""
_LEFT_OUT_FOLDERS = frozenset({"__pycache__", "node_modules"})
_LEFT_OUT_SUFFIXES = (".pyc", ".pyo", "~")
_SECRETS = frozenset({"kaggle.json", "access_token", "access_token.txt", "credentials.json", "id_rsa", "id_ed25519"})
_SUFFIXES_OF_SECRETS = (".pem", ".p12", ".pfx")
_PUT_IN_PLACE = "put what it leads to in its place, or remove the link"


class FileState(NamedTuple):
    """What tells without reading a file that it is as it was.

    An edit changes `changed_ns` even if it keeps the size and puts the old mtime back. On Windows it is
    the time of creation, and `inode` is 0: there, such an edit is noticed only when the file is packed.
    """

    modified_ns: int
    size: int
    changed_ns: int
    inode: int

    @property
    def written_ns(self) -> int:
        """When the file was last written, as far as the system tells."""
        return self.modified_ns if sys.platform == "win32" else self.changed_ns


class SourceFile(NamedTuple):
    """A file of a folder of sources.

    Args:
        name: in the bundle: the folder's name and the path below it, with forward slashes.
        path: where it lies.
        state: how it was found.
    """

    name: str
    path: str
    state: FileState


class _Place(NamedTuple):
    """A folder that is still to be looked through.

    Args:
        name: in the bundle.
        path: by the links that lead to it.
        real: without any link.
        links: the folders without any link in which the links stand that were followed to come here.
    """

    name: str
    path: str
    real: str
    links: tuple[str, ...] = ()


def files_below(folder: Path, subject: str, project: Path | None = None) -> list[SourceFile]:
    """The files below `folder`, by name.

    Args:
        folder: where to look.
        subject: what an error is about.
        project: the folder out of which `folder` may not lead, if there is one.

    Raises:
        InputError: something in it cannot be carried.
    """
    try:
        home = os.path.realpath(folder, strict=True)
    except OSError as error:
        raise unreadable(subject, folder.name, error) from None
    if project is not None and not is_inside(home, os.path.realpath(project)):
        raise InputError(subject, "is a link that leads out of the project", "put the folder itself into the project")
    if problem := problem_with_name(folder.name):
        raise InputError(subject, f"the folder {problem}", "rename it")
    return sorted(_Walk(home, subject).files(_Place(folder.name, str(folder), home)))


def unreadable(subject: str, name: str, error: OSError) -> InputError:
    """The error of a file or folder called `name` that cannot be read."""
    problem = f"{printable_name(name)} cannot be read ({error.strerror})"
    return InputError(subject, problem, "make it readable for you, or move it out of the folder")


def printable_name(name: str) -> str:
    """`name` as every terminal can show it, in one line; what is not UTF-8 as the bytes that it is."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def problem_with_name(name: str) -> str | None:
    """What keeps a file or folder of this name from being carried, or None."""
    if name.isascii() and len(name) <= LONGEST_NAME_BYTES:
        return None
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "has a name that is not UTF-8"
    if length > LONGEST_NAME_BYTES:
        return f"has a name of {length} bytes, and Linux takes at most {LONGEST_NAME_BYTES}"
    return None


def is_left_out(name: str) -> bool:
    """Whether nobody wrote what has this name, or its user does not want it carried: a name with a dot before it."""
    return name.startswith(".") or name in _LEFT_OUT_FOLDERS


def is_inside(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies below it, both without any link."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


class _Walk:
    """A way through one folder of sources."""

    def __init__(self, home: str, subject: str) -> None:
        self._home = home
        self._subject = subject

    def files(self, start: _Place) -> Iterator[SourceFile]:
        waiting = [start]
        while waiting:
            place = waiting.pop()
            try:
                with os.scandir(place.path) as entries:
                    found = [entry for entry in entries if not is_left_out(entry.name)]
            except OSError as error:
                raise unreadable(self._subject, place.name, error) from None
            for entry in found:
                try:
                    seen = self._look_at(place, entry)
                except FileNotFoundError:
                    continue  # an editor's temporary file, gone by now
                except OSError as error:
                    raise unreadable(self._subject, f"{place.name}/{entry.name}", error) from None
                if isinstance(seen, SourceFile):
                    yield seen
                elif seen is not None:
                    waiting.append(seen)

    def _look_at(self, place: _Place, entry: os.DirEntry[str]) -> SourceFile | _Place | None:
        """A file that is carried, or a folder to look through; None is left out."""
        name = f"{place.name}/{entry.name}"
        is_link = _is_link(entry)
        is_folder = not is_link and entry.is_dir()
        if not is_folder and entry.name.endswith(_LEFT_OUT_SUFFIXES):
            return None
        if problem := problem_with_name(entry.name):
            raise self._refused(name, problem, "rename it, or move it out of the folder")
        if not is_folder and _names_a_secret(entry.name):
            problem = "has the name of a key or a token, and sources are uploaded as they are"
            raise self._refused(name, problem, "move it out of the folder")
        if is_folder:
            return _Place(name, entry.path, f"{place.real}{os.sep}{entry.name}", place.links)
        if is_link:
            target = self._target(name, entry)
            if entry.is_dir():
                return self._by_link(_Place(name, entry.path, target, (*place.links, place.real)))
        if not entry.is_file():
            raise self._refused(name, "is a pipe, a socket or a device, not a file", "move it out of the folder")
        status = entry.stat()
        state = FileState(status.st_mtime_ns, status.st_size, status.st_ctime_ns, status.st_ino)
        return SourceFile(name, entry.path, state)

    def _by_link(self, place: _Place) -> _Place:
        """`place`, to which a link leads, unless one would come from there to a link that was followed already."""
        if any(is_inside(folder, place.real) for folder in place.links):
            raise self._refused(place.name, "is a link to a folder in which it lies itself", "remove the link")
        return place

    def _target(self, name: str, link: os.DirEntry[str]) -> str:
        """Where a link leads, without any link."""
        try:
            target = os.path.realpath(link.path, strict=True)
        except FileNotFoundError:
            raise self._refused(name, "is a link that leads nowhere", "correct it, or remove it") from None
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise self._refused(name, "is a link that leads back to itself", "correct it, or remove it") from None
        if not is_inside(target, self._home):
            raise self._refused(name, "is a link that leads out of the folder", _PUT_IN_PLACE)
        return target

    def _refused(self, name: str, problem: str, remedy: str) -> InputError:
        return InputError(self._subject, f"{printable_name(name)} {problem}", remedy)


def _names_a_secret(name: str) -> bool:
    return name.lower() in _SECRETS or name.lower().endswith(_SUFFIXES_OF_SECRETS)


def _is_link(entry: os.DirEntry[str]) -> bool:
    if sys.platform == "win32":  # a junction leads elsewhere as a link does
        tag = entry.stat(follow_symlinks=False).st_reparse_tag
        return entry.is_symlink() or tag == stat.IO_REPARSE_TAG_MOUNT_POINT
    return entry.is_symlink()
