"""An address is told of a goal that is met and of a job that needs a person: once, and no run fails for it."""

from __future__ import annotations

import http.server
import json
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from contract.errors import InputError
from runner.layout import RunsFolder
from runner.notifying import GOAL_MET, PERSON_NEEDED, VARIABLE, Notice, Notifier, address, post
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import write_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRIVATE_PART = "of-the-hook"
NOTICE = Notice("cart", GOAL_MET, "256 of 256 timesteps", "0003", 256, 256)


class Hook(http.server.BaseHTTPRequestHandler):
    """Answers as it was told, and keeps what it got."""

    answers: ClassVar[list[int]] = []
    got: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.got.append(json.loads(body))
        self.send_response(status)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that takes notices."""
    monkeypatch.setenv("no_proxy", "*")
    Hook.answers, Hook.got = [], []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{PRIVATE_PART}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def runs(tmp_path: Path) -> RunsFolder:
    """A project's `runs/`."""
    return RunsFolder(tmp_path)


def tell(runs: RunsFolder, notice: Notice, stated: str | None, patience: float = 5.0) -> Notifier:
    """What a command does that has one thing to tell."""
    notifier = Notifier(runs, patience)
    notifier.tell(notice, stated)
    notifier.close()
    return notifier


def test_each_occasion_is_told_once(runs: RunsFolder, hook: str) -> None:
    stopped = NOTICE._replace(event=PERSON_NEEDED, message="session 0003 ended (diverged)")
    for notice in (stopped, stopped, NOTICE, NOTICE):
        assert tell(runs, notice, hook).is_complete
    assert [each["event"] for each in Hook.got] == [PERSON_NEEDED, GOAL_MET]
    sentence = "cart: goal met: 256 of 256 timesteps"
    assert Hook.got[-1] == {**NOTICE._asdict(), "text": sentence, "content": sentence}


def test_what_passes_is_tried_again_and_what_does_not_is_not(hook: str) -> None:
    Hook.answers = [503, 429]
    assert post(hook, NOTICE.as_json(), 5.0) is None
    assert len(Hook.got) == 1
    for status in (404, 302):
        Hook.answers = [status]
        assert post(hook, NOTICE.as_json(), 5.0) == f"answer {status}"
    assert len(Hook.got) == 1


def test_what_cannot_be_told_is_one_line_without_the_address_and_is_tried_again(
    runs: RunsFolder, hook: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = f"http://127.0.0.1:9/{PRIVATE_PART}"
    for target in (nobody, f"http://127.0.0.1:{PRIVATE_PART}"):
        assert not tell(runs, NOTICE, target, patience=0.2).is_complete
        said = capsys.readouterr()
        assert said.out.startswith("cart: nobody could be notified (")
        assert said.out.endswith("); the next command tries again\n")
        assert PRIVATE_PART not in said.out + said.err
    Hook.answers = [503]
    assert not tell(runs, NOTICE, hook, patience=600.0).is_complete  # what failed before is tried once
    assert tell(runs, NOTICE, hook).is_complete
    assert len(Hook.got) == 1


def test_nobody_is_told_unless_an_address_is_stated(runs: RunsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert tell(runs, NOTICE, None).is_complete
    assert not runs.path.exists()
    assert address(None, {}) is None
    assert address(None, {VARIABLE: "https://a.example"}) == "https://a.example"
    assert address("$MY_HOOK", {"MY_HOOK": "https://b.example", VARIABLE: "https://a.example"}) == "https://b.example"
    assert address("${MY_HOOK}", {}) is None
    assert address("https://c.example", {VARIABLE: "https://a.example"}) == "https://c.example"


@pytest.mark.parametrize(
    "value", [PRIVATE_PART, f"htps://hooks.example/{PRIVATE_PART}", f"$ {PRIVATE_PART}", "https://"]
)
def test_what_is_no_address_is_refused_and_not_shown(tmp_path: Path, value: str) -> None:
    write_jobs(tmp_path, cart=cart_pole(notify=value))
    with pytest.raises(InputError, match=r"jobs.cart.notify: must be an address \(https://...\), or \$NAME") as caught:
        Workspace(tmp_path).plan("cart", "full")
    assert PRIVATE_PART not in str(caught.value)


def test_an_address_is_no_part_of_the_job(tmp_path: Path) -> None:
    write_jobs(tmp_path, cart=cart_pole())
    before = Workspace(tmp_path).plan("cart", "full").wanted
    write_jobs(tmp_path, cart=cart_pole(notify=f"https://hooks.example/{PRIVATE_PART}"))
    workspace = Workspace(tmp_path)
    assert workspace.plan("cart", "full").wanted.job == before.job
    assert workspace.notified("cart") == f"https://hooks.example/{PRIVATE_PART}"
