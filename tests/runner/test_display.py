"""What a user sees of a session: plain lines in a pipe, a progress bar on a terminal."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from typing import Any

import pytest

from runner.display import LONGEST_LINE, PLAIN_PROGRESS_SECONDS, Display, duration_text, progress_text


class Pipe(io.StringIO):
    """A stream that notes what a reader has seen: what was written before the latest flush."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = ""

    def flush(self) -> None:
        self.seen = self.getvalue()


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def pipe() -> Pipe:
    """Standard output, redirected."""
    return Pipe()


@pytest.fixture
def display(pipe: Pipe) -> Display:
    """The display of session 0001 of job cart."""
    return Display("cart", "0001", pipe)


def event(name: str, **values: Any) -> bytes:
    """A line that the trainer prints."""
    return f"@relay {name} {json.dumps(values)}\n".encode()


def progress(timesteps: int, **more: Any) -> bytes:
    """A progress event of a session with a goal of 1,000."""
    return event("progress", timesteps=timesteps, goal=1_000, **more)


def test_a_line_is_seen_as_soon_as_it_is_whole(display: Display, pipe: Pipe) -> None:
    display.feed(b"first\r\nsec")
    assert pipe.seen == "first\n"
    display.feed(b"ond\nthird")
    assert pipe.seen == "first\nsecond\n"
    with display:
        pass
    assert pipe.seen == "first\nsecond\nthird\n"


def test_a_character_that_arrives_in_pieces_is_shown_whole(display: Display, pipe: Pipe) -> None:
    for byte in "Straße: 交通 🚦\n".encode():
        display.feed(bytes([byte]))
    assert pipe.seen == "Straße: 交通 🚦\n"


def test_bytes_that_are_no_text_do_not_end_the_run(display: Display, pipe: Pipe) -> None:
    display.feed(b"\xff\xfe broken\n")
    assert pipe.seen == "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} broken\n"


def test_lines_of_the_runner_and_of_checkpoints_are_in_words_that_users_look_for(display: Display, pipe: Pipe) -> None:
    display.say("attaching")
    display.checkpoint_line("Found 1 checkpoint(s) to restore:")
    assert pipe.seen == "cart 0001  attaching\n[CHECKPOINT] Found 1 checkpoint(s) to restore:\n"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (event("started", timesteps=0, goal=5_000), "cart 0001  training from 0 to 5,000 timesteps\n"),
        (
            event("checkpoint", file="cart_checkpoint_100_steps.zip", bytes=46_182, timesteps=100),
            "[CHECKPOINT] Saved cart_checkpoint_100_steps.zip (45.1 KiB)\n",
        ),
        (
            event("evaluation", timesteps=1_000, mean_reward=-12.34, improved=True),
            "cart 0001  evaluation at 1,000 timesteps: mean reward -12.3, the best so far\n",
        ),
        (
            event("evaluation", timesteps=1_000, mean_reward=1234.5, improved=False),
            "cart 0001  evaluation at 1,000 timesteps: mean reward 1,234.5\n",
        ),
        (event("ended", timesteps=5_000), ""),
        (event("unheard_of"), ""),
        (b"@relay progress {broken\n", "@relay progress {broken\n"),
        (b"a warning of a library\n", "a warning of a library\n"),
        (b"[1/2] markup [red]stays[/red]\n", "[1/2] markup [red]stays[/red]\n"),
    ],
)
def test_an_event_becomes_a_sentence_and_any_other_line_stays(
    display: Display, pipe: Pipe, line: bytes, shown: str
) -> None:
    display.feed(line)
    assert pipe.getvalue() == shown


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"@relay started {}\n", "@relay started {}\n"),
        (b'@relay progress {"timesteps": "x"}\n', '@relay progress {"timesteps": "x"}\n'),
        (
            b'@relay progress {"timesteps": 0, "goal": 0, "steps_per_second": 1e-300}\n',
            "cart 0001  0 of 0 timesteps, 0 steps/s, 0s left\n",
        ),
        (
            b'@relay progress {"timesteps": 0, "goal": 1000, "steps_per_second": 1e-300}\n',
            "cart 0001  0 of 1,000 timesteps, 0 steps/s\n",
        ),
        (b"step 20/100" + progress(1_000), "step 20/100\ncart 0001  1,000 of 1,000 timesteps\n"),
        (b" 10%|#\r 20%|##\r" + progress(1_000), " 20%|##\ncart 0001  1,000 of 1,000 timesteps\n"),
        (b" 10%|#\r 20%|##\r\n", " 20%|##\n"),
        (b"\x1b]0;title\x07\x1b[31mred\x1b[0m \x1b[2J\n", "\\x1b]0;title\\x07red \\x1b[2J\n"),
        (
            event("checkpoint", file="\x1b[2J.zip", bytes=1, timesteps=1),
            "[CHECKPOINT] Saved \\x1b[2J.zip (1 B)\n",
        ),
    ],
)
def test_no_line_of_a_session_ends_the_command_or_steers_the_terminal(
    display: Display, pipe: Pipe, printed: bytes, shown: str
) -> None:
    display.feed(printed)
    assert pipe.seen == shown


