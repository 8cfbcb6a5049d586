"""A secret as people save it: with a mark of its encoding, in quotes, as a line of a shell; or why it is none.

What programs of Windows add is taken away without a word; what somebody wrote by mistake, with one. No sentence holds
the secret.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from contract.errors import CredentialsError

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MARK = "\ufeff"
_ASSIGNMENT = re.compile(r"(?:export |set |\$env:)?\s*[A-Z][A-Z_]*\s*[=:]\s*(?=.)", re.IGNORECASE)
_NAMES = re.compile(r"KAGGLE_(API_TOKEN|KEY|USERNAME)|API_TOKEN|TOKEN|KEY", re.IGNORECASE)
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"
_REMEDY = "save the token alone in it, as one line"


@dataclass(frozen=True)
class SecretText:
    """A secret, and what was taken away around it, in words.

    Args:
        text: the secret, fit for a header.
        remarks: what to correct, each in a few words.
    """

    text: str
    remarks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Nothing of the secret."""
        return f"SecretText(remarks={self.remarks})"


def decoded(content: bytes, source: str) -> SecretText:
    """The text of a file, which some programs of Windows save as UTF-16, or with a mark at its beginning.

    Raises:
        CredentialsError: it is neither UTF-8 nor UTF-16.
    """
    if content.startswith(_UTF_16):
        try:
            return SecretText(content.decode("utf-16"), ("it is UTF-16: save it as UTF-8",))
        except UnicodeDecodeError:
            pass
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CredentialsError(source, "is not text in UTF-8", "save it as UTF-8") from None
    if "\0" in text:
        raise CredentialsError(source, "is not text in UTF-8 (perhaps UTF-16)", "save it as UTF-8")
    return SecretText(text)


def cleaned(given: str, source: str, remarks: tuple[str, ...] = ()) -> SecretText:
    """The secret in a text that holds one.

    Args:
        given: the text.
        source: where it was found, for people.
        remarks: what was taken away already.

    Raises:
        CredentialsError: it is several lines, or holds what no secret does.
    """
    text = given.strip().strip(_MARK).strip()
    lines = [line for line in text.splitlines() if line.strip()]
    if text.startswith("{"):
        raise CredentialsError(source, "holds a file kaggle.json, and not a token", "save it as kaggle.json instead")
    if len(lines) > 1:
        raise CredentialsError(source, f"holds {len(lines)} lines, and a token is one", _REMEDY)
    if (before := _ASSIGNMENT.match(text)) and _NAMES.search(before[0]):
        text = text[before.end() :].strip().rstrip(";")
        remarks = (*remarks, "a name stands before the token: take it away")
    if (bare := text.strip(_QUOTES)) != text:
        text, remarks = bare.strip(), (*remarks, "the token is in quotes: take them away")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise CredentialsError(source, "holds characters that no token has", _REMEDY)
    return SecretText(text, remarks)
