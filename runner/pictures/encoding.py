"""Frames as a video: MP4 where there is an encoder, else a GIF, which pillow makes."""

from __future__ import annotations

import contextlib
import importlib
import math
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Protocol

from contract.plain_text import one_line
from runner.extras import not_installed

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Frame = NDArray[np.uint8]

GIF_WIDTH = 480
"""Pixels; a wider picture is made smaller, since each frame is kept until the end."""
GIF_FRAMES_A_SECOND = 20.0
_GIF_COLOURS = 96
_LAST_FRAME_SECONDS = 1.0


def agent_comment(sha256: str) -> str:
    """What a video says of itself: whose it is."""
    return f"agent sha256 {sha256}"


def shows(video: Path, sha256: str) -> bool:
    """Whether a video is of the model with that digest."""
    return agent_comment(sha256).encode() in video.read_bytes()


class EncoderError(Exception):
    """An encoder that is there does not make a video; the sentence is its last line."""


class Video(Protocol):
    """Takes frames of one size, one after the other."""

    def add(self, frame: Frame) -> None:
        """Take the next frame: RGB, shape (height, width, 3)."""

    def finish(self) -> Path:
        """Write what is left, and return the file."""

    def abandon(self) -> None:
        """Let go of everything; there is no file then."""


def mp4_encoder() -> str | None:
    """The path of ffmpeg: of the package imageio-ffmpeg, or one on the PATH; None where there is neither."""
    try:
        return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):  # it is not installed, or came without a program for this system
        return shutil.which("ffmpeg")


class Mp4:
    """H.264, which every browser plays; frames go through a pipe, so that none is kept.

    Args:
        path: the file, without its ending.
        frames_a_second: of the video.
        size: height and width of the frames.
        comment: is kept in the file.
        encoder: the path of ffmpeg.
    """

    def __init__(self, path: Path, frames_a_second: float, size: tuple[int, int], comment: str, encoder: str) -> None:
        self._path = path.with_suffix(".mp4")
        height, width = size
        frames = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{frames_a_second:g}"]
        even = "pad=ceil(iw/2)*2:ceil(ih/2)*2"  # the format has half as many colours as pixels each way
        coded = ["-vf", even, "-c:v", "libx264", "-crf", "20", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
        said = ["-metadata", f"comment={comment}"]
        command = [encoder, "-loglevel", "error", "-y", *frames, "-i", "-", *coded, *said, str(self._path)]
        self._errors = path.with_suffix(".errors")
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - the encoder that is installed
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors
            )

    def add(self, frame: Frame) -> None:
        """Hand the next frame over."""
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        try:
            self._process.stdin.write(frame.tobytes())
        except OSError as error:
            raise EncoderError(self._last_words()) from error

    def finish(self) -> Path:
        """Wait until the encoder has written all."""
        self._process.communicate()
        if self._process.returncode != 0 or not self._path.exists():
            raise EncoderError(self._last_words())
        self._errors.unlink(missing_ok=True)
        return self._path

    def abandon(self) -> None:
        """End the encoder."""
        self._process.kill()
        with contextlib.suppress(OSError, ValueError):  # it is closed, or what it still holds reaches nobody
            self._process.communicate()
        for each in (self._path, self._errors):
            each.unlink(missing_ok=True)

    def _last_words(self) -> str:
        lines = self._errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return one_line(lines[-1]) if lines else "it ended, and did not say why"


class Gif:
    """A GIF that begins anew at its end.

    Args:
        path: the file, without its ending.
        frames_a_second: as they come; of more than a GIF shows, some are left out.
        size: height and width of the frames.
        comment: is kept in the file.

    Raises:
        UnavailableError: pillow is not installed.
    """

    def __init__(self, path: Path, frames_a_second: float, size: tuple[int, int], comment: str) -> None:
        self._comment = comment
        try:
            self._pillow = importlib.import_module("PIL.Image")
        except ImportError as error:
            raise not_installed("a video", ["pillow or ffmpeg"], "report", ", or install ffmpeg") from error
        self._path = path.with_suffix(".gif")
        self._every = math.ceil(frames_a_second / GIF_FRAMES_A_SECOND)
        self._milliseconds = 1000 * self._every / frames_a_second
        height, width = size
        scale = min(1.0, GIF_WIDTH / width)
        self._size = round(width * scale), round(height * scale)
        self._seen = 0
        self._images: list[Image] = []

    def add(self, frame: Frame) -> None:
        """Keep a frame, or leave it out."""
        if self._seen % self._every == 0:
            image = self._pillow.fromarray(frame)
            if image.size != self._size:
                image = image.resize(self._size, self._pillow.Resampling.BOX)
            self._images.append(image.quantize(_GIF_COLOURS, dither=self._pillow.Dither.NONE))
        self._seen += 1

    def finish(self) -> Path:
        """Write the file."""
        first, *others = self._images
        durations = [self._milliseconds] * len(self._images)
        durations[-1] += 1000 * _LAST_FRAME_SECONDS
        how: dict[str, Any] = {"duration": durations, "loop": 0, "optimize": False, "comment": self._comment}
        first.save(self._path, save_all=True, append_images=others, **how)
        return self._path

    def abandon(self) -> None:
        """Forget the frames."""
        self._images.clear()
