"""The stages of jobs as an SVG that any browser opens: light and dark, told apart by signs as well as by colours."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from contract.plain_text import plain
from runner.steering.stages import STAGES, Look

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.steering.stages import Picture, Row

MOST_ROWS = 8
"""Of one job; sessions before those are counted."""
_MARGIN, _LEFT, _BOX, _GAP, _HIGH, _ROW, _LINE = 24, 74, 98, 16, 30, 64, 20
_WIDTH = _MARGIN * 2 + _LEFT + len(STAGES) * (_BOX + _GAP) + 30
_LETTERS = 104
_SIGNS = {
    Look.DONE: "✓",
    Look.FAILED: "✗",
    Look.STALE: "↻",
    Look.RUNNING: "▶",
    Look.NEXT: "○",
    Look.LATER: "·",
}
_MEANINGS = {
    Look.DONE: "done",
    Look.FAILED: "failed, or refused",
    Look.STALE: "stale: to be done again",
    Look.RUNNING: "running",
    Look.NEXT: "next",
    Look.LATER: "after that",
}
_STYLE = """
:root { color-scheme: light dark }
svg { --paper: #ffffff; --ink: #1f2328; --faint: #59636e; --line: #b7bec6;
  --done: #dafbe1; --done-line: #1a7f37; --stale: #fff1c2; --stale-line: #9a6700; --failed: #ffebe9;
  --failed-line: #cf222e; --running: #ddf4ff; --running-line: #0969da; --next: #f6f8fa; --next-line: #59636e }
@media (prefers-color-scheme: dark) { svg { --paper: #0d1117; --ink: #e6edf3; --faint: #9198a1; --line: #4b535d;
  --done: #12261e; --done-line: #3fb950; --stale: #272115; --stale-line: #d29922; --failed: #25171c;
  --failed-line: #f85149; --running: #121d2f; --running-line: #4493f8; --next: #151b23; --next-line: #9198a1 } }
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--ink) }
.paper { fill: var(--paper) } .name { font-size: 17px; font-weight: 600 } .faint { fill: var(--faint) }
.wrong { fill: var(--failed-line) } .number { font-weight: 600; font-variant-numeric: tabular-nums }
rect.box { stroke-width: 1.5; rx: 6px } path { fill: none; stroke: var(--line); stroke-width: 1.5 }
.done { fill: var(--done); stroke: var(--done-line) } .failed { fill: var(--failed); stroke: var(--failed-line) }
.stale { fill: var(--stale); stroke: var(--stale-line); stroke-dasharray: 6 3 }
.running { fill: var(--running); stroke: var(--running-line) }
.next { fill: var(--next); stroke: var(--next-line) }
.later { fill: var(--paper); stroke: var(--line); stroke-dasharray: 2 3 }
"""


def draw(pictures: Sequence[Picture], title: str) -> str:
    """The picture of some jobs, one below the other."""
    parts, y = [], float(_MARGIN)
    for picture in pictures:
        drawn, y = _job(picture, y)
        parts += [*drawn]
    parts += _legend(y)
    height = y + 2 * _LINE + _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{_text(title)}">'
    )
    style = f"<title>{_text(title)}</title><style>{_STYLE}</style>"
    paper = f'<rect class="paper" width="{_WIDTH}" height="{height:.0f}"/>'
    return "\n".join([head, style, paper, *parts, "</svg>\n"])


def _job(picture: Picture, y: float) -> tuple[list[str], float]:
    """One job from `y` on, and where it ends."""
    parts = [f'<text class="name" x="{_MARGIN}" y="{y + 16:.0f}">{_text(picture.job)}</text>']
    y += 24
    for line in textwrap.wrap(picture.sentence, _LETTERS, max_lines=4, placeholder=" …"):
        kind = "wrong" if picture.is_refused else "faint"
        parts.append(f'<text class="{kind}" x="{_MARGIN}" y="{y + 14:.0f}">{_text(line)}</text>')
        y += _LINE
    left_out = len(picture.rows) - MOST_ROWS
    shown = picture.rows[-MOST_ROWS:]
    y += 10
    if left_out > 0:
        before = "1 earlier session" if left_out == 1 else f"{left_out} earlier sessions"
        parts.append(f'<text class="faint" x="{_MARGIN}" y="{y + 14:.0f}">… {before}</text>')
        y += _LINE + 6
    tops = {row.number: y + number * _ROW for number, row in enumerate(shown)}
    for row in shown:
        parts += _row(row, tops[row.number])
        if row.parent in tops:
            parts.append(_thread(tops[row.parent], tops[row.number]))
    return parts, y + len(shown) * _ROW + _MARGIN


def _row(row: Row, y: float) -> Iterator[str]:
    yield f'<text class="number" x="{_MARGIN}" y="{y + 20:.0f}">{_text(row.number)}</text>'
    for position, (stage, look) in enumerate(zip(STAGES, row.looks, strict=True)):
        x = _MARGIN + _LEFT + position * (_BOX + _GAP)
        if position:
            yield f'<path d="M{x - _GAP} {y + _HIGH / 2:.0f}h{_GAP}"/>'
        yield _box(x, y, look, f"{_SIGNS[look]} {stage}", f"{stage} of session {row.number}: {_MEANINGS[look]}")
    below = y + _HIGH + 16
    yield f'<text class="faint" x="{_MARGIN + _LEFT}" y="{below:.0f}">{_text(row.words)}</text>'


def _box(x: float, y: float, look: Look, words: str, tip: str) -> str:
    return (
        f'<g><title>{_text(tip)}</title><rect class="box {look}" x="{x}" y="{y:.0f}" width="{_BOX}" height="{_HIGH}"/>'
        f'<text x="{x + 10}" y="{y + 20:.0f}">{_text(words)}</text></g>'
    )


def _thread(above: float, below: float) -> str:
    """From where a session was restored to where the one that goes on from it is packaged."""
    right = _MARGIN + _LEFT + len(STAGES) * (_BOX + _GAP) - _GAP
    out = right + 12 + min(14, (below - above) / _ROW * 3)
    between, left = below - 8, _MARGIN + _LEFT + _BOX / 2
    start = above + _HIGH / 2
    return f'<path d="M{right} {start:.0f}H{out:.0f}V{between:.0f}H{left:.0f}V{below:.0f}"/>'


def _legend(y: float) -> Iterator[str]:
    x = float(_MARGIN)
    for look in Look:
        meaning = _MEANINGS[look]
        yield f'<rect class="box {look}" x="{x:.0f}" y="{y:.0f}" width="18" height="18"/>'
        yield f'<text x="{x + 4:.0f}" y="{y + 13:.0f}">{_SIGNS[look]}</text>'
        yield f'<text class="faint" x="{x + 24:.0f}" y="{y + 14:.0f}">{_text(meaning)}</text>'
        x += 24 + 7.2 * len(meaning) + 20


def _text(words: str) -> str:
    return escape(plain(words), {'"': "&quot;"})
