"""What people type, read and look up in the documents: blocks between fences, and spans between backticks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tests.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTS = [
    *(
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "bench/README.md", "runner/new_project/template/README.md")
    ),
    *sorted((ROOT / "docs").glob("*.md")),
]
SHELL, POWERSHELL = ("sh", "bash", "shell"), "powershell"
PROGRAMS = (
    "cat|cd|chmod|cp|curl|docker|doit|export|gh|git|kaggle|kaggle-relay|make|mkdir|pipx?|pytest|python3?|py|rm|source|sudo|"
    "tensorboard"
)
CRON = r"(?:[\d*/,-]+ ){5}"
A_COMMAND = rf"{CRON}|(?:\w+=\S+ +)*(?:\S*/)?(?:{PROGRAMS}) [^\s:]"
PROMPT = "$ "
EXPORTED = r"export \w+="


class Block(NamedTuple):
    """A part of a page between two fences: of what kind, in which line it begins, and its lines."""

    kind: str
    line: int
    lines: tuple[str, ...]

    def commands(self) -> list[str]:
        """What of it is to be typed, without the remarks beside it."""
        stripped = [line.strip() for line in self.lines]
        if any(line.startswith(PROMPT) for line in stripped):
            typed = [line for line in stripped if line.startswith(PROMPT) or re.match(EXPORTED, line)]
        elif self.kind in SHELL:
            typed = [line for line in stripped if line]
        elif not self.kind:
            typed = [line for line in stripped if re.match(A_COMMAND, line)]
        else:
            typed = []
        return [re.sub(r"(^|\s+)# .*", "", line.removeprefix(PROMPT)) for line in typed]


def blocks(text: str) -> Iterator[Block]:
    """All blocks of a page, in their order."""
    kind, begun, lines = None, 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.match(r"\s*```(\w*)\s*$", line)
        if fence is None:
            lines.append(line)
        elif kind is None:
            kind, begun, lines = fence[1], number, []
        else:
            yield Block(kind, begun, tuple(lines))
            kind = None
