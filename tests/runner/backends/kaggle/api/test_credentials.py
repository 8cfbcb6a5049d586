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
