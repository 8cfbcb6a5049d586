"""A file arrives whole, and what has arrived is not sent again."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from runner.backends.kaggle.api.answers import NoAnswerError
from runner.backends.kaggle.files.sent import Sent
from runner.backends.kaggle.files.upload import upload_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.runner.backends.kaggle.conftest import Kaggle

SIZE = 3_000_000


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of some pieces."""
    path = tmp_path / "large"
    path.write_bytes(os.urandom(SIZE))
    return path


def arrived(kaggle: Kaggle, token: str) -> str | None:
    """The digest of what the emulator holds under a token, once it has it whole."""
    found = kaggle.emulator.running.emulator.uploads.find(token)
    assert found is not None
    return found.sha256


def test_files_arrive_whole_and_their_tokens_come_in_order(kaggle: Kaggle, large: Path, tmp_path: Path) -> None:
    named = {"large": large} | {f"small {number}": tmp_path / str(number) for number in range(6)}
    for number in range(6):
        named[f"small {number}"].write_bytes(b"%d" % number * number)  # an empty one is among them
    tokens = upload_all(kaggle.backend().connection, {name: Sent((path,)) for name, path in named.items()})
    assert [arrived(kaggle, token) for token in tokens] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in named.values()
    ]


def test_what_lies_in_several_places_is_sent_as_one_file(kaggle: Kaggle, large: Path) -> None:
    kaggle.fault("cut-upload", "upload", first=1)
    joined = Sent((b"a head\n", large, b"", large, b"and an end"))
    whole = b"a head\n" + large.read_bytes() * 2 + b"and an end"
    assert joined.size == len(whole)
    for begin in (0, 3, 7, 8, SIZE + 7, SIZE + 8, len(whole) - 1, len(whole)):
        assert b"".join(joined.pieces(begin)) == whole[begin:]
    (token,) = upload_all(kaggle.backend().connection, {"joined": joined})
    assert arrived(kaggle, token) == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("cut-upload", {}),
        ("reset", {}),
        ("reset", {"after": True}),
        ("unavailable", {"retry_after": 0}),
        ("server-error", {}),
        ("html-403", {}),
    ],
)
def test_an_upload_that_breaks_off_goes_on(
    kaggle: Kaggle, large: Path, monkeypatch: pytest.MonkeyPatch, kind: str, options: dict[str, object]
) -> None:
    begun_at: list[int] = []
    pieces = Sent.pieces

    def noted(content: Sent, begin: int = 0) -> Iterator[bytes]:
        begun_at.append(begin)
        return pieces(content, begin)

    monkeypatch.setattr(Sent, "pieces", noted)
    kaggle.fault(kind, "upload", first=1, **options)
    (token,) = upload_all(kaggle.backend().connection, {"large": Sent((large,))})
    assert arrived(kaggle, token) == hashlib.sha256(large.read_bytes()).hexdigest()
    if kind == "cut-upload":
        assert begun_at[0] == 0
        assert 0 < begun_at[1] < SIZE
    if options.get("after"):
        assert begun_at == [0], "it was there: only asked for"


def test_an_upload_that_never_arrives_is_no_answer(kaggle: Kaggle, large: Path) -> None:
    kaggle.fault("server-error", "upload")
    with pytest.raises(NoAnswerError, match=r"upload of large\): was not taken \(500\)"):
        upload_all(kaggle.backend(patience=0.2).connection, {"large": Sent((large,))})
