"""Who asks: the credentials of a Kaggle account, looked for where the official client looks.

An access token comes first, then a username with its key, then what `kaggle auth login` left. The
secrets are handed to the connection and to nothing else: they have no `repr`, and no sentence holds
them.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from contract.errors import CredentialsError
from runner.backends.kaggle.api.secret_text import SecretText, cleaned, decoded

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS_PAGE = "https://www.kaggle.com/settings/api"
_READABLE_BY_OTHERS = 0o044
_SUBJECT = "Kaggle's credentials"


@dataclass(frozen=True)
class Credentials:
    """A token, or a username and a key.

    Args:
        source: where they were found, for people.
        username: the account's name, where it is known without asking.
        key: the account's API key.
        token: an access token.
        remarks: what to correct about where they were found, each in a few words.
    """

    source: str
    username: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    remarks: tuple[str, ...] = ()


def find_credentials(environment: Mapping[str, str] | None = None, home: Path | None = None) -> Credentials:
    """The credentials that the official client would use.

    Args:
        environment: the variables to look at, the process's own if not given.
        home: the user's home folder, the user's own if not given.

    Raises:
        CredentialsError: there are none, or others on this machine can read them.
    """
    given = os.environ if environment is None else environment
    home = Path.home() if home is None else home
    found = _token(given, home) or _key(given, home) or _login(home)
    if found is None:
        remedy = (
            f"make a token on {SETTINGS_PAGE} and set KAGGLE_API_TOKEN to it, or save it as {home}/.kaggle/access_token"
        )
        raise CredentialsError(_SUBJECT, "there are none", remedy)
    return found


def _token(given: Mapping[str, str], home: Path) -> Credentials | None:
    if value := given.get("KAGGLE_API_TOKEN", "").strip():
        if _is_file(value):
            found = _read_secret(Path(value))
            return Credentials("the file named by KAGGLE_API_TOKEN", token=found.text, remarks=found.remarks)
        found = cleaned(value, "KAGGLE_API_TOKEN")
        return Credentials("KAGGLE_API_TOKEN", token=found.text, remarks=found.remarks)
    for name in ("access_token", "access_token.txt"):
        path = home / ".kaggle" / name
        if path.is_file() and (found := _read_secret(path)).text:
            return Credentials(str(path), token=found.text, remarks=found.remarks)
    return None


def _is_file(value: str) -> bool:
    try:
        return Path(value).is_file()
    except OSError:  # too long for a name, as tokens may be
        return False


def _key(given: Mapping[str, str], home: Path) -> Credentials | None:
    username, key = given.get("KAGGLE_USERNAME"), given.get("KAGGLE_KEY")
    if username and key:
        named, secret = cleaned(username, "KAGGLE_USERNAME"), cleaned(key, "KAGGLE_KEY")
        remarks = named.remarks + secret.remarks
        return Credentials("KAGGLE_USERNAME and KAGGLE_KEY", username=named.text, key=secret.text, remarks=remarks)
    path = config_folder(given, home) / "kaggle.json"
    if not path.is_file():
        if username or key:
            missing = "KAGGLE_KEY" if username else "KAGGLE_USERNAME"
            raise CredentialsError(_SUBJECT, f"{missing} is not set, though the other is", f"set {missing} too")
        return None
    try:
        stored = _read_private(path)
        stated = json.loads(stored.text)
        username, key = username or stated["username"], key or stated["key"]
    except (ValueError, KeyError, TypeError):
        remedy = f"download it again from {SETTINGS_PAGE}"
        raise CredentialsError(str(path), "does not hold a username and a key", remedy) from None
    if not (isinstance(username, str) and isinstance(key, str) and username and key):
        remedy = f"download it again from {SETTINGS_PAGE}"
        raise CredentialsError(str(path), "does not hold a username and a key", remedy)
    named, secret = cleaned(username, str(path)), cleaned(key, str(path))
    remarks = stored.remarks + named.remarks + secret.remarks
    return Credentials(str(path), username=named.text, key=secret.text, remarks=remarks)


def config_folder(given: Mapping[str, str], home: Path) -> Path:
    """Where `kaggle.json` lies."""
    if named := given.get("KAGGLE_CONFIG_DIR"):
        return Path(named)
    usual = home / ".kaggle"
    if sys.platform.startswith("linux") and not usual.exists():
        return Path(given.get("XDG_CONFIG_HOME") or home / ".config") / "kaggle"
    return usual


def _login(home: Path) -> Credentials | None:
    path = home / ".kaggle" / "credentials.json"
    if not path.is_file():
        return None
    _refuse_if_readable_by_others(path)
    from kagglesdk import KaggleClient, KaggleCredentials  # noqa: PLC0415 - rarely needed

    with KaggleClient() as client:
        login = KaggleCredentials.load(client, str(path))
        token = login.get_access_token() if login else None
    return Credentials("`kaggle auth login`", token=token) if token else None


def _read_secret(path: Path) -> SecretText:
    """The secret that a file holds and nothing else."""
    stored = _read_private(path)
    return cleaned(stored.text, str(path), stored.remarks)


def _read_private(path: Path) -> SecretText:
    _refuse_if_readable_by_others(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CredentialsError(str(path), f"cannot be read ({error.strerror})", "make it readable to you") from None
    return decoded(content, str(path))


def _refuse_if_readable_by_others(path: Path) -> None:
    if os.name == "posix" and path.stat().st_mode & _READABLE_BY_OTHERS:
        problem = "can be read by other users of this machine"
        raise CredentialsError(str(path), problem, f"run `chmod 600 {path}`")
