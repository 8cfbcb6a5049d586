"""Credentials are found where the official client finds them, and shown to nobody."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from contract.errors import CredentialsError
from runner.backends.kaggle.api.credentials import Credentials, find_credentials

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "5ecret"  # noqa: S105 - nobody's


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    """A file that only its owner reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def kaggle_json(path: Path, **changes: object) -> Path:
    """A file as Kaggle gives it."""
    return write(path, json.dumps({"username": "ann", "key": SECRET} | changes))


def test_nothing_set_is_one_sentence_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError) as caught:
        find_credentials({}, tmp_path)
    assert str(caught.value) == (
        "Kaggle's credentials: there are none; make a token on https://www.kaggle.com/settings/api and set "
        f"KAGGLE_API_TOKEN to it, or save it as {tmp_path}/.kaggle/access_token"
    )


def test_a_token_comes_before_a_key(tmp_path: Path) -> None:
    kaggle_json(tmp_path / ".kaggle" / "kaggle.json")
    both = {"KAGGLE_USERNAME": "ann", "KAGGLE_KEY": SECRET}
    assert find_credentials(both, tmp_path).key == SECRET
    write(tmp_path / ".kaggle" / "access_token", f"from-home-{SECRET}\n")
    assert find_credentials(both, tmp_path).token == f"from-home-{SECRET}"
    assert find_credentials(both | {"KAGGLE_API_TOKEN": SECRET}, tmp_path).token == SECRET
    named = write(tmp_path / "a token", f" from-file-{SECRET} ")
    found = find_credentials({"KAGGLE_API_TOKEN": str(named)}, tmp_path)
    assert (found.token, found.source) == (f"from-file-{SECRET}", "the file named by KAGGLE_API_TOKEN")
    assert find_credentials({"KAGGLE_API_TOKEN": SECRET * 1000}, tmp_path).token == SECRET * 1000


def test_kaggle_json_is_read_from_its_folder_and_variables_come_first(tmp_path: Path) -> None:
    own = kaggle_json(tmp_path / "elsewhere" / "kaggle.json")
    given = {"KAGGLE_CONFIG_DIR": str(own.parent)}
    assert find_credentials(given, tmp_path) == Credentials(str(own), username="ann", key=SECRET)
    assert find_credentials(given | {"KAGGLE_USERNAME": "bea"}, tmp_path).username == "bea"
    kaggle_json(tmp_path / ".kaggle" / "kaggle.json", username="cleo")
    assert find_credentials({}, tmp_path).username == "cleo"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"username": "ann"}', '{"username": "", "key": ""}', '{"key": 1}'])
def test_a_kaggle_json_without_both_is_named_and_not_shown(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / ".kaggle" / "kaggle.json", text)
    with pytest.raises(CredentialsError, match="does not hold a username and a key; download it again") as caught:
        find_credentials({}, tmp_path)
    assert str(path) in str(caught.value)


AS_SAVED = {
    "with a byte order mark and Windows' line end": (b"\xef\xbb\xbf5ecret\r\n", ""),
    "with blank lines": (b"\n\n 5ecret \r\n\r\n", ""),
    "in quotes": (b'"5ecret"\n', "in quotes"),
    "in single quotes": (b"'5ecret'", "in quotes"),
    "in quotes of a word processor": (
        "\N{LEFT DOUBLE QUOTATION MARK}5ecret\N{RIGHT DOUBLE QUOTATION MARK}".encode(),
        "in quotes",
    ),
    "as a line of a shell": (b"export KAGGLE_API_TOKEN='5ecret'\n", "a name stands before"),
    "as a line of a file of variables": (b"KAGGLE_API_TOKEN=5ecret", "a name stands before"),
    "as a line of PowerShell": (b'$env:KAGGLE_API_TOKEN = "5ecret"', "a name stands before"),
    "as UTF-16": ("5ecret\r\n".encode("utf-16"), "UTF-16"),
    "as UTF-16 of the other order": (b"\xfe\xff" + "5ecret".encode("utf-16-be"), "UTF-16"),
}
NO_SECRET = {
    "two lines": (b"5ecret\n0ther\n", "holds 2 lines"),
    "a kaggle.json": (b'{"username": "ann", "key": "5ecret"}', "holds a file kaggle.json"),
    "other bytes": (b"\x80\x81 5ecret", "is not text in UTF-8"),
    "UTF-16 without its mark": ("5ecret".encode("utf-16-le"), "perhaps UTF-16"),
    "half of UTF-16": (b"\xff\xfe5", "is not text in UTF-8"),
    "words": (b"my token is 5ecret", "characters that no token has"),
    "a control character": (b"5ecret\x1b[A", "characters that no token has"),
    "an accent": ("5ecr\N{LATIN SMALL LETTER E WITH ACUTE}t".encode(), "characters that no token has"),
}