def test_a_line_that_does_not_end_is_shown_in_part_and_hides_no_event(display: Display, pipe: Pipe) -> None:
    for _ in range(100):
        display.feed(b"x" * 100_000)
    display.feed(progress(1_000) + b"next\n")
    lines = pipe.seen.splitlines()
    assert lines[0].startswith("x" * LONGEST_LINE + "…")
    assert len(lines[0]) < LONGEST_LINE + 100
    assert lines[1:] == ["cart 0001  1,000 of 1,000 timesteps", "next"]


def test_a_progress_bar_of_megabytes_is_shown_as_it_ends(display: Display, pipe: Pipe) -> None:
    display.feed(b"".join(b"\r%9d%%" % each for each in range(100_000)) + b"\n")
    assert pipe.seen == "    99999%\n"


def test_what_a_terminal_cannot_show_is_spelled_out() -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="cp1252")
    Display("cart", "0001", stream).feed("Straße: 交通\n".encode())
    assert written.getvalue().decode("cp1252").splitlines() == ["Straße: \\u4ea4\\u901a"]


def test_progress_is_a_line_now_and_then_and_always_at_the_goal(
    display: Display, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("runner.display.time.monotonic", clock)
    display.feed(progress(100) + progress(200))
    clock.now += PLAIN_PROGRESS_SECONDS - 0.1
    display.feed(progress(300))
    assert pipe.seen == "cart 0001  100 of 1,000 timesteps\n"
    clock.now += 0.1
    display.feed(progress(400) + progress(500) + progress(1_000) + progress(1_000))
    lines = pipe.seen.splitlines()[1:]
    assert lines == ["cart 0001  400 of 1,000 timesteps", "cart 0001  1,000 of 1,000 timesteps"]
    clock.now += 2 * PLAIN_PROGRESS_SECONDS
    display.feed(progress(1_000))
    assert len(pipe.seen.splitlines()) == 3


def test_where_a_session_begins_is_said_once(display: Display, pipe: Pipe) -> None:
    display.feed(event("started", timesteps=100, goal=1_000) + progress(100) + progress(200))
    assert pipe.seen.splitlines() == [
        "cart 0001  training from 100 to 1,000 timesteps",
        "cart 0001  200 of 1,000 timesteps",
    ]


def test_progress_says_speed_what_is_left_and_reward_where_they_are_known() -> None:
    values = {"timesteps": 1_000, "goal": 5_000, "steps_per_second": 50.0, "mean_reward": 21.55}
    assert progress_text(values) == "1,000 of 5,000 timesteps, 50 steps/s, 1m20s left, mean episode reward 21.6"
    assert progress_text({"timesteps": 5_100, "goal": 5_000, "steps_per_second": 50.0}).endswith("0s left")
    assert progress_text({"timesteps": 0, "goal": 10, "mean_reward": 0.0}).endswith("mean episode reward 0.0")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (14.4, "14s"),
        (59.6, "1m00s"),
        (61, "1m01s"),
        (3_600, "1h00m"),
        (7_530, "2h05m"),
        (360_000, "100h00m"),
    ],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_a_terminal_gets_a_bar_with_the_other_lines_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo-terminals of this kind")
    import pty  # noqa: PLC0415 - Windows has no such module

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "w", encoding="utf-8") as stream:
        assert stream.isatty()
        with Display("cart", "0001", stream) as display:
            display.feed(event("started", timesteps=0, goal=1_000))
            display.feed(progress(250, steps_per_second=50.0) + b"a line [of] a library\n" + progress(500))
            display.checkpoint_line("Saved x.zip (1 KiB)")
        shown = b""
        while b"Saved x.zip" not in shown or b"500 of 1,000" not in shown:
            shown += os.read(controller, 65_536)
    os.close(controller)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    assert "━" in plain
    assert "cart 0001" in plain
    assert "500 of 1,000 timesteps" in plain
    lines = [line.strip() for line in re.split(r"[\r\n]+", plain)]
    assert "cart 0001  training from 0 to 1,000 timesteps" in lines
    assert "a line [of] a library" in lines
    assert "[CHECKPOINT] Saved x.zip (1 KiB)" in lines
