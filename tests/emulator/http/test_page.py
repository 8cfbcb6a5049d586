"""The status page: what it says, what it does not let a session do to it, and how it looks in a real browser."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette

from emulator.http.overview import DatasetOverview, KernelOverview, Overview, QuotaOverview, VersionOverview
from emulator.http.page import REFRESH_SECONDS, active_sessions, duration, percent, ran, render, routes, taken, waited
from emulator.store.values import (
    Dataset,
    DatasetState,
    DatasetVersion,
    Kernel,
    KernelOptions,
    KernelState,
    Version,
)
from tests.emulator.browser import Browser
from tests.emulator.toy_server import ToyServer

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_790_000_000.0
ATTACK = "<script>document.title='taken over'</script><img src=x onerror=\"document.title='taken over'\">"
LOG = "[CHECKPOINT] Saved traffic_checkpoint_100_steps.zip (362.4 KiB)\n" * 3 + ATTACK + "\n"
LONG = "a-kernel-with-a-name-of-the-greatest-length-that-anybody-could-think-of"


def version(number: int, state: KernelState = KernelState.COMPLETE, **changes: object) -> Version:
    """A version that waited 5 seconds and ran for 90, where its state lets it."""
    ended = None if state.is_active else NOW - 100
    started = None if state is KernelState.QUEUED else NOW - 190
    plain = Version(
        id=number,
        kernel_id=1,
        number=number,
        state=state,
        options=KernelOptions(),
        machine_shape="NvidiaTeslaT4",
        limit_seconds=12 * 3600,
        failure_message="",
        queued_at=NOW - 195,
        started_at=started,
        ended_at=ended,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def seen(version: Version, log: str = "") -> VersionOverview:
    return VersionOverview(version, output_files=4, output_bytes=31_457_280, log_tail=log)


def kernel(number: int, slug: str, *versions: VersionOverview, title: str = "") -> KernelOverview:
    return KernelOverview(Kernel(number, "alice", slug, title or slug.capitalize(), True, NOW - 900), versions)


def snapshot(*kernels: KernelOverview, datasets: tuple[DatasetOverview, ...] = ()) -> Overview:
    quotas = (QuotaOverview("alice", 27 * 3600.0, 30 * 3600.0, NOW + 86_400), QuotaOverview("bob", 0, 108_000, NOW))
    return Overview(NOW, 60.0, "local", 2, 5, quotas, kernels, datasets)


def everything() -> Overview:
    """An emulator with something of every kind."""
    failed = version(1, KernelState.ERROR, failure_message="The session ran longer than its limit of 12 hours.")
    dataset = Dataset(1, "alice", "relay-traffic", "Relay traffic", True, "CC0-1.0", NOW - 800, {})
    versions = tuple(
        (DatasetVersion(number, 1, number, f"session {number:04}", NOW - 700, NOW, 15_728_640), state)
        for number, state in ((2, DatasetState.BLOBS_RECEIVED), (1, DatasetState.READY))
    )
    return snapshot(
        kernel(1, "traffic-light", seen(version(2, KernelState.RUNNING), LOG), seen(failed), title="Traffic light"),
        kernel(2, LONG, seen(version(3, KernelState.QUEUED, machine_shape=""))),
        kernel(3, "attack", seen(version(4)), title=ATTACK),
        datasets=(DatasetOverview(dataset, versions),),
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (-1, "0.0 s"), (4.21, "4.2 s"), (187, "3 min 07 s"), (3600, "1 h 00 min"), (108_000, "30 h 00 min")],
)
def test_lengths_of_time_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_parts_stay_between_nothing_and_all() -> None:
    assert [percent(*each) for each in ((0, 30), (27, 30), (31, 30), (-1, 30), (1, 0))] == [0, 90, 100, 0, 0]


def test_a_session_waits_until_it_starts_and_runs_until_it_ends() -> None:
    ended, running, queued = version(1), version(2, KernelState.RUNNING), version(3, KernelState.QUEUED)
    assert [waited(each, NOW) for each in (ended, running, queued)] == [5, 5, 195]
    assert [ran(each, NOW) for each in (ended, running, queued)] == [90, 190, None]


def test_sessions_are_in_the_order_of_their_pushes() -> None:
    sessions = active_sessions(everything())
    assert [(each.kernel.slug, each.version.number) for each in sessions] == [("traffic-light", 2), (LONG, 3)]
    assert (taken(sessions, gpu=True), taken(sessions, gpu=False)) == (1, 0)


def test_the_page_says_what_the_emulator_knows() -> None:
    page = render(everything())
    for text in (
        *("alice/traffic-light", "running", "queued", "The session ran longer than its limit of 12 hours."),
        *("27 h 00 min", "of 30 h 00 min", "NvidiaTeslaT4", "30.0 MiB", "60 times as fast", "alice/relay-traffic"),
        *("blobs received", "ready", "session 0002", f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">'),
    ):
        assert text in page, text


def test_an_emulator_that_knows_nothing_says_so() -> None:
    page = render(snapshot())
    assert "No session waits or runs." in page
    assert "Nothing has been pushed" in page
    assert "Nothing has been uploaded" in page


def test_what_others_wrote_is_text() -> None:
    page = render(everything())
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;") == 2


def serving_page(held: Overview) -> Starlette:
    return Starlette(routes=routes(lambda: held))


def test_the_page_is_served_and_nothing_of_it_may_run() -> None:
    with ToyServer(serving_page(everything())) as server, server.client() as client:
        answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.slow
def test_it_looks_right_in_a_browser(tmp_path: Path) -> None:
    with ToyServer(serving_page(everything())) as server, Browser(tmp_path / "profile") as browser:
        for scheme, width in (("light", 1400), ("dark", 390)):
            browser.prefer(scheme)
            browser.resize(width, 900)
            browser.visit(server.url)
            assert browser.evaluate("document.title") == "(2) Kaggle emulator"
            assert browser.evaluate("document.querySelector('pre').textContent") == LOG
            assert browser.evaluate("document.querySelectorAll('script, img').length") == 0
            # Nothing sticks out of the window, and no table has a part that is out of sight.
            assert browser.evaluate("document.documentElement.scrollWidth") == width
            assert browser.evaluate(
                "[...document.querySelectorAll('.scroll')].every(box => box.scrollWidth <= box.clientWidth)"
            )
            boxes = browser.evaluate(
                "[...document.querySelectorAll('.tile, article, .scroll, pre, .empty')]"
                ".map(each => each.getBoundingClientRect()).map(box => [box.left, box.right, box.height])"
            )
            assert all(0 < left < right < width and height > 20 for left, right, height in boxes), boxes
            browser.screenshot(tmp_path / f"{scheme}.png")
        columns = browser.evaluate("getComputedStyle(document.querySelector('.tiles')).gridTemplateColumns").split()
        assert len(columns) == 1
        browser.wait_for_load()  # by itself
        assert browser.evaluate("document.querySelectorAll('article').length") == 3
