"""Frames as a file."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from contract.errors import UnavailableError
from runner.pictures.encoding import EncoderError, Gif, Mp4, agent_comment, mp4_encoder, shows

if TYPE_CHECKING:
    from pathlib import Path


def test_a_gif_leaves_frames_out_rather_than_running_slowly(tmp_path: Path) -> None:
    gif = Gif(tmp_path / "fast", 50, (90, 960), "")
    for index in range(9):
        gif.add(np.full((90, 960, 3), 20 * index, np.uint8))
    with Image.open(gif.finish()) as image:
        assert (getattr(image, "n_frames", 1), image.size, image.info["duration"]) == (3, (480, 45), 60)


@pytest.mark.skipif(mp4_encoder() is None, reason="there is no ffmpeg here")
def test_an_mp4_is_made_where_there_is_an_encoder(tmp_path: Path) -> None:
    video = Mp4(tmp_path / "odd", 10, (31, 33), agent_comment("abc"), str(mp4_encoder()))
    for index in range(5):
        video.add(np.full((31, 33, 3), 50 * index, np.uint8))
    made = video.finish()
    assert b"ftyp" in made.read_bytes()[:16]
    assert (shows(made, "abc"), shows(made, "abd")) == (True, False)


def test_without_pillow_and_ffmpeg_the_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("runner.pictures.encoding.importlib.import_module", missing)
    with pytest.raises(UnavailableError, match=re.escape('run `pip install "kaggle-relay[report]"`')):
        Gif(tmp_path / "none", 10, (4, 4), "")


def test_an_encoder_that_ends_early_leaves_nothing(tmp_path: Path) -> None:
    program = shutil.which("false")
    if program is None:
        pytest.skip("there is no such program here")
    video = Mp4(tmp_path / "none", 10, (4, 4), "", program)
    with pytest.raises(EncoderError):
        video.finish()
    video.abandon()
    assert list(tmp_path.iterdir()) == []
