"""One file from Kaggle: streamed, resumed where it broke off, checked, and there whole or not at all."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from contract.errors import BackendError
from contract.storage import files
from runner.backends.kaggle.api.answers import FORBIDDEN, NOT_FOUND, NoAnswerError, retry_after

if TYPE_CHECKING:
    from pathlib import Path

PIECE_BYTES = 1 << 18
_PARTIAL_LENGTH = 32


class TooLargeError(BackendError):
    """A file is larger than may come."""


class AddressExpiredError(NoAnswerError):
    """An address does not work (any more): a new one has to be asked for."""


@dataclass(frozen=True)
class WantedFile:
    """A file to fetch.

    Args:
        name: as Kaggle lists it.
        url: where it is.
        sha256: of its content, None where nobody has stated it.
        bytes: its size, None where nobody has stated it.
        is_settled: whether the digest is the last word; without it a newer file of the right length may come.
        most_bytes: how many it may have, None where that does not matter.
    """

    name: str
    url: str
    sha256: str | None = None
    bytes: int | None = None
    is_settled: bool = True
    most_bytes: int | None = None

    @property
    def about(self) -> str:
        """What a sentence calls it."""
        return f"download of {self.name}"


def transfer(client: httpx.Client, wanted: WantedFile, target: Path) -> None:
    """Bring a file to `target`, going on with what an earlier attempt has brought.

    Raises:
        TooLargeError: it has more bytes than may come; none of them stay.
        NoAnswerError: it broke off, or what came is not the file; what has come stays for the next attempt
            where it may be its beginning.
        OSError: the disk is full or not writable.
    """
    partial = partial_path(wanted, target)
    partial.parent.mkdir(parents=True, exist_ok=True)
    begin = partial.stat().st_size if partial.exists() and wanted.sha256 is not None else 0
    try:
        _append(client, wanted, partial, begin)
    except TooLargeError:
        partial.unlink(missing_ok=True)
        raise
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise NoAnswerError(wanted.about, f"broke off ({type(error).__name__})") from None
    _check(wanted, partial)
    files.put_in_place(partial, target)


def partial_path(wanted: WantedFile, target: Path) -> Path:
    """Where the beginning of a file waits for its end; files of other content never share it."""
    stated = f"{wanted.name} {wanted.sha256 or wanted.url}"
    return target.parent / f"{files.TEMPORARY_PREFIX}{hashlib.sha256(stated.encode()).hexdigest()[:_PARTIAL_LENGTH]}"


def _append(client: httpx.Client, wanted: WantedFile, partial: Path, begin: int) -> None:
    # Compressed on the way, a file would have another length than it says.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begin}-"} if begin else {})
    with client.stream("GET", wanted.url, headers=headers) as answer:
        status = answer.status_code
        if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and begin == wanted.bytes:
            return  # it had come whole
        if status in (FORBIDDEN, NOT_FOUND, httpx.codes.GONE, httpx.codes.UNAUTHORIZED):
            raise AddressExpiredError(wanted.about, f"was refused ({status})")
        if not answer.is_success:
            if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                partial.unlink(missing_ok=True)
            raise NoAnswerError(wanted.about, f"gave no answer ({status})", retry_after=retry_after(answer.headers))
        goes_on = status == httpx.codes.PARTIAL_CONTENT and _begins_at(answer, begin)
        if status == httpx.codes.PARTIAL_CONTENT and not goes_on:
            partial.unlink(missing_ok=True)
            raise NoAnswerError(wanted.about, "gave another part of the file than the one asked for")
        expected = _length(answer)
        _refuse_if_larger(wanted, expected or 0)
        arrived = 0
        with partial.open("ab" if goes_on else "wb") as stream:
            for piece in answer.iter_bytes(PIECE_BYTES):
                stream.write(piece)
                arrived += len(piece)
                _refuse_if_larger(wanted, arrived)
                if wanted.is_settled and wanted.bytes is not None and stream.tell() > wanted.bytes:
                    break  # it is another file, whatever follows
    if expected is not None and arrived < expected:
        raise NoAnswerError(wanted.about, f"broke off after {files.human_bytes(arrived)}")


def _refuse_if_larger(wanted: WantedFile, size: int) -> None:
    if wanted.most_bytes is not None and size > wanted.most_bytes:
        raise TooLargeError(wanted.about, f"has more than {files.human_bytes(wanted.most_bytes)}")


def _check(wanted: WantedFile, partial: Path) -> None:
    """Refuse and remove what is not the file."""
    if wanted.sha256 is None or not wanted.is_settled:
        return
    size = partial.stat().st_size
    if wanted.bytes is not None and size < wanted.bytes:
        raise NoAnswerError(wanted.about, f"broke off after {files.human_bytes(size)}")
    if size != wanted.bytes or files.sha256_of_file(partial) != wanted.sha256:
        partial.unlink()
        raise NoAnswerError(wanted.about, "is not the file that the session's manifest lists")


def _begins_at(answer: httpx.Response, begin: int) -> bool:
    match = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return match is not None and int(match[1]) == begin


def _length(answer: httpx.Response) -> int | None:
    text = answer.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None
