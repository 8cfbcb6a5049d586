"""What the documents say that commands print, and the same without what differs from run to run."""

from __future__ import annotations

import re

from tests.documents.pages import Block, blocks
from tests.project import ROOT

NUMBER = r"-?\d[\d,.]*"
MASKS = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d", "TIME"),
    (rf"{NUMBER} (?:[KMG]i)?B\b", "SIZE"),
    (r"[▁▂▃▄▅▆▇█]+", "SPARKLINE"),
    (r"(?:traffic_light_control|cart|walk)", "JOB"),
    (r"\b(?:\d+h)?(?:\d+m)?\d+(?:\.\d+)?[sm]\b", "DURATION"),
    (NUMBER, "N"),
    (r"\((?:quick|full), (?:local|kaggle)\)", "(WHERE)"),
    (r"N sessions?\b", "N session(s)"),
    (r"\.(?:gif|mp4)\b", ".VIDEO"),
    (r": README\.md, .*?;", ": FILES;"),
    (r"\s+", " "),
    (r"^TIME ", ""),  # it stands once for all that was in the same minute
)
"""What differs from run to run, and what stands for it."""


def shapes(lines: list[str]) -> set[str]:
    """Lines without what differs from run to run."""
    found = set()
    for line in lines:
        masked = line.strip()
        for pattern, mask in MASKS:
            masked = re.sub(pattern, mask, masked)
        found.add(masked)
    return found


def of_page(name: str) -> list[Block]:
    return [block for block in blocks((ROOT / name).read_text("utf-8")) if block.kind in ("", "text", "console")]


def printed_lines(block: Block) -> list[str]:
    """The lines of a block that are not typed."""
    typed = {*block.commands(), *(f"$ {command}" for command in block.commands())}
    lines = (line.strip() for line in block.lines)
    return [line for line in lines if line and re.sub(r"\s+# .*", "", line) not in typed and line != "..."]


def sample(page: str, beginning: str) -> list[str]:
    """The lines of the only sample of a page in which one begins so."""
    (block,) = [each for each in of_page(page) if any(line.strip().startswith(beginning) for line in each.lines)]
    return printed_lines(block)
