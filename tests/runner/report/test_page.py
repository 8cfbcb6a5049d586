"""Pages: what they say, what they let nobody do to them, and how they look in a real browser."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from plotly.offline import get_plotlyjs_version

from runner.curve.measurements import Curve, Measurement
from runner.report import page
from runner.report.browser_script import browser_script
from runner.report.grouping import group_reports
from runner.report.values import Baseline, Change, Picture, Setting
from tests.emulator.browser import Browser
from tests.runner.report import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from runner.report.values import JobReport

ATTACK = "</script><script>document.title='taken over'</script><img src=x onerror=\"document.title='taken over'\">"
LARGEST = 5_000_000


class Seen(HTMLParser):
    """The text that a page shows, and what it would run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.scripts, self.tags = "", [""], list[tuple[str, dict[str, str | None]]]()
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if tag == self._inside else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data


def written(report: JobReport) -> str:
    return page.render_job(report, examples.WRITTEN_AT)


def figures_in(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    figures: dict[str, Any] = json.loads(found[1])["figures"]
    return figures


def hostile() -> JobReport:
    """A report in which every text that a session or a stranger may write is an attack."""
    plain = examples.report()
    sessions = tuple(each._replace(reason=ATTACK, refused=(ATTACK,), words=ATTACK) for each in plain.sessions)
    measured = Measurement(60_000, f"lab/{ATTACK}", 1.0, 3, 0.0)
    return dataclasses.replace(
        plain,
        environment=ATTACK,
        sessions=sessions,
        curve=dataclasses.replace(plain.curve, measurements=(*plain.curve.measurements, measured)),
        changes=(Change(2, 10, ATTACK),),
        settings=(Setting(ATTACK, ATTACK),),
        baselines=(Baseline(ATTACK, -1.0),),
        notes=(ATTACK,),
    )


def test_the_page_of_a_job_tells_all_that_is_known_of_it() -> None:
    text = Seen(written(examples.report())).text
    for told in (
        "PPO in trainer.envs:TrafficLight-v0, seed 0, of the group walks",
        "hyperparameters.learning_rate changed from 0.001 to 0.0003",
        "cut by its limit",
        "the loss is not finite",
        "walk_checkpoint_32000_steps.zip: its policy.pth has another digest than its record",
        f"{4:064x}",
        "2.10.0+cu128",
        "35h00m of it with a GPU",
        "max-pressure",
    ):
        assert told in text


def test_the_figures_have_the_evaluations_the_baselines_and_the_borders_of_sessions() -> None:
    curve = figures_in(written(examples.report()))["curve"]
    names = [each["name"] for each in curve["data"]]
    assert names == ["in training", "evaluated", "best", "fixed time (Webster)", "max-pressure"]
    assert [each["x0"] for each in curve["layout"]["shapes"]] == [20_000, 40_000]
    assert [each["text"] for each in curve["layout"]["annotations"]] == ["2", "4"]


def test_a_job_of_which_nothing_was_measured_has_a_page_with_all_else() -> None:
    html = written(examples.report(curve=Curve("walk", 1, (), ())))
    seen = Seen(html)
    assert "No return was measured" in seen.text
    assert "cut by its limit" in seen.text
    assert "script" not in [tag for tag, _ in seen.tags]


def test_what_draws_is_of_the_version_that_the_figures_are_made_for() -> None:
    version = browser_script().version
    assert version.split(".")[0] == get_plotlyjs_version().split(".")[0]
    assert f"plotly.js {version}" in Seen(written(examples.report())).text


def test_what_a_session_writes_is_text_and_nothing_else_in_every_place() -> None:
    seen = Seen(written(hostile()))
    assert seen.text.count("taken over") > 10
    assert [tag for tag, _ in seen.tags].count("script") == 3
    assert not [attributes for _, attributes in seen.tags if "onerror" in attributes or attributes.get("src") == "x"]
    assert f"measured/lab/{ATTACK}" in json.loads(seen.scripts[1])["figures"]


def test_half_a_character_keeps_no_page_from_being_written() -> None:
    assert b"lab:\\ud83d-v0" in page.encoded(written(examples.report(environment="lab:\ud83d-v0")))


def test_a_small_picture_of_the_best_agent_is_in_the_page_and_a_large_one_beside_it() -> None:
    small = Seen(written(examples.report(picture=Picture("best_agent.gif", "image/gif", "R0lGODlh"))))
    assert ("img", "data:image/gif;base64,R0lGODlh") in [(tag, each.get("src")) for tag, each in small.tags]
    large = Seen(written(examples.report(picture=Picture("best_agent.mp4", "video/mp4", ""))))
    assert ("a", "best_agent.mp4") in [(tag, each.get("href")) for tag, each in large.tags]


def test_thirty_sessions_with_a_million_timesteps_each_are_a_page_below_5_mb() -> None:
    assert len(written(examples.report(sessions=30, rounds=200)).encode()) < LARGEST


def test_the_page_of_all_jobs_names_those_that_have_none_of_their_own() -> None:
    reports = [examples.report("walk-0"), examples.report("walk-1", seed=1, sessions=2), examples.report("not-begun")]
    html = page.render_index(reports, group_reports(reports), {"walk-0", "walk-1"}, examples.WRITTEN_AT)
    seen = Seen(html)
    links = [attributes.get("href") for tag, attributes in seen.tags if tag == "a"]
    assert links == ["walk-0/report.html", "walk-1/report.html"]
    assert "not-begun" in seen.text
    assert "95 % stratified bootstrap confidence interval" in seen.text


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def opened(browser: Browser, folder: Path, html: str) -> None:
    """Open a page as a file, and wait until its first figure is drawn."""
    (folder / "report.html").write_text(html, encoding="utf-8")
    browser.visit((folder / "report.html").as_uri())
    assert browser.evaluate("window.drawn") > 0


def test_a_browser_draws_the_figures_from_the_file_alone_and_runs_nothing_else(
    browser: Browser, tmp_path: Path
) -> None:
    browser.resize(390, 800)
    browser.prefer("dark")
    opened(browser, tmp_path, written(hostile()))
    assert browser.evaluate("document.title") == "walk"
    assert browser.evaluate("document.querySelectorAll('[data-figure=curve] .scatterlayer .trace').length") == 4
    assert browser.evaluate("document.querySelector('[data-figure=curve] .legendtext').textContent") == "in training"
    width = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    assert browser.evaluate(width) == [390, 390]
    colour = "getComputedStyle(document.querySelector('[data-figure=curve] .js-line')).stroke"
    dark = browser.evaluate(colour)
    place = "document.querySelector('[data-figure=curve]')"
    browser.evaluate(f"window.again = new Promise((done) => {place}.once('plotly_afterplot', done)), 0")
    browser.prefer("light")
    assert browser.evaluate(f"window.again.then(() => {colour})") != dark
