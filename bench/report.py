"""How large the pages of a report are, and how long a browser takes to open them.

    python bench/report.py                 30 sessions of each of 5 seeds
    python bench/report.py --quick         does it work at all?
    python bench/report.py --picture FILE  a page as PNG, for docs/report.md

The trainings are made up (`tests/runner/report/examples.py`); each session has measured 9 things in 400 rollouts. In
each round a Chromium that was just started opens each page from its file, after a small one that has it load its fonts.
Three things are measured: until all that is to be read stands on the screen, the learning curve as a still picture;
until that has become a figure to zoom in; and the CPU time of the page's own thread until then, which is what says
something on a machine that does much else.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from measuring.graphs import CODE
from measuring.tables import note, publish, table, write_raw
from PIL import Image

sys.path.insert(0, str(CODE))

from runner.report import page, paper
from runner.report.grouping import group_reports
from tests.emulator.browser import Browser
from tests.runner.report import examples

MOST_SECONDS: Final = 2.0
MOST_BYTES: Final = 5_000_000
SEEDS: Final = 5
SESSIONS: Final = 30
ROLLOUTS: Final = 400
ROUNDS: Final = 5
WINDOW: Final = (1200, 900)
_WARM = "<!doctype html><title>warm</title><h1>warm</h1><svg><text y='20'>warm</text></svg>"
_PICTURE_WIDTH, _PICTURE_HEIGHT, _COLOURS = 1000, 1400, 192


@dataclass
class Opening:
    """One time that a page was opened.

    Args:
        shown: seconds until something stood on the screen.
        drawn: until the first figure was drawn.
        busy: CPU seconds of the page's own thread until then.
    """

    shown: float
    drawn: float
    busy: float


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few sessions, one round")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write a picture of a page, and measure nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to keep the raw numbers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as name:
        folder = Path(name)
        if options.picture is not None:
            take_picture(options.picture, folder)
            return
        sessions, rollouts, rounds = (3, 20, 1) if options.quick else (SESSIONS, ROLLOUTS, ROUNDS)
        pages = write_pages(folder, sessions, rollouts)
        openings: dict[str, list[Opening]] = {name: [] for name in pages}
        for number in range(rounds):
            note(f"round {number + 1} of {rounds}")
            for label, path in pages.items():
                openings[label].append(open_page(path, folder / f"profile-{label}-{number}"))
        publish(report({label: path.stat().st_size for label, path in pages.items()}, openings))
        write_raw(options.json, {label: [asdict(each) for each in found] for label, found in openings.items()})


def write_pages(folder: Path, sessions: int, rollouts: int) -> dict[str, Path]:
    """A page of one job, and the page of all of them."""
    reports = [examples.report(f"walk-{seed}", sessions, seed, rollouts) for seed in range(SEEDS)]
    began = time.process_time()
    pictures = paper.learning_curve(reports[0])
    own = page.render_job(reports[0], examples.WRITTEN_AT, pictures.svg if pictures else None)
    of_all = page.render_index(reports, group_reports(reports), {"walk-0"}, examples.WRITTEN_AT)
    note(f"both pages and the figure took {time.process_time() - began:.1f} s of CPU time to write")
    pages = {"a job": folder / "job.html", "all jobs": folder / "all.html"}
    for path, text in zip(pages.values(), (own, of_all), strict=True):
        path.write_text(text, encoding="utf-8")
    return pages


def open_page(path: Path, profile: Path) -> Opening:
    """Open a page in a browser of its own."""
    warm = path.with_name("warm.html")
    warm.write_text(_WARM, encoding="utf-8")
    with Browser(profile) as browser:
        browser.resize(*WINDOW)
        browser.visit(warm.as_uri())
        before = browser.seconds_of_page()
        browser.visit(path.as_uri())
        drawn = float(browser.evaluate("window.drawn"))
        busy = browser.seconds_of_page() - before
        shown = float(browser.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    return Opening(shown / 1000, drawn / 1000, busy)


def report(sizes: dict[str, int], openings: dict[str, list[Opening]]) -> str:
    """A row for each page: medians, and the worst in parentheses."""
    rows = []
    for label, found in openings.items():
        columns = ([each.shown for each in found], [each.drawn for each in found], [each.busy for each in found])
        shown = [f"{statistics.median(values):.2f} s ({max(values):.2f})" for values in columns]
        rows.append([label, f"{sizes[label] / 1e6:.2f} MB", *shown])
    head = [
        "page",
        f"size (goal: {MOST_BYTES / 1e6:.0f} MB)",
        "shown",
        f"drawn (goal: {MOST_SECONDS:.0f} s)",
        "CPU time of its thread",
    ]
    return table(head, rows)


def take_picture(target: Path, folder: Path) -> None:
    """Write the upper part of a page as PNG, in few colours."""
    path, whole = folder / "job.html", folder / "whole.png"
    path.write_text(page.render_job(examples.report("walk", 8, rounds=60), examples.WRITTEN_AT), encoding="utf-8")
    with Browser(folder / "profile") as browser:
        browser.resize(_PICTURE_WIDTH, 2 * _PICTURE_HEIGHT)
        browser.prefer("light")
        browser.visit(path.as_uri())
        browser.evaluate("window.drawn.then(() => drawAll()).then((all) => all.length)")
        browser.screenshot(whole)
    with Image.open(whole) as image:
        upper = image.convert("RGB").crop((0, 0, _PICTURE_WIDTH, _PICTURE_HEIGHT))
        upper.quantize(_COLOURS).save(target, optimize=True)


if __name__ == "__main__":
    main()
