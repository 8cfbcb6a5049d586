"""What a user sees of a session: a progress bar on a terminal, plain lines everywhere else."""

from __future__ import annotations

import codecs
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from contract.events import Event, split_event
from contract.plain_text import encodable, plain
from contract.storage.files import human_bytes

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

PLAIN_PROGRESS_SECONDS = 10.0
LONGEST_LINE = 2_000
"""Characters of a session's line that are shown; its log has them all."""
_KEPT_OF_THE_END = 1 << 16
"""Characters: more than an event has."""
_LONGEST_DURATION_SECONDS = 1e9


class Display:
    """Shows the log of one session as it grows.

    Args:
        job, session: what is shown.
        stream: where to; standard output if not given.
        is_one_of_many: whether other sessions are shown beside it, so that each line says whose it is.
    """

    def __init__(self, job: str, session: str, stream: TextIO | None = None, *, is_one_of_many: bool = False) -> None:
        self._label = f"{job} {session}"
        self._stream = stream or sys.__stdout__ or sys.stdout
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._line = _Line()
        self._begins_lines = f"{self._label}  " if is_one_of_many else ""
        self._bar = _Bar(self._label, self._stream) if self._stream.isatty() and not is_one_of_many else None
        self._shown_at = 0.0
        self._shown_timesteps = -1

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show what is left and end the progress bar."""
        self.close()

    def close(self) -> None:
        """Show what is left and end the progress bar."""
        if self._line.length:
            self._show(self._line)
            self._line = _Line()
        if self._bar:
            self._bar.stop()

    def feed(self, news: bytes) -> None:
        """Show what the session has printed since the last call (bytes, perhaps in the middle of a line)."""
        *ends, rest = self._decoder.decode(news).split("\n")
        for end in ends:
            self._line.add(end)
            self._show(self._line)
            self._line = _Line()
        self._line.add(rest)

    def say(self, text: str) -> None:
        """Show a line of the runner's own."""
        self._write(f"{self._label}  {text}")

    def checkpoint_line(self, text: str) -> None:
        """Show a line in the words that users look for."""
        self._write(f"{self._begins_lines}[CHECKPOINT] {text}")

    def _show(self, line: _Line) -> None:
        words, event = line.words_and_event()
        if event is None or words.strip():
            self._write(f"{self._begins_lines}{words}")
        if event is None:
            return
        if event.name == "progress":
            self._show_progress(event.values)
        elif sentence := _sentence(event):
            if event.name == "started":
                self._shown_timesteps = event.values["timesteps"]  # the sentence says where it begins
            begins = self._begins_lines if sentence.startswith("[CHECKPOINT]") else f"{self._label}  "
            self._write(f"{begins}{sentence}")

    def _show_progress(self, values: dict[str, Any]) -> None:
        if self._bar:
            self._bar.update(values)
            return
        is_last = values.get("timesteps") == values.get("goal")
        is_due = time.monotonic() - self._shown_at >= PLAIN_PROGRESS_SECONDS
        if (is_due or is_last) and values.get("timesteps") != self._shown_timesteps:
            self._shown_at, self._shown_timesteps = time.monotonic(), values.get("timesteps", -1)
            self._write(f"{self._label}  {progress_text(values)}")

    def _write(self, line: str) -> None:
        shown = encodable(plain(line), self._stream)
        if self._bar:
            self._bar.print(shown)
        else:
            self._stream.write(f"{shown}\n")
            self._stream.flush()


@dataclass
class _Line:
    """A line of a log as it grows, of which no more is kept than can be shown: some never end.

    Args:
        beginning: its first characters.
        end: its last ones, after the beginning.
        length: of it all.
    """

    beginning: str = ""
    end: str = ""
    length: int = 0

    def add(self, text: str) -> None:
        """Take in what came next."""
        room = LONGEST_LINE - len(self.beginning)
        self.beginning += text[:room]
        self.end = (self.end + text[room:])[-_KEPT_OF_THE_END:]
        self.length += len(text)

    def words_and_event(self) -> tuple[str, Event | None]:
        """What a program has printed, as a terminal would show it at last, and the event that ends the line."""
        is_whole = self.length == len(self.beginning) + len(self.end)
        words, event = split_event((self.beginning if is_whole else "") + self.end)
        latest = _latest(words)
        if not is_whole and latest == words:
            latest = _latest(self.beginning) + words
        length = self.length if event is None else len(words)
        if len(latest) <= LONGEST_LINE:
            return latest, event
        return f"{latest[:LONGEST_LINE]}… (a line of {length:,} characters)", event


def _latest(words: str) -> str:
    """What is seen of a line that was written over again and again, as progress bars do."""
    return words.rstrip("\r").rpartition("\r")[2]


def progress_text(values: dict[str, Any]) -> str:
    """A progress event in words: timesteps, steps/s, remaining time, mean episode reward."""
    parts = [f"{values.get('timesteps', 0):,} of {values.get('goal', 0):,} timesteps"]
    if speed := values.get("steps_per_second"):
        remaining = max(0, values["goal"] - values["timesteps"]) / speed
        parts.append(f"{speed:,.0f} steps/s")
        if remaining < _LONGEST_DURATION_SECONDS:
            parts.append(f"{duration_text(remaining)} left")
    if (reward := values.get("mean_reward")) is not None:
        parts.append(f"mean episode reward {reward:,.1f}")
    return ", ".join(parts)


def duration_text(seconds: float) -> str:
    """A duration for people, such as `2h05m` or `14s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def _sentence(event: Event) -> str | None:
    values = event.values
    match event.name:
        case "started":
            return f"training from {values['timesteps']:,} to {values['goal']:,} timesteps"
        case "checkpoint":
            return f"[CHECKPOINT] Saved {values['file']} ({human_bytes(values['bytes'])})"
        case "evaluation":
            best = ", the best so far" if values["improved"] else ""
            return f"evaluation at {values['timesteps']:,} timesteps: mean reward {values['mean_reward']:,.1f}{best}"
    return None


class _Bar:
    """The progress bar of a terminal."""

    def __init__(self, label: str, stream: TextIO) -> None:
        from rich.console import Console  # noqa: PLC0415 - a pipe must not wait for it
        from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415 - a pipe must not wait for it

        self._console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[text]}"))
        self._progress = Progress(*columns, console=self._console, transient=True)
        self._task = self._progress.add_task(label, total=None, text="starting")
        self._progress.start()

    def update(self, values: dict[str, Any]) -> None:
        """Show a progress event."""
        self._progress.update(
            self._task, total=values["goal"], completed=values["timesteps"], text=progress_text(values)
        )

    def print(self, line: str) -> None:
        """Show a line above the bar."""
        self._console.print(line)

    def stop(self) -> None:
        """End the bar."""
        self._progress.stop()