@pytest.mark.parametrize("saved", AS_SAVED)
def test_a_token_is_found_however_it_was_saved_and_what_to_correct_is_said(tmp_path: Path, saved: str) -> None:
    content, remark = AS_SAVED[saved]
    path = write(tmp_path / ".kaggle" / "access_token", "")
    path.write_bytes(content)
    found = find_credentials({}, tmp_path)
    assert found.token == SECRET
    assert remark in "; ".join(found.remarks)
    assert bool(remark) == bool(found.remarks)
    assert SECRET not in repr(found)
    assert not any(SECRET in each for each in found.remarks)


@pytest.mark.parametrize("saved", NO_SECRET)
def test_what_cannot_be_a_token_is_told_in_a_sentence_that_does_not_show_it(tmp_path: Path, saved: str) -> None:
    content, problem = NO_SECRET[saved]
    path = write(tmp_path / ".kaggle" / "access_token", "")
    path.write_bytes(content)
    with pytest.raises(CredentialsError, match=problem) as caught:
        find_credentials({}, tmp_path)
    assert str(path) in str(caught.value)
    assert not any(part in str(caught.value) for part in ("5ecr", "0ther"))


def test_variables_and_kaggle_json_are_read_as_tolerantly(tmp_path: Path) -> None:
    mark = "\N{ZERO WIDTH NO-BREAK SPACE}"
    assert find_credentials({"KAGGLE_API_TOKEN": f'{mark}"{SECRET}"\r'}, tmp_path).token == SECRET
    given = find_credentials({"KAGGLE_USERNAME": "ann\r", "KAGGLE_KEY": f"'{SECRET}'\n"}, tmp_path)
    assert (given.username, given.key) == ("ann", SECRET)
    path = kaggle_json(tmp_path / ".kaggle" / "kaggle.json")
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_bytes(json.dumps({"username": "ann", "key": f"{SECRET}\n"}).encode(encoding))
        given = find_credentials({}, tmp_path)
        assert (given.username, given.key) == ("ann", SECRET)


def test_half_of_the_two_variables_is_said(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="KAGGLE_KEY is not set, though the other is; set KAGGLE_KEY too"):
        find_credentials({"KAGGLE_USERNAME": "ann"}, tmp_path)
    with pytest.raises(CredentialsError, match="set KAGGLE_USERNAME too"):
        find_credentials({"KAGGLE_KEY": SECRET}, tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such permissions")
@pytest.mark.parametrize("name", ["kaggle.json", "access_token", "credentials.json"])
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_what_others_can_read_is_refused_with_the_command_that_helps(tmp_path: Path, name: str, mode: int) -> None:
    path = write(tmp_path / ".kaggle" / name, json.dumps({"username": "ann", "key": SECRET}), mode)
    with pytest.raises(CredentialsError) as caught:
        find_credentials({}, tmp_path)
    assert str(caught.value) == f"{path}: can be read by other users of this machine; run `chmod 600 {path}`"


def test_secrets_have_no_representation() -> None:
    shown = repr(Credentials("somewhere", username="ann", key=SECRET, token=SECRET))
    assert SECRET not in shown
    assert "ann" not in shown
