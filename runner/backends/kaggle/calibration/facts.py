"""What a calibration found of Kaggle, kept without anything personal, and the table of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from contract.storage import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FACTS_FILE = "facts.json"
TAKEN = "taken"
UNKNOWN = "not found out yet"


class Listing(msgspec.Struct, frozen=True):
    """How a session ended, and what became of its output.

    Args:
        state: in Kaggle's words as the tool understands them.
        reason: in Kaggle's own words.
        is_kept: whether a file that it had written came to be listed.
        lag: seconds from its end until then, or for which it was waited in vain.
        queued: seconds from the push until it ran.
    """

    state: str
    reason: str | None
    is_kept: bool
    lag: float
    queued: float


class Facts(msgspec.Struct, omit_defaults=True):
    """Each is None until its step is done.

    Args:
        run: tells the sessions of one calibration from those of another.
        finished: when it was done, as `2026-11-28`.
        many_files: what becomes of 60 files in a dataset: `TAKEN`, `refused` or `dropped`.
        odd_names: whether files with odd suffixes, equal content and no content arrive as they are.
        folder: whether a folder of a dataset stays one.
        well: the session that ends by itself.
        failed: the session that exits with 1.
        stopped: the session that is stopped at its limit of 60 s.
        own_output: whether a kernel that names itself as a source finds its own zip there, still a zip.
        python: which Python runs there.
        versions: of the libraries there.
        image: the image that they are in.
        quota_renewed: when the weekly quota is renewed.
    """

    run: str
    finished: str | None = None
    many_files: str | None = None
    odd_names: bool | None = None
    folder: bool | None = None
    well: Listing | None = None
    failed: Listing | None = None
    stopped: Listing | None = None
    own_output: bool | None = None
    python: str | None = None
    versions: dict[str, str | None] | None = None
    image: str | None = None
    quota_renewed: str | None = None

    @property
    def takes_many_files(self) -> bool:
        """Whether a dataset was seen to take more files than Kaggle's documentation says."""
        return self.many_files == TAKEN

    @property
    def longest_lag(self) -> float:
        """Seconds after which output was listed at the latest."""
        known = [each for each in (self.well, self.failed, self.stopped) if each is not None and each.is_kept]
        return max((each.lag for each in known), default=0.0)

    def write(self, root: Path) -> None:
        """Keep it below `root`."""
        root.mkdir(parents=True, exist_ok=True)
        files.write_json(root / FACTS_FILE, msgspec.to_builtins(self))


def read_facts(root: Path) -> Facts | None:
    """What was found, if anybody looked; what cannot be read is looked for anew."""
    try:
        return msgspec.convert(files.read_json(root / FACTS_FILE), Facts)
    except (OSError, ValueError, msgspec.ValidationError):
        return None


def table(facts: Facts) -> Iterator[str]:
    """Its lines: what was asked, what was assumed, what was found."""
    rows = (
        ("question", "assumed", "found"),
        ("60 files in a dataset", "refused", facts.many_files or UNKNOWN),
        ("odd suffixes, equal and empty files", "as they are", _as(facts.odd_names, "as they are", "changed")),
        ("a folder of a dataset", "stays", _as(facts.folder, "stays", "does not stay")),
        ("output of a session that ends well", "kept", _kept(facts.well)),
        ("output after exit 1", "kept", _kept(facts.failed)),
        ("output after the time limit", "kept", _kept(facts.stopped)),
        (
            "a kernel's own output, mounted",
            "found, zip a zip",
            _as(facts.own_output, "found, zip a zip", "not found so"),
        ),
        ("Python there", "3.12 or 3.13", facts.python or UNKNOWN),
        *((f"{name} there", "-", version or "none") for name, version in (facts.versions or {}).items()),
        ("image", "-", facts.image or UNKNOWN),
        ("the quota is renewed", "Saturday 00:00 UTC", facts.quota_renewed or UNKNOWN),
    )
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for what, assumed, found in rows:
        yield f"{what:<{widths[0]}}  {assumed:<{widths[1]}}  {found}"


def _as(fact: bool | None, yes: str, no: str) -> str:
    return UNKNOWN if fact is None else (yes if fact else no)


def _kept(found: Listing | None) -> str:
    if found is None:
        return UNKNOWN
    said = f" ({found.reason})" if found.reason else ""
    kept = f"kept, listed after {found.lag:.0f} s" if found.is_kept else f"not listed within {found.lag:.0f} s"
    return f"{found.state}{said}: {kept}; {found.queued:.0f} s in the queue"
