"""A verdict for people, in colour where that is seen, and for programs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from contract.plain_text import encodable, plain
from runner.steering.documents import Counts, Found, VerifyAnswer
from runner.verifying.findings import Kind, Level

if TYPE_CHECKING:
    from runner.verifying.findings import Verdict

VERIFIED = "CHECKPOINT SYSTEM VERIFIED"
TITLES = {
    Kind.INSTALLATION: "Installation",
    Kind.FOLDERS: "Folders and space",
    Kind.CHECKPOINTS: "Checkpoints",
    Kind.LINEAGES: "Metadata and lineage",
    Kind.RESUMING: "Resume proof",
    Kind.BACKENDS: "Backends",
}
_MARKS = {Level.SUCCESS: "✅", Level.WARNING: "⚠️", Level.ISSUE: "❌", Level.SKIPPED: "⏭️"}
_PLAIN_MARKS = {Level.SUCCESS: "[ok]", Level.WARNING: "[warn]", Level.ISSUE: "[FAIL]", Level.SKIPPED: "[skip]"}
_COLOURS = {Level.SUCCESS: "green", Level.WARNING: "yellow", Level.ISSUE: "bold red", Level.SKIPPED: "dim"}
_COUNTED = (
    (Level.SUCCESS, "Successes"),
    (Level.WARNING, "Warnings"),
    (Level.ISSUE, "Issues"),
    (Level.SKIPPED, "Skipped"),
)


def as_answer(found: Verdict) -> VerifyAnswer:
    """A verdict for programs."""
    counts = {level.value: found.count(level) for level in Level}
    return VerifyAnswer(
        verified=found.is_verified,
        kinds=tuple(each.value for each in found.kinds),
        counts=Counts(**counts),
        findings=tuple(
            Found(
                kind=each.kind.value,
                level=each.level.value,
                what=each.what,
                reason=each.reason or None,
                next_command=each.next_command or None,
            )
            for each in found.findings
        ),
    )


class Page:
    """Shows a verdict as it comes.

    Args:
        stream: where to; standard output if not given.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        from rich.console import Console  # noqa: PLC0415 - few commands need it

        self._stream = stream or sys.stdout
        self._marks = _MARKS if _takes(self._stream, "".join(_MARKS.values())) else _PLAIN_MARKS
        self._console = Console(file=self._stream, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def title(self, kind: Kind) -> None:
        """Begin the findings of a kind."""
        self._console.print(f"\n{TITLES[kind]}", style="bold")

    def finding(self, level: Level, what: str, reason: str = "", next_command: str = "") -> None:
        """Show one finding."""
        self._line(f"  {self._marks[level]} {what}", "" if level is Level.SUCCESS else _COLOURS[level])
        if reason:
            self._line(f"       {reason}", "dim")
        if next_command:
            self._line(f"       next: {next_command}", "cyan")

    def summary(self, found: Verdict) -> None:
        """Show what it came to."""
        self._console.print("")
        for level, called in _COUNTED:
            number = found.count(level)
            self._line(f"{self._marks[level]} {called}: {number}", _COLOURS[level] if number else "dim")
        if not found.is_verified:
            return
        if not found.left_out:
            self._line(f"{self._marks[Level.SUCCESS]} {VERIFIED}", "bold green")
            return
        looked_at, left_out = (", ".join(kinds) for kinds in (found.kinds, found.left_out))
        self._line(f"{self._marks[Level.SUCCESS]} verified: {looked_at}; not looked at: {left_out}", "green")

    def _line(self, text: str, style: str) -> None:
        self._console.print(encodable(plain(text), self._stream), style=style or None)


def _takes(stream: TextIO, marks: str) -> bool:
    """Whether a stream can be given the marks."""
    try:
        # What doit shows through names no encoding, and stands before standard output.
        encoding = getattr(stream, "encoding", None) or getattr(sys.__stdout__, "encoding", None) or "ascii"
        marks.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
