"""Files to Kaggle: each one whole, or an error; an upload that breaks off goes on where it did.

The protocol is that of resumable uploads to Google's storage, which the official client follows too
(https://cloud.google.com/storage/docs/performing-resumable-uploads).
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
from kagglesdk.blobs.types.blob_api_service import ApiBlobType, ApiStartBlobUploadRequest

from runner.backends.kaggle.api.answers import FIRST_SERVER_ERROR, NOT_FOUND, NoAnswerError, RejectedError, retry_after
from runner.backends.kaggle.api.retries import patiently

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.backends.kaggle.api.connection import Connection
    from runner.backends.kaggle.files.sent import Sent

UPLOADS_AT_ONCE = 4
_GOES_ON = 308


def upload_all(connection: Connection, files: Mapping[str, Sent]) -> list[str]:
    """Upload `files` under their names, some at once; return their tokens in the same order.

    Raises:
        NoAnswerError: Kaggle gave none for so long that its patience is at an end.
        RejectedError: Kaggle does not take a file.
    """
    connection.plain  # noqa: B018 - made once, before several threads want it
    with ThreadPoolExecutor(max_workers=UPLOADS_AT_ONCE) as pool:
        return list(pool.map(lambda each: _Upload(connection, *each).token(), files.items()))


class _Upload:
    """One file on its way.

    Args:
        connection: to Kaggle.
        name: the file's, on Kaggle.
        content: what it holds.
    """

    def __init__(self, connection: Connection, name: str, content: Sent) -> None:
        self._connection = connection
        self._about = f"upload of {name}"
        self._name = name
        self._content = content
        self._size = content.size
        self._started: tuple[str, str] | None = None
        self._was_sent_before = False

    def token(self) -> str:
        """By which Kaggle knows the file, once it has it whole."""
        return patiently(self._connection.settings, self._attempt)

    def _attempt(self) -> str:
        if self._started is None:
            request = ApiStartBlobUploadRequest()
            request.type = ApiBlobType.DATASET
            request.name = self._name
            request.content_length = self._size
            answer = self._connection.ask_once(self._about, self._connection.blobs.start_blob_upload, request)
            if not answer.token or not answer.create_url:
                raise NoAnswerError(self._about, "gave no address to send it to")
            self._started, self._was_sent_before = (answer.token, answer.create_url), False
        token, url = self._started
        begin = self._bytes_there(url) if self._was_sent_before else 0
        if begin is not None:
            self._was_sent_before = True
            self._send(url, begin)
        return token

    def _send(self, url: str, begin: int) -> None:
        headers = {"Content-Length": str(self._size - begin), "Content-Type": "application/octet-stream"}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{self._size - 1}/{self._size}"
        self._put(url, headers, begin)

    def _bytes_there(self, url: str) -> int | None:
        """How many bytes have arrived, None for all; an address that has expired is given up."""
        answer = self._put(url, {"Content-Length": "0", "Content-Range": f"bytes */{self._size}"}, None)
        if answer.status_code != _GOES_ON:
            return None
        match = re.fullmatch(r"(?:bytes=)?0-(\d+)", answer.headers.get("Range", ""))
        return int(match[1]) + 1 if match else 0

    def _put(self, url: str, headers: dict[str, str], begin: int | None) -> httpx.Response:
        """An answer that says that the file has arrived, or how much of it."""
        content = self._content.pieces(begin) if begin is not None else b""
        try:
            answer = self._connection.plain.put(url, headers=headers, content=content, follow_redirects=False)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NoAnswerError(self._about, f"broke off ({type(error).__name__})") from None
        status = answer.status_code
        if answer.is_success or (begin is None and status == _GOES_ON):
            return answer
        if status == NOT_FOUND or (status < FIRST_SERVER_ERROR and begin is None):
            self._started = None
        if status == httpx.codes.FORBIDDEN:  # an address of which the time is over
            self._started = None
        problem = f"was not taken ({status})"
        if status >= FIRST_SERVER_ERROR or self._started is None or status == httpx.codes.TOO_MANY_REQUESTS:
            raise NoAnswerError(self._about, problem, retry_after=retry_after(answer.headers))
        raise RejectedError(self._about, status, "the file was not taken")
